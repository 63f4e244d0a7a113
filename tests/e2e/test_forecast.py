#!/usr/bin/python3
"""What `muster simulate` says of a sweep is what happens: the same sweep, run by real processes, has
its slots busy, loading and idle for the same shares of the time."""

import json

from muster_e2e import SweepTest, main, sim, synthetic

SLOTS = 8
LOAD_S = 2
MEDIANS_MS = {"a": 40, "b": 60, "c": 90, "d": 130, "e": 200, "f": 300}
SPREAD = 0.6
SIZES = [20, 30, 40, 15, 25]
POINTS = 3  # of a hundred, that the shares may differ


class Forecast(SweepTest):
    def setUp(self):
        super().setUp()
        self.sweep = self.make([sim(name, load=f"{LOAD_S}s", duration=f"{ms}ms",
                                    duration_spread=SPREAD) for name, ms in MEDIANS_MS.items()],
                               [synthetic(self.folder, SIZES)])
        rules = [{"match": name, "load": f"{LOAD_S}s", "instance": f"{ms}ms", "spread": SPREAD}
                 for name, ms in MEDIANS_MS.items()]
        self.cluster = self.folder / "cluster.yaml"
        self.cluster.write_text(json.dumps({
            "workers": [{"count": SLOTS, "slots": 1, "gpus_per_slot": 0}],
            "models": rules}))

    def forecast(self):
        told = self.muster("simulate", self.sweep.file, "--cluster", self.cluster, "--json")
        policy, = json.loads(told.out)["policies"]
        self.assertTrue(policy["complete"], policy)
        return policy

    def test_a_run_goes_as_foretold(self):
        foretold = self.forecast()
        ended = self.run_sweep(self.sweep, "--workers", SLOTS, "--slots", 1)
        use = json.loads((self.sweep.state / "log/use.json").read_text())
        whole = sum(use.values())
        measured = {what: use[f"{what}_ns"] / whole for what in ("busy", "load", "idle")}
        print(f"{self.id()}: {SLOTS} slots, {len(MEDIANS_MS)} models that load {LOAD_S} s;"
              f" seconds: foretold {foretold['makespan_seconds']:.1f},"
              f" measured {whole / SLOTS * 1e-9:.1f}; %:",
              *(f"{what} {100 * foretold[what]:.1f} and {100 * share:.1f};"
                for what, share in measured.items()))
        # A load more or less, which is luck, moves the other two against each other.
        self.assertLess(abs(measured["busy"] - foretold["busy"]) * 100, POINTS)
        self.assertIn(f"slots busy {100 * measured['busy']:.1f} %, loading"
                      f" {100 * measured['load']:.1f} %, idle {100 * measured['idle']:.1f} %\n",
                      ended.out)
        for name, text in self.sweep.reports().items():
            self.assertNotIn(b"busy", text, name)

    def test_the_views_tell_what_slots_are_used_for(self):
        run = self.start(self.sweep, "--quiet", "--workers", SLOTS, "--slots", 1)
        all_loaded_ns = SLOTS * LOAD_S * 1e9
        self.wait_for_status(run, self.sweep, lambda status: status["load_ns"] >= all_loaded_ns)
        slots = [slot for worker in self.ask(self.sweep, "workers")["workers"]
                 for slot in worker["slots"]]
        self.assertEqual(len(slots), SLOTS)
        self.assertGreaterEqual(sum(slot["load_ns"] for slot in slots), all_loaded_ns)
        self.assertGreater(sum(slot["busy_ns"] for slot in slots), 0)
        for view in ("status", "workers"):
            shown = self.muster(view, "--state", self.sweep.state).out
            self.assertRegex(shown, r"busy \d+\.\d %, loading \d+\.\d %, idle \d+\.\d %")


if __name__ == "__main__":
    main()
