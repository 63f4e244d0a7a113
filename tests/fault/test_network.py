#!/usr/bin/python3
"""F16 and F17: between workers and coordinator lies a proxy that cuts connections in the midst of
messages, delays, closes one direction, swallows one, goes dark, and is slow; and, in a network
namespace, a link that is taken down, and one of a megabit.

Loss and reordering of packets never reach what is above TCP; of messages (F15), the simulation does them."""

import ctypes
import json
import shutil
import socket
import subprocess
import time
import unittest

from faults import FaultTest, Fleet, Program, main, pick, sim, synthetic, wait_until
from proxy import Proxy

CLONE_NEWNET = 0x40000000
QUICK_LEASES = ("--beat", "200ms", "--lease", "2s")
WORKERS = 3


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Network(FaultTest):
    def sweep_of(self, seconds):
        instances = int(seconds * WORKERS / 0.004 / 8)
        sweep = self.make([sim("a", duration="4ms", duration_spread=0.3),
                           sim("b", duration="4ms", quality=0.3)],
                          [synthetic(self.folder, [instances] * 4)])
        self.keep_oracle(sweep, "--workers", WORKERS, "--slots", WORKERS)
        return self.elsewhere(sweep)

    def far_fleet(self, sweep, between=True):
        """Coordinator and workers over tcp, keys and all; with the proxy between them. Returns
        (fleet, proxy)."""
        port = free_port()
        fleet = Fleet(self, sweep, *QUICK_LEASES, "--listen", f"tcp://127.0.0.1:{port}",
                      workers=WORKERS)
        fleet.start_coordinator()
        key = sweep.state / "keys/worker.key"
        wait_until(key.exists)
        wait_until((sweep.state / "run/workers").exists)
        proxy = Proxy(port) if between else None
        fleet.endpoint = f"tcp://127.0.0.1:{proxy.port if between else port}"
        fleet.worker_options = ("--key", key)
        for i in range(WORKERS):
            fleet.start_worker(i)
        return fleet, proxy

    def done(self, sweep):
        ended = Program(["muster", "status", "--state", sweep.state, "--json"], self.folder).wait()
        return json.loads(ended.out)["done"] if ended.code == 0 else 0


class ThroughProxy(Network):
    def through(self, fault, what, seconds, spoil, needed):
        """spoil(proxy, fleet) until the sweep is through; it returns how much it injected."""
        sweep = self.sweep_of(seconds)
        fleet, proxy = self.far_fleet(sweep)
        wait_until(lambda: self.done(sweep) > 0, 20)
        injected = spoil(proxy, fleet)
        proxy.is_dark, proxy.swallows, proxy.delay_s, proxy.bytes_per_s = False, None, 0, 0
        fleet.finish(seconds=300)
        proxy.stop()
        self.tell(fault, what, injected=injected, needed=needed, states=1,
                  acknowledged=self.rows, violations=self.harm(sweep))

    def test_cut_in_the_midst(self):
        wanted = pick(12, 100)

        def spoil(proxy, fleet):
            proxy.delay_s = 0.005
            while fleet.runs() and proxy.counts["cuts"] < wanted:
                proxy.cut()
                time.sleep(self.rng.uniform(0.05, 0.4))
            return proxy.counts["cuts"]
        self.through("F16", "connections cut in the midst of messages", pick(3, 20), spoil, wanted)

    def test_half_closed(self):
        wanted = pick(5, 50)

        def spoil(proxy, fleet):
            while fleet.runs() and proxy.counts["half_closes"] < wanted:
                proxy.half_close()
                time.sleep(self.rng.uniform(0.1, 0.5))
            return proxy.counts["half_closes"]
        self.through("F16", "connections closed in one direction", pick(2, 15), spoil, wanted)

    def test_one_way_and_dark(self):
        """Longer than a lease: the work is given away, and its results come in the end as well."""
        wanted = pick(3, 18)

        def spoil(proxy, fleet):
            times = 0
            for i in range(wanted):
                if not fleet.runs():
                    break
                kind = i % 3
                proxy.is_dark = kind == 0
                proxy.swallows = (None, "up", "down")[kind]
                time.sleep(2.6)
                proxy.is_dark, proxy.swallows = False, None
                if kind:
                    proxy.cut()  # what was swallowed makes of the rest a stream without sense
                times += 1
                time.sleep(0.5)
            return times
        self.through("F16", "partitions, also one-way, longer than a lease", pick(3, 45), spoil,
                     wanted)

    def test_delayed_and_slow(self):
        def spoil(proxy, fleet):
            proxy.delay_s, proxy.bytes_per_s = 0.3, 125000
            wait_until(lambda: not fleet.runs(), 200)
            return proxy.counts["bytes"]
        self.through("F17", "a link of 1 Mbit/s and 0.3 s delay (bytes)", pick(2, 20), spoil,
                     10000)


class WithoutLink(Network):
    """In a network of this process's own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not shutil.which("ip") or ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0 \
                or not cls.ip("link", "set", "lo", "up"):
            raise unittest.SkipTest("this process may have no network namespace: a link that is taken"
                                    " down, and a slow one, were not tried")

    @staticmethod
    def ip(*words, tool="ip"):
        return subprocess.run([tool, *words], check=False, capture_output=True).returncode == 0

    @staticmethod
    def held_back():
        """Packets that the slow link delayed or dropped."""
        shown = subprocess.run(["tc", "-s", "-j", "qdisc", "show", "dev", "lo"], check=True,
                               capture_output=True, text=True).stdout
        return sum(queue.get("overlimits", 0) + queue.get("drops", 0) for queue in json.loads(shown))

    def test_the_link_is_taken_down(self):
        wanted = pick(2, 25)
        sweep = self.sweep_of(pick(3, 25))
        fleet, _ = self.far_fleet(sweep, between=False)
        wait_until(lambda: self.done(sweep) > 0, 20)
        times = 0
        while fleet.runs() and times < wanted:
            times += self.ip("link", "set", "lo", "down")
            time.sleep(self.rng.uniform(0.3, 3))
            self.assertTrue(self.ip("link", "set", "lo", "up"))
            time.sleep(0.5)
        fleet.finish(seconds=300)
        self.tell("F16", "the link is taken down", injected=times, needed=wanted, states=1,
                  acknowledged=self.rows, violations=self.harm(sweep))

    def test_a_slow_link(self):
        if not self.ip("qdisc", "add", "dev", "lo", "root", "tbf", "rate", "1mbit", "burst", "32kbit",
                       "latency", "400ms", tool="tc"):
            self.skipTest("no tbf")
        sweep = self.sweep_of(pick(2, 20))
        fleet, _ = self.far_fleet(sweep, between=False)
        fleet.finish(seconds=300)
        held_back = self.held_back()
        lost = fleet.log()[:fleet.log().index("sweep_over")].count("worker_lost")
        self.assertTrue(self.ip("qdisc", "del", "dev", "lo", "root", tool="tc"))
        self.tell("F17", "a link of 1 Mbit/s that drops what does not fit (packets held back)",
                  injected=held_back, needed=pick(5, 20), states=1, acknowledged=self.rows,
                  violations=self.harm(sweep) + ["a worker was given up"] * lost)


if __name__ == "__main__":
    main()
