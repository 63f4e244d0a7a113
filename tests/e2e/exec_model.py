#!/usr/bin/python3
"""A model of the end-to-end tests that misbehaves on demand, over the exec host's protocol.

exec_model.py HOW: what it does with the question that ends in "trap", or before it is asked at
all. MUSTER_ARGS may have: inflight; pace, the seconds that an answer takes; witness, a
folder in which it leaves notes of what it saw."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HOW = sys.argv[1]
FD = int(os.environ["MUSTER_FD"])
ARGS = json.loads(os.environ["MUSTER_ARGS"])
MB = 1 << 20


def say(**message):
    os.write(FD, json.dumps(message).encode() + b"\n")


def flood(descriptor, megabytes):
    for _ in range(megabytes):
        written = 0
        while written < MB:
            written += os.write(descriptor, b"x" * (MB - written))


def note(name, **what):
    """For the test to read."""
    if "witness" in ARGS:
        Path(ARGS["witness"], f"{name}-{os.getpid()}.json").write_text(json.dumps(what))


MISBEHAVIOUR = {
    "crash": lambda request: os.abort(),
    "hang": lambda request: time.sleep(1000),
    "garbage": lambda request: os.write(FD, b"I think the answer is 4\n"),
    "stranger": lambda request: say(id=request["id"] + 1000, answer="nobody asked"),
    "flood": lambda request: flood(FD, 100),
    "error": lambda request: say(id=request["id"], error="CUDA out of memory", **{"class": "oom"}),
    "refuse": lambda request: say(id=request["id"], error="not for me", **{"class": "refused"}),
}


def orphan():
    """A grandchild that its parent does not wait for, in a session of its own."""
    subprocess.Popen(["/bin/sh", "-c", "setsid sleep 1000 & exec sleep 1000"],
                     start_new_session=True, close_fds=False)


def answer(request):
    if request["paradigm"] == "Generation":
        path = Path(request["output_file"] + ".txt")
        path.write_text(request["input"]["prompt"].upper())
        return {"file": str(path)}
    return {"answer": request["input"]["question"]}


def serve():
    say(hello=1, name=HOW, inflight=int(ARGS.get("inflight", 1)))
    for line in os.fdopen(os.dup(FD)):
        request = json.loads(line)
        time.sleep(ARGS.get("pace", 0))
        if HOW in MISBEHAVIOUR and request["input"].get("question", "").endswith("trap"):
            MISBEHAVIOUR[HOW](request)
        else:
            say(id=request["id"], **answer(request))


def main():
    note("start", environment=dict(os.environ), cores=sorted(os.sched_getaffinity(0)),
         folder=os.getcwd(), descriptors=sorted(int(fd) for fd in os.listdir("/proc/self/fd")))
    if HOW == "silent":
        time.sleep(1000)
    if HOW == "stillborn":
        sys.exit("the weights are not there")
    if HOW == "chatty":
        flood(1, 100)
    if HOW == "fertile":
        orphan()
    serve()


main()
