#!/usr/bin/python3
"""F2 and F3: coordinator and worker are killed at every point where they touch a file or send
something: before the call, after it, and half-way through a write. Points are found by a run that is
only watched. F33: what is exported is the old or the new file, never half of one."""

import shutil
import signal
from collections import Counter

from faults import COORDINATOR, DONE, FULL, WORKER, FaultTest, Program, main, pick

POINTS = 50  # of both programs together, or the census missed something
RECOVERY_KILLS = 3
DEEDS = ("before", "half", "after")


class Points(FaultTest):
    def setUp(self):
        super().setUp()
        self.sweep = self.mixed_sweep()

    def census(self, program):
        """How often a run comes by each point."""
        sweep = self.elsewhere(self.sweep)
        file = sweep.state.parent / "census"
        self.run_to_the_end(sweep, **self.shim(sweep, program, census=file))
        return Counter(file.read_text().splitlines())

    def killed(self, plan):
        """One run with kills in it, to its end. Returns (kills, what is wrong)."""
        sweep = self.elsewhere(self.sweep)
        self.run_to_the_end(sweep, **self.shim(sweep, **plan))
        wrong = [f"{plan}: {text}" for text in self.harm(sweep)]
        kills = self.hits(sweep)
        shutil.rmtree(sweep.state.parent)
        return kills, wrong

    def kill_all(self, plans):
        """Returns (kills of each plan, everything that is wrong)."""
        results = self.side_by_side(self.killed, plans)
        return [kills for kills, _ in results], [text for _, wrong in results for text in wrong]

    @staticmethod
    def deeds(point, number):
        every = DEEDS if "write" in point or "send" in point else ("before", "after")
        return every if FULL else (every[number % len(every)],)

    def test_every_point(self):
        plans, points = [], 0
        for program in (COORDINATOR, WORKER):
            counts = self.census(program)
            points += len(counts)
            for number, point in enumerate(sorted(counts)):
                some = {1, 2, self.rng.randint(1, counts[point])} if FULL else {1}
                plans += [{"program": program, "point": point, "nth": nth, "do": deed, "times": 1}
                          for nth in sorted(some) if nth <= counts[point]
                          for deed in self.deeds(point, number)]
        kills, wrong = self.kill_all(plans)
        hit = {(plan["program"], plan["point"]) for plan, count in zip(plans, kills) if count}
        self.assertGreaterEqual(points, POINTS)
        self.tell("F2", "kills at each named point of both programs", injected=sum(kills),
                  needed=len(plans) * 9 // 10, states=len(plans),
                  acknowledged=len(plans) * self.rows, violations=wrong)
        self.assertEqual(len(hit), points, "points that were never hit")

    def test_every_boundary_in_a_run(self):
        """Not by name but by number: the n-th call of all."""
        step = pick(12, 1)
        plans = [{"program": program, "nth": nth, "do": self.rng.choice(DEEDS), "times": 1}
                 for program in (COORDINATOR, WORKER)
                 for nth in range(self.rng.randint(1, step), self.census(program).total() + 1, step)]
        kills, wrong = self.kill_all(plans)
        # the last calls of a run are not always as many
        self.tell("F2", "kills at the n-th call of both programs", injected=sum(kills),
                  needed=len(plans) * 8 // 10, states=len(plans),
                  acknowledged=len(plans) * self.rows, violations=wrong)

    def test_again_and_again_in_recovery(self):
        """The next life is killed as well, and the next, each at one of its first calls."""
        plans = [{"program": COORDINATOR, "nth": self.rng.randint(1, 45), "times": RECOVERY_KILLS,
                  "do": self.rng.choice(DEEDS)} for _ in range(pick(8, 84))]
        kills, wrong = self.kill_all(plans)
        self.tell("F3", "coordinator killed again while it comes back", injected=sum(kills),
                  needed=len(plans) * (RECOVERY_KILLS - 1), states=len(plans),
                  acknowledged=len(plans) * self.rows, violations=wrong)

    def replace_reports(self, plan):
        sweep = self.elsewhere(self.sweep)
        self.run_to_the_end(sweep)
        ended = Program(["muster", "report", sweep.file, "--state", sweep.state], self.folder,
                        **self.shim(sweep, "muster", **plan)).wait()
        self.assertIn(ended.code, (DONE, -signal.SIGKILL), ended)
        return self.hits(sweep), [f"{plan}: {text}" for text in self.harm(sweep)]

    def test_reports_are_old_or_new(self):
        """`muster report` killed while it writes over reports that are there."""
        plans = [{"point": "*report/*", "nth": 1 + i % 16, "times": 1, "do": DEEDS[i % 3]}
                 for i in range(pick(8, 224))]
        results = self.side_by_side(self.replace_reports, plans)
        self.tell("F33", "reports cut short while they are replaced",
                  injected=sum(hits for hits, _ in results), needed=pick(8, 200),
                  states=len(plans), acknowledged=len(plans) * self.rows,
                  violations=[text for _, wrong in results for text in wrong])


if __name__ == "__main__":
    main()
