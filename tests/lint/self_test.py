#!/usr/bin/python3
"""The lint tests can fail: each is shown a small tree with one thing wrong, and must name it."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLEAN = {
    ".clang-format": (HERE / "../../.clang-format").read_text(encoding="utf-8"),
    "README.md": "# a tree\n\n```sh test=first\ntrue\n```\n",
    "ops/README.md": "# ops\n",
    "ops/run": "#!/bin/sh\nexec true\n",
    "common/README.md": "# common: see [the root](../README.md)\n",
    "common/a.h": "int a(void);\n",
    "common/a.c": '#include "common/a.h"\n\nint a(void)\n{\n    return 1;\n}\n',
    "coordinator/core/README.md": "# core\n",
    "coordinator/core/core.c": '#include "common/a.h"\n\nint core(void)\n{\n    return a();\n}\n',
    "coordinator/core/internal.h": "int inner(void);\n",
    "tests/README.md": "# tests\n",
    "tests/lint/layers.txt": "common:\ncoordinator/core: common\n",
    "tests/e2e/test_readme.sh": "#!/bin/sh\nrun_block() {\n    true\n}\nrun_block README.md first\n",
}
MUST_FAIL = (  # (test, file, what is planted in it, what must be said)
    ("layers.py", "common/a.c", '#include "coordinator/core/internal.h"\n', "common/a.c:1: "),
    ("layers.py", "common/b.h", '#include "common/gone.h"\n', "common/b.h:1: "),
    ("layers.py", "common/b.h", "/* why */\n#include <uv.h>\n", "common/b.h:2: common may not use uv"),
    ("layers.py", "ops/b.h", "int b;\n", "ops has no row"),
    ("banned.py", "common/b.c", "int b(void)\n{\n    return rand();\n}\n", "common/b.c:3: rand"),
    ("banned.py", "common/b.c", "void b(char *s)\n{\n    strcpy(s, s);\n}\n", "common/b.c:3: strcpy"),
    ("words.py", "common/b.h", "/* TO" "DO: think */\n", "common/b.h:1: "),
    ("words.py", "common/b.h", "/* see /wo" "rk/x */\n", "common/b.h:1: "),
    ("words.py", "common/io/b.c", "int b;\n", "common/io/README.md: is missing"),
    ("words.py", "docs/b.md", "# b\n", "docs: is no folder of the fixed set"),
    ("sizes.py", "common/b.c", "int b(void)\n{\n" + "    ;\n" * 100 + "}\n", "common/b.c:1: b has 103"),
    ("sizes.py", "common/b.h", "\n" * 701, "common/b.h: 701 lines"),
    ("sizes.py", "common/b.c", "int b(void)\n{\n", "common/b.c: braces do not balance"),
    ("documents.py", "README.md", "```sh\ntrue\n```\n", "README.md:1: this block names no test"),
    ("documents.py", "README.md", "```sh test=second\ntrue\n```\n", "does not run_block README.md second"),
    ("documents.py", "common/README.md", "[gone](gone.md)\n", "common/README.md:1: the link"),
    ("documents.py", "common/README.md", "In `common/gone.c`.\n", "common/README.md:1: common/gone.c"),
    ("format.sh", "common/b.c", "int b( void ){return 1;}\n", "b.c:1:"),
    ("shellcheck.sh", "ops/b", '#!/bin/sh\nrm -rf $1/x\n', "SC2086"),
)
MUST_PASS = (  # what looks like a violation, and is none
    ("banned.py", "/* strcpy(a, b) */\nconst char *b = \"rand()\";\nint c = x.time(1);\n"),
    ("layers.py", "// #include <uv.h>\n#include <string.h>\n#include <sys/stat.h>\n"),
    ("sizes.py", '#define OPEN {\nconst char *b = "{";\nint c = \'{\';\n'),
)
LIBRARY = "double now(void);\nlong time(long *);\ndouble now(void)\n{\n    return (double)time(0);\n}\n"


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(test, *arguments):
    done = subprocess.run([HERE / test, *map(str, arguments)], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def check_tree(test, planted):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), CLEAN | planted)
        return run(test, folder)


def check_library():
    """core_is_pure.py: a library that asks for the time, and the same one once that is allowed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, {"a.c": LIBRARY, "none.txt": "*: malloc\n", "some.txt": "a: time  # why\n"})
        subprocess.run(["cc", "-c", "a.c"], cwd=root, check=True)
        subprocess.run(["ar", "rcs", "liba.a", "a.o"], cwd=root, check=True)
        code, said = run("core_is_pure.py", root / "none.txt", root / "liba.a")
        if code != 1 or "a: a calls time: a clock" not in said:
            yield f"core_is_pure.py missed the clock ({code}):\n{said}"
        code, said = run("core_is_pure.py", root / "some.txt", root / "liba.a")
        if code != 0:
            yield f"core_is_pure.py refused what is allowed ({code}):\n{said}"


def check_analysers():
    """analysis.py: what each analyser finds counts, also in a tree whose path has a blank."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "a tree")
        write(root, {"common/b.c": "int b(void)\n{\n    int c;\n    return c;\n}\n",
                     ".clang-tidy": (HERE / "../../.clang-tidy").read_text(encoding="utf-8"),
                     "build/compile_commands.json": json.dumps([{
                         "directory": str(root / "build"), "file": str(root / "common/b.c"),
                         "command": f"cc -Wall -o b.o -c '{root}/common/b.c'"}])})
        script = root / "tests/lint/analysis.py"
        script.parent.mkdir(parents=True)
        shutil.copy(HERE / "analysis.py", script)
        for tool in ("gcc", "clang", "clang-tidy", "cppcheck"):
            code, said = run(script, tool, root / "build")
            if code != 77 and (code != 1 or "common/b.c:4:" not in said):
                yield f"analysis.py missed what {tool} finds ({code}):\n{said}"


def problems():
    for test in sorted({test for test, *_ in MUST_FAIL}):
        code, said = check_tree(test, {})
        if code not in (0, 77):
            yield f"{test} finds something in a clean tree ({code}):\n{said}"
    for test, name, text, wanted in MUST_FAIL:
        code, said = check_tree(test, {name: text})
        if code != 77 and (code == 0 or wanted not in said):
            yield f"{test} missed what is wrong in {name}, expected `{wanted}` ({code}):\n{said}"
    for test, text in MUST_PASS:
        code, said = check_tree(test, {"common/b.c": text})
        if code != 0:
            yield f"{test} took this for a violation:\n{text}\n{said}"
    yield from check_library()
    yield from check_analysers()


def main():
    count = 0
    for problem in problems():
        count += 1
        print(problem)
    print(f"lint: {count} problems with the tests" if count else "lint: each test can fail")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
