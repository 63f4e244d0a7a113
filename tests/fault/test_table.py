#!/usr/bin/python3
"""The closing table tells what was injected, and does not pass for what was not."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from table import FAULTS

TABLE = Path(__file__).with_name("table.py")


def row(fault, **changed):
    return {"fault": fault, "what": f"what {fault} is", "injected": 1234, "needed": 1000, "states": 1,
            "acknowledged": 5, "lost": 0, "violations": 0, **changed}


class Table(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def leave(self, rows, name="some"):
        lines = "".join(json.dumps(one) + "\n" for one in rows)
        self.folder.joinpath(f"{name}.jsonl").write_text(lines)

    def table(self):
        """(its exit code, its lines by the fault they begin with)"""
        done = subprocess.run(["/usr/bin/python3", TABLE, self.folder], capture_output=True, text=True,
                              check=False)
        return done.returncode, {line.split()[0]: line for line in done.stdout.splitlines()}

    def with_one(self, fault, **changed):
        self.leave(row(one, **(changed if one == fault else {})) for one in FAULTS)
        code, lines = self.table()
        return code, lines[fault]

    def test_each_fault_has_a_line_with_what_was_injected(self):
        self.leave(map(row, FAULTS))
        code, lines = self.table()
        self.assertEqual(code, 0)
        self.assertEqual([*lines], ["fault", *FAULTS])
        self.assertEqual(lines["F4"].split()[-5:], ["1,234", "1", "5", "0", "0"])

    def test_it_is_void_if_a_fault_was_injected_less_often_than_claimed(self):
        code, line = self.with_one("F4", injected=999)
        self.assertEqual(code, 1)
        self.assertIn("VOID: 1,000 needed", line)

    def test_it_is_void_if_nothing_was_claimed(self):
        code, line = self.with_one("F7", injected=0, needed=0)
        self.assertEqual(code, 1)
        self.assertIn("VOID", line)

    def test_it_is_void_if_no_test_injected_a_fault(self):
        for missing in ("F1", "F15", "F33"):
            self.leave(row(fault) for fault in FAULTS if fault != missing)
            code, lines = self.table()
            self.assertEqual(code, 1)
            self.assertIn("VOID: no test injected it", lines[missing])

    def test_what_was_lost_or_violated_is_told_and_fails(self):
        for name in ("lost", "violations"):
            code, line = self.with_one("F12", **{name: 1})
            self.assertEqual(code, 1)
            self.assertIn("VIOLATED", line)

    def test_the_newest_of_a_row_counts(self):
        self.leave([row("F9", violations=1), *map(row, FAULTS)])
        self.assertEqual(self.table()[0], 0)

    def test_without_any_counters_it_fails(self):
        self.assertEqual(self.table()[0], 1)


if __name__ == "__main__":
    unittest.main()
