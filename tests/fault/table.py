#!/usr/bin/python3
"""What the durability suite injected, and what came of it: table.py FOLDER

FOLDER has the counters that the tests leave (build/PRESET/fault). The newest of each row counts. The
exit code is 1 if anything was lost or violated, or was not injected as claimed."""

import json
import sys
from pathlib import Path

COLUMNS = ("injected", "states", "acknowledged", "lost", "violations")


def read(folder):
    rows = {}
    for path in sorted(Path(folder).glob("*.jsonl"), key=lambda p: p.stat().st_mtime):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            rows[row["fault"], row["what"]] = row
    return [rows[key] for key in sorted(rows, key=lambda key: (int(key[0][1:]), key[1]))]


def is_well(row):
    return not (row["lost"] or row["violations"] or row["injected"] < row["needed"])


def show(rows):
    width = max(len(row["what"]) for row in rows)
    print(f"{'':5}{'fault':{width}}" + "".join(f"{name:>14}" for name in COLUMNS))
    for row in rows:
        numbers = "".join(f"{row[name]:>14,}" for name in COLUMNS)
        print(f"{row['fault']:5}{row['what']:{width}}{numbers}{'' if is_well(row) else '  <---'}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = read(sys.argv[1])
    if not rows:
        sys.exit(f"table.py: no test left its counters in {sys.argv[1]}")
    show(rows)
    sys.exit(0 if all(map(is_well, rows)) else 1)


if __name__ == "__main__":
    main()
