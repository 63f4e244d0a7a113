"""beanstalkd with a binlog: synced every 50 ms (Peer), or before each answer (Durable), as muster does.
Commands go a hundred at a time, as its protocol invites to."""

import time

import peer

AHEAD = 100
PUT = b"put 0 0 600 32\r\n" + peer.PAYLOAD + b"\r\n"


def reserve(c, count):
    """The ids of so many jobs."""
    c.send(b"reserve\r\n" * count)
    return [line.split()[1] for line in c.lines(2 * count)[::2]]


def delete(c, ids):
    c.send(b"".join(b"delete " + i + b"\r\n" for i in ids))
    c.lines(len(ids))


def on_tubes(port, watch, use):
    c = peer.Lines(port)
    c.send(b"watch %s\r\nignore default\r\nuse %s\r\n" % (watch, use))
    c.lines(3)
    return c


def put(port, count, ahead=AHEAD):
    c = on_tubes(port, b"results", b"tasks")
    for first in range(0, count, ahead):
        size = min(ahead, count - first)
        c.send(PUT * size)
        c.lines(size)


def work(port, ahead):
    c = on_tubes(port, b"tasks", b"results")
    while True:
        ids = reserve(c, ahead)
        c.send(PUT * len(ids))
        c.lines(len(ids))
        delete(c, ids)


def collect(port, count, ahead):
    c = on_tubes(port, b"results", b"tasks")
    for _ in range(0, count, ahead):
        delete(c, reserve(c, ahead))


class Peer:
    name = "beanstalkd -b"
    needs = "beanstalkd"
    options = []

    def missing(self):
        return peer.without_program("beanstalkd")

    def start(self, folder):
        (folder / "binlog").mkdir()
        self.port = peer.free_port()
        self.server = peer.Server(["beanstalkd", "-l", "127.0.0.1", "-p", str(self.port), "-b",
                                   folder / "binlog", *self.options], folder)
        peer.connect(self.port).close()

    def rate(self, count):
        count = max(AHEAD, count - count % AHEAD)
        worker = peer.forked(work, self.port, AHEAD)
        began = time.monotonic()
        putter = peer.forked(put, self.port, count)
        collect(self.port, count, AHEAD)
        took = time.monotonic() - began
        peer.end(worker)
        peer.end(putter)
        return count / took

    def latencies(self, count):
        worker = peer.forked(work, self.port, 1)
        c, found = on_tubes(self.port, b"results", b"tasks"), []
        for _ in range(count):
            began = time.monotonic()
            c.send(PUT)
            c.line()
            ids = reserve(c, 1)
            found.append(time.monotonic() - began)
            delete(c, ids)
        peer.end(worker)
        return found

    def memory(self, count):
        before = peer.private_bytes(self.server.pid)
        count = max(AHEAD, count - count % AHEAD)
        put(self.port, count)
        grown = peer.private_bytes(self.server.pid) - before
        worker = peer.forked(work, self.port, AHEAD)
        collect(self.port, count, AHEAD)
        peer.end(worker)
        return grown

    def lost(self, count):
        put(self.port, count)
        self.server.kill()
        self.server.start()
        peer.connect(self.port).close()
        c = peer.Lines(self.port)
        c.send(b"stats-tube tasks\r\n")
        stats = c.take(int(c.line().split()[1])).decode()
        ready = next(line for line in stats.splitlines() if line.startswith("current-jobs-ready"))
        return count - int(ready.split(":")[1])

    def stop(self):
        self.server.kill()


class Durable(Peer):
    name = "beanstalkd -b -f0"
    options = ["-f0"]
