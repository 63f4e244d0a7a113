#!/usr/bin/python3
"""Commands under circumstances that nobody wished for: no room for their output, no output at all,
an option that belongs to another command, a folder that is no sweep's."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

from muster_e2e import BAD_INPUT, BIN, DONE, INFRASTRUCTURE, SweepTest, main, sim, synthetic

ROOT = Path(__file__).resolve().parents[2]


class Commands(SweepTest):
    def shell(self, line, **places):
        """A line of sh with muster in its PATH, and no folder of the user's but these."""
        theirs = {name: text for name, text in os.environ.items()
                  if name != "HOME" and not name.startswith("XDG_")}
        return subprocess.run(["sh", "-c", line], cwd=self.folder, text=True, timeout=30, check=False,
                              capture_output=True,
                              env={**theirs, "PATH": f"{BIN}:/usr/bin:/bin", **places})

    def assert_refused(self, words, *said):
        err = self.muster(*words, expect=BAD_INPUT).err
        for text in said:
            self.assertIn(text, err)


class Output(Commands):
    def test_output_that_is_lost_is_no_success(self):
        sweep = self.make([sim("a", duration="1ms")], [synthetic(self.folder, [5])])
        self.run_sweep(sweep)
        for command in ("fsck --json", "report", "plan --json", "failures"):
            for where in ("> /dev/full", ">&-"):
                ended = self.shell(f"muster {command} sweep.yaml {where}")
                self.assertEqual(ended.returncode, INFRASTRUCTURE, (command, where, ended))
                self.assertIn("cannot write the output", ended.stderr)
        for words in ("help", "version"):
            self.assertEqual(self.shell(f"muster {words} > /dev/full").returncode, INFRASTRUCTURE)
        self.assertEqual(self.shell("muster help | head -c1").stderr, "")

    def test_a_worker_s_plan_that_is_lost_is_no_success(self):
        ended = self.shell("muster-worker --plan > /dev/full")
        self.assertEqual((ended.returncode, ended.stderr), (1, "muster-worker: cannot write the output\n"))

    def test_a_run_without_any_output_runs_and_spares_its_files(self):
        sweep = self.make([sim("a", duration="1ms")], [synthetic(self.folder, [5])])
        ended = self.shell("exec muster run sweep.yaml >&-")
        self.assertEqual(ended.returncode, DONE, ended)
        self.assertRegex((sweep.state / "run.lock").read_text(), r"\A[0-9]+ \S+\n\Z")
        self.assert_stored(sweep, 5)

    def test_a_coordinator_without_stderr_says_nothing_into_the_store(self):
        self.make([sim("a")], [synthetic(self.folder, [5])])
        line = "exec muster-coordinator --sweep sweep.yaml --state state"
        silent = self.shell(f"{line} --listen tcp://203.0.113.1:1 0<&- 1>&- 2>&-")
        self.assertEqual(silent.returncode, INFRASTRUCTURE)
        self.assertIn("failed text=", (self.folder / "state/log/coordinator.log").read_text())
        for name in ("store/lock.mdb", "store/muster.lock", "store/data.mdb"):
            self.assertNotIn(b"muster-coordinator:", (self.folder / "state" / name).read_bytes())


class Progress(Commands):
    def on_a_terminal(self, columns, rows, **environment):
        """What a run of twelve models shows on a terminal of that size."""
        self.make([sim(f"model-{i}", duration="40ms") for i in range(12)],
                  [synthetic(self.folder, [8])])
        terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        run = subprocess.Popen([BIN / "muster", "run", "sweep.yaml", "--slots", "2"], cwd=self.folder,
                               stdout=inside, stderr=subprocess.DEVNULL,
                               env={**os.environ, **environment})
        os.close(inside)
        shown = b""
        try:
            while some := os.read(terminal, 65536):
                shown += some
        except OSError:  # the other end is closed
            pass
        os.close(terminal)
        self.assertEqual(run.wait(), DONE)
        return shown.decode().partition("\r\nsweep: Complete")[0]

    def test_it_fits_its_window(self):
        shown = self.on_a_terminal(40, 10, TERM="xterm")
        self.assertRegex(shown, r"  model-\d+ +\d+/8 ")  # the counts are in sight
        lines = [re.sub(r"\x1b\[\d*[AK]", "", line) for line in shown.split("\r\n")]
        self.assertLess(max(map(len, lines)), 40)
        self.assertLess(max(int(n) for n in re.findall(r"\x1b\[(\d+)A", shown)), 10)

    def test_a_dumb_terminal_gets_lines(self):
        shown = self.on_a_terminal(80, 24, TERM="dumb")
        self.assertIn("/96 ", shown)
        self.assertNotIn("\x1b", shown)


class Words(Commands):
    def test_an_option_of_another_command_is_refused_before_anything_is_ordered(self):
        sweep = self.make([sim("a", duration="100ms")], [synthetic(self.folder, [1000])])
        run = self.start(sweep, "--slots", 1)
        self.wait_for_status(run, sweep, lambda s: s["workers"] > 0)
        for words in (["drain", "--model", "a"], ["pause", "--model", "a", "--worker", "local-1"],
                      ["status", "--limit", 3], ["failures", "--worker", "x"]):
            self.assert_refused([*words, sweep.file], f"is no option of muster {words[0]}")
        self.assertEqual(self.ask(sweep, "status")["state"], "running")
        self.assert_refused(["explain", sweep.file, ""], "? expected a model, worker")
        self.muster("drain", sweep.file)
        run.wait()

    def test_a_folder_that_is_no_sweeps_stays_as_it_is(self):
        (self.folder / "photos").mkdir()
        for command in ("status", "workers", "drain", "failures"):
            self.assert_refused([command, "photos"], "photos: expected the state folder of a sweep")
        self.assertEqual(list((self.folder / "photos").iterdir()), [])

    def test_a_plan_of_what_is_stored_in_no_folder_is_refused(self):
        sweep = self.make([sim("a")], [synthetic(self.folder, [5])])
        self.assert_refused(["plan", sweep.file, "--state", sweep.file], "expected the folder where")

    def test_an_endpoint_that_is_none_is_refused(self):
        for endpoint in ("head", "tcp://head", "tcp://head:70000", "udp://head:1", "inproc://x"):
            self.assert_refused(["status", "--connect", endpoint],
                                f'--connect: expected tcp://HOST:PORT or ipc://PATH, found "{endpoint}"')
        self.assert_refused(["status", "--connect", "ipc:///x", "--key", "k"], "--key goes with")

    def test_a_worker_without_a_home_is_told_a_folder(self):
        for nowhere in ({}, {"HOME": ""}):
            ended = self.shell("muster-worker --connect ipc://none --name w", **nowhere)
            self.assertEqual(ended.returncode, 1)
            self.assertIn("there is no HOME; --state DIR names the folder", ended.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_run_listens_at_one_endpoint(self):
        for option in ("--listen", "--listen-operators"):
            self.assert_refused(["run", "s.yaml", option, "tcp://[::1]:1", option, "tcp://[::1]:2"],
                                f'{option}: expected one endpoint, found "tcp://[::1]:1" and "tcp://[::1]:2"')

    def test_help_of_a_command_is_its_help(self):
        for command in re.findall(r"^  (\w+) ", self.muster("help").out, re.MULTILINE):
            text = self.muster("help", command).out
            self.assertEqual(text, self.muster(command, "--help").out)
            self.assertEqual(text, self.muster(command, "-h").out)
            self.assertRegex(text, rf"(?i)usage: muster {command}\b")
        self.assert_refused(["help", "stauts"], 'did you mean "status"?')


class Names(Commands):
    def test_a_name_does_not_steer_the_terminal_and_is_not_cut_within_a_character(self):
        sweep = self.make([sim("a", duration="100ms")], [synthetic(self.folder, [50000])])
        run = self.start(sweep, "--workers", 0)
        self.wait_for_status(run, sweep, lambda s: True)
        names = {"w\u009b31m": r"w\u{9B}31m ", "wörker-über-die-wörld": "wörker-über-die-wörl "}
        workers = [self.shell(f"muster-worker --connect ipc://{sweep.state}/run/workers --state {n} "
                              f"--name '{name}' > /dev/null 2>&1 & echo $!")
                   for n, name in enumerate(names)]
        self.wait_for_status(run, sweep, lambda s: s["workers"] == len(names))
        out = self.muster("workers", sweep.file).out
        for shown in names.values():
            self.assertIn(f"\n{shown}", out)
        self.assertNotIn("\u009b", out)
        self.muster("drain", sweep.file)
        run.wait()
        self.assertTrue(all(w.returncode == 0 for w in workers))
        self.assert_nobody_left()


class Places(Commands):
    def test_scripts_know_their_tree_whatever_cd_is_told(self):
        (self.folder / "ops").mkdir()  # CDPATH finds this one, and cd prints what it has found
        listed = subprocess.run(["ops/setup", "--list", "quickstart"], cwd=ROOT, text=True, check=True,
                                capture_output=True, env={**os.environ, "CDPATH": str(self.folder)})
        self.assertIn("python3-numpy", listed.stdout.split())

    def test_a_timeline_goes_into_a_pipe_that_is_named(self):
        self.make([sim("a", duration="1ms")], [synthetic(self.folder, [5])])
        os.mkfifo(self.folder / "pipe")
        line = f"muster simulate sweep.yaml --cluster {ROOT}/ops/examples/cluster.yaml --timeline"
        ended = self.shell(f"{{ {line} pipe > /dev/null & cat pipe; wait $!; }}")
        self.assertEqual(ended.returncode, 0, ended)
        self.assertIn("worker,", ended.stdout.splitlines()[0])
        self.assertTrue((self.folder / "pipe").is_fifo())


class Unreadable(Commands):
    def test_a_store_that_cannot_be_examined_is_not_an_absent_one(self):
        """A plan that takes it for empty would promise what is done already."""
        sweep = self.make([sim("a")], [synthetic(self.folder, [5])])
        sweep.state.mkdir()
        (sweep.state / "store").symlink_to("store")  # root may read everything: a loop is for all
        for command in ("plan", "report", "fsck", "failures"):
            ended = self.shell(f"muster {command} sweep.yaml")
            self.assertEqual(ended.returncode, 74, ended)
            self.assertIn("cannot examine the store", ended.stderr)


if __name__ == "__main__":
    main()
