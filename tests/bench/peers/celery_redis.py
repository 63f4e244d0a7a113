"""Celery with redis for queue and results, its log synced at each write (appendfsync always). Tasks
go as groups of a thousand."""

import gc
import importlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import peer

BATCH = 1000
HERE = Path(__file__).resolve().parent


class Peer:
    name = "Celery + redis, AOF always"
    needs = "python3-celery python3-redis redis-server"

    def missing(self):
        modules = [name for name in ("celery", "redis") if not importlib.util.find_spec(name)]
        return peer.without_program("redis-server") + modules

    def start(self, folder):
        self.folder, self.port = folder, peer.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        os.environ["CELERY_REDIS"] = self.url
        self.server = peer.Server(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                                   "--dir", folder, "--save", "", "--appendonly", "yes",
                                   "--appendfsync", "always"], folder)
        peer.connect(self.port).close()
        self.tasks = importlib.import_module("celery_tasks")
        self.group = importlib.import_module("celery").group

    def worker(self):
        worker = peer.Server([sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-c",
                              "1", "-l", "ERROR", "--without-gossip", "--without-mingle",
                              "--without-heartbeat"], self.folder, PYTHONPATH=str(HERE),
                             PYTHONDONTWRITEBYTECODE="1", C_FORCE_ROOT="1")
        self.tasks.noop.delay("").get(timeout=60)
        return worker

    def send(self, count):
        return [self.group(self.tasks.noop.s(peer.PAYLOAD.decode()) for _ in
                           range(min(BATCH, count - first))).apply_async()
                for first in range(0, count, BATCH)]

    def rate(self, count):
        worker = self.worker()
        began = time.monotonic()
        for group in self.send(count):
            group.join_native(timeout=600)
        took = time.monotonic() - began
        worker.kill()
        return count / took

    def latencies(self, count):
        worker, found = self.worker(), []
        for _ in range(count):
            began = time.monotonic()
            self.tasks.noop.delay(peer.PAYLOAD.decode()).get(timeout=60, interval=0.001)
            found.append(time.monotonic() - began)
        worker.kill()
        return found

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], check=True,
                              capture_output=True, text=True).stdout.strip()

    def memory(self, count):
        self.ask("flushall")
        before = peer.private_bytes(self.server.pid)
        self.send(count)
        return peer.private_bytes(self.server.pid) - before

    def lost(self, count):
        self.ask("flushall")
        self.send(count)
        gc.collect()  # results that nobody waits for say so to the server while it is there
        self.server.kill()
        self.server.start()
        peer.connect(self.port).close()
        while not self.ask("ping").startswith("PONG"):
            time.sleep(0.05)
        return count - int(self.ask("llen", "celery"))

    def stop(self):
        gc.collect()
        self.server.kill()
