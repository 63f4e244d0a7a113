"""Dask distributed: client.map, results gathered. The scheduler keeps nothing on disk."""

import importlib
import importlib.util
import sys
import time

import peer


def noop(payload):
    return payload


class Peer:
    name = "Dask distributed"
    needs = "python3-distributed"

    def missing(self):
        return [] if importlib.util.find_spec("distributed") else ["distributed"]

    def start(self, folder):
        port = peer.free_port()
        address = f"tcp://127.0.0.1:{port}"
        self.server = peer.Server([sys.executable, "-m", "distributed.cli.dask_scheduler", "--host",
                                   "127.0.0.1", "--port", str(port), "--no-dashboard"], folder)
        self.worker = peer.Server([sys.executable, "-m", "distributed.cli.dask_worker", address,
                                   "--host", "127.0.0.1", "--nworkers", "1", "--nthreads", "1",
                                   "--no-nanny", "--no-dashboard"], folder)
        self.client = importlib.import_module("distributed").Client(address, timeout=60)
        self.client.wait_for_workers(1, timeout=60)
        noop.__module__ = "__main__"  # sent by value

    def rate(self, count):
        began = time.monotonic()
        found = self.client.gather(self.client.map(noop, [peer.PAYLOAD] * count, pure=False))
        assert len(found) == count
        return count / (time.monotonic() - began)

    def latencies(self, count):
        found = []
        for _ in range(count):
            began = time.monotonic()
            self.client.submit(noop, peer.PAYLOAD, pure=False).result()
            found.append(time.monotonic() - began)
        return found

    def memory(self, count):
        before = peer.private_bytes(self.server.pid)
        futures = self.client.map(noop, [peer.PAYLOAD] * count, pure=False)
        self.client.gather(futures)
        return peer.private_bytes(self.server.pid) - before

    def lost(self, count):
        return None

    def stop(self):
        self.client.close(timeout=2)
        self.worker.kill()
        self.server.kill()
