"""A generalist: generalist.py FILE... loads files of engines; the model's `args` of the sweep
file say which engine answers which task, by the last word of the task's path:

    args: {TextLineOCR: tesseract-block, Denoising: denoise-dct}

Engines are loaded at the first request for them. The files stand in the command, not in an
import, so that muster sees them: a changed engine is a changed model, and is evaluated again."""

import importlib.util
import sys
from pathlib import Path

import engines
from muster_model import Answer, Handler, Refused, arguments, serve


def import_file(path: str) -> None:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def main() -> None:
    for path in sys.argv[1:]:
        import_file(path)
    chosen = arguments()
    loaded: dict[str, Handler] = {}

    def answer(request: dict) -> Answer:
        task = request["task"].rsplit("/", 1)[-1]
        if task not in chosen:
            raise Refused(f"no engine for {task}: args name none")
        name = chosen[task]
        if name not in loaded:
            loaded[name] = engines.load(name)
        return loaded[name](request)

    serve(f"generalist of {len(chosen)} engines", answer)


if __name__ == "__main__":
    main()
