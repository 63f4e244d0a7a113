#!/usr/bin/python3
"""F1: one sweep of the real size, and coordinator, workers and `muster run` killed at random again
and again until it is through."""

from faults import FaultTest, main, pick, sim, synthetic
from test_kill import ALL, COORDINATOR, Killing, full_size


class Kills(Killing, FaultTest):
    kills = pick(50, 1000)

    def setUp(self):
        super().setUp()
        self.made = 0

    def disturb(self, sweep, options, whom, gap):
        self.made = super().disturb(sweep, options, whom, gap)
        return self.made

    def test_one_sweep(self):
        """Killed often enough, or tried again at a higher rate; its bytes are compared inside."""
        models = [sim(f"m{i}", quality=0.02 * i) for i in range(pick(5, 32))]
        rows = len(models) * sum(full_size())
        sweep = self.make(models, [synthetic(self.folder, full_size())])
        self.undisturbed(sweep)
        self.assert_unharmed(sweep, rows, "--workers", 2, whom=[*ALL, COORDINATOR, COORDINATOR],
                             gap=(0.02, 0.2))
        self.tell("F1", f"kill -9 at random in one sweep of {rows:,}", injected=self.made,
                  needed=self.kills, states=1, acknowledged=rows)


if __name__ == "__main__":
    main()
