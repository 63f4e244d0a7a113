"""A program becomes a model: serve(name, handle). Copy this file to write your own.

It speaks the exec host's protocol (worker/host/PROTOCOL.md): one JSON object a line, over the
descriptor that MUSTER_FD names. Standard output and standard error stay free; they are the log."""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Callable, Union

# Several models share the machine: one thread each. Read when a numeric library is imported.
for _variable in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

Answer = Union[str, Path, float]
Handler = Callable[[dict], Answer]


class Refused(Exception):
    """This instance is not for this model. Final: it is not tried again."""


class TooLong(Exception):
    """The input does not fit. Final: it is not tried again."""


def arguments() -> dict:
    """The model's `args` of the sweep file."""
    return json.loads(os.environ.get("MUSTER_ARGS") or "{}")


def output_path(request: dict, extension: str) -> Path:
    """Where a generated file goes."""
    return Path(request["output_file"] + extension)


def serve(name: str, handle: Handler, inflight: int = 1) -> None:
    """Say that the model is ready, then answer until muster closes the stream.

    handle(request) returns text (an answer), a Path (a generated file) or a number (a scorer's
    score). An exception fails this instance alone; MemoryError says `oom`."""
    if "MUSTER_FD" not in os.environ:
        sys.exit(f"{sys.argv[0]}: a model is started by muster, or by try_model.py for a try")
    descriptor = int(os.environ["MUSTER_FD"])
    os.set_inheritable(descriptor, False)  # programs that a model runs must not hold it open
    with os.fdopen(descriptor, "rb") as requests, os.fdopen(os.dup(descriptor), "wb") as replies:

        def send(**message) -> None:
            replies.write(json.dumps(message).encode() + b"\n")
            replies.flush()

        send(hello=1, name=name, inflight=inflight)
        for line in requests:
            request = json.loads(line)
            send(id=request["id"], **_answer(handle, request))


def _answer(handle: Handler, request: dict) -> dict:
    try:
        answer = handle(request)
    except Refused as error:
        return {"error": str(error), "class": "refused"}
    except TooLong as error:
        return {"error": str(error), "class": "too_long"}
    except MemoryError as error:
        return {"error": str(error) or "out of memory", "class": "oom"}
    except Exception as error:  # whatever it was, it costs this instance only
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}
    if isinstance(answer, str):
        return {"answer": answer}
    if isinstance(answer, Path):
        return {"file": str(answer)}
    return {"score": float(answer)}
