#!/usr/bin/python3
"""Models that are programs: good ones, and each kind of bad one. What a bad one does costs its own
instances and nothing else."""

import json
import os
import shutil
import signal
import subprocess

from muster_e2e import (BIN, INFRASTRUCTURE, SOME_FAILED, SOURCE, STOPPED, SweepTest, kill, main)

TASKS, EACH = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon"), 6
TRAPS = 2  # instances that end in "trap": one of Beta, one of Delta
PYTHON = "/usr/bin/python3"

SCORER = """
import json, os
fd = int(os.environ["MUSTER_FD"])
out = os.fdopen(os.dup(fd), "w")
print(json.dumps({"hello": 1, "name": "length"}), file=out, flush=True)
for line in os.fdopen(fd):
    request = json.loads(line)
    made = open(request["file"]).read()
    right = made == request["input"]["prompt"].upper()
    print(json.dumps({"id": request["id"], "score": 75.5 if right else 0}), file=out, flush=True)
"""


def model(how, name=None, **more):
    args = more.pop("args", {})
    return {"name": name or how, "host": "exec", "args": args,
            "command": [PYTHON, "exec_model.py", how], **more}


class ExecTest(SweepTest):
    def setUp(self):
        super().setUp()
        shutil.copy(SOURCE / "tests/e2e/exec_model.py", self.folder)
        for task in TASKS:
            self.write_task(f"nlp/{task}", "ACC", [
                ({"question": text}, {"answer": text}) for text in self.questions(task)])

    @staticmethod
    def questions(task):
        has_trap = task in ("Beta", "Delta")
        return [f"{task} {i}" + (" trap" if has_trap and i == 3 else "") for i in range(EACH)]

    def write_task(self, path, metric, items):
        folder = self.folder / "data" / path
        folder.mkdir(parents=True)
        data = [{"id": str(i), "input": given, "output": wanted}
                for i, (given, wanted) in enumerate(items)]
        folder.joinpath("annotation.json").write_text(json.dumps(
            {"task": path.split("/")[-1], "type": "QA", "metric": metric, "data": data}))

    def general_bench(self, models, scorers=None, **settings):
        suite = {"name": "gb", "kind": "general-bench", "path": "data"}
        return self.make(models, [{**suite, "scorers": scorers} if scorers else suite], **settings)

    def outcomes(self, sweep):
        """By model: answered, and failed by status."""
        found = {}
        for m in sweep.report()["models"]:
            failed = {}
            for task in m["tasks"]:
                for status, count in task["failed"].items():
                    failed[status] = failed.get(status, 0) + count
            found[m["name"]] = (sum(t["answered"] for t in m["tasks"]), failed)
        return found


class Gangs(ExecTest):
    """A model that needs two cores, beside one that needs one, on slots of a core."""

    def setUp(self):
        super().setUp()
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one core")
        self.witness = self.folder / "witness"
        self.witness.mkdir()

    def seen(self):
        """By the cores that a model's process was bound to: how many such processes there were."""
        counts = {}
        for note in self.witness.glob("start-*.json"):
            cores = len(json.loads(note.read_text())["cores"])
            counts[cores] = counts.get(cores, 0) + 1
        return counts

    def test_a_model_larger_than_a_slot_runs_on_several(self):
        args = {"witness": str(self.witness), "pace": 0.02}
        large = model("good", "large", args=args, resources={"cpus": 2})
        small = model("good", "small", args=args, resources={"cpus": 1})
        sweep = self.general_bench([large, small])
        self.run_sweep(sweep, "--slots", 2)
        total = len(TASKS) * EACH
        self.assertEqual(self.outcomes(sweep), {"large": (total, {}), "small": (total, {})})
        self.assertIn(2, self.seen())
        self.assertIn(1, self.seen())
        self.assert_stored(sweep, 2 * total)


class BadOnes(ExecTest):
    def test_each_costs_only_its_instances(self):
        expected = {"crash": "crash", "hang": "timeout", "garbage": "protocol",
                    "stranger": "protocol", "flood": "protocol", "error": "oom",
                    "refuse": "refused"}
        sweep = self.general_bench([model("good"), *(model(how) for how in expected)],
                                   strikes=2, timeout="1s")
        self.run_sweep(sweep, expect=SOME_FAILED)
        total = len(TASKS) * EACH
        self.assertEqual(self.outcomes(sweep), {
            "good": (total, {}),
            **{how: (total - TRAPS, {status: TRAPS}) for how, status in expected.items()}})
        for m in sweep.report()["models"]:
            scores = {t["task"]: t["score"] for t in m["tasks"]}
            self.assertEqual(scores["nlp/Alpha"], 100, m["name"])
        self.assert_stored(sweep, 8 * total)
        self.assert_reasons(sweep)

    def assert_reasons(self, sweep):
        """People are told what happened, and where."""
        listed = json.loads(self.muster("failures", sweep.file, "--json").out)
        self.assertEqual({(f["task"], f["instance"]) for f in listed},
                         {("nlp/Beta", 3), ("nlp/Delta", 3)})
        reasons = {f["model"]: f["reason"] for f in listed}
        for how, words in {"crash": "signal 6", "garbage": "JSON", "stranger": "not being asked",
                           "flood": "bytes", "error": "CUDA out of memory",
                           "refuse": "not for me"}.items():
            self.assertIn(words, reasons[how])

    def test_with_several_at_a_time_the_one_at_fault_is_found(self):
        sweep = self.general_bench([model(how, args={"inflight": 4})
                                    for how in ("crash", "hang", "garbage")],
                                   strikes=2, timeout="1s")
        self.run_sweep(sweep, expect=SOME_FAILED)
        total = len(TASKS) * EACH
        self.assertEqual(self.outcomes(sweep), {
            "crash": (total - TRAPS, {"crash": TRAPS}), "hang": (total - TRAPS, {"timeout": TRAPS}),
            "garbage": (total - TRAPS, {"protocol": TRAPS})})

    def test_those_that_never_start_are_given_up_and_the_others_run(self):
        """Models, and the scorer of one task."""
        sweep = self.general_bench([model("silent", load_timeout="500ms"), model("stillborn"),
                                    model("good")], scorers={"nlp/Epsilon": ["/bin/false"]})
        ended = self.run_sweep(sweep, expect=INFRASTRUCTURE)
        self.assertRegex(ended.err, r"silent: 30 instances cannot run: .*no hello within")
        self.assertRegex(ended.err, r"stillborn: 30 instances cannot run: .*weights are not there")
        self.assertRegex(ended.err, r"good: 6 instances cannot run: every worker refuses its "
                                    r"remaining tasks; the last, on worker local-1: .*scorer")
        self.assertIn(" host_failed model=stillborn worker=local-1 ", sweep.log())
        self.assertEqual(self.outcomes(sweep), {"silent": (0, {}), "stillborn": (0, {}),
                                                "good": (24, {})})
        self.assert_stored(sweep, 24)

    def test_a_flood_of_output_does_no_harm(self):
        sweep = self.general_bench([model("chatty")])
        self.run_sweep(sweep)
        self.assertEqual(self.outcomes(sweep), {"chatty": (30, {})})
        kept = sum(path.stat().st_size for path in sweep.state.rglob("*") if path.is_file()
                   and "store" not in path.parts)
        self.assertLess(kept, 4 << 20)


class LeftBehind(ExecTest):
    """What models start on their own and forget ends with them."""

    def started(self):
        sweep = self.general_bench([model("fertile", args={"pace": 0.1})])
        run = self.start(sweep)
        self.wait_for_status(run, sweep, lambda s: s["done"] > 0)
        return sweep, run

    def test_grandchildren_are_not(self):
        sweep = self.general_bench([model("fertile")])
        self.run_sweep(sweep)  # asserts that nobody is left
        self.assertEqual(self.outcomes(sweep), {"fertile": (30, {})})

    def test_grandchildren_of_a_killed_worker_are_not(self):
        sweep, run = self.started()
        kill(run.children("muster-worker")[0].pid, signal.SIGKILL)
        ended = run.wait()
        self.assertEqual(ended.code, 0, ended)
        self.assert_nobody_left()
        self.assertEqual(self.outcomes(sweep), {"fertile": (30, {})})

    def test_grandchildren_are_not_when_everything_is_stopped_at_once(self):
        _, run = self.started()
        run.signal(signal.SIGINT)
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait().code, STOPPED)
        self.assert_nobody_left()


class GoodOnes(ExecTest):
    def witnessed(self, sweep_of, **environment):
        witness = self.folder / "witness"
        witness.mkdir()
        sweep = sweep_of(str(witness))
        self.run_sweep(sweep, **environment)
        return sweep, [json.loads(path.read_text()) for path in sorted(witness.iterdir())]

    def test_a_model_gets_its_cores_and_no_gpus_as_planned(self):
        _, seen = self.witnessed(
            lambda witness: self.general_bench([model("good", args={"witness": witness})]))
        plan = json.loads(subprocess.run([BIN / "muster-worker", "--plan", "--json"], check=True,
                                         capture_output=True, text=True).stdout)
        planned = [sorted(slot["cpus"]) for slot in plan["slots"]]
        for one in seen:
            self.assertEqual(one["environment"]["CUDA_VISIBLE_DEVICES"], "")
            self.assertIn(one["cores"], planned)

    def test_secrets_and_leftovers_of_the_environment_do_not_reach_a_model(self):
        private = {"HF_TOKEN": "hf_1", "AWS_SECRET_ACCESS_KEY": "s", "SLURM_PROCID": "3",
                   "LD_PRELOAD": "", "WORLD_SIZE": "8", "MY_PASSWORD": "p"}
        _, seen = self.witnessed(
            lambda witness: self.general_bench([model("good", args={"witness": witness},
                                                      env={"CHOSEN": "by the sweep file"})]),
            **private)
        for one in seen:
            self.assertEqual(set(one["environment"]) & set(private), set())
            self.assertEqual(one["environment"]["CHOSEN"], "by the sweep file")
            self.assertLessEqual(set(one["descriptors"]), {0, 1, 2, 3, 4})

    def test_a_program_that_changed_while_it_ran_is_told(self):
        """Two programs under one identity: the report cannot show it. Run again, it is the new one."""
        sweep = self.general_bench([model("good", args={"pace": 0.05})])
        run = self.start(sweep, "--slots", 1)
        self.wait_for_status(run, sweep, lambda s: s["workers"] > 0)
        program = self.folder / "exec_model.py"
        program.write_text(program.read_text() + "# better\n")
        ended = run.wait()
        self.assertEqual(ended.code, INFRASTRUCTURE, ended)
        self.assertIn("the program of the model good changed while the sweep ran", ended.err)
        self.assertIn("muster: it did not end as it should", ended.err)  # all is there, and yet
        self.assertIn(" error files_changed ", sweep.log())
        self.run_sweep(sweep)
        self.assert_stored(sweep, 2 * 30)

    def test_generated_files_are_kept_and_scored_by_a_program(self):
        self.folder.joinpath("scorer.py").write_text(SCORER)
        self.write_task("image/generation/Shouting", "ACC",
                        [({"prompt": f"picture {i}"}, {"answer": ""}) for i in range(4)])
        sweep = self.general_bench(
            [model("good", tasks=["image/**"])],
            scorers={"image/generation/*": [PYTHON, "scorer.py"]})
        self.run_sweep(sweep)
        task = sweep.report()["models"][0]["tasks"][0]
        self.assertEqual((task["task"], task["score"], task["answered"]),
                         ("image/generation/Shouting", 75.5, 4))
        kept = sorted(path.read_text() for path in (sweep.state / "media").rglob("*")
                      if path.is_file())
        self.assertEqual(kept, [f"PICTURE {i}" for i in range(4)])
        self.assertEqual(list((sweep.state / "worker-1/tmp").iterdir()), [])


if __name__ == "__main__":
    main()
