#!/usr/bin/python3
"""What the durability suite injected, and what came of it: table.py FOLDER

FOLDER has the counters that the tests leave (build/PRESET/fault). The newest of each row counts.

Exit: 1 if anything was lost or violated, or if a fault of the list was not injected as claimed, or by
no test at all: then the table is void, and says where."""

import json
import sys
from pathlib import Path

COLUMNS = ("injected", "states", "acknowledged", "lost", "violations")
FAULTS = (*(f"F{number}" for number in range(1, 21)), "F33")  # README.md tells what each is


def read(folder):
    rows = {}
    for path in sorted(Path(folder).glob("*.jsonl"), key=lambda p: p.stat().st_mtime):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            rows[row["fault"], row["what"]] = row
    return [rows[key] for key in sorted(rows, key=lambda key: (int(key[0][1:]), key[1]))]


def trouble(row):
    """What is wrong with a row; empty: nothing."""
    if row["lost"] or row["violations"]:
        return "VIOLATED"
    if row["needed"] < 1 or row["injected"] < row["needed"]:
        return f"VOID: {row['needed']:,} needed"
    return ""


def show(rows):
    width = max(len(row["what"]) for row in rows)
    print(f"{'':5}{'fault':{width}}" + "".join(f"{name:>14}" for name in COLUMNS))
    for row in rows:
        numbers = "".join(f"{row[name]:>14,}" for name in COLUMNS)
        print(f"{row['fault']:5}{row['what']:{width}}{numbers}  {trouble(row)}".rstrip())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = read(sys.argv[1])
    if not rows:
        sys.exit(f"table.py: no test left its counters in {sys.argv[1]}")
    show(rows)
    missing = [fault for fault in FAULTS if fault not in {row["fault"] for row in rows}]
    for fault in missing:
        print(f"{fault:5}VOID: no test injected it, see what ctest says of failed and skipped ones")
    sys.exit(1 if missing or any(map(trouble, rows)) else 0)


if __name__ == "__main__":
    main()
