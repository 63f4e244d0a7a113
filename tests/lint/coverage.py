#!/usr/bin/python3
"""Which branches the tests took, of the rooms that have a goal: coverage.py BUILD

BUILD: a build of the preset coverage whose tests have run. Branches of check() are left out: that
they are never taken is their point. Prints a line a room, and the lines of the branches that no test
takes with --missing. What the store does when memory, disk or LMDB fail is injected by tests/fault, not
at each call: its goal is not met yet. Exit: 1 a room has less than the share that it had to keep."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOALS = (  # room, files, per cent of branches: the goal, and what it must not fall below
    ("decoder", r"proto/(decode|wire|fields)\.c|common/block\.c", 100, 95),
    ("lease table", r"coordinator/core/(attempt|lease)\.c", 100, 95),
    ("store", r"coordinator/store/.*\.c", 100, 68),
    ("core", r"coordinator/core/.*\.c", 90, 90),
    ("access", r"coordinator/access/.*\.c|common/io/key\.c", 90, 78),
)
CHECKED = re.compile(r"\b(check|static_assert)\(")


def branches_of(data):
    """{(file, line, number): times taken} of one object's counts."""
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


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, show = Path(sys.argv[1]).resolve(), "--missing" in sys.argv
    data = list(build.rglob("*.gcda"))
    taken = defaultdict(int)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(branches_of, data):
            for key, count in found.items():
                taken[key] += count
    short = 0
    for room, files, goal, least in GOALS:
        names = {key[0] for key in taken if re.fullmatch(files, key[0])}
        left_out = {name: checked_lines(name) for name in names}
        counts = {key: n for key, n in taken.items()
                  if key[0] in names and key[1] not in left_out[key[0]]}
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
