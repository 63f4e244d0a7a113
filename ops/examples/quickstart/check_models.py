#!/usr/bin/python3
"""Runs all of sweep.yaml without muster and prints what each model scores at each task.

    check_models.py [--jobs 2] [--twice] [--model GLOB]...

Data are made first if they are not there. --twice asks all tasks again, backwards, from a new
process, and fails if an answer differs: answers must not depend on what was asked before."""

import argparse
import fnmatch
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from try_model import Failed, Program, Task, run_task, score, tasks_of

HERE = Path(__file__).resolve().parent


def resolved(command: list[str]) -> list[str]:
    """As muster does it: words that are files beside the sweep file."""
    return [str(HERE / word) if (HERE / word).is_file() else word for word in command]


def scorer_of(task: Task, scorers: dict) -> list[str]:
    return next((resolved(command) for glob, command in scorers.items()
                 if fnmatch.fnmatchcase(task.path, glob)), [])


def check(model: dict, suite: dict, twice: bool) -> tuple[list[str], bool]:
    """One model at all of its tasks, in a process of its own; the scorers likewise."""
    name, lines, good = model["name"], [], True
    start = time.monotonic()
    program = Program(resolved(model["command"]), model.get("args", {}))
    again = Program(resolved(model["command"]), model.get("args", {})) if twice else None
    lines.append(f"{name:21} {'(load)':62} {time.monotonic() - start:7.2f} s")
    for task in tasks_of(HERE / suite["path"], model.get("tasks", ["*"])):
        command = scorer_of(task, suite["scorers"])
        start = time.monotonic()
        scorer = Program(command, {}) if command else None
        said, errors = run_task(program, task, scorer)
        seconds = time.monotonic() - start
        if again and run_task(again, task, scorer, backwards=True)[0] != said:
            errors.append(f"{task.path}: other answers when asked backwards")
        if scorer:
            scorer.close()
        good &= not errors
        lines.append(f"{name:21} {task.path:40} {len(said):4} {task.metric.split()[0]:8}"
                     f" {score(task.metric, said):8.3f} {seconds:7.2f} s")
        lines += [f"    {error}" for error in errors[:3]]
    for each in filter(None, (program, again)):
        each.close()
    return lines, good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=2, help="models at a time")
    parser.add_argument("--twice", action="store_true", help="again, backwards, and compare")
    parser.add_argument("--model", action="append", help="glob of names; may be repeated")
    options = parser.parse_args()
    sweep = yaml.safe_load((HERE / "sweep.yaml").read_text())
    (suite,) = sweep["suites"]
    subprocess.run([sys.executable, HERE / "make_data.py", HERE / suite["path"]], check=True)
    models = [model for model in sweep["models"]
              if any(fnmatch.fnmatchcase(model["name"], glob) for glob in options.model or ["*"])]
    start = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda model: check(model, suite, options.twice), models)
        good = True
        for lines, fine in results:
            print("\n".join(lines), flush=True)
            good &= fine
    print(f"{len(models)} models, {time.monotonic() - start:.1f} s with {options.jobs} at a time,"
          f" {'all well' if good else 'NOT all well'}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"check_models.py: {error}")
