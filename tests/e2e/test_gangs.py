#!/usr/bin/python3
"""Models that take one slot or several together. For their GPUs, on a machine of four: hwloc is shown
a file in the machine's place, and the models are simulated, so that no GPU is needed. And for their
memory."""

import os
import signal
import unittest
from pathlib import Path

from muster_e2e import INFRASTRUCTURE, SOURCE, STOPPED, SweepTest, main, sim, wait_until

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


class Memory(SweepTest):
    """Slurm's word for what a job has makes the machine as small as a test wants it."""

    def test_a_model_gets_the_slots_that_have_its_memory(self):
        models = [{**sim(name, duration="5ms"), "resources": {"memory": memory}}
                  for name, memory in (("small", "1MiB"), ("large", "1000MiB"), ("huge", "2GiB"))]
        sweep = self.make(models)
        machine = {"SLURM_MEM_PER_NODE": "1024"}
        plan = self.muster("plan", sweep.file, "--slots", "2", expect=INFRASTRUCTURE, **machine).out
        self.assertIn("a replica needs 2048 MiB of memory, ", plan)
        run = self.start(sweep, "--slots", "2", **machine)
        self.wait_for_status(run, sweep, lambda s: s["workers"] > 0)
        slots = self.ask(sweep, "workers")["workers"][0]["slots"]
        self.assertEqual({s["memory_bytes"] for s in slots}, {(1024 << 20) // len(slots)})
        why = self.muster("explain", sweep.file, "huge").out
        self.assertIn("huge waits: it needs 1 core, 2 GiB on one worker, and none has that", why)
        self.assertIn(", 1 GiB in ", why)
        self.wait_for_status(run, sweep, lambda s: s["done"] == 200)
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait().code, STOPPED)

    def test_workers_on_one_machine_share_its_memory(self):
        sweep = self.make([sim("small", duration="1s")])
        run = self.start(sweep, "--slots", "1", "--workers", "2", SLURM_MEM_PER_NODE="1024")
        self.wait_for_status(run, sweep, lambda s: s["workers"] == 2)
        workers = self.ask(sweep, "workers")["workers"]
        self.assertEqual([w["slots"][0]["memory_bytes"] for w in workers], [512 << 20] * 2)
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait().code, STOPPED)


if __name__ == "__main__":
    main()
