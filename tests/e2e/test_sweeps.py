#!/usr/bin/python3
"""Several sweeps in one run: what they share is run once, and each report is what it is alone."""

import json
import shutil
import time

from muster_e2e import (BAD_INPUT, INFRASTRUCTURE, REPORTS, SweepTest, end_all, main, sim,
                        synthetic)

SIZES = [30, 20, 25, 15, 10]
ROWS = sum(SIZES)


class Together(SweepTest):
    def sweeps(self):
        """Two that share a model and a suite, and ask for samples that overlap."""
        suite = synthetic(self.folder, SIZES)
        slow = sim("slow", duration="5ms")
        one = self.make([sim("a"), sim("b", quality=0.4, failure_rate=0.1)], [suite], name="one",
                        user="ada", weight=2, deadline="8h", limit=12, seed=1)
        two = self.make([sim("b", quality=0.4, failure_rate=0.1), slow], [suite], name="two",
                        user="bob", limit=15, seed=2)
        return one, two

    def report_of(self, state, name):
        return {file: (state / "report" / name / file).read_bytes() for file in REPORTS}

    def test_each_report_is_byte_for_byte_what_it_is_alone(self):
        one, two = self.sweeps()
        self.run_sweep(one, expect=3)
        self.run_sweep(two, expect=3)
        alone = one.reports(), two.reports()
        state = self.folder / "both"
        ended = self.run_sweep(one, two.file, "--state", state, expect=3)
        self.assertIn("one: ", ended.out)
        self.assertIn("two: ", ended.out)
        self.assertEqual((self.report_of(state, "one"), self.report_of(state, "two")), alone)
        shutil.rmtree(state / "report")
        shown = self.muster("report", two.file, "--state", state).out
        self.assertIn(f"Reports: {state}/report/two/report.md\n", shown)
        self.assertEqual([path.name for path in (state / "report").iterdir()], ["two"])
        self.muster("report", one.file, two.file, "--state", state, "--quiet")
        self.assertEqual((self.report_of(state, "one"), self.report_of(state, "two")), alone)

    def test_what_both_want_is_run_once(self):
        suite = synthetic(self.folder, SIZES)
        one = self.make([sim("a"), sim("b")], [suite], name="one")
        two = self.make([sim("b"), sim("c")], [suite], name="two")
        state = self.folder / "both"
        self.run_sweep(one, two.file, "--state", state)
        found = json.loads(self.muster("fsck", "--state", state, "--json").out)
        self.assertEqual(found["rows"], 3 * ROWS)

    def test_status_tells_of_each(self):
        one, two = self.sweeps()
        two.models[1]["sim"]["duration"] = "300ms"
        two.write()
        state = one.state
        run = self.start(one, two.file, "--slots", 1)
        status = self.wait_for_status(run, one, lambda s: s["done"] > 0)
        self.assertEqual([s["name"] for s in status["sweeps"]], ["one", "two"])
        self.assertEqual([s["user"] for s in status["sweeps"]], ["ada", "bob"])
        self.assertIn("deadline_s", status["sweeps"][0])
        self.assertNotIn("deadline_s", status["sweeps"][1])
        self.assertGreater(sum(s["total"] for s in status["sweeps"]), status["total"])
        run.signal(2)
        run.wait()
        self.assertTrue((state / "report" / "two").is_dir())

    def test_a_deadline_counts_from_the_first_start(self):
        sweep = self.make([sim("a", duration="300ms")], deadline="8h")
        run = self.start(sweep, "--slots", 1)
        first = self.wait_for_status(run, sweep, lambda s: s["done"] > 0)["sweeps"][0]
        run.signal(9)
        run.wait()
        end_all()
        time.sleep(1.1)  # the moment is told in seconds
        planned = json.loads(self.muster("plan", sweep.file, "--json").out)["sweeps"][0]
        self.assertEqual(planned["deadline_at"], first["deadline_at"])
        self.assertLess(planned["deadline_seconds"], 8 * 3600 - 1)
        run = self.start(sweep, "--slots", 1)
        again = self.wait_for_status(run, sweep, lambda s: s["epoch"] == 2)["sweeps"][0]
        self.assertEqual(again["deadline_at"], first["deadline_at"])
        self.assertIn(f" ({first['deadline_at']})", self.muster("status", sweep.state).out)
        run.signal(9)
        run.wait()

    def test_the_plan_of_both_is_what_is_run(self):
        one, two = self.sweeps()
        plan = json.loads(self.muster("plan", one.file, two.file, "--json").out)
        self.assertEqual([m["name"] for m in plan["models"]], ["a", "b", "slow"])
        self.assertEqual([(s["name"], s["user"], s["weight"]) for s in plan["sweeps"]],
                         [("one", "ada", 2), ("two", "bob", 1)])
        self.assertEqual(plan["sweeps"][0]["deadline_seconds"], 8 * 3600)
        state = self.folder / "both"
        run = self.run_sweep(one, two.file, "--state", state, expect=3)
        self.assertIn("two: ", run.out)
        found = json.loads(self.muster("fsck", "--state", state, "--json").out)
        self.assertEqual(found["rows"], plan["can_run"]["missing"])
        done = json.loads(self.muster("plan", one.file, two.file, "--state", state, "--json").out)
        self.assertEqual((done["can_run"]["missing"], done["sweeps"][0]["late_by_seconds"]), (0, 0))

    def test_the_plan_for_a_cluster_tells_where_each_model_fits(self):
        cluster = self.folder / "cluster.yaml"
        cluster.write_text("workers:\n"
                           "  - {count: 2, slots: 4, gpu: H100, gpu_memory: 80GiB}\n"
                           "  - {count: 5, slots: 2, gpu: T4, gpu_memory: 16GiB}\n")
        large = {**sim("large"), "resources": {"gpus": 2, "gpu_memory": "40GiB"},
                 "estimate": {"load": "1m", "instance": "1s"}}
        huge = {**sim("huge"), "resources": {"gpus": 8}}
        sweep = self.make([large, huge], deadline="1m")
        plan = json.loads(self.muster("plan", sweep.file, "--cluster", cluster, "--json",
                                      expect=INFRASTRUCTURE).out)
        fits = {m["name"]: [f["slots_of_a_replica"] for f in m["fits"]] for m in plan["models"]}
        self.assertEqual(fits, {"large": [2, None], "huge": [None, None]})
        self.assertGreater(plan["sweeps"][0]["late_by_seconds"], 0)
        said = self.muster("plan", sweep.file, "--cluster", cluster, expect=INFRASTRUCTURE).out
        self.assertIn("large: 2 slots together on H100 (2 workers of 4 slots); not on T4 (5 workers "
                      "of 2 slots): a replica needs GPUs of 40960 MiB", said)
        self.assertRegex(said, r"the deadline is in 1m 00s \(20[-0-9]*T[:0-9]*Z\): late by ")

    def test_names_must_differ(self):
        one, two = self.sweeps()
        two.name = "one"
        two.write()
        ended = self.start(one, two.file).wait()
        self.assertEqual(ended.code, BAD_INPUT, ended)
        self.assertIn("sweeps of one run need names that differ", ended.err)


if __name__ == "__main__":
    main()
