"""A TCP proxy that spoils what goes through it, for networks that nobody here may touch: it delays,
cuts in the midst of a message, closes one direction, swallows one direction, and lets through only so
many bytes a second. It changes no byte: under TCP nothing does."""

import random
import socket
import threading
import time

CHUNK = 16384


class Link:
    """One connection: two directions, each with bytes on their way."""

    def __init__(self, near, far):
        self.sides = {near: far, far: near}
        self.waiting = {near: [], far: []}  # by where they go: (when, bytes)


class Proxy(threading.Thread):
    """Listens on 127.0.0.1, and connects onwards for each who comes. What it does to them may be
    changed at any time."""

    def __init__(self, target_port, seed=1):
        super().__init__(daemon=True)
        self.target, self.rng = ("127.0.0.1", target_port), random.Random(seed)
        self.delay_s = self.bytes_per_s = 0
        self.is_dark = False     # nothing gets through, nothing is said: a partition
        self.swallows = None     # "up" or "down": a one-way cut
        self.counts = {"connections": 0, "cuts": 0, "half_closes": 0, "bytes": 0}
        self.links, self.lock, self.stopped = [], threading.Lock(), False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    # ---- What the test orders ----

    def cut(self):
        """Ends a connection at random, in the midst of whatever is under way."""
        with self.lock:
            if self.links:
                self.counts["cuts"] += 1
                self._end(self.rng.choice(self.links))

    def half_close(self):
        """One side hears no more, and may still speak."""
        with self.lock:
            if self.links:
                link = self.rng.choice(self.links)
                side = self.rng.choice(list(link.sides))
                try:
                    side.shutdown(socket.SHUT_WR)
                    self.counts["half_closes"] += 1
                except OSError:
                    pass

    def stop(self):
        self.stopped = True
        self.join()

    # ---- The thread ----

    def run(self):
        self.listener.setblocking(False)
        while not self.stopped:
            with self.lock:
                self._turn()
            time.sleep(0.001)
        with self.lock:
            for link in list(self.links):
                self._end(link)
            self.listener.close()

    def _turn(self):
        self._accept()
        if self.is_dark:
            return
        allowed = int(self.bytes_per_s * 0.001) + 1 if self.bytes_per_s else None
        for link in list(self.links):
            try:
                self._read(link)
                self._write(link, allowed)
            except OSError:
                self._end(link)

    def _accept(self):
        if self.is_dark:
            return
        try:
            near, _ = self.listener.accept()
        except BlockingIOError:
            return
        try:
            far = socket.create_connection(self.target, 1)
        except OSError:
            near.close()
            return
        near.setblocking(False)
        far.setblocking(False)
        self.links.append(Link(near, far))
        self.counts["connections"] += 1

    def _swallowed(self, link, source):
        is_up = source is next(iter(link.sides))
        return self.swallows == ("up" if is_up else "down")

    def _read(self, link):
        for source, target in link.sides.items():
            if sum(len(b) for _, b in link.waiting[target]) > 1 << 20:
                continue
            try:
                data = source.recv(CHUNK)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionResetError
            if not self._swallowed(link, source):
                due = time.monotonic() + self.delay_s * self.rng.uniform(0.5, 1.5)
                link.waiting[target].append((due, data))

    def _write(self, link, allowed):
        for target, waiting in link.waiting.items():
            while waiting and waiting[0][0] <= time.monotonic():
                due, data = waiting.pop(0)
                part = data if allowed is None else data[:allowed]
                try:
                    sent = target.send(part)
                except BlockingIOError:
                    sent = 0
                self.counts["bytes"] += sent
                if sent < len(data):
                    waiting.insert(0, (due, data[sent:]))
                    break

    def _end(self, link):
        """With a reset: nobody is told in order."""
        for side in link.sides:
            try:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                side.close()
            except OSError:
                pass
        if link in self.links:
            self.links.remove(link)
