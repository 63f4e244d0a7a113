#!/usr/bin/python3
"""Shows the longest functions and files, and refuses what nobody would read: sizes.py [ROOT]

Medians hardly differ between code that people love and code that they dread; the tails do."""

import re
import sys

from tree import Findings, Tree, code_alone, line_of

FUNCTION_LINES_MAX = 100
FILE_LINES_MAX = 700
TEST_FILE_LINES_MAX = 900  # a list of independent statements is read one at a time
SHOWN = 10
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
NAME = re.compile(r"(\w+)\s*\(")


def functions(text):
    """(name, first line, lines) of each function in C text."""
    text = DIRECTIVE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), code_alone(text))
    depth, head, start = 0, 0, None
    for match in re.finditer(r"[{};]", text):
        at, char = match.start(), match.group()
        if char == "{":
            signature = text[head:at].strip()
            if depth == 0 and signature.endswith(")") and "=" not in signature:
                start = head + len(text[head:at]) - len(text[head:at].lstrip()), signature
            depth += 1
            continue
        if char == "}":
            depth -= 1
            if depth == 0 and start:
                first = line_of(text, start[0])
                yield NAME.search(start[1])[1], first, line_of(text, at) - first + 1
                start = None
        if depth == 0:
            head = at + 1
    if depth != 0:
        raise ValueError("braces do not balance")


def file_ceiling(path):
    return TEST_FILE_LINES_MAX if path.parts[0] == "tests" else FILE_LINES_MAX


def show(title, rows):
    print(title)
    for lines, what in sorted(rows, key=lambda row: (-row[0], row[1]))[:SHOWN]:
        print(f"  {lines:5d}  {what}")


def main():
    tree, findings = Tree(sys.argv[1:]), Findings()
    function_rows, file_rows = [], []
    for path in tree.files(".c", ".h", ".py", ".sh"):
        text = tree.read(path)
        lines = text.count("\n")
        file_rows.append((lines, str(path)))
        if lines > file_ceiling(path):
            findings.add(path, 0, f"{lines} lines, more than {file_ceiling(path)}: it has more"
                                  " than one responsibility")
        if path.suffix != ".c":
            continue
        try:
            for name, first, count in functions(text):
                function_rows.append((count, f"{path}:{first} {name}"))
                if count > FUNCTION_LINES_MAX:
                    findings.add(path, first, f"{name} has {count} lines, more than"
                                              f" {FUNCTION_LINES_MAX}: it does more than one thing")
        except ValueError as problem:
            findings.add(path, 0, str(problem))
    show("the longest functions (lines)", function_rows)
    show("the longest files (lines)", file_rows)
    findings.end("sizes")


if __name__ == "__main__":
    main()
