"""What the end-to-end tests share: sweeps in folders of their own, the programs, their processes.

MUSTER_BIN names the folder of the programs under test. Each test works in a temporary folder, and
leaves no process behind: this process adopts whatever its programs leave (PR_SET_CHILD_SUBREAPER),
and ends it with the test."""

import csv
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("MUSTER_BIN") or SOURCE / "build/dev/bin")
REPORTS = ("report.md", "report.csv", "report.json", "summary.txt")
PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 120  # for what takes moments; a test that waits longer has failed

DONE, BAD_INPUT, SOME_FAILED, INFRASTRUCTURE, STOPPED, STATE_HELD = 0, 2, 3, 4, 5, 75


# ---- Processes ----

@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    state: str
    words: tuple

    @property
    def program(self):
        return os.path.basename(self.words[0]) if self.words else ""

    @property
    def is_alive(self):
        return self.state not in "ZX"


def processes():
    """All of this machine, by pid."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            stat = Path(f"/proc/{name}/stat").read_text(errors="replace")
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            continue  # it ended just now
        state, parent = stat[stat.rindex(")") + 2:].split()[:2]
        found[int(name)] = Process(int(name), int(parent), state,
                                   tuple(os.fsdecode(word) for word in words))
    return found


def descendants(pid):
    """Living processes below pid, the nearest first."""
    everyone = processes()
    below, found = [pid], []
    while below:
        parent = below.pop(0)
        children = [p for p in everyone.values() if p.parent == parent]
        below += [p.pid for p in children]
        found += [p for p in children if p.is_alive]
    return found


def kill(pid, number):
    """False if it is gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _reap():
    """Bury what was adopted. Children of subprocess are waited for by their own objects first."""
    for process in processes().values():
        if process.parent == os.getpid() and not process.is_alive:
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                pass


def end_all():
    while left := descendants(os.getpid()):
        for process in left:
            kill(process.pid, signal.SIGKILL)
        time.sleep(0.01)
    _reap()


def wait_until(condition, seconds=PATIENCE_S, every=0.02):
    """The condition's first true value; None when the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(every)
    return condition() or None


# ---- Programs ----

@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    seconds: float

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Program:
    """A program that runs; its output goes to files, so that it never waits for a reader."""

    def __init__(self, words, folder, bin_dir=BIN, **environment):
        self.words = [str(bin_dir / words[0]), *(str(word) for word in words[1:])]
        self.out = tempfile.TemporaryFile("w+", errors="replace")
        self.err = tempfile.TemporaryFile("w+", errors="replace")
        self.began = time.monotonic()
        self.popen = subprocess.Popen(self.words, cwd=folder, stdin=subprocess.DEVNULL,
                                      stdout=self.out, stderr=self.err, start_new_session=True,
                                      env={**os.environ, **environment})
        self.pid = self.popen.pid

    def runs(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def children(self, program=None):
        return [p for p in descendants(self.pid)
                if p.parent == self.pid and program in (None, p.program)]

    def said(self):
        """What it has written to stderr so far."""
        self.err.seek(0)
        return self.err.read()

    def wait(self, seconds=PATIENCE_S):
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        took = time.monotonic() - self.began
        self.out.seek(0)
        ended = Ended(code, self.out.read(), self.said(), took)
        if code is None:
            raise AssertionError(f"{' '.join(self.words)}: still runs after {took:.0f} s\n{ended}")
        self.out.close()
        self.err.close()
        return ended


# ---- Sweeps ----

class Sweep:
    """A sweep file in a folder, and its state beside it. YAML has JSON in it: that is written."""

    def __init__(self, folder, suites, models, name="sweep", **settings):
        self.folder, self.name = Path(folder), name
        self.suites, self.models, self.settings = suites, models, settings
        self.file = self.folder / f"{name}.yaml"
        self.state = self.folder / f"{name}.muster"
        self.write()

    def write(self):
        self.file.write_text(json.dumps({"name": self.name, "settings": self.settings,
                                         "suites": self.suites, "models": self.models}, indent=1))

    def reports(self):
        return {name: (self.state / "report" / name).read_bytes() for name in REPORTS}

    def report(self):
        return json.loads((self.state / "report/report.json").read_text())

    def log(self, name="coordinator"):
        return (self.state / f"log/{name}.log").read_text()


def sim(name, role="generalist", tasks=None, **parameters):
    parameters.setdefault("seed", 7)
    model = {"name": name, "host": "sim", "role": role, "sim": parameters}
    return {**model, "tasks": tasks} if tasks else model


def synthetic(folder, sizes, name="gb", **more):
    """A synthetic suite of tasks with these many instances, in turn of each kind."""
    kinds = [("NLP", "NLP", "", "ACC"), ("Image-Comprehension", "Image", "Comprehension", "ACC"),
             ("Image-Generation", "Image", "Generation", "FID"),
             ("Video-Comprehension", "Video", "Comprehension", "ACC"),
             ("Audio-Generation", "Audio", "Generation", "WER"),
             ("3D-Comprehension", "3D", "Comprehension", "ACC")]
    path = Path(folder) / f"{name}.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["sheet", "modality", "paradigm", "task", "metric", "sota", "instances"])
        for i, size in enumerate(sizes):
            sheet, modality, paradigm, metric = kinds[i % len(kinds)]
            table.writerow([sheet, modality, paradigm, f"Task {i}", metric, 40 + i % 50, size])
    return {"name": name, "kind": "synthetic", "path": path.name, **more}


def full_size():
    """The sizes of 699 tasks with 325,544 instances together: as many as General-Bench has."""
    rng = random.Random(699)
    weights = [rng.lognormvariate(0, 1) for _ in range(699)]
    sizes = [1 + int(weight * (325544 - 699) / sum(weights)) for weight in weights]
    sizes[-1] += 325544 - sum(sizes)
    return sizes


# ---- The test case ----

class SweepTest(unittest.TestCase):
    """Works in self.folder; ends everything that it started."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not (BIN / "muster").exists():
            raise RuntimeError(f"no program {BIN}/muster: build first, or set MUSTER_BIN")
        if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise RuntimeError("cannot become a subreaper")

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="muster-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(end_all)

    def make(self, models, suites=None, **more):
        """A sweep of small synthetic tasks unless suites are given."""
        return Sweep(self.folder, suites or [synthetic(self.folder, [30, 20, 25, 15, 10])], models,
                     **more)

    def start(self, sweep, *options, **environment):
        return Program(["muster", "run", sweep.file, *options], self.folder, **environment)

    def run_sweep(self, sweep, *options, expect=DONE, seconds=PATIENCE_S, **environment):
        ended = self.start(sweep, *options, **environment).wait(seconds)
        self.assertEqual(ended.code, expect, ended)
        self.assert_nobody_left()
        return ended

    def muster(self, *words, expect=DONE, **environment):
        ended = Program(["muster", *words], self.folder, **environment).wait()
        self.assertEqual(ended.code, expect, ended)
        return ended

    def ask(self, sweep, what, *options):
        return json.loads(self.muster(what, "--state", sweep.state, "--json", *options).out)

    def wait_for_status(self, run, sweep, condition, seconds=PATIENCE_S):
        """The first status of a run for which the condition holds."""
        def look():
            if not run.runs():
                self.fail(f"the run ended: {run.wait()}")
            ended = Program(["muster", "status", "--state", sweep.state, "--json"],
                            self.folder).wait()
            status = json.loads(ended.out) if ended.code == 0 else None
            return status if status and condition(status) else None
        status = wait_until(look, seconds)
        self.assertIsNotNone(status, "the sweep did not come so far")
        return status

    def fsck(self, sweep):
        return json.loads(self.muster("fsck", "--state", sweep.state, "--json").out)

    def assert_stored(self, sweep, rows):
        found = self.fsck(sweep)
        self.assertEqual((found["violations"], found["rows"]), (0, rows), found)

    def assert_nobody_left(self, seconds=5):
        """Nothing of ours runs any more."""
        def gone():
            _reap()
            return not descendants(os.getpid())
        if not wait_until(gone, seconds):
            self.fail(f"left behind: {descendants(os.getpid())}")


def main():
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(verbosity=2)
