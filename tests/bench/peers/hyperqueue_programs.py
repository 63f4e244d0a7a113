"""HyperQueue: arrays of /bin/true on one worker. A task is a process; its server keeps nothing unless it
is given a journal."""

import contextlib
import importlib
import importlib.util
import os
import time

COUNT_MIN = 5000  # the client looks once a second whether a job is done


@contextlib.contextmanager
def said_to(path):
    """What it prints is not Python's."""
    stdout = os.dup(1)
    with open(path, "w") as log:
        os.dup2(log.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


class Peer:
    name = "HyperQueue, programs"
    needs = "(Python package hyperqueue, in a virtual environment that runs this)"

    def missing(self):
        return [] if importlib.util.find_spec("hyperqueue") else ["hyperqueue"]

    def start(self, folder):
        hyperqueue = importlib.import_module("hyperqueue")
        os.environ["HQ_SERVER_DIR"] = str(folder)
        self.job = hyperqueue.Job
        with said_to(folder / "peer.log"):
            self.cluster = hyperqueue.LocalCluster()
        self.client = self.cluster.client()
        self.folder = folder
        self.has_worker = False

    def run(self, count):
        job = self.job()
        for _ in range(count):
            job.program(["/bin/true"], cwd=self.folder, stdout=None, stderr=None)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            self.client.wait_for_jobs([self.client.submit(job)])

    def rate(self, count):
        if not self.has_worker:
            self.cluster.start_worker()
            self.has_worker = True
            self.run(1)
        count = max(count, COUNT_MIN)
        began = time.monotonic()
        self.run(count)
        return count / (time.monotonic() - began)

    def latencies(self, count):
        found = []
        for _ in range(min(count, 10)):
            began = time.monotonic()
            self.run(1)
            found.append(time.monotonic() - began)
        return found

    def memory(self, count):
        return None  # server, worker and client are one process here: it cannot be told apart

    def lost(self, count):
        return None

    def stop(self):
        self.cluster.stop()
