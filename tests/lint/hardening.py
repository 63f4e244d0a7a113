#!/usr/bin/python3
"""The programs are built to be hard to abuse, as readelf sees them: hardening.py FILE...

A program: position independent, relocations read-only before it starts, no stack that runs, stacks
guarded, no path that libraries are looked for in; libc's checked functions where the compiler
optimises (FORTIFY; not in a Debug build). A library (.a): on x86, each of its objects is ready for
checked branches and returns (CET); the program is only if libc's own start-up files are as well."""

import re
import subprocess
import sys
from pathlib import Path


def readelf(program, *options):
    return subprocess.run(["readelf", "--wide", *options, program], capture_output=True, text=True,
                          check=True).stdout


def weaknesses(program):
    head, segments = readelf(program, "--file-header"), readelf(program, "--program-headers")
    dynamic, symbols = readelf(program, "--dynamic"), readelf(program, "--dyn-syms")
    stack = re.search(r"GNU_STACK\s.*", segments)
    rules = [
        ("it is not position independent (-pie)", re.search(r"Type:\s+DYN", head)),
        ("relocations stay writable (-z relro)", "GNU_RELRO" in segments),
        ("functions are bound late (-z now)", re.search(r"FLAGS.*\bNOW\b|BIND_NOW", dynamic)),
        ("its stack may run (-z noexecstack)", stack and not re.search(r"\bRWE\b", stack[0])),
        ("its stack is not guarded (-fstack-protector-strong)", "__stack_chk_fail" in symbols),
        ("it looks for libraries in a folder of its own", not re.search(r"R(UN)?PATH", dynamic)),
        ("a segment may be written and run", not re.search(r"LOAD.*\bRWE\b", segments)),
    ]
    if is_optimised(program):
        rules.append(("libc's checked functions are not used (-D_FORTIFY_SOURCE)",
                      re.search(r"__(mem|str|v?sn?|v?f|v?)\w*printf_chk|__\w+_chk@", symbols)))
    return [what for what, holds in rules if not holds]


def weaknesses_of_library(library):
    if not re.search(r"Machine:.*X86-64", readelf(library, "--file-header")):
        return []
    notes = readelf(library, "--notes").split("File: ")[1:]
    return [f"{note.split(chr(10))[0]}: branches and returns are not checked (-fcf-protection)"
            for note in notes if not re.search(r"IBT.*SHSTK", note)]


def is_optimised(program):
    cache = (Path(program).parents[1] / "CMakeCache.txt").read_text()
    return not re.search(r"^CMAKE_BUILD_TYPE:\w+=Debug$", cache, re.MULTILINE)


def main():
    found = 0
    for file in sys.argv[1:]:
        for what in (weaknesses_of_library if file.endswith(".a") else weaknesses)(file):
            print(f"{file}: {what}")
            found += 1
    print(f"hardening: {len(sys.argv) - 1} files, {found} weaknesses")
    sys.exit(1 if found or len(sys.argv) < 2 else 0)


if __name__ == "__main__":
    main()
