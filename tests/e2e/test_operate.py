#!/usr/bin/python3
"""A sweep while it runs: looked at, stopped, drained, paused, and held by one at a time."""

import json
import re
import signal
import socket
import time

from muster_e2e import (BAD_INPUT, DONE, INFRASTRUCTURE, SOME_FAILED, STATE_HELD, STOPPED, Program, SweepTest,
                        kill, main, processes, sim, synthetic, wait_until)

ROWS = 100
MANY = ("--workers", 8, "--slots", 1)  # more at a time than the slow ones: what remains is soon done


class Operated(SweepTest):
    def slow(self, **parameters):
        """A sweep that takes two seconds on any machine, started."""
        parameters.setdefault("duration", "20ms")
        sweep = self.make([sim("a", **parameters)])
        return sweep, self.start(sweep, "--slots", 1)

    def some_done(self, run, sweep, more_than=3):
        return self.wait_for_status(run, sweep, lambda s: s["done"] > more_than)

    def assert_ended(self, run, code):
        ended = run.wait()
        self.assertEqual(ended.code, code, ended)
        self.assert_nobody_left()
        return ended

    def assert_goes_on(self, sweep, least=1):
        """It was stopped before its end. Run again, it comes to the end that an undisturbed sweep
        has, and nothing that was recorded is run twice."""
        report = sweep.report()
        kept, total = report["ended"], report["instances"]
        self.assertFalse(report["complete"])
        self.assertIn(kept, range(least, total))
        self.assert_stored(sweep, kept)
        self.run_sweep(sweep, *MANY)
        self.assertIn(f"recorded={total - kept}\n", sweep.log())
        self.assert_stored(sweep, total)
        undisturbed = self.folder / "undisturbed.muster"
        self.muster("run", sweep.file, "--state", undisturbed, *MANY)
        for name, text in sweep.reports().items():
            self.assertEqual((undisturbed / "report" / name).read_bytes(), text, name)


class Looking(Operated):
    def test_status_workers_failures_and_plan_agree(self):
        sweep, run = self.slow(duration="300ms")  # it has to last while many commands look at it
        status = self.some_done(run, sweep)
        self.assertEqual((status["sweep"], status["state"], status["total"], status["failed"]),
                         ("sweep", "running", ROWS, 0))
        self.assertEqual(sum(m["done"] for m in status["models"]), status["done"])
        workers = self.ask(sweep, "workers")["workers"]
        self.assertEqual([w["name"] for w in workers], ["local-1"])
        self.assertIn("a", [s["model"] for s in workers[0]["slots"]])
        self.assertGreaterEqual(workers[0]["done"], status["done"])
        self.assertEqual(self.ask(sweep, "failures"), [])
        why = self.muster("explain", sweep.file, "a")
        self.assertRegex(why.out, "^a (runs|loads) on ")
        self.assertIn("local-1 ", self.muster("explain", sweep.file, "local").out)
        self.muster("explain", sweep.file, "b", expect=BAD_INPUT)
        self.assertGreater(self.ask(sweep, "status")["decisions"]["granted_load"], 0)
        plan = json.loads(self.muster("plan", sweep.file, "--json").out)["can_run"]
        self.assertEqual(plan["instances"], ROWS)
        self.assertGreaterEqual(plan["done"], status["done"])
        self.assertEqual(plan["done"] + plan["missing"], ROWS)
        for command, said in (("status", "of 100 done"), ("workers", "local-1"),
                              ("failures", "no instance has failed")):
            self.assertIn(said, self.muster(command, sweep.file).out)
        run.signal(signal.SIGINT)
        self.assert_ended(run, STOPPED)

    def test_explain_says_what_can_be_asked(self):
        for words, said in (([], "what? "), (["s.yaml"], "what of s.yaml? ")):
            err = self.muster("explain", *words, expect=BAD_INPUT).err
            self.assertIn(said + "expected a model, worker, task, MODEL/TASK or attempt", err)

    def test_what_is_wrong_with_an_option_is_said_with_the_command(self):
        for command in ("run", "plan", "simulate", "status", "failures", "report", "keygen",
                        "fsck"):
            for words, said in ((["--bogus"], "unknown option --bogus"), (["-b"], "unknown option -b"),
                                (["--help=yes"], "--help=yes takes no value")):
                self.assertEqual(self.muster(command, *words, expect=BAD_INPUT).err,
                                 f"muster {command}: {said}; see --help\n")
        self.assertEqual(self.muster("run", "--state", expect=BAD_INPUT).err,
                         "muster run: --state needs a value; see --help\n")

    def test_a_name_that_is_no_text_is_refused(self):
        sweep = self.make([sim("a")])
        sweep.state.mkdir()
        for words in (["pause", "--model", "\udcff"], ["drain", "--worker", "\udcff"],
                      ["explain", "\udcff"], ["failures", "--model", "\udcff"]):
            ended = self.muster(*words, "--state", sweep.state, expect=BAD_INPUT)
            self.assertIn("expected a name in UTF-8", ended.err)

    def test_failures_that_are_not_shown_are_told_of(self):
        sweep = self.make([sim("a", failure_rate=1)])
        self.run_sweep(sweep, expect=SOME_FAILED)
        cut = self.muster("failures", sweep.file, "--limit", ROWS - 1, "--json")
        self.assertEqual(len(json.loads(cut.out)), ROWS - 1)
        self.assertIn(f"the first {ROWS - 1}, there are more", cut.err)
        whole = self.muster("failures", sweep.file, "--json")
        self.assertEqual((len(json.loads(whole.out)), whole.err), (ROWS, ""))

    def test_a_port_that_is_none_is_refused(self):
        sweep = self.make([sim("a")])
        for endpoint in ("tcp://127.0.0.1:99999", "tcp://127.0.0.1", "tcp://127.0.0.1:"):
            ended = self.muster("run", sweep.file, "--insecure", "--listen", endpoint,
                                expect=BAD_INPUT)
            self.assertIn("expected tcp://ADDRESS:PORT or ipc://PATH", ended.err)

    def test_a_port_that_is_taken_is_all_that_is_said(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = "tcp://127.0.0.1:%d" % taken.getsockname()[1]
            self.run_sweep(self.make([sim("a")]))
            sweep = self.make([sim("a"), sim("b")])  # more of it
            ended = self.muster("run", sweep.file, "--insecure", "--listen", endpoint,
                                expect=INFRASTRUCTURE)
        self.assertIn("is another one running?", ended.err)
        self.assertEqual(ended.out, "")  # not the report of the run before
        self.assertNotIn("muster-worker --connect", ended.err)  # nobody listens there

    def test_a_report_that_cannot_be_written_is_written_later(self):
        sweep = self.make([sim("a")])
        sweep.state.mkdir()
        (sweep.state / "report").write_text("in the way")
        ended = self.muster("run", sweep.file, expect=INFRASTRUCTURE)
        self.assertIn("the results are recorded: muster report writes it later", ended.err)
        self.assertEqual(ended.out, "")
        (sweep.state / "report").unlink()
        self.assertIn("Complete", self.muster("report", sweep.file).out)

    def test_without_a_coordinator_status_says_so(self):
        sweep = self.make([sim("a")])
        self.run_sweep(sweep)
        for command in ("status", "drain"):
            ended = self.muster(command, sweep.file, expect=INFRASTRUCTURE)
            self.assertIn(f"no coordinator answers: nothing runs in {sweep.state}; muster plan", ended.err)

    def test_what_was_measured_is_known_before_anybody_works_again(self):
        sweep, run = self.slow()
        self.some_done(run, sweep)
        run.signal(signal.SIGINT)
        self.assert_ended(run, STOPPED)
        run = self.start(sweep, "--workers", 0)
        status = self.wait_for_status(run, sweep, lambda s: s["state"] == "running")
        model, = status["models"]
        on_type, = model["gpu_types"]
        self.assertEqual(status["workers"], 0)
        self.assertGreater(model["instance_ms"], 1)
        self.assertEqual(on_type["instance_ms"], model["instance_ms"])
        run.signal(signal.SIGINT)
        self.assert_ended(run, STOPPED)

    def test_a_second_run_of_the_same_state_is_refused_and_told_by_whom(self):
        sweep, run = self.slow()
        self.some_done(run, sweep)
        holder = run.children("muster-coordinator")[0].pid
        second = self.start(sweep).wait()
        self.assertEqual(second.code, STATE_HELD, second)
        self.assertRegex(second.err, rf"runs already: .*\b{holder}\b")
        self.assert_ended(run, DONE)
        self.assert_stored(sweep, ROWS)


    def test_a_coordinator_that_was_started_by_hand_is_not_waited_for(self):
        sweep = self.make([sim("a")])
        coordinator = Program(["muster-coordinator", "--sweep", sweep.file, "--state", sweep.state],
                              self.folder)
        self.wait_for_status(coordinator, sweep, lambda s: True)
        ended = self.start(sweep).wait()
        self.assertEqual(ended.code, STATE_HELD, ended)
        self.assertRegex(ended.err, rf"runs already: .*\b{coordinator.pid}\b")
        self.assertNotIn("waiting", ended.err)
        coordinator.signal(signal.SIGTERM)
        coordinator.wait()


class Stopping(Operated):
    def test_ctrl_c_lets_running_instances_finish(self):
        sweep, run = self.slow()
        done = self.some_done(run, sweep)["done"]
        run.signal(signal.SIGINT)
        ended = self.assert_ended(run, STOPPED)
        self.assertIn("run the same command again", ended.err)
        self.assertNotIn("muster-coordinator:", ended.err)  # nothing failed
        self.assert_goes_on(sweep, least=done)

    def test_a_restart_knows_how_long_a_model_takes(self):
        sweep, run = self.slow(load="1500ms", duration="40ms")
        self.some_done(run, sweep)
        run.signal(signal.SIGINT)
        self.assert_ended(run, STOPPED)
        kept = sweep.report()["ended"]
        run = self.start(sweep)
        status = self.wait_for_status(run, sweep, lambda s: True)
        self.assertEqual(status["done"], kept)  # its model is still being loaded
        model = status["models"][0]
        self.assertGreater(model["load_ms"], 1400)
        self.assertGreater(model["instance_ms"], 20)
        self.assert_ended(run, DONE)

    def test_ctrl_c_before_the_coordinator_is_ready_is_a_stop_too(self):
        sweep = self.make([sim("a", duration="2s")])
        for _ in range(5):
            run = self.start(sweep)
            wait_until(lambda: run.children("muster-coordinator"), every=0.001)
            run.signal(signal.SIGINT)
            self.assert_ended(run, STOPPED)

    def test_a_second_ctrl_c_stops_at_once(self):
        sweep = self.make([sim("a", duration="1500ms")], [synthetic(self.folder, [2, 2])])
        run = self.start(sweep)
        self.wait_for_status(run, sweep, lambda s: s["running"] > 0)
        run.signal(signal.SIGINT)
        time.sleep(0.2)
        self.assertTrue(run.runs())
        run.signal(signal.SIGINT)
        stopped = time.monotonic()
        self.assert_ended(run, STOPPED)
        self.assertLess(time.monotonic() - stopped, 1)
        self.run_sweep(sweep, *MANY)
        self.assert_stored(sweep, 4)

    def test_the_run_is_killed_and_nothing_is_left_behind(self):
        sweep, run = self.slow()
        self.some_done(run, sweep)
        run.signal(signal.SIGKILL)
        run.wait()
        self.assert_nobody_left(seconds=30)  # a worker's goodbye may be lost: a lease's time
        self.muster("report", sweep.file, "--quiet")
        self.assert_goes_on(sweep)

    def test_the_run_is_killed_and_what_runs_is_finished(self):
        """Its end is told to its children once for each of its threads: that is one order to
        drain, and not a second one, to stop at once."""
        sweep = self.make([sim("a", duration="800ms")], [synthetic(self.folder, [3, 3])])
        run = self.start(sweep, "--slots", 1)
        done = self.wait_for_status(run, sweep, lambda s: s["done"] > 0)["done"]
        run.signal(signal.SIGKILL)
        run.wait()
        self.assert_nobody_left(seconds=15)
        self.assertIn("sweep_over", sweep.log())
        self.assertNotIn("worker_stopped", sweep.log("worker-1"))
        self.assertGreater(self.fsck(sweep)["rows"], done)

    def test_a_run_goes_on_right_after_one_was_killed(self):
        """The coordinator stands still, so that it is surely there when the next run comes."""
        sweep, run = self.slow()
        self.some_done(run, sweep)
        coordinator = run.children("muster-coordinator")[0].pid
        kill(coordinator, signal.SIGSTOP)
        run.signal(signal.SIGKILL)
        run.wait()
        run = self.start(sweep, *MANY)
        self.assertTrue(wait_until(lambda: "an earlier run was killed; waiting" in run.said()))
        kill(coordinator, signal.SIGCONT)
        self.assert_ended(run, DONE)
        recorded = re.findall(r"sweep_over .* recorded=(\d+)", sweep.log())
        self.assertEqual((len(recorded), sum(map(int, recorded))), (2, ROWS), recorded)
        self.assert_stored(sweep, ROWS)

    def test_a_worker_waits_for_the_one_before_it(self):
        """The run and its coordinator are killed, their worker is left: it hands over what it has
        to the next coordinator, and the next worker takes its place."""
        sweep, run = self.slow()
        self.some_done(run, sweep)
        worker = run.children("muster-worker")[0].pid
        coordinator = run.children("muster-coordinator")[0].pid
        for pid, number in ((worker, signal.SIGSTOP), (run.pid, signal.SIGKILL),
                            (coordinator, signal.SIGKILL)):
            kill(pid, number)
        run.wait()
        run = self.start(sweep)
        self.assertTrue(wait_until(lambda: "waiting for its end" in run.said()))
        self.assertRegex(run.said(), rf"\b{worker}\b")
        kill(worker, signal.SIGCONT)
        ended = self.assert_ended(run, DONE)
        self.assertNotIn("starting it again", ended.err)
        hellos = sweep.log().count(" worker_hello worker=local-1 ")
        self.assertGreaterEqual(hellos, 3)  # one in the first run, and both in the second
        self.assert_stored(sweep, ROWS)

    def test_workers_go_when_nobody_comes_for_what_they_have(self):
        """The run is killed while its coordinator does not answer: their results are not durable."""
        sweep, run = self.slow()
        self.some_done(run, sweep)
        coordinator = run.children("muster-coordinator")[0].pid
        kill(coordinator, signal.SIGSTOP)
        time.sleep(0.3)
        run.signal(signal.SIGKILL)
        run.wait()
        kill(coordinator, signal.SIGKILL)
        self.assert_nobody_left(seconds=60)
        self.muster("report", sweep.file, "--quiet")
        self.assert_goes_on(sweep)

    def test_who_was_started_by_somebody_who_is_gone_goes_too(self):
        sweep = self.make([sim("a")])
        gone = "--die-with-parent=1"  # as told by a `muster run` that was killed meanwhile
        for words in (["muster-coordinator", "--sweep", sweep.file, "--state", sweep.state, gone],
                      ["muster-worker", "--connect", f"ipc://{self.folder}/nobody", "--state",
                       self.folder / "worker", gone]):
            ended = Program(words, self.folder).wait(10)
            self.assertNotEqual(ended.code, DONE, ended)

    def test_drain_stops_the_sweep(self):
        sweep, run = self.slow()
        done = self.some_done(run, sweep)["done"]
        self.muster("drain", sweep.file)
        self.assert_ended(run, STOPPED)
        self.assert_goes_on(sweep, least=done)


class Steering(Operated):
    def test_a_drained_worker_goes_and_another_carries_on(self):
        sweep = self.make([sim("a", duration="20ms")])
        run = self.start(sweep, "--workers", 2, "--slots", 1)
        self.wait_for_status(run, sweep, lambda s: s["workers"] == 2)
        self.muster("drain", "--worker", "local-2", sweep.file)
        self.wait_for_status(run, sweep, lambda s: s["workers"] == 1)
        self.assert_ended(run, DONE)
        self.assert_stored(sweep, ROWS)

    def test_when_the_last_worker_was_drained_the_run_ends(self):
        sweep, run = self.slow()
        self.some_done(run, sweep)
        self.muster("drain", "--worker", "local-1", sweep.file)
        ended = self.assert_ended(run, STOPPED)
        self.assertIn("every local worker was drained", ended.err)
        self.assert_goes_on(sweep)

    def test_workers_that_a_coordinator_sent_away_before_it_died_are_called_back(self):
        """The run learns first that its worker went, and cannot ask why: its coordinator stands
        still, and is killed. The next coordinator knows of no order and has work."""
        sweep, run = self.slow()
        self.some_done(run, sweep)
        coordinator = run.children("muster-coordinator")[0].pid
        worker = run.children("muster-worker")[0].pid
        run.signal(signal.SIGSTOP)
        self.muster("drain", "--worker", "local-1", sweep.file)
        self.assertTrue(wait_until(lambda: not run.children("muster-worker")))
        kill(coordinator, signal.SIGSTOP)
        run.signal(signal.SIGCONT)
        self.assertTrue(wait_until(lambda: worker not in processes()))
        kill(coordinator, signal.SIGKILL)
        ended = self.assert_ended(run, DONE)
        self.assertIn("starting it again", ended.err)
        self.assertNotIn("every local worker was drained", ended.err)
        self.assert_stored(sweep, ROWS)

    def test_a_paused_model_waits_until_it_is_resumed(self):
        sweep, run = self.slow()
        self.some_done(run, sweep)
        self.muster("pause", "--model", "a", sweep.file)
        paused = self.wait_for_status(run, sweep, lambda s: s["running"] == 0)
        self.assertTrue(paused["models"][0]["paused"])
        time.sleep(0.5)
        self.assertEqual(self.ask(sweep, "status")["done"], paused["done"])
        self.assertIn("paused", self.muster("status", sweep.file).out)
        self.muster("resume", "--model", "a", sweep.file)
        self.assert_ended(run, DONE)
        self.assert_stored(sweep, ROWS)

    def test_a_pause_outlives_a_coordinator_that_was_killed_but_not_the_run(self):
        sweep, run = self.slow()
        self.some_done(run, sweep)
        self.muster("pause", "--model", "a", sweep.file)
        before = self.wait_for_status(run, sweep, lambda s: s["running"] == 0)
        kill(run.children("muster-coordinator")[0].pid, signal.SIGKILL)
        after = self.wait_for_status(run, sweep, lambda s: s["epoch"] > before["epoch"])
        self.assertTrue(after["models"][0]["paused"])
        self.assertEqual(after["done"], before["done"])
        self.assertIn("model a is paused, as it was before the crash", run.said())
        run.signal(signal.SIGINT)
        self.assert_ended(run, STOPPED)
        self.assert_goes_on(sweep)

    def test_orders_name_what_is_not_there(self):
        sweep, run = self.slow()
        self.some_done(run, sweep)
        for words in (("pause", "--model", "absent"), ("drain", "--worker", "absent")):
            self.assertIn("absent", self.muster(*words, sweep.file, expect=2).err)
        self.assert_ended(run, DONE)


if __name__ == "__main__":
    main()
