#!/usr/bin/python3
"""The tree speaks of itself alone, is finished, and each room says what it is: words.py [ROOT]

- no marks of unfinished work and no paths of somebody's machine in any text;
- every folder with sources has a README.md, but for those that the README of tests/ or of an
  example covers;
- no folder at the top beyond the fixed set."""

import re
import sys
from pathlib import PurePosixPath

from tree import TOP_FOLDERS, Findings, Tree

# Written so that they do not find themselves.
UNFINISHED = re.compile(r"\b(?:TO[D]O|FI[X]ME|XX[X]|HA[C]K|T[B]D)\b")
MACHINE = re.compile(r"(?<![\w.])/(?:w[o]rk|r[o]ot|f[a]rm)/|(?<![\w.])/tmp/[b]-|\.libr[a]ry\b")
SOURCES = (".c", ".py", ".sh")
ROOT_MAY_HOLD = re.compile(r"\..*|build|.*\.muster|__pycache__")


def check_text(tree, findings, path):
    data = (tree.root / path).read_bytes()
    if b"\0" in data[:4096]:
        return
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
        for pattern, what in ((UNFINISHED, "a mark of unfinished work"),
                              (MACHINE, "a path of somebody's machine")):
            match = pattern.search(line)
            if match:
                findings.add(path, number, f"{what}: {match.group()}")
        if line != line.rstrip() and path.suffix not in (".md", ".patch"):
            findings.add(path, number, "blanks at the end of the line")


def covered(folder):
    """The README that speaks for a folder is its own, or that of tests/ or of its example."""
    if folder.parts[0] == "tests":
        return PurePosixPath("tests/README.md")
    if folder.parts[:2] == ("ops", "examples"):
        return PurePosixPath(*folder.parts[:3], "README.md")
    return folder / "README.md"


def main():
    tree, findings = Tree(sys.argv[1:]), Findings()
    folders = set()
    for path in tree.files():
        check_text(tree, findings, path)
        if path.suffix in SOURCES:
            folders.add(path.parent)
    for readme in sorted({covered(PurePosixPath(folder)) for folder in folders}):
        if not (tree.root / readme).is_file():
            findings.add(readme, 0, "is missing: what lives there, what it may include, how to add")
    for entry in sorted(tree.root.iterdir()):
        if entry.is_dir() and entry.name not in TOP_FOLDERS \
                and not ROOT_MAY_HOLD.fullmatch(entry.name):
            findings.add(entry.name, 0, "is no folder of the fixed set; find it a room")
    findings.end("words")


if __name__ == "__main__":
    main()
