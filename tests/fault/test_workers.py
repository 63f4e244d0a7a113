#!/usr/bin/python3
"""F11 to F14: workers are killed, stopped past their leases and go on, the coordinator is stopped,
models hang. Each instance counts once, and the reports are those of an undisturbed run."""

import signal
import threading
import time

from faults import SOME_FAILED, FaultTest, Fleet, main, pick, sim, synthetic

QUICK_LEASES = ("--beat", "100ms", "--lease", "400ms")
PAST_THE_LEASE_S = 0.7


class Workers(FaultTest):
    def slow_sweep(self, seconds, slots):
        """One that takes about so many seconds on so many slots, if nobody disturbs."""
        instances = int(seconds * slots / 0.004 / 8)
        sweep = self.make([sim("a", duration="4ms", duration_spread=0.3),
                           sim("b", duration="4ms", quality=0.3)],
                          [synthetic(self.folder, [instances] * 4)])
        self.keep_oracle(sweep, "--workers", 4, "--slots", 4)
        return self.elsewhere(sweep)

    def test_killed(self):
        wanted, slots = pick(40, 1000), 8
        sweep = self.slow_sweep(pick(4, 60), slots)
        fleet = Fleet(self, sweep, *QUICK_LEASES, workers=slots).start()
        kills = 0
        while fleet.runs() and kills < wanted:
            time.sleep(self.rng.uniform(0.01, 0.08))
            kills += fleet.kill_worker(self.rng.randrange(slots))
        fleet.finish(seconds=300)
        self.tell("F11", "workers killed at random", injected=kills, needed=wanted, states=1,
                  acknowledged=self.rows, violations=self.harm(sweep))

    def test_stopped_past_their_leases(self):
        wanted, slots = pick(9, 500), 6
        sweep = self.slow_sweep(pick(3, 60), slots)
        fleet = Fleet(self, sweep, *QUICK_LEASES, workers=slots).start()
        pauses = 0

        def pause(worker):
            worker.signal(signal.SIGSTOP)
            time.sleep(PAST_THE_LEASE_S)
            worker.signal(signal.SIGCONT)

        while fleet.runs() and pauses < wanted:
            some = [w for w in self.rng.sample(fleet.workers, 3) if w.runs()]
            threads = [threading.Thread(target=pause, args=(w,)) for w in some]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            pauses += len(some)
            time.sleep(0.05)
        fleet.finish(seconds=300)
        lost = fleet.log().count("worker_lost") + fleet.log().count("lease_expired")
        self.tell("F12", "workers stopped past their leases", injected=min(pauses, lost),
                  needed=wanted * 2 // 3, states=1, acknowledged=self.rows,
                  violations=self.harm(sweep))

    def test_the_coordinator_stands_still(self):
        """Longer than a lease. It notices that time jumped, and blames nobody."""
        wanted = pick(2, 20)
        sweep = self.slow_sweep(pick(2, 10), 4)
        fleet = Fleet(self, sweep, "--beat", "300ms", "--lease", "2s", workers=4).start()
        stops = 0
        while fleet.runs() and stops < wanted:
            time.sleep(0.3)
            fleet.coordinator.signal(signal.SIGSTOP)
            time.sleep(3.5)
            fleet.coordinator.signal(signal.SIGCONT)
            stops += 1
        fleet.finish()
        wrong = self.harm(sweep) + self.blamed(fleet.log())
        self.tell("F13", "coordinator stopped longer than a lease",
                  injected=fleet.log().count("clock_jump"), needed=wanted * 2 // 3, states=1,
                  acknowledged=self.rows, violations=wrong)

    @staticmethod
    def blamed(log):
        """Whoever was given up as if silent. Leases may end later: of work that was granted to
        connections which had gone while nobody looked."""
        lines = log[:log.index("sweep_over")].splitlines()
        found = [line for line in lines if "worker_lost" in line]
        for i, line in enumerate(lines):
            if "clock_jump" in line:  # the same look that found it would have ended all leases
                found += [after for after in lines[i + 1:i + 3] if "lease_expired" in after]
        return found

    def test_models_that_hang(self):
        """Only what hangs is lost, and it is called a timeout; also with workers killed meanwhile."""
        sweep = self.mixed_sweep()
        traps = pick(2, 8)
        task = self.folder / "data/nlp/Words/annotation.json"
        text = task.read_text()
        for i in range(traps // 2):
            text = text.replace(f'"question": "Words {i}"', f'"question": "Words {i} trap"')
        task.write_text(text)
        sweep.models = [sim("a"), *({"name": f"hanging-{i}", "host": "exec", "args": {"pace": 0},
                                     "command": ["/usr/bin/python3", "exec_model.py", "hang"]}
                                    for i in range(2))]
        sweep.settings = {"strikes": 2, "timeout": "500ms"}
        sweep.write()
        self.expect = SOME_FAILED
        self.keep_oracle(sweep)
        hurt = self.elsewhere(sweep)
        fleet = Fleet(self, hurt, *QUICK_LEASES, workers=3).start()
        for _ in range(3):
            time.sleep(0.2)
            fleet.kill_worker(self.rng.randrange(3))
        fleet.finish()
        report = hurt.report()
        timeouts = sum(task["failed"].get("timeout", 0)
                       for model in report["models"] for task in model["tasks"])
        failed = sum(sum(task["failed"].values())
                     for model in report["models"] for task in model["tasks"])
        wrong = self.harm(hurt)
        if failed != timeouts:
            wrong.append(f"{failed} failures, of which {timeouts} are timeouts")
        self.tell("F14", "models that hang", injected=timeouts, needed=2 * (traps // 2), states=1,
                  acknowledged=self.rows, violations=wrong)


if __name__ == "__main__":
    main()
