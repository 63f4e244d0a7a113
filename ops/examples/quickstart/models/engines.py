"""Engines: named ways to answer one task, which models are made of.

    @engine("shout")
    def load():                     # loads what it needs, when it is first needed
        def answer(request: dict): return request["input"]["raw_text"].upper()
        return answer

A file of engines is a model by itself (`ocr.py tesseract-line`: see main), and generalist.py
puts engines of many files together."""

import sys
from typing import Callable

from muster_model import Handler, serve

_loaders: dict[str, Callable[[], Handler]] = {}


def engine(name: str):
    """Decorator: the function below loads the engine `name` and returns its handler."""

    def register(load: Callable[[], Handler]) -> Callable[[], Handler]:
        _loaders[name] = load
        return load

    return register


def load(name: str) -> Handler:
    if name not in _loaders:
        sys.exit(f"no engine {name!r} here; there are: {', '.join(sorted(_loaders))}")
    return _loaders[name]()


def main() -> None:
    """The engine that the command line names is the whole model."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} ENGINE, one of: {', '.join(sorted(_loaders))}")
    serve(sys.argv[1], load(sys.argv[1]))
