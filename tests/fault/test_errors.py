#!/usr/bin/python3
"""F5 and F6: each call of coordinator and worker that touches a file or sends something fails, with
each error; and allocations of both fail. They end or go on, and nothing is lost or changed."""

import errno
import shutil
from collections import Counter

from faults import BAD_INPUT, COORDINATOR, WORKER, FaultTest, main, pick

ALLOCATIONS = 10000  # more than a run makes, so that its end is reached as well


class Errors(FaultTest):
    def setUp(self):
        super().setUp()
        self.sweep = self.mixed_sweep()

    def points(self, program):
        sweep = self.elsewhere(self.sweep)
        file = sweep.state.parent / "census"
        self.run_to_the_end(sweep, **self.shim(sweep, program, census=file))
        return Counter(file.read_text().splitlines())

    def hurt(self, plan):
        sweep = self.elsewhere(self.sweep)
        # a folder that cannot be made is told as bad input
        self.run_to_the_end(sweep, may_end=(BAD_INPUT,), **self.shim(sweep, **plan))
        wrong = [f"{plan}: {text}" for text in self.harm(sweep)]
        deeds = self.hits(sweep)
        shutil.rmtree(sweep.state.parent)
        return deeds, wrong

    def hurt_all(self, fault, what, plans, needed):
        results = self.side_by_side(self.hurt, plans)
        self.tell(fault, what, injected=sum(1 for deeds, _ in results if deeds), needed=needed,
                  states=len(plans), acknowledged=len(plans) * self.rows,
                  violations=[text for _, wrong in results for text in wrong])

    def plans_of(self, program, points, times, *deeds):
        """Each point with each deed; in the quick tier with one of them in turn."""
        return [{"program": program, "point": point, "nth": 1, "times": times, "sticky": 1,
                 "do": deed}
                for number, point in enumerate(sorted(points))
                for deed in pick((deeds[number % len(deeds)],), deeds)]

    def test_calls_that_fail_once(self):
        """Once: then the disk is well again, and whoever tries again must find everything."""
        for program in (COORDINATOR, WORKER):
            points = self.points(program)
            plans = self.plans_of(program, points, 1, errno.EIO, errno.ENOSPC, errno.EINTR, "short")
            self.hurt_all("F5", f"{program}: calls fail once", plans, len(plans) * 8 // 10)

    def test_calls_that_fail_for_a_while(self):
        for program in (COORDINATOR, WORKER):
            points = [point for point in self.points(program) if "send" not in point]
            plans = self.plans_of(program, points, 3, errno.EIO, errno.ENOSPC)
            self.hurt_all("F5", f"{program}: calls fail three times in a row", plans,
                          len(plans) * 8 // 10)

    def test_allocations_that_fail(self):
        for program in (COORDINATOR, WORKER):
            plans = [{"program": program, "times": 1,
                      "memory": int(ALLOCATIONS ** self.rng.random())}
                     for _ in range(pick(12, 250))]
            self.hurt_all("F6", f"{program}: an allocation fails", plans, len(plans) // 2)


if __name__ == "__main__":
    main()
