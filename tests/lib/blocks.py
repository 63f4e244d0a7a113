#!/usr/bin/python3
"""The fenced blocks of a Markdown file, so that tests run what people read.

    blocks.py FILE.md print NAME      the text of the block that says test=NAME
    blocks.py FILE.md write FOLDER    each block that says file=PATH becomes FOLDER/PATH

The words behind a fence's language are its marks: ```sh test=quickstart, ```yaml file=sweep.yaml."""

import re
import sys
from pathlib import Path

FENCE = re.compile(r"^(```+)([^\n`]*)\n(.*?)^\1[ \t]*$", re.M | re.S)


class Block:
    def __init__(self, match, text):
        self.line = text.count("\n", 0, match.start()) + 1
        words = match[2].split()
        self.language = words[0] if words else ""
        self.marks = dict(word.partition("=")[::2] for word in words[1:])
        self.text = match[3]


def blocks(text):
    return [Block(match, text) for match in FENCE.finditer(text)]


def main():
    if len(sys.argv) != 4 or sys.argv[2] not in ("print", "write"):
        sys.exit(__doc__)
    path, order, name = sys.argv[1:]
    found = blocks(Path(path).read_text(encoding="utf-8"))
    if order == "print":
        texts = [block.text for block in found if block.marks.get("test") == name]
        if len(texts) != 1:
            sys.exit(f"{path}: {len(texts)} blocks say test={name}, expected one")
        print(texts[0], end="")
        return
    for block in found:
        if "file" in block.marks:
            target = Path(name) / block.marks["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")


if __name__ == "__main__":
    main()
