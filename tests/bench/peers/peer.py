"""A peer: a task queue or scheduler that people use, on the same work as muster.

A module NAME.py here has a class Peer with

    name, needs       what it is called, and the Debian or Python packages that it needs
    missing()         of its programs and modules, what is not there
    start(folder)     its server, and one worker for null tasks
    rate(count)       tasks a second, by its own batch interface: submitted, run, result received
    latencies(count)  seconds of single tasks, one after the other
    memory(count)     bytes of the server for so many waiting tasks, nobody working on them; None: not known
    lost(count)       tasks of `count` that wait when the server is killed with SIGKILL and started
                      again, and are gone; None: all of them, it keeps nothing
    stop()

A task takes 32 bytes and does nothing; its result is 32 bytes."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PAYLOAD = b"0123456789abcdef0123456789abcdef"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(port, seconds=20):
    until = time.monotonic() + seconds
    while True:
        try:
            s = socket.create_connection(("127.0.0.1", port))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return s
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def private_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def forked(function, *args):
    """Runs it in a child; returns the child's pid. It ends with its parent's `end`."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        except (OSError, EOFError, KeyboardInterrupt):
            pass  # the server is gone, or we are told to end
        finally:
            os._exit(0)
    return pid


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


class Server:
    """A process of the peer's, with its output in a file."""

    def __init__(self, words, folder, **environment):
        self.words, self.folder, self.environment = words, folder, environment
        self.process = None
        self.start()

    def start(self):
        with open(self.folder / "peer.log", "ab") as log:
            self.process = subprocess.Popen(self.words, cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True,
                                            env={**os.environ, **self.environment})

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    @property
    def pid(self):
        return self.process.pid


def without_program(*names):
    return [name for name in names if not shutil.which(name)]


class Lines:
    """A socket that is read by lines and by lengths."""

    def __init__(self, port):
        self.socket = connect(port)
        self.held = b""

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError
        self.held += data

    def line(self):
        while (end_at := self.held.find(b"\r\n")) < 0:
            self.more()
        line, self.held = self.held[:end_at], self.held[end_at + 2:]
        return line

    def take(self, size):
        while len(self.held) < size:
            self.more()
        data, self.held = self.held[:size], self.held[size:]
        return data

    def lines(self, count):
        """So many of them, at once: cheaper than one by one."""
        while self.held.count(b"\r\n") < count:
            self.more()
        *lines, self.held = self.held.split(b"\r\n", count)
        return lines
