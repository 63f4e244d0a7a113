#!/usr/bin/python3
"""The pure libraries reach nothing outside: core_is_pure.py PURE.txt LIBRARY.a...

Compares the undefined symbols of each library with those that any of them defines and with the
table of what pure code may call."""

import re
import subprocess
import sys
from pathlib import Path

COMPILER = re.compile(  # what compilers and their instrumentation put in
    r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(?:asan|ubsan|tsan|msan|lsan|sanitizer|sancov|gcov)_.*"
    r"|__popcount[sdt]i2|__(?:u?div|u?mod|mul|ashl|ashr|lshr)[dt]i[34]?|__builtin_.*")
KINDS = (
    (r"(?:zmq|uv|mdb|hwloc|msgpack|json|yaml|zip|XML|XXH\d*)_", "another library"),
    (r"pthread_|thrd_|mtx_", "threads"),
    (r"clock_|time$|gettimeofday|localtime|gmtime|nanosleep|usleep|sleep$", "a clock"),
    (r"s?rand(?:om)?(?:_r)?$|[dejlmn]rand48|getrandom|getentropy|arc4random", "randomness"),
    (r"(?:secure_)?getenv|setenv|environ$", "the environment"),
)


def kind_of(symbol):
    for pattern, kind in KINDS:
        if re.match(pattern, symbol):
            return kind
    return "not in the table"


def read_table(path):
    allowed = {"*": set()}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        library, colon, names = line.split("#")[0].partition(":")
        if colon:
            allowed.setdefault(library.strip(), set()).update(names.split())
    return allowed


def symbols(library, which):
    """{symbol: object files} of the undefined or the defined ones."""
    listing = subprocess.run(["nm", "--print-file-name", "--format=posix", which, library],
                             capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listing.splitlines():
        place, symbol = line.split()[:2]
        found.setdefault(symbol, set()).add(re.sub(r".*\[(.*?)(?:\.o)?\]:", r"\1", place))
    return found


def plain(symbol):
    return re.sub(r"^(?:__isoc\d+_|__)(\w+?)_chk$", r"\1", re.sub(r"^__isoc\d+_", "", symbol))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    allowed, libraries = read_table(sys.argv[1]), sys.argv[2:]
    defined = set()
    for library in libraries:
        defined |= set(symbols(library, "--defined-only"))
    count = 0
    for library in libraries:
        name = re.sub(r"^lib|\.a$", "", Path(library).name)
        may = allowed["*"] | allowed.get(name, set())
        for symbol, objects in sorted(symbols(library, "--undefined-only").items()):
            if symbol in defined or plain(symbol) in may or COMPILER.fullmatch(symbol):
                continue
            count += 1
            print(f"{name}: {', '.join(sorted(objects))} calls {symbol}: {kind_of(plain(symbol))}")
    print(f"core_is_pure: {count} violations" if count else
          f"core_is_pure: {len(libraries)} libraries, as they should be")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
