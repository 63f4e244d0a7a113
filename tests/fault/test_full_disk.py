#!/usr/bin/python3
"""F7, a full disk. The state lies on a small file system of its own (in a mount namespace of this
process) that somebody else fills. Nothing is acknowledged while there is no room, everybody who
looks is told why, and the sweep goes on by itself when there is room again."""

import ctypes
import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from faults import (STORE_FAILED, FaultTest, Fleet, Program, full_size, main, pick, sim, synthetic,
                    wait_until)

CLONE_NEWNS = 0x00020000
MIB = 1 << 20
GOES_ON_S = 5  # within this time of there being room


def mount_namespace():
    """False if this process may not have one."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode == 0


class FullDisk(FaultTest):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pick(96, 256) * MIB}",
                               "none", self.disk],
                              check=False)
        self.assertEqual(done.returncode, 0)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=False)
        self.ballast = self.disk / "ballast"

    def fill(self):
        """Takes all the room there is. Returns how much that was."""
        taken = 0
        with open(self.ballast, "ab", buffering=0) as file:
            for piece in (MIB, 4096):
                try:
                    while True:
                        taken += file.write(b"\1" * piece)
                except OSError as error:
                    self.assertEqual(error.errno, errno.ENOSPC)
        return taken

    def blocked(self, run, sweep):
        """Fills the disk until the coordinator says that it records nothing; its status."""
        def look():
            self.fill()
            status = self.status(sweep)
            return status if not run.runs() or status.get("blocked") else None
        status = wait_until(look, 30)
        return status if status and status.get("blocked") else None

    def status(self, sweep):
        """{} if there is no coordinator to ask."""
        ended = Program(["muster", "status", "--state", sweep.state, "--json"], self.folder).wait()
        return json.loads(ended.out) if ended.code == 0 else {}

    @staticmethod
    def shown(run):
        """What a run has printed, read without moving where it writes."""
        return Path(f"/proc/self/fd/{run.out.fileno()}").read_text()

    def one_time(self, run, sweep):
        """Full, looked at, and emptied again. Returns what is wrong; None: it was never full."""
        status = self.blocked(run, sweep)
        if not status:
            return None
        wrong = []
        if "data.mdb" not in status["blocked"]:
            wrong.append(f"status does not say where: {status['blocked']}")
        said = self.muster("status", "--state", sweep.state).out
        if "NOT RECORDING" not in said:
            wrong.append(f"status does not show it: {said}")
        if not wait_until(lambda: "NOT RECORDING" in self.shown(run), 10):
            wrong.append("the run does not show it")
        self.ballast.unlink()
        if not wait_until(lambda: not self.status(sweep).get("blocked"), GOES_ON_S):
            wrong.append(f"it does not go on within {GOES_ON_S} s")
        return wrong

    def test_it_pauses_says_so_and_goes_on(self):
        # Loaded one after the other, or with answers: however fast the machine is, there is something
        # left to write.
        sweep = self.make([sim(f"m{i}", quality=0.2 + 0.015 * i, load=pick("0ms", "1s"),
                               answer_bytes=pick(32, 0)) for i in range(pick(4, 40))],
                          [synthetic(self.folder, full_size())])
        self.keep_oracle(sweep)
        sweep.state = self.disk / "state"
        wanted, times, wrong = pick(2, 8), 0, []
        run = self.start(sweep, "--state", sweep.state, "--slots", 1)
        wait_until((sweep.state / "store/data.mdb").exists, every=0.001)
        while times < wanted:
            found = self.one_time(run, sweep)
            if found is None:
                break
            times += 1
            wrong += found
        self.ballast.unlink(missing_ok=True)
        ended = run.wait(300)
        self.assertEqual(ended.code, self.expect, ended)
        if sweep.log().count("store_has_space") < times:
            wrong.append("the log does not say it")  # afterwards: it lies on the same disk
        self.tell("F7", "the disk is full for a while", injected=times, needed=wanted,
                  states=times, acknowledged=self.rows, violations=wrong + self.harm(sweep))

    def stopped_when_full(self, sweep):
        """A coordinator that is told to stop, at once, while nothing can be recorded. What is wrong;
        None: the disk was never full."""
        fleet = Fleet(self, sweep, workers=1).start()
        wait_until((sweep.state / "store/data.mdb").exists, every=0.001)
        if not self.blocked(fleet.coordinator, sweep):
            return None
        for _ in range(2):
            fleet.coordinator.signal(signal.SIGTERM)
            time.sleep(0.3)
        ended = fleet.coordinator.wait(30)
        fleet.workers[0].signal(signal.SIGKILL)
        fleet.workers[0].wait()
        self.ballast.unlink()
        if ended.code != STORE_FAILED or "stopped while nothing could be recorded" not in ended.err:
            return [f"it does not say that it could not record: {ended}"]
        return []

    def test_it_is_told_to_stop_while_the_disk_is_full(self):
        """It ends as one whose store failed, not as one that is through; nothing acknowledged is lost."""
        # With answers: more than fits into what the store took before the disk was full.
        sweep = self.make([sim(f"m{i}", quality=0.2 + 0.1 * i, answer_bytes=32) for i in range(4)],
                          [synthetic(self.folder, full_size())])
        self.keep_oracle(sweep)
        wanted, times, wrong = pick(1, 8), 0, []
        for i in range(wanted):
            sweep.state = self.disk / f"state-{i}"
            found = self.stopped_when_full(sweep)
            if found is not None:
                times += 1
                self.run_to_the_end(sweep)
                wrong += found + self.harm(sweep)
            shutil.rmtree(sweep.state)
        self.tell("F7", "told to stop while the disk is full", injected=times, needed=wanted,
                  states=times, acknowledged=times * self.rows, violations=wrong)


if __name__ == "__main__":
    if not mount_namespace():
        print("full_disk: skipped, this process may not mount a file system")
        sys.exit(77)
    main()
