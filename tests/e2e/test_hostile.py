#!/usr/bin/python3
"""A worker with an allowed key sends a hundred thousand messages that are malformed or forged, as
fast as they are taken, while another one works: none is accepted, none is a crash, and the report is
that of a sweep which was left in peace.

MUSTER_HOSTILE_COUNT and MUSTER_HOSTILE_SEED choose how many, and which."""

import json
import os
import re
import signal
from pathlib import Path

from muster_e2e import BIN, DONE, Program, SweepTest, main, sim, synthetic

COUNT = int(os.environ.get("MUSTER_HOSTILE_COUNT", 100000))
SEED = int(os.environ.get("MUSTER_HOSTILE_SEED", 1))
SIZES = [1000]
MEMORY_MAX_KB = 48 << 10  # more than it had before: frames, replies that wait, a bounded queue
PORT = "tcp://127.0.0.1:*"
SANITIZED = re.compile(rb"__(asan|tsan)_init")


def memory_kb(pid):
    """The most that a process had, so far."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])


class Hostile(SweepTest):
    def start_sweep(self):
        """A coordinator that serves until it is told to stop, and an honest worker."""
        sweep = self.make([sim("a", duration="5ms")], [synthetic(self.folder, SIZES)])
        coordinator = Program(["muster-coordinator", "--sweep", sweep.file, "--state", sweep.state,
                               "--listen", PORT], self.folder)
        status = self.wait_for_status(coordinator, sweep, lambda s: s["listen"])
        endpoint, key = status["listen"][0]["endpoint"], sweep.state / "keys/worker.key"
        worker = Program(["muster-worker", "--connect", endpoint, "--key", key, "--state",
                          self.folder / "w1", "--name", "honest", "--slots", 2], self.folder)
        self.wait_for_status(coordinator, sweep, lambda s: s["done"] > 0)
        return sweep, coordinator, worker, status["pid"], [endpoint, key, COUNT, SEED]

    def test_nothing_of_it_is_accepted_and_the_sweep_goes_on(self):
        sweep, coordinator, worker, pid, words = self.start_sweep()
        before = memory_kb(pid)
        hostile = Program(["../tests/e2e_hostile", *words], self.folder).wait()
        self.assertEqual(hostile.code, 0, hostile)
        told = json.loads(hostile.out)
        print(f"{sum(told['sent'].values())} messages in {hostile.seconds:.1f} s: {told}")
        self.assertEqual(sum(told["sent"].values()), COUNT)
        self.assertEqual((told["grants"], told["unreadable"]), (0, 0))
        self.assertGreater(told["rejects"], COUNT // 3)
        self.assertGreater(told["acks"], 0)  # forged, in order, and left aside
        if not SANITIZED.search((BIN / "muster-coordinator").read_bytes()):
            self.assertLess(memory_kb(pid) - before, MEMORY_MAX_KB)
        status = self.wait_for_status(coordinator, sweep, lambda s: s["done"] == s["total"])
        self.assertEqual((status["failed"], status["pid"]), (0, pid))
        self.assertEqual(status["counters"]["rows_accepted"], sum(SIZES))
        self.assertEqual(status["counters"]["leases_expired"], 0)
        self.assertGreater(status["counters"]["messages_refused"], COUNT // 3)
        coordinator.signal(signal.SIGTERM)
        ended = coordinator.wait()
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(worker.wait().code, 0)
        self.assertLess(len(sweep.log()), 1 << 20)
        self.assert_stored(sweep, sum(SIZES))
        undisturbed = self.folder / "undisturbed.muster"
        self.muster("run", sweep.file, "--state", undisturbed, "--slots", 2)
        for name, text in sweep.reports().items():
            self.assertEqual((undisturbed / "report" / name).read_bytes(), text, name)


if __name__ == "__main__":
    main()
