#!/usr/bin/python3
"""Folders include what layers.txt allows: layers.py [ROOT]"""

import re
import sys
from pathlib import PurePosixPath

from tree import Findings, Tree, line_of, without_comments

TABLE = PurePosixPath("tests/lint/layers.txt")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)
PRIVATE = re.compile(r"(?:.*_)?(?:private|internal|impl)\.h")
LIBC = re.compile(
    r"(?:sys|linux|net|netinet|arpa)/.*|[a-z]mmintrin\.h|(?:assert|ctype|dirent|dlfcn|errno|fcntl"
    r"|float|fnmatch|ftw|getopt|glob|inttypes|langinfo|limits|locale|math|netdb|poll|pthread|pwd"
    r"|regex|sched|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib"
    r"|string|strings|sysexits|syslog|termios|time|unistd|wchar|wctype)\.h")


class Rule:
    def __init__(self, folders, libraries):
        self.folders, self.libraries = set(folders), set(libraries)

    def allows_folder(self, folder):
        return "*" in self.folders or folder in self.folders

    def allows_library(self, library):
        return "*" in self.libraries or library in self.libraries


def rows(text):
    """(line number, row), with the lines that go on joined to it."""
    row, first = "", 0
    for number, line in enumerate(text.splitlines() + ["end"], 1):
        code = line.split("#")[0].rstrip()
        if code and not code[0].isspace():
            if row:
                yield first, row
            row, first = "", number
        row += code


def read_table(tree, findings):
    rules = {}
    for number, row in rows(tree.read(TABLE)):
        folder, colon, allowed = row.partition(":")
        folders, _, libraries = allowed.partition("|")
        rules[folder] = Rule(folders.split(), libraries.split())
        if not colon:
            findings.add(TABLE, number, "expected `folder: folders | libraries`")
        for named in [folder, *folders.split()]:
            if named != "*" and not (tree.root / named).is_dir():
                findings.add(TABLE, number, f"no folder {named}")
    return rules


def check_own(tree, findings, rule, path, line, header):
    folder, target = str(path.parent), str(PurePosixPath(header).parent)
    if not (tree.root / header).is_file():
        findings.add(path, line, f'"{header}" is not there; includes are written from the root')
    elif folder == target:
        return
    elif PRIVATE.fullmatch(PurePosixPath(header).name) and not folder.startswith("tests/"):
        findings.add(path, line, f'"{header}" belongs to {target} alone')
    elif not rule.allows_folder(target):
        findings.add(path, line, f'{folder} may not include {target} ("{header}")')


def check_library(findings, rule, path, line, header):
    library = re.split(r"[./]", header)[0]
    if not LIBC.fullmatch(header) and not rule.allows_library(library):
        findings.add(path, line, f"{path.parent} may not use {library} (<{header}>)")


def main():
    tree, findings = Tree(sys.argv[1:]), Findings()
    rules = read_table(tree, findings)
    unknown = set()
    for path in tree.files(".c", ".h"):
        rule = rules.get(str(path.parent))
        if rule is None:
            if path.parent not in unknown:
                findings.add(path, 0, f"{path.parent} has no row in {TABLE}")
            unknown.add(path.parent)
            continue
        text = without_comments(tree.read(path))
        for match in INCLUDE.finditer(text):
            line = line_of(text, match.start())
            if match[1]:
                check_own(tree, findings, rule, path, line, match[1])
            else:
                check_library(findings, rule, path, line, match[2])
    findings.end("layers")


if __name__ == "__main__":
    main()
