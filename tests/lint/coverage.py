#!/usr/bin/python3
"""Which branches the tests took, of the rooms that have a goal: coverage.py BUILD

BUILD: a build of the preset coverage whose tests have run. Prints a line a room, and the lines of
the branches that no test takes with --missing. Two kinds of branches are left out: those of check(),
as it is their point that they are never taken; and the way past all cases of a switch over an enum,
which no value of it takes, as the compiler sees to every case (-Wswitch), while all cases were run.
Calls that fail are made to by tests/io/failing.h. Exit: 1 a room has less than it had to keep."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOALS = (  # room, files, per cent of branches: the goal, and what it must not fall below
    ("decoder", r"proto/(decode|wire|fields)\.c|common/block\.c", 100, 100),
    ("lease table", r"coordinator/core/(attempt|lease)\.c", 100, 100),
    ("store", r"coordinator/store/.*\.c", 100, 100),
    ("core", r"coordinator/core/.*\.c", 90, 90),
    ("access", r"coordinator/access/.*\.c|common/io/key\.c", 90, 95),
)
CHECKED = re.compile(r"\b(check|static_assert)\(")
SWITCH = re.compile(r"( *)switch \(")


def counts_of(data):
    """{(file, line, number): times taken} of one object's counts; number None: the line itself."""
    out = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", data.name],
                         cwd=data.parent, capture_output=True, text=True)
    found = {}
    for text in out.stdout.splitlines():
        for file in json.loads(text)["files"]:
            path = (data.parent / file["file"]).resolve()
            if not path.is_relative_to(ROOT):
                continue
            name = str(path.relative_to(ROOT))
            for line in file["lines"]:
                found[name, line["line_number"], None] = line["count"]
                for number, branch in enumerate(line["branches"]):
                    found[name, line["line_number"], number] = branch["count"]
    return found


def checked_lines(name):
    """The numbers of lines that belong to a check()."""
    lines, inside, found = (ROOT / name).read_text().splitlines(), 0, set()
    for number, line in enumerate(lines, 1):
        if inside or CHECKED.search(line):
            found.add(number)
            inside += line.count("(") - line.count(")")
            inside = max(inside, 0) if ";" not in line else 0
    return found


def whole_switches(name, run, checked):
    """The lines of switches without a default, each case of which was run. `run`: {line: times}."""
    lines, found = (ROOT / name).read_text().splitlines(), set()
    for number, line in enumerate(lines, 1):
        switch = SWITCH.match(line)
        if not switch:
            continue
        end = number + lines[number:].index(switch[1] + "}")
        body = set(range(number + 1, end + 1)) - checked
        if not any("default:" in text for text in lines[number:end]) and \
                all(run.get(n, 1) > 0 for n in body):
            found.add(number)
    return found


def branches_of(name, taken):
    """What is counted of a file: {(file, line, number): times taken}."""
    of_file = {key: n for key, n in taken.items() if key[0] == name}
    run = {line: n for (_, line, number), n in of_file.items() if number is None}
    checked = checked_lines(name)
    switches = whole_switches(name, run, checked)
    return {(file, line, number): n for (file, line, number), n in of_file.items()
            if number is not None and line not in checked and (n > 0 or line not in switches)}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, show = Path(sys.argv[1]).resolve(), "--missing" in sys.argv
    data = list(build.rglob("*.gcda"))
    taken = defaultdict(int)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(counts_of, data):
            for key, count in found.items():
                taken[key] += count
    short = 0
    for room, files, goal, least in GOALS:
        names = {key[0] for key in taken if re.fullmatch(files, key[0])}
        counts = {}
        for name in names:
            counts |= branches_of(name, taken)
        hit = sum(n > 0 for n in counts.values())
        percent = 100 * hit / len(counts) if counts else 0
        short += percent < least
        print(f"{room:<12} {percent:5.1f} % of {len(counts)} branches, goal {goal} %")
        if show:
            missing = defaultdict(set)
            for (name, line, _), n in counts.items():
                if n == 0:
                    missing[name].add(line)
            for name, lines in sorted(missing.items()):
                print(f"    {name}: {', '.join(map(str, sorted(lines)))}")
    sys.exit(1 if short else 0)


if __name__ == "__main__":
    main()
