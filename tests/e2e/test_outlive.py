#!/usr/bin/python3
"""A worker on another machine outlives coordinators: what it knows of one store is nothing to the next."""

import os
import signal
import socket

from muster_e2e import DONE, Program, SweepTest, main, sim


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Outlive(SweepTest):
    def setUp(self):
        super().setUp()
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"

    def listen(self, sweep):
        return self.start(sweep, "--workers", 0, "--listen", self.endpoint, "--insecure")

    def kill_in_the_middle(self, run, sweep):
        self.wait_for_status(run, sweep, lambda s: s["done"] > 10 and s["running"])
        os.kill(run.children("muster-coordinator")[0].pid, signal.SIGKILL)  # it drains nobody
        run.signal(signal.SIGKILL)
        run.wait()

    def assert_as_if_alone(self, first, second):
        """The worker is in the middle of the first sweep when it is taken over by the second."""
        alone = self.folder / "alone.muster"
        self.muster("run", second.file, "--state", alone, "--quiet")
        run = self.listen(first)
        worker = Program(["muster-worker", "--connect", self.endpoint, "--state",
                          self.folder / "w1", "--name", "w1", "--slots", 2], self.folder)
        self.kill_in_the_middle(run, first)
        ended = self.listen(second).wait()
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(worker.wait().code, 0)
        for name, text in second.reports().items():
            self.assertEqual(text, (alone / "report" / name).read_bytes(), name)
        self.assert_nobody_left()

    def test_another_sweep_gets_nothing_of_the_one_before(self):
        self.assert_as_if_alone(
            self.make([sim("good", quality=1.0, duration="150ms")], name="first"),
            self.make([sim("bad", quality=0.1, seed=8, duration="5ms")], name="second"))


if __name__ == "__main__":
    main()
