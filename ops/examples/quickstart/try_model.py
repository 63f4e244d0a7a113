#!/usr/bin/python3
"""Try a model without muster: start it, send it the instances of a suite, score what it says.

    try_model.py --data data --tasks 'image/*/*' -- /usr/bin/python3 models/ocr.py tesseract-line

This plays muster's part of the exec host's protocol with one request at a time. The scores are for
a first look: muster's own metrics normalise more. Tasks whose answers are files are scored if
--scorer names the program, else answers are only counted."""

import argparse
import fnmatch
import hashlib
import json
import math
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Iterator, Optional


class Failed(Exception):
    """The program broke the protocol, was too slow or ended."""


class Program:
    """A model or scorer at the other end of descriptor 3."""

    def __init__(self, command: list[str], args: dict, timeout: float = 120):
        ours, theirs = socket.socketpair()
        ours.settimeout(timeout)
        environment = {**os.environ, "MUSTER_FD": "3", "MUSTER_ARGS": json.dumps(args)}
        self.pid = os.posix_spawnp(command[0], command, environment,
                                   file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        theirs.close()
        self.command, self.stream = command, ours.makefile("rwb")
        hello = self.read()
        if hello.get("hello") != 1:
            raise Failed(f"{command}: expected hello, got {hello}")

    def read(self) -> dict:
        try:
            line = self.stream.readline()
            message = json.loads(line) if line else None
        except (OSError, ValueError) as error:
            raise Failed(f"{self.command}: {error}") from error
        if not isinstance(message, dict):
            raise Failed(f"{self.command}: ended, or wrote what is no JSON object: {line!r}")
        return message

    def ask(self, request: dict) -> dict:
        try:
            self.stream.write(json.dumps(request).encode() + b"\n")
            self.stream.flush()
        except OSError as error:
            raise Failed(f"{self.command}: {error}") from error
        reply = self.read()
        if reply.get("id") != request["id"]:
            raise Failed(f"{self.command}: asked {request['id']}, got {reply}")
        return reply

    def close(self) -> None:
        """The end of the stream asks it to exit; five seconds later it is killed."""
        self.stream.close()
        for _ in range(500):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Task:
    """A task of a General-Bench folder."""

    def __init__(self, suite: Path, annotation: Path):
        self.folder = annotation.parent.resolve()
        self.path = str(annotation.parent.relative_to(suite))
        self.annotation = json.loads(annotation.read_text(encoding="utf-8"))
        self.metric = self.annotation.get("metric", "ACC")
        modality, *rest = self.path.split("/")
        self.about = {"task": self.path, "type": self.annotation.get("type", ""),
                      "modality": {"nlp": "NLP", "3d": "3D"}.get(modality, modality.capitalize()),
                      "paradigm": rest[0].capitalize() if len(rest) == 2 else ""}

    def instances(self) -> Iterator[tuple[dict, list[str]]]:
        """The input, with absolute paths, and the references."""
        for item in self.annotation["data"]:
            given = self.absolute(item["input"])
            wanted = next(iter(self.absolute(item["output"]).values()))
            yield given, wanted if isinstance(wanted, list) else [str(wanted)]

    def absolute(self, part: dict) -> dict:
        return {key: str(self.folder / value) if key.endswith("_file") else value
                for key, value in part.items()}


def tasks_of(suite: Path, globs: list[str]) -> list[Task]:
    found = [Task(suite, path) for path in sorted(suite.glob("**/annotation.json"))]
    return [task for task in found
            if any(fnmatch.fnmatchcase(task.path, glob.replace("**", "*")) for glob in globs)]


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def edits(one, other) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        corner, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (left != right))
    return row[-1]


def similarity(wanted: str, answer: str) -> float:
    share = 1 - edits(wanted.lower(), answer.lower()) / max(len(wanted), len(answer), 1)
    return share if share >= 0.5 else 0


def overlap(wanted: str, answer: str) -> float:
    one, other = Counter(tokens(wanted)), Counter(tokens(answer))
    return 2 * (one & other).total() / max(one.total() + other.total(), 1)


def score(metric: str, said: list[tuple]) -> float:
    """Of (references, answer or number, ...) an instance; percent, or the scorer's own unit."""
    if not said:
        return math.nan
    if all(isinstance(answer, float) for _, answer, _ in said):
        return sum(answer for _, answer, _ in said) / len(said)
    if metric == "WER":
        wrong = sum(edits(tokens(wanted[0]), tokens(answer)) for wanted, answer, _ in said)
        return 100 * wrong / max(1, sum(len(tokens(wanted[0])) for wanted, _, _ in said))
    one = {"ANLS": similarity, "ROUGE-1": overlap}.get(metric, lambda a, b: a.strip() == b.strip())
    return 100 * sum(max(one(text, answer) for text in wanted)
                     for wanted, answer, _ in said) / len(said)


def run_task(model: Program, task: Task, scorer: Optional[Program] = None,
             backwards: bool = False, limit: Optional[int] = None) -> tuple[list, list[str]]:
    """Ask everything. Returns what was said, for score(), and the errors. What was said is the
    references, the answer or the scorer's number, and the digest of a generated file."""
    said, errors = [], []
    instances = list(enumerate(task.instances()))[:limit]
    with tempfile.TemporaryDirectory() as folder:
        for number, (given, wanted) in reversed(instances) if backwards else instances:
            reply = model.ask({"id": number, **task.about, "input": given,
                               "output_file": f"{folder}/{number}"})
            if "error" in reply:
                errors.append(f"{task.path} {number}: {reply['error']}")
                continue
            digest = hashlib.sha256(Path(reply["file"]).read_bytes()).hexdigest() \
                if "file" in reply else None
            if scorer:
                result = {key: reply[key] for key in ("answer", "file") if key in reply}
                reply = scorer.ask({"id": number, **task.about, "input": given,
                                    "references": wanted, **result})
            if "error" in reply:
                errors.append(f"{task.path} {number}: scorer: {reply['error']}")
            elif "score" in reply:
                said.append((wanted, float(reply["score"]), digest))
            else:
                said.append((wanted, reply.get("answer", math.nan), digest))
    return said[::-1] if backwards else said, errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the suite's folder")
    parser.add_argument("--tasks", action="append", help="glob of task paths; may be repeated")
    parser.add_argument("--args", type=json.loads, default={}, help="the model's args, as JSON")
    parser.add_argument("--limit", type=int, help="so many instances a task at most")
    parser.add_argument("--scorer", help="scorer program, words separated by spaces")
    parser.add_argument("command", nargs="+", help="the model's command, after --")
    options = parser.parse_args()
    tasks = tasks_of(options.data, options.tasks or ["*"])
    if not tasks:
        sys.exit(f"{options.data}: no annotation.json of a task that matches")
    model = Program(options.command, options.args)
    scorer = Program(options.scorer.split(), {}) if options.scorer else None
    failed = 0
    for task in tasks:
        start = time.monotonic()
        said, errors = run_task(model, task, scorer, limit=options.limit)
        seconds = time.monotonic() - start
        failed += len(errors)
        print(f"{task.path:42} {len(said):4} answers  {task.metric:22}"
              f" {score(task.metric, said):8.3f}  {seconds:6.2f} s", flush=True)
        print("".join(f"    {error}\n" for error in errors[:3]), end="")
    for program in filter(None, (model, scorer)):
        program.close()
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"try_model.py: {error}")
