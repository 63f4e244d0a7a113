#!/usr/bin/python3
"""The life of a sweep as its owner sees it: run, run again, change the file, look at failures."""

import json
import os
import re
import shutil

from muster_e2e import (BAD_INPUT, BIN, INFRASTRUCTURE, REPORTS, SOME_FAILED, Program, Sweep,
                        SweepTest, main, sim, synthetic)

SIZES = [30, 20, 25, 15, 10]  # of the small synthetic suite
ROWS = sum(SIZES)             # of one model on it


def recorded(sweep):
    """How many results the last run added, by its own account."""
    return int(re.findall(r"sweep_over .*recorded=(\d+)", sweep.log())[-1])


def incarnations(sweep):
    """How often there was something to run."""
    return sweep.log().count("sweep_over")


class ToTheEnd(SweepTest):
    def test_a_sweep_ends_with_exit_0_and_its_reports(self):
        sweep = self.make([sim("a"), sim("b")])
        ended = self.run_sweep(sweep)
        self.assertIn(f"Complete: {2 * ROWS} instances", ended.out)
        for name in REPORTS:
            self.assertGreater((sweep.state / "report" / name).stat().st_size, 0, name)
        self.assertIn(f"Reports: {sweep.state}/report/report.md\n", ended.out)
        self.assertNotIn("sota.csv", ended.out)  # it has no specialists
        self.assertEqual(recorded(sweep), 2 * ROWS)
        self.assert_stored(sweep, 2 * ROWS)

    def test_run_again_there_is_nothing_to_do(self):
        sweep = self.make([sim("a")])
        self.run_sweep(sweep)
        before = sweep.reports()
        again = self.run_sweep(sweep)
        self.assertIn(f"Complete: {ROWS} instances", again.out)
        self.assertEqual(incarnations(sweep), 1)  # nobody waited for workers
        self.assertEqual(sweep.reports(), before)

    def test_what_a_kill_left_half_written_is_removed_by_the_next_run(self):
        sweep = self.make([sim("a")])
        for folder in ("log", "report", "media/0a"):
            left = sweep.state / folder / "a.json.0123456789abcdef.tmp"
            left.parent.mkdir(parents=True)
            left.write_text("{")
            os.utime(left, (0, 0))
        written_now = sweep.state / "media/0a/a.png.0123456789abcdef.tmp"
        written_now.write_text("{")
        self.run_sweep(sweep)
        self.assertEqual(list(sweep.state.rglob("*.tmp")), [written_now])

    def test_the_plan_tells_what_changed_since_it_was_run(self):
        sweep = self.make([sim("a"), sim("b")])
        self.run_sweep(sweep)
        self.assertNotIn("changed", self.muster("plan", sweep.file).out)
        synthetic(self.folder, [31, 20, 25, 15, 10])
        sweep.models[1]["sim"]["quality"] = 0.3
        sweep.write()
        plan = self.muster("plan", sweep.file).out
        self.assertIn("\n1 task changed since 30 results of it were recorded, which are kept but do "
                      "not count; 62 instances run anew:\n  nlp/", plan)
        self.assertIn(f"\nchanged models:\n  {ROWS} earlier results of b are kept but do not count: "
                      "sim.quality changed\n", plan)

    def test_a_report_does_not_depend_on_workers_and_slots(self):
        sweep = self.make([sim("a"), sim("b", quality=0.3)])
        self.run_sweep(sweep)
        alone = sweep.reports()
        shutil.rmtree(sweep.state)
        self.run_sweep(sweep, "--workers", 3, "--slots", 1)
        self.assertEqual(sweep.reports(), alone)

    def test_report_writes_the_same_again_wherever_it_is_called(self):
        sweep = self.make([sim("a")])
        self.run_sweep(sweep)
        before = sweep.reports()
        shutil.rmtree(sweep.state / "report")
        shown = self.muster("report", sweep.file.name).out  # a path from here
        self.assertIn("Reports: sweep.muster/report/report.md\n", shown)
        self.assertEqual(sweep.reports(), before)

    def test_progress_in_a_pipe_is_plain_lines(self):
        sweep = self.make([sim("a", duration="20ms")])
        out = self.run_sweep(sweep).out
        self.assertNotIn("\x1b", out)
        self.assertRegex(out, r"(?m)^\d+/100 +[\d.]+% .* of \d+ slots? busy")
        self.assertEqual(self.run_sweep(sweep, "--quiet").out, "")

    def test_a_state_on_a_long_path_with_blanks(self):
        folder = self.folder / "a folder with blanks" / ("long " * 30)
        folder.mkdir(parents=True)
        self.assertGreater(len(os.fsencode(folder)), 107)  # more than a socket's name may have
        sweep = Sweep(folder, [synthetic(folder, SIZES)], [sim("a", duration="10ms")])
        run = self.start(sweep)
        self.wait_for_status(run, sweep, lambda s: s["done"] > 0)
        self.assertEqual(run.wait().code, 0)
        self.assert_stored(sweep, ROWS)


class AChangedFile(SweepTest):
    def test_of_an_added_model_only_that_runs(self):
        sweep = self.make([sim("a")])
        self.run_sweep(sweep)
        sweep.models.append(sim("b"))
        sweep.write()
        self.assertEqual(self.planned(sweep), [("a", ROWS, 0), ("b", 0, ROWS)])
        self.run_sweep(sweep)
        self.assertEqual(recorded(sweep), ROWS)
        self.assert_stored(sweep, 2 * ROWS)

    def test_where_no_store_was_made_yet_all_is_missing(self):
        """The folder comes first: a start was cut short, or is just being made."""
        sweep = self.make([sim("a")])
        (sweep.state / "store").mkdir(parents=True)
        self.assertEqual(self.planned(sweep), [("a", 0, ROWS)])

    def planned(self, sweep):
        models = json.loads(self.muster("plan", sweep.file, "--json").out)["models"]
        return [(m["name"], m["done"], m["missing"]) for m in models]

    def run_limited(self, first, then):
        """One sweep with a limit and then another one; it ends as a fresh one with the latter."""
        sweep = self.make([sim("a")], limit=first)
        self.run_sweep(sweep)
        sweep.settings["limit"] = then
        sweep.write()
        self.run_sweep(sweep)
        gradual = sweep.reports()
        fresh = self.folder / "fresh.muster"
        self.muster("run", sweep.file, "--state", fresh)
        self.assertEqual({n: (fresh / "report" / n).read_bytes() for n in REPORTS}, gradual)
        return sweep

    def test_of_a_raised_limit_only_the_new_instances_run(self):
        sweep = self.run_limited(first=5, then=12)
        self.assertEqual(recorded(sweep), 4 * (12 - 5) + (10 - 5))

    def test_a_lowered_limit_runs_nothing(self):
        sweep = self.run_limited(first=12, then=5)
        self.assertEqual(incarnations(sweep), 1)
        self.assert_stored(sweep, 4 * 12 + 10)

    def test_changed_arguments_run_the_model_again(self):
        sweep = self.make([sim("a"), {**sim("b"), "args": {"prompt": "short"}}])
        self.run_sweep(sweep)
        sweep.models[1]["args"] = {"prompt": "long"}
        sweep.write()
        plan = self.muster("plan", sweep.file).out
        self.assertRegex(plan, rf"{ROWS} earlier results of b .*args\.prompt changed")
        self.assertEqual(self.planned(sweep), [("a", ROWS, 0), ("b", 0, ROWS)])
        self.run_sweep(sweep)
        self.assertEqual(recorded(sweep), ROWS)
        self.assert_stored(sweep, 3 * ROWS)


class Failures(SweepTest):
    def frail(self):
        """Fails and dies on some of its instances, always the same."""
        return self.make([sim("frail", failure_rate=0.06, poison_rate=0.04)], strikes=2)

    def test_failed_instances_make_exit_3_and_are_listed(self):
        sweep = self.frail()
        ended = self.run_sweep(sweep, expect=SOME_FAILED)
        self.assertIn("failed, and are not scored", ended.out)
        stored = self.fsck(sweep)["failures"]
        self.assertEqual(sweep.report()["failed"], stored)
        self.assertIn(f" {stored} of the ", self.muster("plan", sweep.file).out)
        listed = json.loads(self.muster("failures", sweep.file, "--json").out)
        self.assertEqual(len(listed), stored)
        self.assertEqual({f["status"] for f in listed}, {"error", "crash"})
        self.assertEqual({f["reason"] for f in listed if f["status"] == "error"},
                         {"simulated failure"})

    def test_failures_are_listed_while_it_runs(self):
        models = [sim("frail", failure_rate=0.3), sim("slow", duration="50ms", tasks=["nlp/**"])]
        sweep = self.make(models, strikes=1)
        run = self.start(sweep)
        self.wait_for_status(run, sweep, lambda s: s["models"][0]["done"] == ROWS)
        listed = self.ask(sweep, "failures", "--model", "frail")
        self.assertGreater(len(listed), 0)
        self.assertEqual(self.ask(sweep, "failures", "--limit", "2"), listed[:2])
        ended = run.wait()
        self.assertEqual(ended.code, SOME_FAILED, ended)
        self.assertEqual(json.loads(self.muster("failures", sweep.file, "--json").out), listed)

    def test_failures_that_a_smaller_sample_leaves_out_are_not_listed(self):
        sweep = self.make([sim("a", failure_rate=1)], strikes=1)
        self.run_sweep(sweep, expect=SOME_FAILED)
        sweep.settings["limit"] = 5
        sweep.models.append(sim("slow", duration="300ms", tasks=["nlp/**"]))
        sweep.write()
        run = self.start(sweep, "--slots", 1)
        self.wait_for_status(run, sweep, lambda s: s["failed"] == 5 * 5)
        listed = self.ask(sweep, "failures")
        self.assertEqual(len(listed), 5 * 5)
        self.assertEqual(run.wait().code, SOME_FAILED)
        self.assertEqual(json.loads(self.muster("failures", sweep.file, "--json").out), listed)
        plan = json.loads(self.muster("plan", sweep.file, "--json").out)["models"][0]
        self.assertEqual((plan["done"], plan["failed"]), (5 * 5, 5 * 5))
        self.assertEqual(self.fsck(sweep)["failures"], ROWS)  # kept for who asks for all again

    def test_failures_are_tried_again_when_asked_for(self):
        sweep = self.frail()
        self.run_sweep(sweep, expect=SOME_FAILED)
        before, failed = sweep.reports(), self.fsck(sweep)["failures"]
        self.run_sweep(sweep, expect=SOME_FAILED)
        self.assertEqual(incarnations(sweep), 1)
        self.run_sweep(sweep, "--retry-failures", expect=SOME_FAILED)
        self.assertEqual(recorded(sweep), failed)
        self.assertEqual(sweep.reports(), before)
        self.assert_stored(sweep, ROWS)

    def test_a_model_that_does_not_start_makes_exit_4_and_the_others_run(self):
        words = ["/bin/sh", "-c", "echo I have no weights >&2; exit 9"]
        red = ["/bin/sh", "-c", "eval 'printf \"\\033[31mred\\n\" >&'$MUSTER_FD; sleep 1"]
        folder = self.folder / "data/nlp/Echo"
        folder.mkdir(parents=True)
        folder.joinpath("annotation.json").write_text(json.dumps(
            {"task": "Echo", "type": "QA", "metric": "ACC",
             "data": [{"id": "0", "input": {"question": "Hm?"}, "output": {"answer": "Hm?"}}]}))
        sweep = self.make([{"name": "weightless", "host": "exec", "command": words},
                           {"name": "painter", "host": "exec", "command": red}, sim("good")],
                          [{"name": "gb", "kind": "general-bench", "path": "data"}])
        ended = self.run_sweep(sweep, expect=INFRASTRUCTURE)
        self.assertRegex(ended.err, r"weightless: 1 instances cannot run: .*I have no weights")
        self.assertRegex(ended.err, r"painter: 1 instances cannot run: .*\\x1B\[31mred")
        self.assertNotIn("\x1b", ended.err)  # a model's words steer no terminal
        self.assert_stored(sweep, 1)


class BadInput(SweepTest):
    GOOD = {"name": "name: s", "suites": "suites: [{name: gb, kind: synthetic, path: gb.csv}]",
            "models": "models: [{name: a, host: sim}]"}

    def check(self, text, *expected):
        """Nothing runs; each of the sentences is said."""
        synthetic(self.folder, SIZES)
        file = self.folder / "bad.yaml"
        file.write_text(text)
        for command in ("run", "plan"):
            err = self.muster(command, file, expect=BAD_INPUT).err
            for sentence in expected:
                self.assertRegex(err, sentence)
        self.assertFalse((self.folder / "bad.muster").exists())

    def with_line(self, **lines):
        return "\n".join({**self.GOOD, **lines}.values()) + "\n"

    def test_bad_sweep_files_are_told_by_line_and_key(self):
        table = [
            ({"settings": "settings: {timout: 3s}"}, r'bad\.yaml:4: settings: .*"timout".*timeout'),
            ({"models": "models: [{name: a, host: sym}]"}, r'yaml:3: models\[0\]\.host: .*"sim"'),
            ({"models": "models: [{name: a, host: sim}, {name: a, host: sim}]"}, r"yaml:3: .*a"),
            ({"models": "models: [{name: a, host: exec, command: [no-such]}]"},
             r'yaml:3: models\[0\]\.command\[0\]: .*"no-such"'),
            ({"suites": "suites: [{name: gb, kind: synthetic, path: none.csv}]"},
             r"yaml:2: suites\[0\]\.path: .*none\.csv"),
            ({"models": "models: [{"}, r"bad\.yaml:\d+: this is not YAML"),
        ]
        for lines, sentence in table:
            with self.subTest(**lines):
                self.check(self.with_line(**lines), sentence)

    def test_all_mistakes_are_told_at_once(self):
        self.check(self.with_line(settings="settings: {strikes: 0}",
                                  models="models: [{name: a, host: sym}]"),
                   r"bad\.yaml:3: ", r"bad\.yaml:4: settings\.strikes: .*1 to 10")

    def test_a_missing_file_and_a_missing_argument(self):
        self.assertIn("absent.yaml", self.muster("run", "absent.yaml", expect=BAD_INPUT).err)
        self.assertIn("sweep file", self.muster("run", expect=BAD_INPUT).err)

    def test_a_worker_names_the_topology_that_it_cannot_read(self):
        (self.folder / "broken.xml").write_text("<topology")
        for file in ("absent.xml", "broken.xml"):
            ended = Program(["muster-worker", "--plan", "--topology", file], self.folder).wait()
            self.assertEqual(ended.code, BAD_INPUT, ended)
            self.assertIn(file, ended.err)

    def test_a_missing_program_is_named(self):
        sweep = self.make([sim("a")])
        for absent in ("muster-worker", "muster-coordinator"):
            programs = self.folder / f"without {absent}"
            programs.mkdir()
            for name in {"muster", "muster-coordinator", "muster-worker"} - {absent}:
                shutil.copy2(BIN / name, programs)
            run = Program(["muster", "run", sweep.file], self.folder, programs)
            ended = run.wait()
            self.assertEqual(ended.code, INFRASTRUCTURE, ended)
            self.assertRegex(ended.err, rf"cannot be started: .*{absent}: no such file")
            self.assert_nobody_left()


if __name__ == "__main__":
    main()
