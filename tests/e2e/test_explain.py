#!/usr/bin/python3
"""Why things are where they are, asked as a user asks: of a sweep that runs, for each reason that
people ask about. A machine of four GPUs is shown to hwloc as a file, and the models are simulated."""

import json
import os
import re
import signal
import unittest
from pathlib import Path

from muster_e2e import SOURCE, Program, SweepTest, main, sim, synthetic, wait_until

SHARED = Path(os.environ.get("MUSTER_SHARED") or SOURCE.parent / "shared")
MACHINE = SHARED / "data/topologies/power8-4gpu.xml"
FOUR_GPUS = {"HWLOC_XMLFILE": str(MACHINE), "HWLOC_THISSYSTEM": "0"}


def needs(gpus, name, rules=(), **parameters):
    return {**sim(name, **parameters), "resources": {"gpus": gpus}, **dict(rules)}


@unittest.skipUnless(MACHINE.exists(), "the file of the machine is not here")
class Explained(SweepTest):
    def stop_at_the_end(self, program):
        self.addCleanup(program.wait)
        self.addCleanup(program.signal, signal.SIGKILL)
        return program

    def explain(self, sweep, what):
        answer = json.loads(self.muster("explain", sweep.file, what, "--json").out)
        return answer

    def assert_explained(self, sweep, what, reason, sentence):
        """Soon: what is asked about takes a moment to come about. One line, with numbers."""
        def look():
            answer = self.explain(sweep, what)
            return (answer["reason"] == reason and re.search(sentence, answer["text"])) or None
        if not wait_until(look, 20, every=0.2):
            self.fail(f"{what}: {self.explain(sweep, what)}, not {reason}: {sentence}")
        said = self.muster("explain", sweep.file, what).out
        self.assertEqual(said.count("\n"), 1, said)
        self.assertRegex(said, "[0-9]")

    def on_four_gpus(self, *models, rows=100):
        sweep = self.make(list(models), [synthetic(self.folder, [rows])])
        run = self.stop_at_the_end(self.start(sweep, **FOUR_GPUS))
        self.wait_for_status(run, sweep, lambda s: s["workers"] > 0)
        return sweep

    def attempts(self, sweep):
        """Of the only worker, by model."""
        slots = self.ask(sweep, "workers")["workers"][0]["slots"]
        return {s["model"]: s["attempt"] for s in slots if s["attempt"]}

    def test_too_large_loading_and_capped(self):
        sweep = self.on_four_gpus(needs(16, "huge"), needs(1, "loading", load="1m"),
                                  needs(1, "few", duration="1s", rules={"max_replicas": 1}),
                                  needs(1, "api", duration="1s", rules={"concurrency": 1}))
        self.assert_explained(sweep, "huge", "too_large", "needs 16 GPUs.* has 4 GPUs")
        self.assert_explained(sweep, "loading", "loads", "on [12] slots?: 0 of 100 instances")
        self.assert_explained(sweep, "few", "capped", "on 1 slot and may have 1")
        self.assert_explained(sweep, "api", "capped", "1 of at most 1 requests")
        self.assert_explained(sweep, self.attempts(sweep)["loading"], "loads",
                              "waits for its model to load on slot [0-3] of local-1")
        self.assert_explained(sweep, self.attempts(sweep)["few"], "runs", "few.* its lease ends in")
        self.assert_explained(sweep, "local-1", "works", "of 4 slots 2 run, [12] loads?")

    def test_quarantined_paused_and_draining(self):
        sweep = self.on_four_gpus(needs(1, "bad", failure_rate=0.2, duration="100ms"),
                                  needs(1, "next", duration="200ms"),
                                  needs(1, "long", duration="1m"))
        self.assert_explained(sweep, "bad", "runs", "[0-9]+ failed for good .quarantined")
        self.assert_explained(sweep, "bad/nlp/T", "runs", "failed for good .quarantined")
        self.muster("pause", sweep.file, "--model", "next")
        self.assert_explained(sweep, "next", "paused", "with [0-9]+ instances to go")
        self.muster("resume", sweep.file, "--model", "next")
        attempt = self.attempts(sweep)["long"]
        self.muster("drain", sweep.file, "--worker", "local-1")
        self.assert_explained(sweep, "local-1", "drains", "since an operator asked for it")
        self.assertIn("the worker drains", self.explain(sweep, attempt)["text"])

    def test_a_low_priority(self):
        sweep = self.on_four_gpus(needs(1, "low", rules={"priority": 10}),
                                  needs(1, "high", rules={"priority": 90}, duration="1s"))
        self.assert_explained(sweep, "low", "outranked", "high goes first by priority, and has")

    def test_a_lifetime_that_is_too_short(self):
        sweep = self.make([needs(1, "slow", rules={"estimate": {"load": "5m"}})])
        self.stop_at_the_end(self.start(sweep, "--workers", 0))
        socket = wait_until(lambda: next(self.folder.glob("*/run/workers"), None))
        worker = Program(["muster-worker", "--connect", f"ipc://{socket}", "--name", "short",
                          "--lifetime", "2m", "--state", self.folder / "short"], self.folder,
                         **FOUR_GPUS)
        self.stop_at_the_end(worker)
        self.assert_explained(sweep, "slow", "lifetime", "load takes 5m 00s .* has left is 1m")
        self.assert_explained(sweep, "short", "idle", "5m 00s to load, and 1m [0-9]+s are left")

    def test_a_sweep_that_has_had_its_share(self):
        suite = [synthetic(self.folder, [1000])]
        day = self.make([sim("a", duration="1s"), sim("c")], suite,
                        name="day", weight=3)
        night = self.make([sim("b")], suite, name="night")
        run = self.stop_at_the_end(self.start(day, night.file, "--slots", 1))
        self.wait_for_status(run, day, lambda s: s["done"] > 0)
        self.assert_explained(day, "c", "share", "waits for sweep night, which is .* of slot time "
                              "behind sweep day by .* 1 of 1 slots, its share is 0.75; .* 0.25")
        self.assert_explained(day, "a", "runs", "sweep day has 1 of 1 slots")
        self.assert_explained(day, "b", "turn", "sweep night has 0 of 1 slots, .* is 0.25")


if __name__ == "__main__":
    main()
