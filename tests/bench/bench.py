"""What the benchmarks share: the programs of a build, real processes, conditions, medians.

A benchmark is run by hand, from any folder, and prints what it measured and under what conditions:
BENCH_BUILD names the build folder (build/release), BENCH_DIR a folder on the disk to be measured
(the build folder). Figures of one machine at one hour mean little: compare ratios within a run."""

import contextlib
import csv
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BENCH_BUILD") or SOURCE / "build/release").resolve()
BIN = BUILD / "bin"
TOOLS = BUILD / "tests"
CPU_TICK = os.sysconf("SC_CLK_TCK")


def fail(text):
    sys.exit(f"{Path(sys.argv[0]).name}: {text}")


def need(*programs):
    for program in programs:
        if not program.exists():
            fail(f"there is no {program}: build with cmake --preset release -DMUSTER_BUILD_TESTS=ON,"
                 " or set BENCH_BUILD")


def conditions(what):
    cache = (BUILD / "CMakeCache.txt").read_text()
    kind = re.search(r"CMAKE_BUILD_TYPE:\w+=(\w*)", cache)[1]
    system = os.uname()
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    print(f"{what}\n{system.sysname} {system.release}, {cores} cores, load {load:.1f} before;"
          f" build {kind}; LMDB with full sync under {folder_of_data()}")
    if load > 0.7 * cores:
        print("other work runs beside this: trust the ratios, not the rates")


def folder_of_data():
    return Path(os.environ.get("BENCH_DIR") or BUILD)


@contextlib.contextmanager
def scratch():
    """A folder on the disk under test, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=folder_of_data()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stop_on_signals():
    """So that what was started is ended: SIGTERM becomes an exception like SIGINT."""
    def on_term(_number, _frame):
        sys.exit(143)
    signal.signal(signal.SIGTERM, on_term)


# ---- Sweeps ----

def full_size(total=325544, tasks=699):
    """Sizes of tasks, as many and as uneven as those of General-Bench."""
    rng = random.Random(tasks)
    weights = [rng.lognormvariate(0, 1) for _ in range(tasks)]
    sizes = [1 + int(weight * (total - tasks) / sum(weights)) for weight in weights]
    sizes[-1] += total - sum(sizes)
    return sizes


def write_sweep(folder, models, sizes, answer_bytes=32, **settings):
    """Simulated models that take no time, on tasks of these sizes. Returns the sweep file."""
    kinds = [("NLP", "ACC"), ("Image-Comprehension", "ACC"), ("Image-Generation", "FID"),
             ("Video-Comprehension", "ACC"), ("Audio-Generation", "WER"), ("3D-Comprehension", "ACC")]
    with open(folder / "tasks.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["sheet", "task", "metric", "sota", "instances"])
        for i, size in enumerate(sizes):
            sheet, metric = kinds[i % len(kinds)]
            table.writerow([sheet, f"Task {i}", metric, 40 + i % 50, size])
    sims = [{"name": f"sim-{i}", "host": "sim", "role": "generalist",
             "sim": {"seed": i, "quality": 0.5, "answer_bytes": answer_bytes}} for i in range(models)]
    sweep = folder / "sweep.yaml"
    sweep.write_text(json.dumps({
        "name": "bench", "settings": settings,
        "suites": [{"name": "gb", "kind": "synthetic", "path": "tasks.csv"}], "models": sims}))
    return sweep


# ---- Processes ----

class Process:
    """A program, its output in a file. Ends with the benchmark."""

    def __init__(self, words, log, **more):
        self.log = log
        with open(log, "w") as out:
            self.popen = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=subprocess.STDOUT, **more)
        self.pid = self.popen.pid
        self.cpu_s = 0.0
        self.anon_kib = 0

    def sample(self):
        """CPU time so far, and the most private memory seen; False: it has ended."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return False
        anon = re.search(r"RssAnon:\s+(\d+)", status)
        if not anon:
            return False  # a zombie
        self.cpu_s = (int(fields[11]) + int(fields[12])) / CPU_TICK
        self.anon_kib = max(self.anon_kib, int(anon[1]))
        return True

    def wait(self, seconds):
        """The exit code; CPU time is then known."""
        until = time.monotonic() + seconds
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.cpu_s = usage.ru_utime + usage.ru_stime
                self.popen.returncode = os.waitstatus_to_exitcode(status)
                return self.popen.returncode
            if time.monotonic() > until:
                self.end()
                fail(f"{self.popen.args[0]} still ran after {seconds} s; its log: {self.said()}")
            self.sample()
            time.sleep(0.01)

    def said(self):
        return Path(self.log).read_text(errors="replace")[-4000:]

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


def wait_for(condition, seconds, what):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            fail(f"{what} did not come within {seconds} s")
        time.sleep(0.002)


class Cluster:
    """One coordinator and its workers over one transport."""

    def __init__(self, folder, sweep, transport, slots=None, workers=1, options=()):
        self.folder, self.state = folder, folder / "state"
        self.transport = transport
        self.processes = []
        port = random.randrange(20000, 32768)  # above, the system gives ports to whoever connects
        words = [BIN / "muster-coordinator", "--sweep", sweep, "--state", self.state,
                 "--exit-when-done", *options]
        endpoint, key = f"ipc://{self.state}/run/workers", []
        if transport in ("tcp", "curve"):
            endpoint = f"tcp://127.0.0.1:{port}"
            words += ["--listen", endpoint]
        if transport == "tcp":
            words += ["--insecure"]
        if transport == "curve":
            key = ["--key", self.state / "keys/worker.key"]
        self.coordinator = self.start(words, "coordinator.log")
        wait_for((self.state / "run/operators").exists, 60, "the coordinator")
        self.workers = []
        for i in range(workers):
            more = key + (["--slots", slots] if slots else [])
            self.workers.append(self.start(
                [BIN / "muster-worker", "--connect", endpoint, "--name", f"w{i}", "--state",
                 folder / f"worker-{i}", *more], f"worker-{i}.log"))

    def start(self, words, log):
        process = Process(words, self.folder / log, cwd=self.folder)
        self.processes.append(process)
        return process

    def finish(self, seconds=600):
        code = self.coordinator.wait(seconds)
        if code:
            fail(f"the coordinator ended with {code}: {self.coordinator.said()}")
        for worker in self.workers:
            worker.wait(20)

    def end(self):
        for process in self.processes:
            process.end()

    def log_value(self, event, key):
        """Of the last line of the coordinator's log about an event: its time, or a value in it."""
        path = self.state / "log/coordinator.log"
        lines = [line for line in path.read_text().splitlines() if f" {event} " in line]
        if not lines:
            fail(f"no {event} in {path}")
        if key == "time":
            hours, minutes, seconds = lines[-1].split("T")[1].split("Z")[0].split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return float(re.search(rf" {key}=(\S+)", lines[-1])[1])


def median(values):
    return statistics.median(values)
