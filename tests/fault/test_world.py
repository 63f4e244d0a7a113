#!/usr/bin/python3
"""F10 and F18 to F20: what the coordinator believes of the world is wrong. Somebody else has its
store, the wall clock jumps, there are no descriptors, there is no memory."""

import re
import resource
import shutil
import signal
import struct
import time
from datetime import datetime

from faults import (BIN, COORDINATOR, INFRASTRUCTURE, STATE_HELD, STORE_FAILED, FaultTest, Fleet, Program,
                    main, pick, sim, synthetic, wait_until)

DAY_S = 86400


class World(FaultTest):
    def sweep_of(self, seconds, slots=4):
        instances = int(seconds * slots / 0.004 / 4)
        sweep = self.make([sim("a", duration="4ms")], [synthetic(self.folder, [instances] * 4)])
        self.keep_oracle(sweep, "--workers", 4, "--slots", 4)
        return sweep

    def coordinator(self, sweep, **environment):
        return Program([COORDINATOR, "--sweep", sweep.file, "--state", sweep.state,
                        "--exit-when-done"], self.folder, **environment)

    # ---- F10 ----

    def race(self, sweep):
        """Two start at once. Returns what is wrong."""
        two = [self.coordinator(sweep) for _ in range(2)]
        if not wait_until(lambda: sum(one.runs() for one in two) < 2, 10, every=0.005):
            for one in two:
                one.signal(signal.SIGKILL)
                one.wait()
            return ["two coordinators run on one store"]
        loser, holder = two if not two[0].runs() else reversed(two)
        ended = loser.wait()
        wait_until((sweep.state / "run/operators").exists, 5)
        holder.signal(signal.SIGTERM)
        holder.wait()
        if ended.code != STATE_HELD or not re.search(r"pid and host: \d+ ", ended.err):
            return [f"the second one does not say who holds the state: {ended}"]
        return []

    def test_two_start_at_once(self):
        sweep = self.elsewhere(self.make([sim("a", duration="1s")],
                                         [synthetic(self.folder, [5])]))
        races = pick(10, 1000)
        wrong = [text for _ in range(races) for text in self.race(sweep)]
        wrong += [f"violation: {self.fsck(sweep)}"] * (self.fsck(sweep)["violations"] > 0)
        self.tell("F10", "two coordinators start at once", injected=races, needed=races,
                  states=races, violations=wrong)

    def take_over(self, sweep):
        """The lock lets a second one in. Returns (whether the first was fenced, what is wrong)."""
        fleet = Fleet(self, sweep, workers=2).start()
        wait_until(lambda: self.fsck(sweep)["rows"] > 0, 20)
        usurper = self.coordinator(sweep, **self.shim(sweep, COORDINATOR, locks="no"))
        ended = fleet.coordinator.wait()
        wrong = []
        fenced = ended.code == STORE_FAILED and "another coordinator took over" in ended.err
        if not fenced:
            wrong.append(f"the older one was not stopped: {ended}")
        if usurper.wait(120).code != self.expect:
            wrong.append("the newer one did not end the sweep")
        for worker in fleet.workers:
            worker.signal(signal.SIGKILL)
            worker.wait()
        return fenced, wrong + self.harm(sweep)

    def test_the_lock_is_bypassed(self):
        sweep = self.sweep_of(1.5)
        times = pick(2, 40)
        results = [self.take_over(self.elsewhere(sweep)) for _ in range(times)]
        self.tell("F10", "a second coordinator gets past the lock",
                  injected=sum(fenced for fenced, _ in results), needed=times, states=times,
                  acknowledged=times * self.rows,
                  violations=[text for _, wrong in results for text in wrong])

    # ---- F18 ----

    def test_the_wall_clock_jumps(self):
        """A day back and forth, many times a second. No lease may end by it."""
        sweep = self.elsewhere(self.sweep_of(pick(2, 30)))
        clock = sweep.state.parent / "clock"
        clock.write_bytes(struct.pack("=q", DAY_S))
        fleet = Fleet(self, sweep, workers=4)
        fleet.environment = self.shim(sweep, "muster-worker", clock=clock)
        fleet.start(**self.shim(sweep, COORDINATOR, clock=clock))
        jumps = 0
        with open(clock, "r+b", buffering=0) as file:
            while fleet.runs():
                time.sleep(0.02)
                file.seek(0)
                file.write(struct.pack("=q", self.rng.choice((-DAY_S, 0, DAY_S))))
                jumps += 1
        fleet.finish()
        first = datetime.fromisoformat(fleet.log().split()[0].rstrip("Z"))
        if abs((first - datetime.utcnow()).total_seconds()) < DAY_S / 2:
            jumps = 0  # nobody believed them
        before = fleet.log()[:fleet.log().index("sweep_over")]
        wrong = [line for line in before.splitlines()
                 if "lease_expired" in line or "worker_lost" in line or "clock_jump" in line]
        self.tell("F18", "the wall clock jumps by a day", injected=jumps, needed=20,
                  states=1, acknowledged=self.rows, violations=wrong + self.harm(sweep))

    # ---- F19, F20 ----

    def limited(self, sweep, limit, value, is_refusal):
        """A sweep whose processes may have no more than that. Returns (refused, what is wrong)."""
        run = Program(["/usr/bin/prlimit", f"--{limit}={value}:{value}",
                       BIN / "muster", "run", sweep.file, "--state", sweep.state,
                       "--quiet"], self.folder)
        ended = run.wait()
        refused, wrong = ended.code != self.expect, []
        if refused and not is_refusal(ended):
            wrong.append(f"{limit} {value}: {ended}")
        if refused:
            self.run_to_the_end(sweep)
        wrong += [f"{limit} {value}: {text}" for text in self.harm(sweep)]
        shutil.rmtree(sweep.state.parent)
        return refused, wrong

    def limits(self, fault, what, limit, values, is_refusal):
        sweep = self.sweep_of(0.2)
        results = self.side_by_side(
            lambda value: self.limited(self.elsewhere(sweep), limit, value, is_refusal), values)
        refused = sum(refused for refused, _ in results)
        self.tell(fault, what, injected=refused, needed=1, states=len(values),
                  acknowledged=len(values) * self.rows,
                  violations=[text for _, wrong in results for text in wrong])

    def test_no_descriptors(self):
        """Told in words, before anything starts."""
        self.limits("F19", "few descriptors", "nofile", list(range(8, 72, pick(12, 2))),
                    lambda ended: ended.code == INFRASTRUCTURE and "ulimit -n" in ended.err)

    def test_no_memory(self):
        """Whoever gets none ends, also by abort(): but not by touching what is not there."""
        self.limits("F20", "little memory (data segment)", "data",
                    [int(2 ** (bits / 4)) for bits in range(4 * 18, 4 * 30, pick(8, 1))],
                    lambda ended: ended.code not in (-signal.SIGSEGV, -signal.SIGBUS))

    def test_memory_taken_away(self):
        """From a coordinator at work. It ends, and is started again."""
        sweep = self.sweep_of(pick(2, 20))
        times = pick(3, 40)
        hurt = self.elsewhere(sweep)
        run = self.start(hurt, "--quiet", "--state", hurt.state, "--slots", 4)
        taken = 0
        while run.runs() and taken < times:
            time.sleep(0.2)
            for child in run.children(COORDINATOR):
                try:
                    resource.prlimit(child.pid, resource.RLIMIT_DATA, (1 << 16, 1 << 16))
                except ProcessLookupError:
                    continue
                taken += 1
        ended = run.wait(300)
        if ended.code != self.expect:
            self.run_to_the_end(hurt)
        died = ended.err.count("starting it again")
        self.tell("F20", "memory taken from a coordinator at work", injected=died, needed=1,
                  states=1, acknowledged=self.rows, violations=self.harm(hurt))


if __name__ == "__main__":
    main()
