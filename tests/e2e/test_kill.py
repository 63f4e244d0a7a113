#!/usr/bin/python3
"""Nothing that is killed costs a result: coordinator, workers and `muster run` are killed with
SIGKILL at random moments, and the sweep ends with the bytes of an undisturbed one.

MUSTER_KILL_SEED=N: other moments than usual. MUSTER_KILL_FULL=1: all of the quickstart, which takes
minutes."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter

from muster_e2e import (DONE, INFRASTRUCTURE, REPORTS, SOME_FAILED, SOURCE, Sweep, SweepTest,
                        full_size, kill, main, sim, synthetic, wait_until)

KILLS = 20  # that have to hit a running process, else the test is void
SEED = int(os.environ.get("MUSTER_KILL_SEED", 1))
QUICKSTART = SOURCE / "ops/examples/quickstart"
COORDINATOR, WORKER, RUN = "muster-coordinator", "muster-worker", "muster"
ALL = [COORDINATOR, COORDINATOR, WORKER, WORKER, WORKER, RUN]
ONE, THREE = ("--workers", 1), ("--workers", 3, "--slots", 1)


class Killing(SweepTest):
    kills = KILLS

    def setUp(self):
        super().setUp()
        self.expect = DONE

    def undisturbed(self, sweep, *options):
        """Keeps the bytes that a sweep has to come to, from a state of its own."""
        state = self.folder / "undisturbed.muster"
        ended = self.muster("run", sweep.file, "--state", state, "--quiet", *options,
                            expect=self.expect)
        self.oracle = {name: (state / "report" / name).read_bytes() for name in REPORTS}
        print(f"{self.id()}: undisturbed: {ended.seconds:.1f} s")

    def assert_unharmed(self, sweep, rows, *options, whom, gap):
        """Killed on the way, it ends as the undisturbed one. A sweep that is through before it was
        killed often enough is tried again with shorter gaps."""
        for haste in (1, 2, 4):
            hits = self.disturb(sweep, options, whom, [seconds / haste for seconds in gap])
            for name, text in self.oracle.items():
                self.assertEqual((sweep.state / "report" / name).read_bytes(), text, name)
            self.assert_stored(sweep, rows)
            self.assert_nobody_left(seconds=60)  # workers may wait a while for another run
            shutil.rmtree(sweep.state)
            if hits >= self.kills:
                return
        self.fail("void: the sweep was over too soon")

    def disturb(self, sweep, options, whom, gap):
        """Run to the end, again and again where needed, and kill on the way. Returns how many of
        the kills hit."""
        rng, hits, ends = random.Random(SEED), Counter(), Counter()
        began = time.monotonic()
        while True:
            run = self.start(sweep, "--quiet", *options)
            self.kill_some(run, rng, hits, whom, gap)
            ended = run.wait(300)
            ends[ended.code] += 1
            if ended.code == self.expect:
                break
            # killed; gave up a child that was killed too often
            self.assertIn(ended.code, (-signal.SIGKILL, INFRASTRUCTURE), ended)
        print(f"{self.id()} {' '.join(map(str, options))}: {hits.total()} kills hit a running"
              f" process {dict(hits)}; `muster run` ended {dict(ends)};"
              f" {self.fsck(sweep)['rows']} results; {time.monotonic() - began:.1f} s")
        return hits.total()

    def kill_some(self, run, rng, hits, whom, gap):
        while hits.total() < self.kills:
            time.sleep(rng.uniform(*gap))
            program = rng.choice(whom)
            victims = [run] if program == RUN else run.children(program)
            if not run.runs():
                return
            if victims:
                hits[program] += kill(rng.choice(victims).pid, signal.SIGKILL)


class Simulated(Killing):
    def small(self, tasks):
        """Some seconds of a sweep in which instances fail and hosts crash as well."""
        self.expect = SOME_FAILED
        sizes = [8 + 7 * i % 50 for i in range(tasks)]
        models = [sim("a", duration="5ms", duration_spread=0.5, failure_rate=0.005,
                      poison_rate=0.003, crash_rate=0.01),
                  sim("b", duration="3ms", quality=0.4)]
        sweep = self.make(models, [synthetic(self.folder, sizes)], strikes=2)
        self.undisturbed(sweep, "--workers", 8, "--slots", 1)
        return sweep, 2 * sum(sizes)

    def test_any_of_them(self):
        sweep, rows = self.small(60)
        for options in (ONE, THREE):
            self.assert_unharmed(sweep, rows, *options, whom=ALL, gap=(0.1, 0.6))

    def test_the_same_one_again_and_again_at_a_high_rate(self):
        sweep, rows = self.small(30)
        for program in (COORDINATOR, WORKER):
            self.assert_unharmed(sweep, rows, whom=[program], gap=(0.1, 0.3))

    def test_what_was_told_is_durable(self):
        """Whatever a coordinator says to anybody is in the store before."""
        sweep = self.make([sim("a", duration="8ms")], [synthetic(self.folder, [500] * 8)])
        run, told = self.start(sweep, "--quiet"), 0
        for _ in range(8):
            told = self.wait_for_status(run, sweep, lambda s: s["done"] > told)["done"]
            kill(run.children(COORDINATOR)[0].pid, signal.SIGKILL)
            stored = self.fsck(sweep)
            self.assertEqual(stored["violations"], 0)
            self.assertGreaterEqual(stored["rows"], told)
        ended = run.wait()
        self.assertEqual(ended.code, DONE, ended)
        self.assert_stored(sweep, 4000)

    def test_at_the_very_end(self):
        """All is recorded, and the workers have gone: a coordinator that is killed over its
        reports is started again for them, not told to stop."""
        sweep = self.make([sim("a")], [synthetic(self.folder, full_size())])
        self.undisturbed(sweep)
        run = self.start(sweep, "--quiet", "--workers", 2)
        log = sweep.state / "log/coordinator.log"
        for times in range(1, 4):
            def is_over():
                said = log.read_text() if log.exists() else ""
                return said.count(" sweep_over ") >= times or not run.runs()
            self.assertTrue(wait_until(is_over, every=0.001), "it did not end")
            for process in run.children(COORDINATOR):
                kill(process.pid, signal.SIGKILL)
        ended = run.wait()
        self.assertEqual(ended.code, DONE, ended)
        self.assertNotIn("stopping", ended.err)
        self.assertEqual(sweep.reports(), self.oracle)

    def test_full_size(self):
        sweep = self.make([sim(name) for name in "abcd"], [synthetic(self.folder, full_size())])
        self.undisturbed(sweep)
        for options in (ONE, THREE):
            self.assert_unharmed(sweep, 4 * 325544, *options, whom=ALL, gap=(0.02, 0.2))


class Quickstart(Killing):
    """Real models on real data."""

    def setUp(self):
        super().setUp()
        made = subprocess.run(["/usr/bin/python3", QUICKSTART / "make_data.py", QUICKSTART / "data"],
                              capture_output=True, text=True)
        if made.returncode != 0:
            self.skipTest("the quickstart's data cannot be made; `ops/setup quickstart` installs"
                          f" what it needs: {made.stderr.strip().splitlines()[-1:]}")
        for folder in ("models", "scorers"):
            shutil.copytree(QUICKSTART / folder, self.folder / folder)
        self.sweep = Sweep(self.folder, [], [], "quickstart")
        self.full = os.environ.get("MUSTER_KILL_FULL") == "1"
        text = (QUICKSTART / "sweep.yaml").read_text()
        text = text.replace("path: data", f"path: {QUICKSTART}/data")
        if not self.full:
            text = text.replace("timeout: 30s", "timeout: 30s\n  limit: 1")
        self.sweep.file.write_text(text)

    def test_quickstart(self):
        self.undisturbed(self.sweep)
        rows = json.loads(self.oracle["report.json"])["instances"]
        for options in (ONE, THREE) if self.full else (ONE,):
            self.assert_unharmed(self.sweep, rows, *options, whom=ALL, gap=(0.3, 1.5))


if __name__ == "__main__":
    main()
