#!/usr/bin/python3
"""Functions that have a better one are not called: banned.py [ROOT]"""

import re
import sys

from tree import Findings, Tree, code_alone, line_of

INSTEAD = {
    "strcpy": "xstrdup, xformat or a struct buf",
    "strncpy": "memcpy with a length that was checked",
    "strcat": "a struct buf",
    "strncat": "a struct buf",
    "sprintf": "snprintf, xformat or buf_printf",
    "vsprintf": "vsnprintf",
    "gets": "file_read",
    "strtok": "span functions of common/text.h",
    "strtok_r": "span functions of common/text.h",
    "atoi": "text_parse_u64 or strtol",
    "atol": "text_parse_u64 or strtol",
    "atoll": "text_parse_u64 or strtoll",
    "atof": "text_parse_double",
    "system": "uv_spawn or posix_spawn",
    "popen": "uv_spawn or posix_spawn",
    "alloca": "an arena",
    "rand": "common/rng.h",
    "srand": "common/rng.h",
    "random": "common/rng.h",
    "drand48": "common/rng.h",
    "time": "clock_mono_ns or clock_wall_ns of common/io/clock.h",
    "gettimeofday": "clock_mono_ns or clock_wall_ns of common/io/clock.h",
    "tmpnam": "mkdtemp or mkstemp",
    "mktemp": "mkdtemp or mkstemp",
    "localtime": "localtime_r",
    "gmtime": "gmtime_r",
    "strerror_r": "strerror: two functions have this name",
    "setlocale": "nothing: numbers are read and written in the C locale",
}
TESTS_MAY = {"system"}  # a shell line in a folder of their own
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(INSTEAD))
DECLARED = re.compile(r"\b(?:int|void|char|double|long|bool|err|size_t|uint\d+_t|int\d+_t)\s*\*?\s*$")


def main():
    tree, findings = Tree(sys.argv[1:]), Findings()
    for path in tree.files(".c", ".h"):
        text = code_alone(tree.read(path))
        for match in CALL.finditer(text):
            before = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
            if match[1] in TESTS_MAY and path.parts[0] == "tests":
                continue
            if not DECLARED.search(before):
                findings.add(path, line_of(text, match.start()),
                             f"{match[1]}: use {INSTEAD[match[1]]}")
    findings.end("banned")


if __name__ == "__main__":
    main()
