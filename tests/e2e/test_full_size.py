#!/usr/bin/python3
"""A sweep of the real size: 4 models on 699 tasks with 325,544 instances. It prints what it costs."""

import os
import re
import threading
import time

from muster_e2e import SweepTest, full_size, main, sim, synthetic

MODELS = 4
ROWS = MODELS * 325544


class PeakMemory(threading.Thread):
    """The highest resident size of a process, as the kernel counts it, until it ends."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.kib = pid, 0
        self.start()

    def run(self):
        while True:
            try:
                with open(f"/proc/{self.pid}/status") as file:
                    found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
            except OSError:
                return
            if not found:
                return  # it has ended, nobody has waited for it yet
            self.kib = int(found[1])
            time.sleep(0.05)


class FullSize(SweepTest):
    def test_everything_is_there_and_nothing_twice(self):
        models = [sim(f"sim-{i}", quality=0.5 + 0.1 * i) for i in range(MODELS)]
        sweep = self.make(models, [synthetic(self.folder, full_size())])
        run = self.start(sweep, "--quiet")
        self.wait_for_status(run, sweep, lambda s: s["workers"] > 0)
        memory = PeakMemory(run.children("muster-coordinator")[0].pid)
        ended = run.wait(800)
        self.assertEqual(ended.code, 0, ended)
        self.assert_stored(sweep, ROWS)
        report = sweep.report()
        self.assertTrue(report["complete"])
        self.assertEqual([(m["ended"], m["failed"]) for m in report["models"]],
                         [(325544, 0)] * MODELS)
        self.tell(sweep, ended.seconds, memory.kib)

    def tell(self, sweep, seconds, kib):
        size = self.fsck(sweep)["bytes"]
        print(f"full size: {ROWS} results in {seconds:.1f} s from start to report on"
              f" {len(os.sched_getaffinity(0))} cores (models without a duration, one worker,"
              f" coordinator, worker and disk of one machine): {ROWS / seconds:.0f} instances/s;"
              f" coordinator {kib / 1024:.0f} MiB at most;"
              f" store {size / ROWS:.1f} bytes a result")


if __name__ == "__main__":
    main()
