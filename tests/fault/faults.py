"""What the durability tests of real processes share: programs under the shim, an undisturbed run as
the oracle, and counters for the table.

A test asks for reports that are the bytes of the oracle, and a store without violations, whatever
was done to the processes. MUSTER_FAULT_FULL=1 asks for the long run; MUSTER_FAULT_SEED=N for other
moments than usual."""

import contextlib
import copy
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
from muster_e2e import (BAD_INPUT, BIN, DONE, INFRASTRUCTURE, REPORTS, SOME_FAILED, SOURCE, STATE_HELD,  # noqa: E402
                        STOPPED, Program, Sweep, SweepTest, descendants, end_all, full_size, kill,
                        main, sim, synthetic, wait_until)

__all__ = ["BAD_INPUT", "BIN", "DONE", "INFRASTRUCTURE", "REPORTS", "SOME_FAILED", "SOURCE", "STATE_HELD", "STOPPED",
           "STORE_FAILED", "COORDINATOR", "WORKER", "FULL", "SEED", "Program", "Sweep", "FaultTest", "Fleet",
           "descendants", "end_all", "full_size", "kill", "main", "pick", "sim", "synthetic",
           "wait_until"]

STORE_FAILED = 74
COORDINATOR, WORKER = "muster-coordinator", "muster-worker"
FULL = os.environ.get("MUSTER_FAULT_FULL") == "1"
SEED = int(os.environ.get("MUSTER_FAULT_SEED", 1))
SHIM = os.environ.get("MUSTER_FAULT_SHIM") or SOURCE / "build/dev/tests/libfault_preload.so"
AT_ONCE = 6  # sweeps side by side: they mostly wait
EXEC_MODEL = SOURCE / "tests/e2e/exec_model.py"


class Fleet:
    """A coordinator and workers that nobody starts again but the test."""

    def __init__(self, test, sweep, *options, workers=4):
        self.test, self.sweep, self.options = test, sweep, options
        self.place = sweep.state.parent
        self.endpoint, self.worker_options, self.environment = \
            f"ipc://{sweep.state}/run/workers", (), {}
        self.coordinator = None
        self.workers = [None] * workers

    def start_coordinator(self, **environment):
        self.coordinator = Program([COORDINATOR, "--sweep", self.sweep.file, "--state",
                                    self.sweep.state, "--exit-when-done", *self.options],
                                   self.place, **environment)
        return self

    def start_worker(self, i):
        self.workers[i] = Program([WORKER, "--connect", self.endpoint, "--name", f"w{i}", "--state",
                                   self.place / f"w{i}", "--media", self.sweep.state / "media",
                                   "--slots", 1, "--gpus-per-slot", 0, *self.worker_options],
                                  self.place, **self.environment)

    def start(self, **environment):
        self.start_coordinator(**environment)
        wait_until((self.sweep.state / "run/workers").exists)
        for i in range(len(self.workers)):
            self.start_worker(i)
        return self

    def kill_worker(self, i):
        """Kills it, if it runs, and starts it again. Returns whether it did."""
        worker = self.workers[i]
        if not worker.runs():
            return False
        worker.signal(signal.SIGKILL)
        worker.wait()
        self.start_worker(i)
        return True

    def runs(self):
        return self.coordinator.runs()

    def finish(self, seconds=120):
        """The coordinator comes to its end by itself; then nobody is needed any more."""
        ended = self.coordinator.wait(seconds)
        self.test.assertEqual(ended.code, self.test.expect, f"{ended}\n{self.log()[-4000:]}")
        for worker in self.workers:
            if worker.runs():
                worker.signal(signal.SIGKILL)
            worker.wait()
        return ended

    def log(self):
        return (self.sweep.state / "log/coordinator.log").read_text()


def pick(quick, full):
    """The quick tier's figure, or the full one's."""
    return full if FULL else quick


class FaultTest(SweepTest):
    """Sweeps that are hurt, and the counters of one fault at a time."""

    def setUp(self):
        super().setUp()
        self.rng = random.Random(SEED)
        self.oracle, self.rows, self.expect = {}, 0, DONE
        self.numbers = itertools.count(1)

    # ---- Sweeps ----

    def keep_oracle(self, sweep, *options):
        """The bytes and rows that the sweep has to come to, from an undisturbed run."""
        ended = self.start(sweep, "--quiet", *options).wait(300)
        self.assertEqual(ended.code, self.expect, ended)
        self.oracle = sweep.reports()
        self.rows = self.fsck(sweep)["rows"]
        shutil.rmtree(sweep.state)
        return ended

    def mixed_sweep(self, instances=24):
        """Something of everything: failures and strikes, and a program that makes files."""
        shutil.copy(EXEC_MODEL, self.folder)
        for task, metric, given in (("Words", "ACC", "question"), ("Drawing", "FID", "prompt")):
            kind = "generation/image" if given == "prompt" else "nlp"
            folder = self.folder / "data" / kind / task
            folder.mkdir(parents=True)
            items = [{"id": str(i), "input": {given: f"{task} {i}"}, "output": {"answer": f"{i}"}}
                     for i in range(6)]
            folder.joinpath("annotation.json").write_text(json.dumps(
                {"task": task, "type": "QA", "metric": metric, "data": items}))
        suites = [synthetic(self.folder, [instances] * 4),
                  {"name": "real", "kind": "general-bench", "path": "data"}]
        models = [sim("a", failure_rate=0.1), sim("b", quality=0.4),
                  {"name": "maker", "host": "exec",
                   "command": ["/usr/bin/python3", "exec_model.py", "good"]}]
        self.expect = SOME_FAILED
        sweep = self.make(models, suites, strikes=2)
        self.keep_oracle(sweep)
        return sweep

    def elsewhere(self, sweep):
        """The same sweep with a state of its own, alone in a folder."""
        other = copy.copy(sweep)
        other.state = self.folder / f"place-{next(self.numbers)}" / "state"
        other.state.parent.mkdir()
        return other

    # ---- The shim ----

    def shim(self, sweep, program, **plan):
        """The environment that makes the shim work in `program`, on the files of the state: keys as
        in shim_env.c."""
        known = {"FAULT_" + key.upper(): str(value) for key, value in plan.items()}
        place = sweep.state.parent
        return {"LD_PRELOAD": self.preloadable(), "FAULT_PROGRAM": program, "FAULT_UNDER": str(sweep.state),
                "FAULT_HITS": str(place / "hits"), **known}

    def preloadable(self):
        """The shim by a path without a blank, which would end it in LD_PRELOAD."""
        link = self.folder / "shim.so"
        with contextlib.suppress(FileExistsError):
            link.symlink_to(Path(SHIM).resolve())
        return str(link)

    def hits(self, sweep):
        """How often the shim did its deed."""
        file = sweep.state.parent / "hits"
        return file.stat().st_size if file.exists() else 0

    def side_by_side(self, deed, plans):
        """deed(plan) for each, some at a time. The results in the order of the plans."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(deed, plans))

    # ---- What came of it ----

    def run_to_the_end(self, sweep, *options, may_end=(), seconds=300, **environment):
        """`muster run` again and again until it is through; `may_end`: codes it may have on the
        way. The environment is the first run's alone. Returns how many runs it took."""
        for runs in range(1, 100):
            ended = self.start(sweep, "--quiet", "--state", sweep.state, *options,
                               **environment).wait(seconds)
            if ended.code == self.expect:
                return runs
            self.assertIn(ended.code, (INFRASTRUCTURE, STATE_HELD, STORE_FAILED, -signal.SIGKILL,
                                       *may_end), ended)
            environment = {}
            if ended.code == STATE_HELD:
                time.sleep(0.2)
        return self.fail(f"still not through after {runs} runs")

    def harm(self, sweep):
        """What is wrong with a sweep that is through: sentences."""
        found = []
        for name, text in self.oracle.items():
            path = sweep.state / "report" / name
            if not path.exists() or path.read_bytes() != text:
                found.append(f"{name} is not that of the undisturbed run")
        stored = self.fsck(sweep)
        if stored["violations"]:
            found.append(f"{stored['violations']} violations in the store")
        if stored["rows"] != self.rows:
            found.append(f"{stored['rows']} rows, not {self.rows}")
        return found

    def tell(self, fault, what, *, injected, needed, states=0, acknowledged=0, lost=0,
             violations=()):
        """The counters, for the table; fails if the test is void or anything was wrong."""
        row = {"fault": fault, "what": what, "injected": injected, "needed": needed,
               "states": states, "acknowledged": acknowledged, "lost": lost,
               "violations": len(violations)}
        line = json.dumps(row)
        print(line)
        if "MUSTER_FAULT_RESULTS" in os.environ:
            with open(os.environ["MUSTER_FAULT_RESULTS"], "a", encoding="utf-8") as results:
                print(line, file=results)
        for violation in violations[:10]:
            print(violation)
        self.assertGreaterEqual(injected, needed, "void: not injected as claimed")
        self.assertEqual((lost, len(violations)), (0, 0))
