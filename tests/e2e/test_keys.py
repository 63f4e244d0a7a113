#!/usr/bin/python3
"""Over TCP with keys: who gets in, who does not and how soon it is told, and what changes while a
sweep runs."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import threading
import time

from muster_e2e import (BAD_INPUT, DONE, INFRASTRUCTURE, STOPPED, Program, SweepTest, main, sim,
                        synthetic, wait_until)

ROWS = 100
SOON_S = 5  # what is wrong with a key is told within this
ANY_PORT = "tcp://127.0.0.1:*"
# ZMTP 3.0: signature, version, mechanism, "as server", filler.
GREETING = b"\xff" + bytes(7) + b"\1\x7f" + b"\3\0" + b"NULL".ljust(20, b"\0") + bytes(32)
NO_KEYS_READ = r"what listens at \S+ uses no keys: .* leave out --key"
NO_KEYS_GUESSED = r"what listens at \S+ is not the coordinator .* or it uses none"


def answer_all(server, answer):
    """Whoever connects gets that, and is hung up on when its own greeting is through."""
    with contextlib.suppress(OSError):  # the server is closed
        while True:
            with server.accept()[0] as peer, contextlib.suppress(ConnectionError):
                peer.sendall(answer)
                peer.recv(len(GREETING), socket.MSG_WAITALL)


class Keys(SweepTest):
    def listen(self, *options, duration="20ms"):
        """A sweep that only workers from elsewhere can run, started."""
        self.sweep = self.make([sim("a", duration=duration)])
        self.keys = self.sweep.state / "keys"
        self.run_ = self.start(self.sweep, "--workers", 0, "--listen", ANY_PORT,
                               "--listen-operators", ANY_PORT, *options)
        status = self.wait_for_status(self.run_, self.sweep, lambda s: len(s["listen"]) == 2)
        self.ports = {e["for"]: e["endpoint"] for e in status["listen"]}
        return status

    def worker(self, key=None, name="w1", **more):
        words = ["muster-worker", "--connect", more.get("connect") or self.ports["worker"],
                 "--state", self.folder / name, "--name", name, "--slots", 2]
        worker = Program(words + (["--key", key] if key else []), self.folder)
        self.addCleanup(self.put_away, worker)
        return worker

    @staticmethod
    def put_away(program):
        """It may still be dialling, or have been waited for."""
        if not program.out.closed:
            program.popen.kill()
            program.wait()

    def operator(self, key=None, command="status", **more):
        words = [command, "--connect", more.get("connect", self.ports["operator"]), "--json"]
        return Program(["muster", *words] + (["--key", key] if key else []), self.folder).wait()

    def copy_of(self, name, **changed):
        """A key file as somebody else has it, with some of its words changed."""
        text = (self.keys / name).read_text()
        for word, value in changed.items():
            text = re.sub(rf"(?m)^{word} .*$", lambda _: f"{word} {value}", text)
        path = self.folder / f"copy-of-{name}"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def word(self, name, word):
        return re.search(rf"(?m)^{word} (.*)$", (self.keys / name).read_text())[1]

    def keygen(self, *words, expect=DONE):
        return self.muster("keygen", *words, expect=expect)

    def hang_up(self):
        """The coordinator reads its allow list, and has logged what came of it."""
        before = self.sweep.log().count("allow_list_")
        pid = self.run_.children("muster-coordinator")[0].pid
        os.kill(pid, signal.SIGHUP)
        self.assertTrue(wait_until(lambda: self.sweep.log().count("allow_list_") > before, SOON_S))

    def assert_says(self, program, words):
        """It says so soon (a regular expression), goes on trying, and is not let in."""
        self.assertTrue(wait_until(lambda: re.search(words, program.said()), SOON_S), program.said())
        self.assertTrue(program.runs())

    def end(self, code=STOPPED):
        self.run_.signal(signal.SIGINT)
        ended = self.run_.wait()
        self.assertEqual(ended.code, code, ended)

    def assert_nothing_done(self):
        status = self.ask(self.sweep, "status")
        self.assertEqual((status["done"], status["workers"]), (0, 0))


class RightKey(Keys):
    def test_two_commands_run_a_sweep_over_tcp(self):
        status = self.listen()
        self.assertFalse(status["insecure"])
        self.assertTrue(wait_until(lambda: "muster-worker --connect" in self.run_.said()))
        worker = self.worker(self.keys / "worker.key")
        ended = self.run_.wait()
        self.assertEqual(ended.code, DONE, ended)
        self.assertEqual(worker.wait().code, 0)
        self.assert_stored(self.sweep, ROWS)

    def test_an_operator_elsewhere_asks_and_orders(self):
        self.listen(duration="1h")
        key = self.keys / "operator.key"
        status = self.operator(key)
        self.assertEqual(json.loads(status.out)["total"], ROWS, status)
        worker = self.worker(self.keys / "worker.key")
        workers = wait_until(lambda: json.loads(self.operator(key, "workers").out)["workers"])
        self.assertEqual([(w["name"], w["key"]) for w in workers], [("w1", "worker")])
        self.assertEqual(self.operator(key, "drain").code, DONE)
        worker.signal(signal.SIGTERM)
        worker.signal(signal.SIGINT)
        self.assertEqual(self.run_.wait().code, STOPPED)

    def test_a_worker_made_its_own_key_and_only_the_public_part_travelled(self):
        self.listen()
        made = self.keygen("node7", "--coordinator", self.word("coordinator.key", "public"))
        self.assertRegex(made.out, r"^worker node7 \S{40}\n$")
        worker = self.worker(self.folder / "node7.key")
        self.assert_says(worker, re.escape(made.out.strip()))  # what the list lacks
        with (self.keys / "allowed").open("a") as allowed:
            allowed.write(made.out)
        self.hang_up()
        ended = self.run_.wait()  # it kept trying
        self.assertEqual(ended.code, DONE, ended)
        self.assert_stored(self.sweep, ROWS)


class WrongKey(Keys):
    def test_each_kind_of_wrong_worker_is_told_soon_and_kept_out(self):
        self.listen()
        self.keygen("stranger", "--coordinator", self.word("coordinator.key", "public"))
        wrong_coordinator = self.copy_of("worker.key",
                                         coordinator=self.word("operator.key", "public"))
        wrong = [(self.folder / "stranger.key", "does not allow this key"),
                 (wrong_coordinator, "not the coordinator whose public key"),
                 (None, "--key")]
        workers = [(self.worker(key, f"w{i}"), words) for i, (key, words) in enumerate(wrong)]
        for worker, words in workers:
            self.assert_says(worker, words)
        self.assert_nothing_done()

        def both_are_counted():  # once a tick of the coordinator
            counters = self.ask(self.sweep, "status")["counters"]
            return counters["connections_refused"] > 0 and counters["handshakes_failed"] > 1

        self.assertTrue(wait_until(both_are_counted, SOON_S))
        self.end()

    def test_an_operators_key_is_no_workers(self):
        self.listen()
        by_role = self.worker(self.keys / "operator.key").wait()
        self.assertEqual(by_role.code, 2, by_role)
        self.assertIn("key of a worker is needed", by_role.err)
        forged = self.worker(self.copy_of("operator.key", role="worker"))  # the file is one thing,
        self.assert_says(forged, "does not allow this key")  # the allow list another
        self.assert_nothing_done()
        self.end()

    def test_a_workers_key_neither_asks_nor_orders(self):
        self.listen()
        key = self.copy_of("worker.key", role="operator")
        for command in ("status", "drain"):
            ended = self.operator(key, command)
            self.assertEqual(ended.code, INFRASTRUCTURE, ended)
            self.assertIn("does not allow this key", ended.err)
            self.assertLess(ended.seconds, SOON_S)
        self.assertEqual(self.ask(self.sweep, "status")["state"], "running")
        self.end()

    def test_wrong_operators_are_told_soon(self):
        self.listen()
        wrong = self.copy_of("operator.key", coordinator=self.word("worker.key", "public"))
        for key, words in ((wrong, "not the coordinator whose public key"), (None, "--key")):
            ended = self.operator(key)
            self.assertEqual(ended.code, INFRASTRUCTURE, ended)
            self.assertIn(words, ended.err)
            self.assertLess(ended.seconds, SOON_S)
        self.end()


class Changes(Keys):
    def test_a_removed_key_loses_its_session_at_once(self):
        self.listen(duration="100ms")
        self.keygen("node7", "--state", self.sweep.state)
        self.hang_up()
        worker = self.worker(self.keys / "node7.key")
        self.wait_for_status(self.run_, self.sweep, lambda s: s["workers"] == 1 and s["running"])
        allowed = self.keys / "allowed"
        kept = [line for line in allowed.read_text().splitlines(True) if " node7 " not in line]
        allowed.write_text("".join(kept))
        self.hang_up()
        self.assertEqual(self.ask(self.sweep, "status")["workers"], 0)
        self.assertIn("session_ended", self.sweep.log())
        self.assert_says(worker, "no longer allowed")
        done = self.ask(self.sweep, "status")["done"]
        time.sleep(1)
        self.assertEqual(self.ask(self.sweep, "status")["done"], done)
        other = self.worker(self.keys / "worker.key", "w2")  # the sweep does not hang on it
        self.assertEqual(self.run_.wait().code, DONE)
        self.assertEqual(other.wait().code, 0)
        self.assert_stored(self.sweep, ROWS)

    def test_a_broken_list_is_told_and_changes_nothing(self):
        self.listen()
        allowed = self.keys / "allowed"
        good = allowed.read_text()
        allowed.write_text("worker\n")
        self.hang_up()
        self.assertIn("allow_list_not_read", self.sweep.log())
        allowed.write_text(good)
        worker = self.worker(self.keys / "worker.key")
        self.assertEqual(self.run_.wait().code, DONE)
        self.assertEqual(worker.wait().code, 0)

    def test_reading_the_list_again_is_asked_for_at_any_time(self):
        """Before there is one in force, and while the reports are written, it is for nothing; it
        ended the coordinator."""
        sweep = self.make([sim("a")])
        coordinator = Program(["muster-coordinator", "--sweep", sweep.file, "--state", sweep.state,
                               "--exit-when-done"], self.folder)
        self.assertTrue(wait_until((sweep.state / "log/coordinator.log").exists, every=0.001))
        self.worker(connect=f"ipc://{sweep.state}/run/workers")
        while coordinator.runs():
            coordinator.signal(signal.SIGHUP)
            time.sleep(0.001)
        self.assertEqual(coordinator.wait().code, DONE)
        self.assertIn("allow_list_not_used", sweep.log())
        self.assert_stored(sweep, ROWS)

    def test_a_coordinators_key_made_anew_is_told_to_workers(self):
        self.listen()
        self.end()
        old = self.copy_of("worker.key")
        (self.keys / "coordinator.key").unlink()
        self.listen()
        worker = self.worker(old)
        self.assert_says(worker, "its keys may have been made anew")
        worker.signal(signal.SIGKILL)
        new = self.copy_of("worker.key", coordinator=self.word("coordinator.key", "public"))
        worker = self.worker(new)
        self.assertEqual(self.run_.wait().code, DONE)
        self.assertEqual(worker.wait().code, 0)


class Files(Keys):
    def test_modes_are_made_right_and_wider_ones_refused(self):
        self.listen()
        self.end()
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in self.keys.iterdir()}
        self.assertEqual(modes, {"coordinator.key": 0o600, "coordinator.pub": 0o644,
                                 "worker.key": 0o600, "operator.key": 0o600, "allowed": 0o600})
        self.assertEqual(stat.S_IMODE(self.keys.stat().st_mode), 0o700)
        for path, mode, said in ((self.keys / "coordinator.key", 0o640, "chmod 600"),
                                 (self.keys / "allowed", 0o666, "chmod 600"),
                                 (self.keys, 0o755, "chmod 700")):
            right = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode)
            ended = self.start(self.sweep, "--workers", 0, "--listen", ANY_PORT).wait()
            self.assertEqual(ended.code, INFRASTRUCTURE, ended)
            self.assertIn(said, ended.err)
            path.chmod(right)
        (self.keys / "worker.key").chmod(0o604)
        ended = self.worker(self.keys / "worker.key").wait()
        self.assertEqual(ended.code, BAD_INPUT, ended)
        self.assertIn("chmod 600", ended.err)

    def test_no_secret_is_ever_printed(self):
        self.listen()
        made = self.keygen("node7", "--state", self.sweep.state)
        secrets = [self.word(name, "secret") for name in ("coordinator.key", "worker.key",
                                                          "operator.key", "node7.key")]
        worker = self.worker(self.keys / "node7.key")
        self.operator(self.keys / "operator.key")
        self.end()
        worker.signal(signal.SIGKILL)
        said = made.out + made.err + self.sweep.log() + worker.said()
        for secret in secrets:
            self.assertNotIn(secret, said)

    def test_of_keys_of_one_name_made_at_once_one_is_made(self):
        """And it is the one whose line was printed. The others were told to be allowed too, and had
        been replaced."""
        all_ = [Program(["muster", "keygen", "node7", "--coordinator", "x" * 40], self.folder)
                for _ in range(8)]
        ended = [program.wait() for program in all_]
        self.assertEqual(sorted(e.code for e in ended), [DONE] + 7 * [BAD_INPUT])
        public = next(e.out for e in ended if e.code == DONE).split()[2]
        self.assertIn(f"public {public}\n", (self.folder / "node7.key").read_text())

    def test_keygen_refuses_what_is_there_and_what_makes_no_sense(self):
        sweep = self.make([sim("a")])
        sweep.state.mkdir(mode=0o700)
        self.keygen("node7", "--state", sweep.state)
        for words, said in ((("node7", "--state", sweep.state), "is there already"),
                            (("../x", "--state", sweep.state), "expected a name"),
                            (("x",), "--state DIR where the coordinator is"),
                            (("x", "--coordinator", "short"), "40 characters"),
                            (("x", "--role", "boss", "--state", sweep.state), "worker or operator"),
                            (("x", "--state", self.folder / "none"), "no such state folder"),
                            (("x", "--keys", self.folder / "none"), "no such folder of keys")):
            self.assertIn(said, self.keygen(*words, expect=BAD_INPUT).err)
        self.assertFalse((self.folder / "none").exists())
        (self.folder / "keys").mkdir(mode=0o700)
        self.keygen("node7", "--keys", self.folder / "keys")


class Insecure(Keys):
    def test_it_is_said_in_every_view_and_works_without_keys(self):
        status = self.listen("--insecure", duration="100ms")
        self.assertTrue(status["insecure"])
        self.assertFalse(self.keys.exists())
        self.assertTrue(wait_until(lambda: "INSECURE" in self.run_.said()))
        self.assertIn("listening_insecure", self.sweep.log())
        for command in ("status", "workers"):
            self.assertIn("INSECURE", self.muster(command, "--state", self.sweep.state).out)
        self.assertEqual(json.loads(self.operator().out)["total"], ROWS)
        worker = self.worker()
        ended = self.run_.wait()
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn("INSECURE", ended.out)  # the progress
        self.assertEqual(worker.wait().code, 0)

    def test_a_key_where_none_are_used_is_told(self):
        """In one of two true sentences. Each side hangs up as soon as it has read that the other's
        mechanism is not its own: which one is first decides whether the worker ever reads it."""
        self.listen("--insecure")
        self.keygen("node7", "--state", self.sweep.state)
        worker = self.worker(self.keys / "node7.key")
        self.assert_says(worker, f"({NO_KEYS_READ}|{NO_KEYS_GUESSED})")
        self.assert_nothing_done()
        self.end()

    def answers(self, answer):
        """A listener that sends so much of a greeting and hangs up: what a worker with a key says."""
        self.keygen("node7", "--coordinator", "x" * 40)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            threading.Thread(target=answer_all, args=(server, answer), daemon=True).start()
            worker = self.worker(self.folder / "node7.key", connect=f"tcp://127.0.0.1:{port}")
            return wait_until(lambda: re.search(r"what listens at .*", worker.said()), SOON_S)[0]

    def test_a_worker_that_has_read_the_mechanism_says_that_no_keys_are_used(self):
        self.assertRegex(self.answers(GREETING), NO_KEYS_READ)

    def test_a_worker_that_was_hung_up_on_before_says_what_it_may_be(self):
        self.assertRegex(self.answers(GREETING[:GREETING.index(b"NULL")]), NO_KEYS_GUESSED)


if __name__ == "__main__":
    main()
