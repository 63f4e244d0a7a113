/* The agent's rules on attempts and hosts, as golden traces. */
#include "tests/lib/agent_trace.h"

/* --- attempts and hosts --- */

static void test_an_attempt_from_grant_to_end(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 10, 2);
    expect(w, "start slot=0 model=1\n");
    hello(w, 1);
    expect(w, "news slot=0 model=1 ready\nask 7/10\n");
    answer(w, 10);
    expect(w, "row 7/10 ok\nask 7/11\n");
    answer(w, 11);
    expect(w, "row 7/11 ok\nflush 7 seq=1\nended 7 seq=2 done\n");
}

static void test_skipped_instances_are_not_asked(void **state)
{
    struct world *w = *state;
    uint8_t skip[] = { 0x0b, 0x02 }; /* 0, 1, 3 and 9 */
    struct agent_event e = a_grant(0, 7, 1, 100, 10);
    e.as.grant.skip = span_of(skip, sizeof skip);
    step(w, e);
    hello(w, 8);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\n"
              "ask 7/102\nask 7/104\nask 7/105\nask 7/106\nask 7/107\nask 7/108\n");
}

static void test_an_attempt_with_nothing_wanted_is_done_at_once(void **state)
{
    struct world *w = *state;
    uint8_t skip[] = { 0x0f };
    struct agent_event e = a_grant(0, 7, 1, 0, 4);
    e.as.grant.skip = span_of(skip, sizeof skip);
    step(w, e);
    expect(w, "ended 7 seq=1 done\n");
}

static void test_the_window_stays_full_over_the_border_of_two_attempts(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    grant(w, 8, 1, 50, 3);
    hello(w, 3);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/0\nask 7/1\nask 8/50\n");
    answer(w, 1);
    expect(w, "row 7/1 ok\nask 8/51\n");
    answer(w, 0);
    expect(w, "row 7/0 ok\nflush 7 seq=1\nended 7 seq=2 done\nask 8/52\n");
}

static void test_a_grant_may_allow_fewer_requests_at_once_than_the_host_wants(void **state)
{
    struct world *w = *state;
    struct agent_event e = a_grant(0, 7, 1, 0, 4);
    e.as.grant.inflight_max = 2;
    step(w, e);
    hello(w, 3);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/0\nask 7/1\n");
    answer(w, 1);
    expect(w, "row 7/1 ok\nask 7/2\n");
}

static void test_another_model_waits_until_the_host_of_the_first_is_gone(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 2, 0, 1);
    hello(w, 4);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/0\n");
    answer(w, 0);
    expect(w, "row 7/0 ok\nflush 7 seq=1\nended 7 seq=2 done\nstop slot=0\n");
    host_exits(w, HOST_END_GONE, "exited with code 0");
    expect(w, "start slot=0 model=2\n");
}

/* What runs there ends as it began; nothing more is asked of that host. */
static void test_a_model_that_was_redefined_is_loaded_anew(void **state)
{
    struct world *w = *state;
    struct agent_event e = { .kind = AGENT_ON_REDEFINED };
    grant(w, 7, 1, 0, 4);
    hello(w, 2);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/0\nask 7/1\n");
    e.as.redefined.model = 1;
    step(w, e);
    answer(w, 1);
    expect(w, "row 7/1 ok\n");
    answer(w, 0);
    expect(w, "row 7/0 ok\nstop slot=0\n");
    host_exits(w, HOST_END_GONE, "exited with code 0");
    hello(w, 2);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/2\nask 7/3\n");
    e.as.redefined.model = 2;
    step(w, e);
    answer(w, 2);
    answer(w, 3);
    expect(w, "row 7/2 ok\nrow 7/3 ok\nflush 7 seq=1\nended 7 seq=2 done\n");
}

static void test_a_host_that_does_not_go_is_killed_after_5_s(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    answer(w, 0);
    grant(w, 8, 2, 0, 1);
    buf_clear(&w->trace);
    pass(w, 5 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "kill slot=0\n");
    host_exits(w, HOST_END_GONE, "killed by signal 9");
    expect(w, "start slot=0 model=2\n");
}

static void test_a_loaded_model_stays_while_there_is_nothing_to_do(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    answer(w, 0);
    ack(w, 2);
    buf_clear(&w->trace);
    pass_linked(w, 500);
    grant(w, 8, 1, 5, 1);
    expect(w, "ask 8/5\n");
}

static void test_a_host_that_cannot_be_killed_makes_its_slot_sick(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 2, 0, 1);
    hello(w, 1);
    answer(w, 0);
    buf_clear(&w->trace);
    pass_linked(w, 5);
    pass(w, 10 * SECOND - 1);
    expect(w, "kill slot=0\n");
    w->shows_session = true;
    pass(w, 1);
    w->shows_session = false;
    const char *text = "ended 8 seq=3 returned: a process of the slot does not die of SIGKILL: "
                       "the kernel holds it, often for a device or a network file system\n";
    char *expected = xformat("beat\nnote slot_sick\nbeat\nnews slot=0 model=1 failed\n%s",
                             text); /* the first beat was due */
    expect(w, expected);
    free(expected);
    grant(w, 9, 1, 0, 1);
    expect(w, "ended 9 seq=4 returned: slot 0 is held by a process that cannot be killed\n");
    host_exits(w, HOST_END_GONE, "killed by signal 9");
    grant(w, 10, 1, 0, 1);
    expect(w, "note slot_recovered\nstart slot=0 model=1\n");
}

/* Of the other model nothing is known. */
static void test_a_model_that_never_started_on_a_slot_that_fell_sick_fails_here(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 2, 0, 1);
    pass_linked(w, 600);
    buf_clear(&w->trace);
    pass_linked(w, 10);
    const char *text =
        "a process of the slot does not die of SIGKILL: the kernel holds it, often for "
        "a device or a network file system";
    char *expected =
        xformat("note slot_sick\nnews slot=0 model=1 failed\nended 7 seq=1 host_failed: "
                "%s\nended 8 seq=2 returned: %s\n",
                text, text);
    expect(w, expected);
    free(expected);
}

/* --- time, crashes and blame --- */

static void test_a_timeout_costs_the_late_instance_only(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 3);
    hello(w, 2);
    pass_linked(w, 20);
    answer(w, 0); /* 1 is 20 s old when 2 is asked */
    buf_clear(&w->trace);
    pass_linked(w, 40);
    expect(w, "flush 7 seq=1\nkill slot=0\nrow 7/1 timeout\n");
    host_exits(w, HOST_END_GONE, "killed by signal 9");
    hello(w, 2);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/2\n");
}

/* --- runs --- */

static void test_a_host_of_runs_is_asked_for_what_lies_side_by_side(void **state)
{
    struct world *w = *state;
    uint8_t skip[] = { 0x08, 0x00 }; /* 3 */
    struct agent_event e = a_grant(0, 7, 1, 100, 9);
    e.as.grant.skip = span_of(skip, sizeof skip);
    step(w, e);
    hello_of_runs(w, 2, 4);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/100+3\nask 7/104+4\n");
    answer_run(w, 100, 3);
    expect(w, "row 7/100 ok\nrow 7/101 ok\nrow 7/102 ok\nask 7/108\n");
}

static void test_a_message_takes_so_many_rows_and_no_more(void **state)
{
    struct world *w = *state;
    w->shows_rows = false;
    grant(w, 7, 1, 0, 2500);
    hello_of_runs(w, 2, AGENT_RUN_MAX);
    buf_clear(&w->trace);
    answer_run(w, 0, 1024);
    expect(w, "flush 7 seq=1\n");
    answer_run(w, 1024, 1024);
    answer_run(w, 2048, 452);
    expect(w, "flush 7 seq=2\nflush 7 seq=3\nended 7 seq=4 done\n");
}

/* Half by half, down to the one; what lay beside it is not blamed. */
static void test_of_a_run_that_kills_its_host_only_the_culprit_is_blamed(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 8);
    hello_of_runs(w, 2, 8);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/0+8\n");
    crash(w); /* the culprit is 5 */
    hello_of_runs(w, 2, 8);
    expect(w, "news slot=0 model=1 failed\nstart slot=0 model=1\nnews slot=0 model=1 ready\n"
              "ask 7/0+4\n");
    answer_run(w, 0, 4);
    expect(w, "row 7/0 ok\nrow 7/1 ok\nrow 7/2 ok\nrow 7/3 ok\nask 7/4+4\n");
    crash(w);
    hello_of_runs(w, 2, 8);
    expect(w, "news slot=0 model=1 failed\nstart slot=0 model=1\nnews slot=0 model=1 ready\n"
              "ask 7/4+2\n");
    crash(w);
    hello_of_runs(w, 2, 8);
    buf_clear(&w->trace);
    answer_run(w, 4, 1);
    expect(w, "row 7/4 ok\nask 7/5\n");
    crash(w);
    expect(w, "news slot=0 model=1 failed\nrow 7/5 crash\nstart slot=0 model=1\n");
    hello_of_runs(w, 2, 8);
    expect(w, "news slot=0 model=1 ready\nask 7/6+2\n");
    answer_run(w, 6, 2);
    expect(w, "row 7/6 ok\nrow 7/7 ok\nflush 7 seq=1\nended 7 seq=2 done\n");
}

/* A model that works one after the other: what waited behind the one that hangs is late with it. */
static void test_several_late_at_once_run_again_alone(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 4);
    hello(w, 2);
    pass_linked(w, 30);
    buf_clear(&w->trace);
    pass_linked(w, 30);
    expect(w, "kill slot=0\n");
    host_exits(w, HOST_END_GONE, "killed by signal 9");
    hello(w, 2);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/0\n");
    pass_linked(w, 60);
    expect(w, "kill slot=0\nrow 7/0 timeout\n");
    host_exits(w, HOST_END_GONE, "killed by signal 9");
    hello(w, 2);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 7/1\n");
    answer(w, 1);
    expect(w, "row 7/1 ok\nask 7/2\nask 7/3\n");
}

/* Its hosts may have answered long ago: that is only read after this step. */
static void test_a_process_that_stood_still_gives_its_hosts_time(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    buf_clear(&w->trace);
    w->now += 1000 * SECOND; /* stopped, and continued */
    happen(w, AGENT_ON_TIME);
    expect(w, "note clock_jump\nnote link_lost\nnote leases_not_renewed\n");
    answer(w, 0);
    expect(w, "row 7/0 ok\nask 7/1\n");
}

/* The request was not due before the pause, nor long before its end. */
static void test_a_request_that_came_due_in_a_pause_is_heard_as_well(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    w->now += 60 * SECOND; /* its timeout */
    happen(w, AGENT_ON_TIME);
    buf_clear(&w->trace);
    pass(w, SECOND - 1);
    expect(w, "");
    answer(w, 0);
    expect(w, "row 7/0 ok\nask 7/1\n");
}

/* Too short a pause to be noticed: the clock is looked at before the pipes. */
static void test_an_answer_that_waits_to_be_read_is_not_late(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    pass_linked(w, 59);
    buf_clear(&w->trace);
    w->now += SECOND + SECOND / 2;
    happen(w, AGENT_ON_TIME);
    answer(w, 0);
    expect(w, "row 7/0 ok\nask 7/1\n");
}

/* It left before the request reached it: that runs again, and the host counts as one that did
 * nothing. */
static void test_a_request_that_was_not_read_is_not_to_blame(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 3);
    hello(w, 1);
    answer(w, 0);
    buf_clear(&w->trace);
    host_exits(w, HOST_END_UNREAD, "exited with code 0");
    expect(w, "news slot=0 model=1 failed\n");
    pass(w, SECOND);
    hello(w, 1);
    expect(w, "flush 7 seq=1\nstart slot=0 model=1\nnews slot=0 model=1 ready\nask 7/1\n");
    host_exits(w, HOST_END_UNREAD, "exited with code 0");
    pass(w, 5 * SECOND);
    hello(w, 1);
    buf_clear(&w->trace);
    host_exits(w, HOST_END_UNREAD, "exited with code 0");
    expect(w, "news slot=0 model=1 failed\n"
              "ended 7 seq=2 host_failed: the model failed to start 3 times; the last time: exited "
              "with code 0\n");
}

/* The instance was at the host for 0.3 s, whatever time it was given besides. */
static void test_the_time_given_back_does_not_count_as_the_hosts(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    w->now += 5 * SECOND + 9 * (SECOND / 10); /* a beat was due after 5 s */
    answer(w, 0);
    w->now += SECOND / 5;
    buf_clear(&w->trace);
    happen(w, AGENT_ON_TIME);
    expect(w, "note clock_jump\nflush 7 seq=1\n");
    w->now += SECOND / 10;
    crash(w);
    const struct agent_effect *record = NULL;
    for (size_t i = 0; i < w->effects.count; i++)
        if (w->effects.items[i].kind == AGENT_DO_RECORD)
            record = &w->effects.items[i];
    assert_non_null(record);
    assert_int_equal(record->as.record.rows[0].status, STATUS_CRASH);
    assert_int_equal(record->as.record.rows[0].micros, 300000);
}

static void test_the_time_given_back_is_not_endless(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    w->now += 1000 * SECOND;
    happen(w, AGENT_ON_TIME);
    buf_clear(&w->trace);
    pass(w, SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "kill slot=0\nrow 7/0 timeout\n");
}

static void test_a_crash_with_one_request_running_is_its_row(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    buf_clear(&w->trace);
    crash(w);
    expect(w, "news slot=0 model=1 failed\nrow 7/0 crash\nstart slot=0 model=1\n");
    hello(w, 1);
    expect(w, "news slot=0 model=1 ready\nask 7/1\n");
}

static void test_the_end_of_the_host_decides_the_status(void **state)
{
    static const struct {
        enum host_end end;
        const char *trace;
    } cases[] = {
        { HOST_END_GONE, "row 7/0 crash\n" },
        { HOST_END_OOM, "row 7/0 oom\n" },
        { HOST_END_PROTOCOL, "row 7/0 protocol\n" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *w = world_new(1 << 20);
        grant(w, 7, 1, 0, 2);
        hello(w, 1);
        host_exits(w, cases[i].end, "gone");
        assert_non_null(strstr(buf_cstr(&w->trace), cases[i].trace));
        teardown((void *[]){ w });
    }
}

static void test_after_a_crash_with_several_running_each_runs_alone(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 4);
    hello(w, 3);
    buf_clear(&w->trace);
    crash(w);
    expect(w, "news slot=0 model=1 failed\nstart slot=0 model=1\n");
    hello(w, 3);
    expect(w, "news slot=0 model=1 ready\nask 7/0\n");
    answer(w, 0);
    expect(w, "row 7/0 ok\nask 7/1\n");
    crash(w); /* so 1 is the culprit */
    expect(w, "news slot=0 model=1 failed\nrow 7/1 crash\nstart slot=0 model=1\n");
    hello(w, 3);
    expect(w, "news slot=0 model=1 ready\nask 7/2\n"); /* the last suspect, still alone */
    answer(w, 2);
    expect(w, "row 7/2 ok\nask 7/3\n");
}

static void test_the_window_is_full_again_once_the_suspects_are_through(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 2);
    crash(w);
    hello(w, 2);
    answer(w, 0);
    buf_clear(&w->trace);
    answer(w, 1);
    expect(w, "row 7/1 ok\nask 7/2\nask 7/3\n");
}

static void test_a_request_that_only_lacks_its_score_is_no_suspect(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 5);
    hello(w, 2);
    buf_clear(&w->trace);
    answered(w, 0);
    expect(w, "ask 7/2\n");
    answered(w, 1);
    answered(w, 2);
    expect(w, "ask 7/3\n");
    crash(w);
    hello(w, 2);
    buf_clear(&w->trace);
    answer(w, 0); /* the score came */
    expect(w, "row 7/0 ok\n");
}

static void test_scores_that_do_not_come_stop_new_requests(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 100);
    hello(w, 2);
    for (uint32_t i = 0; i < 4; i++)
        answered(w, i);
    assert_int_equal(w->asked, 4); /* twice the window */
    buf_clear(&w->trace);
    answer(w, 2);
    expect(w, "row 7/2 ok\nask 7/4\n");
}

/* --- hosts that do not start --- */

static void test_three_failed_starts_end_the_attempts_of_that_model(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 2, 0, 1);
    grant(w, 9, 1, 1, 1);
    buf_clear(&w->trace);
    host_exits(w, HOST_END_GONE, "exited with code 1");
    expect(w, "news slot=0 model=1 failed\n");
    pass(w, SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "start slot=0 model=1\n");
    host_exits(w, HOST_END_GONE, "exited with code 1");
    pass(w, 5 * SECOND - 1);
    expect(w, "news slot=0 model=1 failed\n");
    pass(w, 1);
    expect(w, "start slot=0 model=1\n");
    host_exits(w, HOST_END_GONE, "exited with code 1");
    expect(w, "news slot=0 model=1 failed\n"
              "ended 7 seq=1 host_failed: the model failed to start 3 times; the last time: "
              "exited with code 1\n"
              "ended 9 seq=2 host_failed: the model failed to start 3 times; the last time: "
              "exited with code 1\n"
              "start slot=0 model=2\n");
}

static void test_a_later_grant_may_try_again(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    for (int i = 0; i < 3; i++) {
        host_exits(w, HOST_END_GONE, "exited with code 1");
        pass(w, 5 * SECOND);
    }
    buf_clear(&w->trace);
    grant(w, 8, 1, 0, 1);
    expect(w, "start slot=0 model=1\n");
}

static void test_an_answer_between_failures_starts_the_count_again(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 50);
    for (uint32_t i = 0; i < 20; i++) {
        host_exits(w, HOST_END_GONE, "exited with code 1");
        pass(w, SECOND);
        hello(w, 1);
        answer(w, 2 * i);
        crash(w);
    }
    assert_null(strstr(buf_cstr(&w->trace), "host_failed"));
}

static void test_a_host_that_says_no_hello_is_killed_at_its_load_timeout(void **state)
{
    struct world *w = *state;
    struct agent_event e = a_grant(0, 7, 1, 0, 1);
    e.as.grant.needs.load_timeout_ns = 3 * SECOND;
    step(w, e);
    buf_clear(&w->trace);
    pass(w, 3 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "kill slot=0\nnews slot=0 model=1 failed\n");
    hello(w, 1); /* too late */
    expect(w, "");
    host_exits(w, HOST_END_GONE, "killed by signal 9");
    pass(w, SECOND);
    expect(w, "start slot=0 model=1\n");
}

static void test_the_backoff_of_one_model_does_not_delay_another(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    host_exits(w, HOST_END_GONE, "exited with code 1");
    buf_clear(&w->trace);
    revoke_attempt(w, 7);
    grant(w, 8, 2, 0, 1);
    expect(w, "ended 7 seq=1 returned: revoked\nstart slot=0 model=2\n");
}

/* --- giving back --- */

static void test_a_revoked_attempt_ends_when_what_runs_has_answered(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 2);
    buf_clear(&w->trace);
    revoke_attempt(w, 7);
    expect(w, "");
    answer(w, 0);
    expect(w, "row 7/0 ok\n");
    answer(w, 1);
    expect(w, "row 7/1 ok\nflush 7 seq=1\nended 7 seq=2 returned: revoked\n");
}

static void test_an_attempt_revoked_when_nothing_is_left_to_start_is_done(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    revoke_attempt(w, 7);
    buf_clear(&w->trace);
    answer(w, 0);
    expect(w, "row 7/0 ok\nflush 7 seq=1\nended 7 seq=2 done\n");
}

static void test_a_waiting_attempt_is_revoked_at_once(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 1, 5, 1);
    hello(w, 1);
    buf_clear(&w->trace);
    revoke_attempt(w, 8);
    expect(w, "ended 8 seq=1 returned: revoked\n");
}

/* What the first of them leaves free is not filled from the second. */
static void test_stale_attempts_are_given_back_together(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 2, 0, 1);
    grant(w, 9, 1, 5, 2);
    hello(w, 2);
    buf_clear(&w->trace);
    beat_reply(w, (uint64_t[]){ 8, 9 }, 2);
    expect(w, "ended 8 seq=1 returned: no longer leased to this worker\n"
              "ended 9 seq=2 returned: no longer leased to this worker\n");
}

static void test_a_revoked_attempt_does_not_run_its_suspects_again(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 3);
    hello(w, 3);
    revoke_attempt(w, 7);
    buf_clear(&w->trace);
    crash(w);
    expect(w, "news slot=0 model=1 failed\nended 7 seq=1 returned: revoked\n");
    grant(w, 8, 1, 0, 2);
    hello(w, 3);
    expect(w, "start slot=0 model=1\nnews slot=0 model=1 ready\nask 8/0\nask 8/1\n");
}

static void test_suspects_of_an_attempt_revoked_later_are_forgotten(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 3);
    grant(w, 8, 1, 10, 3);
    hello(w, 3);
    crash(w);
    revoke_attempt(w, 7);
    buf_clear(&w->trace);
    hello(w, 3);
    expect(w, "news slot=0 model=1 ready\nask 8/10\nask 8/11\nask 8/12\n");
}

static void test_a_stale_attempt_gives_back_and_still_sends_its_rows(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 1);
    buf_clear(&w->trace);
    beat_reply(w, (uint64_t[]){ 7, 99 }, 2);
    answer(w, 0);
    expect(w, "row 7/0 ok\nflush 7 seq=1\n"
              "ended 7 seq=2 returned: no longer leased to this worker\n");
}

static void test_draining_finishes_what_runs_and_leaves(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    grant(w, 8, 2, 0, 10);
    hello(w, 1);
    buf_clear(&w->trace);
    happen(w, AGENT_ON_DRAIN);
    expect(w, "ended 8 seq=1 returned: this worker is draining\n");
    grant(w, 9, 1, 20, 10);
    expect(w, "ended 9 seq=2 returned: this worker is draining\n");
    answer(w, 0);
    expect(w, "row 7/0 ok\nflush 7 seq=3\nended 7 seq=4 returned: this worker is draining\n"
              "stop slot=0\n");
    host_exits(w, HOST_END_GONE, "exited with code 0");
    expect(w, "");
    ack(w, 3);
    expect(w, "");
    ack(w, 4);
    expect(w, "leave\n");
}

static void test_beats_tell_what_a_slot_was_used_for(void **state)
{
    struct world *w = *state;
    struct arena arena = { 0 };
    struct msg_beat beat;
    happen(w, AGENT_ON_TIME);
    w->now += 1 * SECOND; /* nothing to do */
    grant(w, 7, 1, 0, 2);
    w->now += 4 * SECOND; /* the model loads */
    hello(w, 1);
    w->now += 10 * SECOND; /* one instance runs */
    answer(w, 0);
    w->now += 20 * SECOND; /* the other one */
    answer(w, 1);
    w->now += 2 * SECOND; /* loaded, with nothing to do */
    grant(w, 8, 2, 0, 1);
    w->now += 1 * SECOND; /* asked to go */
    host_exits(w, HOST_END_GONE, "exited with code 0");
    agent_beat(w->agent, &arena, &beat);
    assert_int_equal(beat.uses[0].idle_ns, 3 * SECOND);
    assert_int_equal(beat.uses[0].load_ns, 5 * SECOND);
    assert_int_equal(beat.uses[0].busy_ns, 30 * SECOND);
    assert_int_equal(beat.uses[1].idle_ns, 38 * SECOND);
    arena_release(&arena);
}

static void test_an_idle_worker_leaves_at_once(void **state)
{
    struct world *w = *state;
    happen(w, AGENT_ON_DRAIN);
    expect(w, "leave\n");
    happen(w, AGENT_ON_DRAIN);
    expect(w, "");
}

/* --- refusals --- */

static void test_what_cannot_run_here_is_refused_with_numbers(void **state)
{
    struct agent_event gpus = a_grant(0, 7, 1, 0, 1), cpus = gpus, memory = gpus, no_slot = gpus;
    struct agent_event empty = gpus, skip = gpus, shell = gpus;
    gpus.as.grant.needs.gpus = 4;
    cpus.as.grant.needs.cpus = 16;
    memory.as.grant.needs.memory_bytes = 4ull << 30;
    no_slot.as.grant.slot = 2;
    empty.as.grant.count = 0;
    skip.as.grant.skip = span_str("too long");
    shell.as.grant.refusal = span_str("the task is not defined");
    const struct {
        struct agent_event event;
        const char *trace;
    } cases[] = {
        { gpus, "the model needs 4 GPUs, slot 0 has 1" },
        { cpus, "the model needs 16 cores, slot 0 has 2" },
        { memory, "the model needs 4096 MiB, slot 0 has 1024" },
        { no_slot, "there is no slot 2 here, only 2" },
        { empty, "instances 0+0 are no range of a task" },
        { skip, "8 bytes of skip bits for 1 instances" },
        { shell, "the task is not defined" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *w = world_new(1 << 20);
        step(w, cases[i].event);
        char *expected = xformat("ended 7 seq=1 refused: %s\n", cases[i].trace);
        expect(w, expected);
        free(expected);
        teardown((void *[]){ w });
    }
}

static void test_an_attempt_found_unservable_is_refused(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 1);
    buf_clear(&w->trace);
    struct agent_event e = { .kind = AGENT_ON_UNSERVED };
    e.as.unserved.request = w->request[0][0];
    e.as.unserved.text = span_str("the data changed");
    step(w, e);
    expect(w, "ended 7 seq=1 refused: the data changed\n");
}

static void test_a_grant_that_is_held_already_changes_nothing(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    answer(w, 0);
    buf_clear(&w->trace);
    grant(w, 7, 1, 0, 1); /* over, its end not yet acked */
    expect(w, "");
}

static void test_a_slot_holds_a_bounded_number_of_attempts(void **state)
{
    struct world *w = *state;
    for (uint64_t id = 1; id <= SLOT_ATTEMPTS_MAX; id++)
        grant(w, id, 1, 0, 10);
    buf_clear(&w->trace);
    grant(w, SLOT_ATTEMPTS_MAX + 1, 1, 0, 10);
    expect(w, "ended 257 seq=1 returned: too many attempts wait here already\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(test_an_attempt_from_grant_to_end),
        RULE(test_skipped_instances_are_not_asked),
        RULE(test_an_attempt_with_nothing_wanted_is_done_at_once),
        RULE(test_the_window_stays_full_over_the_border_of_two_attempts),
        RULE(test_a_grant_may_allow_fewer_requests_at_once_than_the_host_wants),
        RULE(test_another_model_waits_until_the_host_of_the_first_is_gone),
        RULE(test_a_model_that_was_redefined_is_loaded_anew),
        RULE(test_a_host_that_does_not_go_is_killed_after_5_s),
        RULE(test_a_loaded_model_stays_while_there_is_nothing_to_do),
        RULE(test_a_host_that_cannot_be_killed_makes_its_slot_sick),
        RULE(test_a_model_that_never_started_on_a_slot_that_fell_sick_fails_here),
        RULE(test_a_host_of_runs_is_asked_for_what_lies_side_by_side),
        RULE(test_a_message_takes_so_many_rows_and_no_more),
        RULE(test_of_a_run_that_kills_its_host_only_the_culprit_is_blamed),
        RULE(test_a_timeout_costs_the_late_instance_only),
        RULE(test_several_late_at_once_run_again_alone),
        RULE(test_a_process_that_stood_still_gives_its_hosts_time),
        RULE(test_an_answer_that_waits_to_be_read_is_not_late),
        RULE(test_a_request_that_came_due_in_a_pause_is_heard_as_well),
        RULE(test_a_request_that_was_not_read_is_not_to_blame),
        RULE(test_the_time_given_back_does_not_count_as_the_hosts),
        RULE(test_the_time_given_back_is_not_endless),
        RULE(test_a_crash_with_one_request_running_is_its_row),
        RULE(test_the_end_of_the_host_decides_the_status),
        RULE(test_after_a_crash_with_several_running_each_runs_alone),
        RULE(test_the_window_is_full_again_once_the_suspects_are_through),
        RULE(test_a_request_that_only_lacks_its_score_is_no_suspect),
        RULE(test_scores_that_do_not_come_stop_new_requests),
        RULE(test_three_failed_starts_end_the_attempts_of_that_model),
        RULE(test_a_later_grant_may_try_again),
        RULE(test_an_answer_between_failures_starts_the_count_again),
        RULE(test_a_host_that_says_no_hello_is_killed_at_its_load_timeout),
        RULE(test_the_backoff_of_one_model_does_not_delay_another),
        RULE(test_a_revoked_attempt_ends_when_what_runs_has_answered),
        RULE(test_an_attempt_revoked_when_nothing_is_left_to_start_is_done),
        RULE(test_a_waiting_attempt_is_revoked_at_once),
        RULE(test_stale_attempts_are_given_back_together),
        RULE(test_a_revoked_attempt_does_not_run_its_suspects_again),
        RULE(test_suspects_of_an_attempt_revoked_later_are_forgotten),
        RULE(test_a_stale_attempt_gives_back_and_still_sends_its_rows),
        RULE(test_beats_tell_what_a_slot_was_used_for),
        RULE(test_draining_finishes_what_runs_and_leaves),
        RULE(test_an_idle_worker_leaves_at_once),
        RULE(test_what_cannot_run_here_is_refused_with_numbers),
        RULE(test_an_attempt_found_unservable_is_refused),
        RULE(test_a_grant_that_is_held_already_changes_nothing),
        RULE(test_a_slot_holds_a_bounded_number_of_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
