#!/usr/bin/python3
"""What analysers find in the code that is shipped: analysis.py TOOL BUILD [FILE...]

TOOL: gcc (-fanalyzer), clang (its warnings, tests too), clang-tidy (.clang-tidy) or cppcheck.
BUILD: a build folder with compile_commands.json. FILE: only these, relative to the tree.

Prints each finding once. Exit: 0 none; 1 some; 77 the tool is not installed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"gcc": "gcc", "clang": "clang-14", "clang-tidy": "clang-tidy-14",
            "cppcheck": "cppcheck"}
# What clang does not know of gcc's flags.
GCC_ALONE = re.compile(r"-f(cf-protection|stack-clash-protection|trivial-auto-var-init=.*)|-Werror")
# The file's path may have blanks: the tree may stand in a folder that has some.
FINDING = re.compile(r"^\S[^:]*:\d+:\d+: (warning|error|portability|performance)")
# err_say (common/err.h) returns what it is given: analysers do not see that without it.
ANALYSIS = "-DMUSTER_ANALYSIS"


def commands(build, wanted, with_tests):
    """(file, folder, words of the compiler's command), each file once."""
    seen = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = Path(entry["directory"], entry["file"]).resolve()
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else None
        if not name or (wanted and name not in wanted) or \
                (name.startswith("tests/") and not with_tests):
            continue
        words = shlex.split(entry["command"])
        while os.path.basename(words[0]) == "ccache":
            words.pop(0)
        at = words.index("-o")
        seen.setdefault(name, (name, entry["directory"], words[1:at] + words[at + 2:]))
    return sorted(seen.values())


def run(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr


def gcc(program, build, files):
    def one(file):
        _, folder, words = file
        return run([program, *(w for w in words if w != "-Werror"), "-O1", "-fanalyzer", ANALYSIS,
                    "-o", os.devnull], folder)
    return one


def clang(program, build, files):
    def one(file):
        _, folder, words = file
        return run([program, *(w for w in words if not GCC_ALONE.fullmatch(w)), "-fsyntax-only",
                    "-Wno-string-conversion"], folder)
    return one


def clang_tidy(program, build, files):
    entries = [{"file": str(ROOT / name), "directory": folder, "arguments": [
        "clang-14", *(w for w in words if not GCC_ALONE.fullmatch(w)), ANALYSIS, "-w"]}
        for name, folder, words in files]
    (build / "compile_commands.json").write_text(json.dumps(entries))
    return lambda file: run([program, "-p", build, "--quiet", ROOT / file[0]], ROOT)


def cppcheck(program, build, files):
    # It does not read jansson's header, nor compound literals behind a question mark.
    macros = build / "macros.h"
    macros.write_text("#define json_array_foreach(a, i, value) "
                      "for (i = 0; (value = json_array_get(a, i)); i++)\n"
                      "#define json_object_foreach(o, key, value) "
                      "for (; (value = next(o)) && (key = name(o));)\n")

    def one(file):
        return run([program, "--enable=warning,portability,performance", "--inconclusive",
                    "--inline-suppr", "--std=c11", "--quiet", "-I", ".", f"--include={macros}",
                    "--suppress=internalAstError", file[0]], ROOT)
    return one


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in PROGRAMS:
        sys.exit(__doc__)
    tool, build, wanted = sys.argv[1], Path(sys.argv[2]).resolve(), set(sys.argv[3:])
    program = shutil.which(PROGRAMS[tool])
    if not program:
        print(f"skipped: {PROGRAMS[tool]} is not installed (ops/setup analysis)")
        sys.exit(77)
    files = commands(build, wanted, with_tests=tool == "clang")
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        make = globals()[tool.replace("-", "_")]
        outputs = list(pool.map(make(program, Path(scratch), files), files))
    found = {}
    for output in outputs:
        for line in output.splitlines():
            if FINDING.match(line) and (tool != "gcc" or "-Wanalyzer" in line):
                found.setdefault(line, None)
    for line in found:
        print(line)
    print(f"{tool}: {len(files)} files, {len(found)} findings")
    sys.exit(1 if found or not files else 0)


if __name__ == "__main__":
    main()
