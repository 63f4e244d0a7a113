#!/usr/bin/python3
"""What the documents say is so: documents.py [ROOT]

- each ```sh block of README.md and ops/README.md names the test that runs it (```sh test=NAME), and
  tests/e2e/test_readme.sh runs it; or it says why none can (```sh untested=in-a-few-words);
- links and paths in Markdown lead to files that are there."""

import re
import sys
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from blocks import blocks  # noqa: E402
from tree import TOP_FOLDERS, Findings, Tree, line_of  # noqa: E402

TESTED = ("README.md", "ops/README.md")
RUNNER = "tests/e2e/test_readme.sh"
RUN = re.compile(r"^\s*run_block (\S+) (\S+)", re.M)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
PATTERN = re.compile(r"NAME|LABEL|PRESET")  # as in tests/LABEL/test_NAME.c
PATH = re.compile(r"`((?:%s)/[\w./-]+)`" % "|".join(map(re.escape, TOP_FOLDERS)))


def check_blocks(tree, findings):
    run = set(RUN.findall(tree.read(RUNNER))) if (tree.root / RUNNER).is_file() else set()
    named = set()
    for document in TESTED:
        if not (tree.root / document).is_file():
            findings.add(document, 0, "is missing")
            continue
        for block in blocks(tree.read(document)):
            if block.language not in ("sh", "bash", "shell", "console") or "untested" in block.marks:
                continue
            name = block.marks.get("test")
            named.add((document, name))
            if not name:
                findings.add(document, block.line,
                             "this block names no test: ```sh test=NAME or ```sh untested=REASON")
            elif (document, name) not in run:
                findings.add(document, block.line, f"{RUNNER} does not run_block {document} {name}")
    for document, name in sorted(run - named):
        findings.add(RUNNER, 0, f"runs the block {name} of {document}, which is not there")


def check_places(tree, findings, path):
    text = tree.read(path)
    for match in LINK.finditer(text):
        target = match[1].split("#")[0]
        if target and "://" not in target and not target.startswith("mailto:") \
                and not (tree.root / path.parent / target).exists():
            findings.add(path, line_of(text, match.start()), f"the link {match[1]} leads nowhere")
    for match in PATH.finditer(text):
        if not PATTERN.search(match[1]) and not (tree.root / match[1]).exists() \
                and not (tree.root / path.parent / match[1]).exists():
            findings.add(path, line_of(text, match.start()), f"{match[1]} is not there")


def main():
    tree, findings = Tree(sys.argv[1:]), Findings()
    check_blocks(tree, findings)
    for path in tree.files(".md"):
        check_places(tree, findings, PurePosixPath(path))
    findings.end("documents")


if __name__ == "__main__":
    main()
