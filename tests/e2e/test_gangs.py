#!/usr/bin/python3
"""Models of one, two and four GPUs on a machine of four: hwloc is shown a file in the machine's
place, and the models are simulated, so that no GPU is needed."""

import os
import unittest
from pathlib import Path

from muster_e2e import SOURCE, SweepTest, main, sim, wait_until

SHARED = Path(os.environ.get("MUSTER_SHARED") or SOURCE.parent / "shared")
MACHINE = SHARED / "data/topologies/power8-4gpu.xml"  # two nodes of two GPUs
GROUPS = {(0, 1), (2, 3), (0, 1, 2, 3)}


def needs(gpus, name, **parameters):
    return {**sim(name, **parameters), "resources": {"gpus": gpus}}


@unittest.skipUnless(MACHINE.exists(), "the file of the machine is not here")
class Gangs(SweepTest):
    def gangs(self, sweep):
        """Of the only worker: the slots of each gang, by its lead."""
        found = {}
        for worker in self.ask(sweep, "workers")["workers"]:
            for slot in worker["slots"]:
                if slot["gang"] is not None:
                    found.setdefault(slot["gang"], []).append(slot)
        return found

    def test_each_model_gets_neighbours_and_all_is_done(self):
        models = [needs(gpus, f"m{gpus}", duration="10ms", load="200ms") for gpus in (4, 2, 1)]
        sweep = self.make(models)
        run = self.start(sweep, HWLOC_XMLFILE=str(MACHINE), HWLOC_THISSYSTEM="0")
        seen = set()

        def look():
            if not run.runs():
                return True
            for lead, slots in self.gangs(sweep).items():
                members = tuple(s["slot"] for s in slots)
                self.assertEqual(members[0], lead)
                self.assertIn(members, GROUPS)
                seen.add(len(members))
                for slot in slots[1:]:
                    self.assertTrue(slot["held"] or slot["queued"] == 0, slots)
            return seen >= {2, 4}

        def shown():
            return not run.runs() or "gang of slot" in self.muster("workers", sweep.file).out

        self.wait_for_status(run, sweep, lambda s: s["done"] > 0)
        self.assertTrue(wait_until(shown))
        wait_until(look)
        ended = run.wait()
        self.assertEqual(ended.code, 0, ended)
        self.assertEqual(seen, {2, 4})
        self.assert_stored(sweep, sweep.report()["instances"])

    def test_a_model_of_more_gpus_than_there_are_is_explained(self):
        sweep = self.make([needs(8, "large"), needs(1, "small", duration="20ms")])
        run = self.start(sweep, HWLOC_XMLFILE=str(MACHINE), HWLOC_THISSYSTEM="0")
        self.wait_for_status(run, sweep, lambda s: s["done"] > 0)
        why = self.muster("explain", sweep.file, "large").out
        self.assertIn("large waits: it needs 8 GPUs", why)
        self.assertIn("the largest, local-1, has 4 GPUs", why)
        run.wait()


if __name__ == "__main__":
    main()
