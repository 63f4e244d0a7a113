"""gearmand with its built-in queue (it keeps nothing), foreground jobs, a thousand at a time. Its
persistent queues take background jobs alone, whose results never come back, at some hundred a
second."""

import struct
import time

import peer

BATCH = 1000
CAN_DO, SUBMIT, GRAB, ASSIGN, COMPLETE, SUBMIT_BG = 1, 7, 9, 11, 13, 18
NO_JOB, PRE_SLEEP = 10, 4


def packet(kind, *parts):
    body = b"\0".join(parts)
    return struct.pack(">4sII", b"\0REQ", kind, len(body)) + body


def read(c):
    _magic, kind, size = struct.unpack(">4sII", c.take(12))
    return kind, c.take(size)


def read_until(c, kind, count):
    while count > 0:
        found, _body = read(c)
        count -= found == kind


def work(port):
    c = peer.Lines(port)
    c.send(packet(CAN_DO, b"noop"))
    grab = packet(GRAB)
    c.send(grab)
    while True:
        kind, body = read(c)
        if kind == ASSIGN:
            handle = body.split(b"\0", 1)[0]
            c.send(packet(COMPLETE, handle, peer.PAYLOAD) + grab)
        elif kind == NO_JOB:
            c.send(packet(PRE_SLEEP))
        else:
            c.send(grab)  # NOOP: there is work


class Peer:
    name = "gearmand, built-in queue"
    needs = "gearman-job-server"

    def missing(self):
        return peer.without_program("gearmand")

    def start(self, folder):
        self.port = peer.free_port()
        self.server = peer.Server(["gearmand", "-L", "127.0.0.1", "-p", str(self.port), "-l",
                                   "stderr", "--verbose", "ERROR"], folder)
        peer.connect(self.port).close()

    def rate(self, count):
        worker = peer.forked(work, self.port)
        c = peer.Lines(self.port)
        began = time.monotonic()
        for first in range(0, count, BATCH):
            size = min(BATCH, count - first)
            c.send(packet(SUBMIT, b"noop", b"", peer.PAYLOAD) * size)
            read_until(c, COMPLETE, size)
        took = time.monotonic() - began
        peer.end(worker)
        return count / took

    def latencies(self, count):
        worker = peer.forked(work, self.port)
        c, found = peer.Lines(self.port), []
        for _ in range(count):
            began = time.monotonic()
            c.send(packet(SUBMIT, b"noop", b"", peer.PAYLOAD))
            read_until(c, COMPLETE, 1)
            found.append(time.monotonic() - began)
        peer.end(worker)
        return found

    def memory(self, count):
        before = peer.private_bytes(self.server.pid)
        c, created = peer.Lines(self.port), 8
        for first in range(0, count, BATCH):
            size = min(BATCH, count - first)
            c.send(packet(SUBMIT_BG, b"noop", b"", peer.PAYLOAD) * size)
            read_until(c, created, size)
        return peer.private_bytes(self.server.pid) - before

    def lost(self, count):
        return None

    def stop(self):
        self.server.kill()
