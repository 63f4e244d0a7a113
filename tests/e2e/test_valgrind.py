#!/usr/bin/python3
"""A small sweep over TCP with keys, coordinator and worker under valgrind: no byte is used that was
never written, none after it was freed, and none is lost."""

import json
import re
import shutil
import sys

from muster_e2e import BIN, DONE, Program, SweepTest, main, sim, wait_until

VALGRIND = shutil.which("valgrind")
FAULTY = 99
SANITIZED = re.compile(rb"__(asan|tsan)_init")
WORDS = [VALGRIND, "--quiet", "--leak-check=full", "--show-leak-kinds=definite",
         "--errors-for-leak-kinds=definite", f"--error-exitcode={FAULTY}"]


class Checked(SweepTest):
    def start_checked(self, program, *words):
        return Program([*WORDS, BIN / program, *words], self.folder, bin_dir=BIN)

    def test_coordinator_and_worker_use_their_memory_well(self):
        sweep = self.make([sim("a", duration="1ms")])
        coordinator = self.start_checked("muster-coordinator", "--sweep", sweep.file, "--state",
                                         sweep.state, "--listen", "tcp://127.0.0.1:*",
                                         "--exit-when-done", "--lease", "60s",
                                         "--map", 8)  # valgrind has no room for more
        found = wait_until(lambda: (sweep.state / "log/coordinator.log").exists() and
                           re.search(r"listening endpoint=(\S+)", sweep.log()))
        self.assertTrue(found, coordinator.said())
        worker = self.start_checked("muster-worker", "--connect", found[1], "--key",
                                    sweep.state / "keys/worker.key", "--state",
                                    self.folder / "worker", "--name", "w1", "--slots", 2)
        wait_until(lambda: "worker_hello" in sweep.log())
        status = json.loads(self.muster("status", "--state", sweep.state, "--json").out)
        self.assertEqual(status["workers"], 1)
        for program in (coordinator, worker):
            ended = program.wait()
            self.assertEqual(ended.code, DONE, ended)
            self.assertNotIn("==", ended.err)
        self.assert_stored(sweep, 100)


if __name__ == "__main__":
    if not VALGRIND or SANITIZED.search((BIN / "muster-worker").read_bytes()):
        print("skipped: valgrind is not installed (ops/setup analysis), or a sanitizer is in")
        sys.exit(77)
    main()
