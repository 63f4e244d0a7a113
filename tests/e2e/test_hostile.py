#!/usr/bin/python3
"""A worker with an allowed key sends a hundred thousand messages that are malformed or forged, as
fast as they are taken, while another one works: none is accepted, none is a crash, and the report is
that of a sweep which was left in peace.

MUSTER_HOSTILE_COUNT and MUSTER_HOSTILE_SEED choose how many, and which."""

import json
import os
import re
from pathlib import Path

from muster_e2e import BIN, DONE, Program, SweepTest, main, sim, synthetic

COUNT = int(os.environ.get("MUSTER_HOSTILE_COUNT", 100000))
SEED = int(os.environ.get("MUSTER_HOSTILE_SEED", 1))
SIZES = [1000]
MEMORY_MAX_KB = 48 << 10  # more than it had before: frames, replies that wait, a bounded queue
PORT = "tcp://127.0.0.1:*"


def memory_kb(pid):
    """The most that a process had of its own, so far, and has now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"{word}:\s+(\d+) kB", status)[1]) for word in ("VmHWM", "RssAnon")]


class Hostile(SweepTest):
    def start_sweep(self):
        suites = [synthetic(self.folder, SIZES)]
        sweep = self.make([sim("a", duration="5ms")], suites)
        run = self.start(sweep, "--workers", 1, "--slots", 2, "--listen", PORT)
        status = self.wait_for_status(run, sweep, lambda s: s["done"] > 0 and s["listen"])
        return sweep, run, status

    def test_nothing_of_it_is_accepted_and_the_sweep_goes_on(self):
        sweep, run, status = self.start_sweep()
        pid = status["pid"]
        before = memory_kb(pid)[0]
        words = [status["listen"][0]["endpoint"], sweep.state / "keys/worker.key", COUNT, SEED]
        hostile = Program(["../tests/e2e_hostile", *words], self.folder).wait()
        self.assertEqual(hostile.code, 0, hostile)
        told = json.loads(hostile.out)
        print(f"{sum(told['sent'].values())} messages in {hostile.seconds:.1f} s: {told}")
        self.assertEqual(sum(told["sent"].values()), COUNT)
        self.assertEqual((told["grants"], told["unreadable"]), (0, 0))
        self.assertGreater(told["rejects"], COUNT // 3)
        self.assertGreater(told["acks"], COUNT // 6)  # forged, in order, and left aside
        peak = memory_kb(pid)[0] if run.runs() else before
        self.assertLess(peak - before, MEMORY_MAX_KB)
        ended = run.wait()
        self.assertEqual(ended.code, DONE, ended)
        log = sweep.log()
        self.assertEqual(log.count(" store_open "), 1, "it was started once")
        self.assertIn(f"recorded={sum(SIZES)}\n", log)
        self.assertNotIn("lease_expired", log)
        self.assertNotRegex(log, r"worker_lost worker=local-1 .*(?<!said goodbye\")\n")
        self.assertLess(len(log), 1 << 20)
        self.assert_stored(sweep, sum(SIZES))
        undisturbed = self.folder / "undisturbed.muster"
        self.muster("run", sweep.file, "--state", undisturbed, "--slots", 2)
        for name, text in sweep.reports().items():
            self.assertEqual((undisturbed / "report" / name).read_bytes(), text, name)


if __name__ == "__main__":
    main()
