#!/usr/bin/python3
"""Plants bugs, one at a time, and demands that the simulation finds each of them.

Usage: plants.py BUILD_FOLDER [--seeds=N] [--jobs=N] [NAME...]

A bug is a replacement of text in plants/*.plant, or one of the simulation's own (plant.h, run with
--plant=NAME). For each replacement the one file that it changes is compiled as it is in this build,
and linked in place of the sound one; then seeds run from 1 on until one fails.

A file of plants has paragraphs; lines with # are comments:

    name  folder
    A sentence that says what is wrong.
    - old text
    - that goes on
    + new text

A run of lines with "-" and the lines with "+" behind it replace each other; there may be several,
in different files. The old text has to occur exactly once in the folder's C files (not below it);
spaces and line breaks do not matter, so it survives reformatting, and code that moves to another
file. Text that is gone is an error: the bug has to be planted anew in the code of today.

Exit: 0 all are found, 1 some are not, 2 a plant does not fit the sources, 77 the build is not of
Ninja.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
SEEDS = 20000  # as many as sim.seeds runs
SECONDS_MAX = 300  # of one bug
SIM = "tests/sim/sim"


class Misfit(Exception):
    """A plant that does not fit the sources, or a file of plants that cannot be read."""


class Plant:
    def __init__(self, name, folder, origin):
        self.name, self.folder, self.origin = name, folder, origin
        self.sentence = ""
        self.edits = []  # (old lines, new lines)

    def add(self, line):
        old, new = self.edits[-1] if self.edits else (None, None)
        if line.startswith("-"):
            if old is None or new:
                self.edits.append(([line[1:]], []))
            else:
                old.append(line[1:])
        elif line.startswith("+") and old:
            new.append(line[1:])
        elif not self.edits:
            self.sentence += line
        else:
            raise Misfit(f"{self.origin}: expected a line with - or +, not \"{line}\"")


def read_plants(path):
    plants, plant = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        origin = f"{path.name}:{number}"
        if line.startswith("#"):
            continue
        if not line.strip():
            plant = None
        elif plant is None:
            words = line.split()
            if len(words) != 2 or not (SOURCE / words[1]).is_dir():
                raise Misfit(f"{origin}: expected \"name  folder\", not \"{line}\"")
            plant = Plant(*words, origin)
            plants.append(plant)
        else:
            plant.add(line)
    for plant in plants:
        if not plant.sentence or not plant.edits:
            raise Misfit(f"{plant.origin}: {plant.name}: expected a sentence and a replacement")
    return plants


def pattern(lines):
    """The text of the lines, whatever the spaces and line breaks."""
    words = " ".join(lines).split()
    return re.compile(r"\s+".join(re.escape(word).replace(r"\(", r"\(\s*") for word in words))


def mutated(plant):
    """{path below SOURCE: text} of the files that the plant changes."""
    texts = {path: path.read_text() for path in sorted((SOURCE / plant.folder).glob("*.c"))}
    changed = {}
    for old, new in plant.edits:
        found = [(path, m) for path, text in texts.items() for m in pattern(old).finditer(text)]
        if len(found) != 1:
            raise Misfit(f"{plant.origin}: {plant.name}: expected the old text once in "
                         f"{plant.folder}/*.c, found it {len(found)} times:\n" + "\n".join(old))
        path, match = found[0]
        text = texts[path][:match.start()] + "\n".join(new) + texts[path][match.end():]
        texts[path] = changed[path] = text
    return {path.relative_to(SOURCE): text for path, text in changed.items()}


class Build:
    """How this build compiles a file and links the simulation."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        entries = json.loads((self.folder / "compile_commands.json").read_text())
        self.compile = {Path(entry["file"]): entry for entry in entries}
        said = subprocess.run(["ninja", "-C", self.folder, "-t", "commands", "-s", SIM],
                              capture_output=True, text=True)
        words = shlex.split(said.stdout.strip().splitlines()[-1]) if said.returncode == 0 else []
        if "-o" not in words:
            print("plants.py: this build has no link line of the simulation: it needs Ninja")
            sys.exit(77)
        start = words.index("&&") + 1
        self.link = words[start:words.index("&&", start)]

    def make(self, plant, scratch):
        """The simulation with this bug."""
        objects = {}
        for path, text in mutated(plant).items():
            source = scratch / f"{plant.name}-{path.name}"
            source.write_text(text)
            objects[path] = self.compiled(SOURCE / path, source)
        return self.linked(objects, scratch / plant.name)

    def compiled(self, original, source):
        entry = self.compile[original]
        words = shlex.split(entry["command"])
        out = source.with_suffix(".o")
        words[words.index("-o") + 1] = str(out)
        words = [str(source) if Path(word) == original else word for word in words]
        run(words + ["-w"], entry["directory"])
        return out

    def linked(self, objects, out):
        """An object of the simulation's own is replaced; one of a library stands before it, and
        the sound one is left alone, since nothing is missing any more."""
        words = list(self.link)
        words[words.index("-o") + 1] = str(out)
        own = [i for i, word in enumerate(words) if word.endswith(".c.o")]
        for path, mutant in objects.items():
            same = [i for i in own if words[i].endswith(f"__/{path}.o")]
            if same:
                words[same[0]] = str(mutant)
            else:
                words.insert(own[0], str(mutant))
        run(words, self.folder)
        return out


def run(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise Misfit(f"{shlex.join(words)}\n{done.stdout}{done.stderr}")


class Found:
    """What the simulation made of a bug: seed 0 is none."""

    def __init__(self, program, options, seeds):
        began = time.monotonic()
        self.seed, self.violated = 0, "SURVIVED"
        try:
            done = subprocess.run([program, f"--seeds=1..{seeds}", "--tail=0", *options],
                                  capture_output=True, text=True, timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.violated = f"SURVIVED for {SECONDS_MAX} s"
        else:
            self.read(done)
        self.seconds = time.monotonic() - began

    def read(self, done):
        again = re.search(r"--seed=(\d+)", done.stdout)
        if done.returncode == 0 or not again:
            return
        self.seed = int(again.group(1))
        said = done.stderr.splitlines()[0] if done.stderr else f"ended with {done.returncode}"
        self.violated = re.sub(r"^seed \d+, [\d.]+ s: |^.*(?=check failed)", "", said)


def shell_plants(program):
    return subprocess.run([program, "--plants"], capture_output=True, text=True,
                          check=True).stdout.split()


def main(words):
    options = dict(word[2:].split("=") for word in words if word.startswith("--"))
    folder, *names = [word for word in words if not word.startswith("--")]
    seeds, jobs = int(options.get("seeds", SEEDS)), int(options.get("jobs", os.cpu_count()))
    build = Build(folder)
    sound = build.folder / SIM
    planted = [plant for path in sorted(HERE.glob("plants/*.plant")) for plant in read_plants(path)]
    for plant in planted:
        mutated(plant)  # say at once which do not fit

    with tempfile.TemporaryDirectory() as scratch:
        def grow(plant):
            if isinstance(plant, str):
                return Found(sound, [f"--plant={plant}"], seeds)
            program = build.make(plant, Path(scratch))
            found = Found(program, [], seeds)
            program.unlink()
            return found

        everything = {plant.name: plant for plant in planted}
        everything.update({name: name for name in shell_plants(sound)})
        chosen = {name: everything[name] for name in names or everything}
        survived = 0
        print(f"{'bug':36}{'seed':>6}{'s':>7}  what was violated")
        with ThreadPoolExecutor(jobs) as pool:
            for name, found in zip(chosen, pool.map(grow, chosen.values())):
                survived += found.seed == 0
                print(f"{name:36}{found.seed or '-':>6}{found.seconds:7.1f}  {found.violated}",
                      flush=True)
    print(f"{len(chosen)} bugs planted, {len(chosen) - survived} found within {seeds} seeds")
    return 1 if survived else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Misfit as misfit:
        print(f"plants.py: {misfit}")
        sys.exit(2)
