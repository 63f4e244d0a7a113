"""What the lint tests share: the files of the tree, C text without comments, and findings."""

import os
import re
import sys
from pathlib import Path

TOP_FOLDERS = ("common", "proto", "coordinator", "worker", "ops", "tests", ".ci", ".github")
NOT_OURS = re.compile(r"__pycache__|.*\.muster|build|\.git")
MADE = "ops/examples/quickstart/data"  # by make_data.py


class Tree:
    """The tree under a root: the folder given as the first argument, else the one this is in."""

    def __init__(self, arguments):
        given = arguments[0] if arguments else Path(__file__).parent / "../.."
        self.root = Path(given).resolve()

    def files(self, *endings):
        """Paths relative to the root, of files whose names end in one of the endings."""
        for folder, folders, names in os.walk(self.root):
            here = Path(folder).relative_to(self.root)
            folders[:] = sorted(f for f in folders if self.is_ours(here, f))
            for name in sorted(names):
                if name != ".git" and (not endings or name.endswith(endings)):
                    yield here / name

    @staticmethod
    def is_ours(here, folder):
        if str(here) == ".":
            return folder in TOP_FOLDERS
        return not NOT_OURS.fullmatch(folder) and str(here / folder) != MADE

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")


class Findings:
    """Violations, told as file:line, and the exit code that follows from them."""

    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        self.count += 1
        print(f"{path}:{line}: {text}" if line else f"{path}: {text}")

    def end(self, what):
        print(f"{what}: {self.count} violations" if self.count else f"{what}: as it should be")
        sys.exit(1 if self.count else 0)


COMMENT = r"//[^\n]*|/\*.*?\*/"
STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    """C text with its comments blanked; lines and columns stay where they are."""
    keep_strings = lambda m: m.group() if m.group()[0] in "\"'" else blank(m)
    return re.sub(f"{COMMENT}|{STRING}", keep_strings, text, flags=re.S)


def code_alone(text):
    """... and with its string and character literals blanked too."""
    return re.sub(f"{COMMENT}|{STRING}", blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
