/* The scheduler, one behaviour a test: events go in, the trace of effects comes out. */
#include "tests/lib/core_bench.h"

TEST(a_worker_is_welcomed_and_gets_one_attempt_to_run_and_one_to_wait)
{
    one_cell(b, 100);
    assert_string_equal(step(b, hello("w", 1, 1)), "welcome\n"
                                                   "grant slot=0 0/0 [0,+16)\n"
                                                   "grant slot=0 0/0 [16,+16)\n");
}

TEST(a_sweep_ends_when_every_instance_has_a_result)
{
    one_cell(b, 4);
    step(b, hello("w", 1, 1));
    uint64_t last = b->attempt;
    assert_string_equal(step(b, range(b, last - 1, 0, 2, STATUS_OK)), "record 0/0\nack 1\n");
    assert_int_equal(state(b), SWEEP_RUNNING);
    step(b, ended(b, last - 1, ENDED_DONE));
    step(b, range(b, last, 2, 1, STATUS_OK));
    step(b, ended(b, last, ENDED_DONE));
    step(b, range(b, b->attempt, 3, 1, STATUS_OK));
    assert_int_equal(state(b), SWEEP_DONE);
}

TEST(a_result_counts_once_however_often_it_is_sent)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    struct core_event e = range(b, b->attempt - 1, 0, 3, STATUS_OK);
    assert_string_equal(step(b, e), "record 0/0\nack 1\n");
    assert_string_equal(step(b, e), "ack 1\n");
    uint32_t mixed[] = { 2, 3 };
    uint8_t ok[] = { STATUS_OK, STATUS_OK };
    assert_string_equal(step(b, results(b, b->attempt - 1, mixed, ok, 2)),
                        "record 0/0 some\nack 2\n");
}

TEST(a_gap_in_the_sequence_makes_the_worker_start_over)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    b->seq = 2; /* message 1 was lost on the way */
    assert_string_equal(step(b, range(b, b->attempt, 16, 1, STATUS_OK)), "reject 1\n");
}

TEST(an_unknown_session_is_told_to_say_hello)
{
    one_cell(b, 100);
    b->session = 77;
    assert_string_equal(step(b, beat(b, 0)), "reject 1\n");
}

TEST(a_failed_instance_waits_then_goes_alone_and_is_quarantined_at_the_third_strike)
{
    one_cell(b, 1);
    assert_string_equal(step(b, hello("w", 1, 1)), "welcome\ngrant slot=0 0/0 [0,+1)\n");
    for (uint32_t strike = 1; strike <= 2; strike++) {
        char expected[64];
        snprintf(expected, sizeof(expected), "strike 0/0/0 count=%u\nack %llu\n", strike,
                 (unsigned long long)b->seq);
        assert_string_equal(step(b, range(b, b->attempt, 0, 1, STATUS_CRASH)), expected);
        step(b, ended(b, b->attempt, ENDED_DONE));
        assert_int_equal(state(b), SWEEP_RUNNING); /* it waits out its backoff */
        b->now_ms = core_deadline_mono_ns(b->core) / MS + 1;
        assert_string_equal(step(b, (struct core_event){ .kind = CORE_TIME }),
                            "grant slot=0 0/0 [0,+1)\n");
    }
    assert_non_null(strstr(step(b, range(b, b->attempt, 0, 1, STATUS_CRASH)), "record 0/0\n"));
    assert_int_equal(state(b), SWEEP_DONE);
    struct core_totals t;
    core_totals(b->core, &t);
    assert_int_equal(t.failed, 1);
}

TEST(a_final_failure_is_recorded_at_once)
{
    one_cell(b, 1);
    step(b, hello("w", 1, 1));
    assert_string_equal(step(b, range(b, b->attempt, 0, 1, STATUS_REFUSED)), "record 0/0\nack 1\n");
}

TEST(a_stale_lease_may_fill_an_open_instance_but_not_accuse_it)
{
    one_cell(b, 10);
    step(b, hello("w", 1, 1));
    uint64_t stale = (uint64_t)1 << 32 | 9;
    assert_string_equal(step(b, range(b, stale, 0, 1, STATUS_CRASH)), "ack 1\n");
    assert_string_equal(step(b, range(b, stale, 0, 1, STATUS_OK)), "record 0/0\nack 2\n");
}

/* Whoever invents an attempt, or takes another worker's, is acknowledged and changes nothing. */
TEST(results_of_an_attempt_that_was_not_given_to_the_worker_do_not_count)
{
    one_cell(b, 40);
    step(b, hello("honest", 1, 1));
    uint64_t others = b->attempt;
    step(b, hello("liar", 2, 1));
    uint64_t epoch = others >> 32 << 32;
    const uint64_t forged[] = { others,     others - 1, epoch, b->attempt + 1,
                                UINT64_MAX, 0,          5,     epoch + (UINT64_C(1) << 32) + 1 };
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "ack %llu\n", (unsigned long long)b->seq);
        assert_string_equal(step(b, range(b, forged[i], 0, 40, STATUS_OK)), expected);
    }
    struct core_totals t;
    core_totals(b->core, &t);
    assert_int_equal(t.rows_accepted, 0);
}

/* Whose an attempt was is known of the newest 65,536: a later number has its place by then. */
TEST(results_of_an_attempt_that_was_given_too_long_ago_do_not_count)
{
    one_cell(b, 40);
    step(b, hello("w", 1, 1));
    uint64_t first = b->attempt;
    step(b, ended(b, first, ENDED_RETURNED));
    while (b->attempt - first < 65535)
        step(b, ended(b, b->attempt, ENDED_RETURNED));
    assert_int_equal(b->attempt - first, 65535);
    assert_non_null(strstr(step(b, range(b, first, 0, 1, STATUS_OK)), "record 0/0\n"));
    step(b, ended(b, b->attempt, ENDED_RETURNED));
    assert_null(strstr(step(b, range(b, first, 1, 1, STATUS_OK)), "record"));
}

TEST(a_lease_that_is_not_renewed_ends_and_its_open_instances_are_granted_again)
{
    one_cell(b, 10);
    step(b, hello("w", 1, 1));
    uint64_t first = b->attempt - 1;
    step(b, range(b, first, 0, 2, STATUS_OK));
    for (int i = 0; i < 11; i++) { /* it beats, but names only the second attempt */
        b->now_ms += 1000;
        step(b, beat(b, b->attempt == first ? 0 : first + 1));
        if (core_deadline_mono_ns(b->core) <= b->now_ms * MS)
            break;
    }
    const char *trace = step(b, (struct core_event){ .kind = CORE_TIME });
    assert_non_null(strstr(trace, "grant slot=0 0/0 [2,"));
}

/* Let time pass until something of `what` happens; says when. */
static int64_t ms_until(struct bench *b, const char *what)
{
    const char *trace;
    do {
        b->now_ms = core_deadline_mono_ns(b->core) / MS;
        trace = step(b, (struct core_event){ .kind = CORE_TIME });
    } while (!strstr(trace, what));
    return b->now_ms;
}

TEST(a_beat_puts_off_what_it_names_and_nothing_else)
{
    one_cell(b, 10);
    step(b, hello("w", 1, 1)); /* at 1 s, with leases of 10 s */
    uint64_t first = b->attempt - 1;
    b->now_ms = 4000;
    step(b, beat(b, first + 1));
    assert_int_equal(ms_until(b, "grant slot=0 0/0 [0,"), 11000);
    assert_int_equal(ms_until(b, "gone"), 14000); /* not heard since its beat */
}

TEST(a_beat_names_the_attempts_that_are_stale)
{
    one_cell(b, 10);
    step(b, hello("w", 1, 1));
    assert_string_equal(step(b, beat(b, 12345)), "beat stale=1\n");
    assert_string_equal(step(b, beat(b, b->attempt)), "beat stale=0\n");
}

TEST(a_worker_that_is_silent_for_a_lease_is_lost_and_its_work_goes_to_another)
{
    one_cell(b, 2);
    step(b, hello("a", 1, 1));
    b->now_ms += 9000;
    step(b, hello("b", 2, 1));
    b->now_ms += 1001;
    const char *trace = step(b, (struct core_event){ .kind = CORE_TIME });
    assert_non_null(strstr(trace, "gone\n"));
    assert_non_null(strstr(trace, "grant slot=0 0/0 [0,+1)\n"));
}

TEST(a_new_process_under_the_same_name_takes_over_at_once_and_the_old_one_is_told_to_go)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    assert_string_equal(step(b, hello("w", 2, 1)), "gone\nwelcome\n"
                                                   "grant slot=0 0/0 [0,+16)\n"
                                                   "grant slot=0 0/0 [16,+16)\n");
    assert_string_equal(step(b, hello("w", 1, 1)), "reject 3\n");
}

TEST(a_reconnecting_worker_keeps_what_it_holds)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    struct core_held held[] = { { .attempt = b->attempt - 1, .count = 16 },
                                { .attempt = b->attempt, .first = 16, .count = 16 } };
    struct core_event e = hello("w", 1, 1);
    e.as.hello.held = held;
    e.as.hello.held_count = 2;
    assert_string_equal(step(b, e), "gone\nwelcome\n");
    assert_string_equal(step(b, range(b, held[0].attempt, 0, 1, STATUS_CRASH)),
                        "strike 0/0/0 count=1\nack 1\n"); /* its lease still holds */
}

TEST(after_a_restart_of_the_coordinator_a_held_attempt_goes_on)
{
    one_cell(b, 100);
    struct core_held held = { .attempt = (uint64_t)2 << 32 | 5, .first = 40, .count = 20 };
    struct core_event e = hello("w", 1, 1);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    assert_string_equal(step(b, e), "welcome\ngrant slot=0 0/0 [0,+16)\n");
    assert_string_equal(step(b, range(b, held.attempt, 40, 20, STATUS_OK)), "record 0/0\nack 1\n");
}

TEST(nothing_that_is_taken_is_granted_again_around_an_adopted_attempt)
{
    one_cell(b, 30);
    struct core_held held = { .attempt = (uint64_t)2 << 32 | 5, .first = 5, .count = 10 };
    struct core_event e = hello("w", 1, 1);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    assert_string_equal(step(b, e), "welcome\n"
                                    "grant slot=0 0/0 [0,+5)\n"
                                    "grant slot=0 0/0 [15,+7)\n");
}

TEST(a_drain_grants_nothing_more_and_stops_when_the_attempts_are_back)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    assert_string_equal(step(b, (struct core_event){ .kind = CORE_DRAIN }), "drain\n");
    assert_int_equal(state(b), SWEEP_DRAINING);
    assert_string_equal(step(b, ended(b, b->attempt - 1, ENDED_RETURNED)), "ack 1\n");
    assert_string_equal(step(b, ended(b, b->attempt, ENDED_RETURNED)), "ack 2\n");
    assert_int_equal(state(b), SWEEP_STOPPED);
}

TEST(a_drain_does_not_wait_a_lease_for_a_worker_that_is_silent)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    step(b, (struct core_event){ .kind = CORE_DRAIN });
    b->now_ms += 3000; /* three beats */
    assert_string_equal(step(b, (struct core_event){ .kind = CORE_TIME }), "gone\n");
    assert_int_equal(state(b), SWEEP_STOPPED);
}

TEST(a_model_that_does_not_start_here_is_not_granted_here_again_and_the_sweep_stalls)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    step(b, ended(b, b->attempt - 1, ENDED_HOST_FAILED));
    assert_string_equal(step(b, ended(b, b->attempt, ENDED_HOST_FAILED)), "ack 2\n");
    assert_int_equal(state(b), SWEEP_STALLED);
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_string_equal(v.reason, "on worker w: because");
}

TEST(another_worker_may_do_what_one_refuses)
{
    one_cell(b, 100);
    step(b, hello("a", 1, 1));
    step(b, ended(b, b->attempt - 1, ENDED_HOST_FAILED));
    step(b, ended(b, b->attempt, ENDED_HOST_FAILED));
    const char *trace = step(b, hello("b", 2, 1));
    assert_non_null(strstr(trace, "grant slot=0 0/0 [0,+16)\n"));
    assert_int_equal(state(b), SWEEP_RUNNING);
}

TEST(a_model_that_needs_more_than_any_slot_has_says_so)
{
    core_add_model(b->core, &(struct core_need){ .gpus = 8 });
    core_add_task(b->core, 10);
    add_cell(b, 0, 0, 10);
    step(b, hello("w", 1, 2));
    assert_int_equal(state(b), SWEEP_STALLED);
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_non_null(strstr(v.reason, "GPUs"));
}

TEST(a_slot_stays_with_its_model_while_there_is_work_for_it)
{
    core_add_task(b->core, 40);
    for (uint32_t m = 0; m < 2; m++) {
        core_add_model(b->core, &(struct core_need){ .cpus = 1 });
        add_cell(b, m, 0, 40);
    }
    assert_string_equal(step(b, hello("w", 1, 2)), "welcome\n"
                                                   "grant slot=0 0/0 [0,+16)\n"
                                                   "grant slot=1 1/0 [0,+16)\n"
                                                   "grant slot=0 0/0 [16,+12)\n"
                                                   "grant slot=1 1/0 [16,+12)\n");
}

TEST(only_the_wanted_instances_are_granted)
{
    core_add_model(b->core, &(struct core_need){ .cpus = 1 });
    core_add_task(b->core, 100);
    struct bitmap wanted, ended_bits;
    bitmap_init(&wanted, 100);
    bitmap_init(&ended_bits, 100);
    for (uint32_t i = 10; i < 100; i += 20)
        bitmap_set(&wanted, i); /* 10 30 50 70 90 */
    bitmap_set(&ended_bits, 30);
    core_add_cell(b->core, 0, 0, &wanted, &ended_bits, 0);
    bitmap_release(&wanted);
    bitmap_release(&ended_bits);
    assert_string_equal(step(b, hello("w", 1, 1)), "welcome\n"
                                                   "grant slot=0 0/0 [10,+41) skip\n"
                                                   "grant slot=0 0/0 [70,+1)\n"
                                                   "grant slot=0 0/0 [90,+1)\n");
    struct core_totals t;
    core_totals(b->core, &t);
    assert_int_equal(t.wanted, 5);
    assert_int_equal(t.ended, 1);
}

TEST(a_strike_survives_a_restart)
{
    one_cell(b, 1);
    core_add_strike(b->core, 0, 0, 0, 2, 99);
    step(b, hello("w", 1, 1));
    assert_non_null(strstr(step(b, range(b, b->attempt, 0, 1, STATUS_ERROR)), "record 0/0\n"));
}

TEST(an_instance_with_a_strike_goes_to_another_worker_that_has_the_model)
{
    one_cell(b, 100);
    step(b, hello("a", 1, 1));
    uint64_t session_a = b->session, first_a = b->attempt - 1;
    step(b, hello("b", 2, 1));
    uint64_t session_b = b->session, first_b = b->attempt - 1;
    b->session = session_a;
    step(b, range(b, first_a, 0, 1, STATUS_ERROR));
    step(b, range(b, first_a, 1, 15, STATUS_OK));
    b->now_ms += 100;
    assert_null(strstr(step(b, ended(b, first_a, ENDED_DONE)), "[0,")); /* it waits */
    b->now_ms = core_deadline_mono_ns(b->core) / MS + 1;
    assert_null(strstr(step(b, (struct core_event){ .kind = CORE_TIME }), "[0,"));
    b->session = session_b;
    b->seq = 1;
    assert_non_null(strstr(step(b, ended(b, first_b, ENDED_RETURNED)), "grant slot=0 0/0 [0,+1)"));
}

TEST(a_coordinator_that_stood_still_expires_nobody)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    b->now_ms += 60000;
    assert_string_equal(step(b, (struct core_event){ .kind = CORE_TIME }), "");
    struct core_totals t;
    core_totals(b->core, &t);
    assert_int_equal(t.leases_expired, 0);
    assert_int_equal(t.workers_live, 1);
}

TEST(a_paused_model_is_taken_back_and_a_resumed_one_granted)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    struct core_event e = { .kind = CORE_PAUSE_MODEL };
    assert_string_equal(step(b, e), "revoke\nrevoke\n");
    step(b, ended(b, b->attempt - 1, ENDED_RETURNED));
    assert_string_equal(step(b, ended(b, b->attempt, ENDED_RETURNED)), "ack 2\n");
    struct core_totals t;
    core_totals(b->core, &t);
    assert_int_equal(t.state, SWEEP_RUNNING); /* it waits for its owner: not stalled */
    e.kind = CORE_RESUME_MODEL;
    assert_non_null(strstr(step(b, e), "grant slot=0 0/0 [0,"));
}

TEST(what_others_have_not_started_is_taken_back_for_a_slot_that_starves)
{
    one_cell(b, 40);
    step(b, hello("a", 1, 1)); /* [0,+16) runs, [16,+12) waits */
    uint64_t waiting = b->attempt;
    step(b, hello("b", 2, 1)); /* it gets the other 12, and is through with them */
    b->now_ms += 1200;
    step(b, range(b, waiting + 1, 28, 12, STATUS_OK));
    for (uint64_t id = waiting + 1, last = b->attempt; id <= last; id++) {
        b->now_ms += 500;
        step(b, ended(b, id, ENDED_DONE));
    }
    b->now_ms += 1001; /* a beat's time later */
    assert_string_equal(step(b, (struct core_event){ .kind = CORE_TIME }), "revoke\n");
}

/* Its own word for it, by a signal, and no order of ours. */
static struct core_event beat_of_one_that_drains(struct bench *b)
{
    static struct msg_beat m = { .draining = true };
    struct core_event e = { .kind = CORE_BEAT, .session = b->session };
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

TEST(a_worker_that_says_it_drains_is_granted_nothing_more)
{
    one_cell(b, 2);
    step(b, hello("a", 1, 1));
    uint64_t session_a = b->session;
    step(b, hello("b", 2, 1)); /* gets what is left */
    uint64_t of_b = b->attempt;
    b->session = session_a;
    step(b, range(b, b->attempt - 1, 0, 1, STATUS_OK));
    step(b, ended(b, of_b - 1, ENDED_DONE)); /* a starves */
    step(b, beat_of_one_that_drains(b));
    b->now_ms += 10001; /* b is lost, and its instance free */
    assert_null(strstr(step(b, (struct core_event){ .kind = CORE_TIME }), "grant"));
}

TEST(whoever_comes_after_a_drain_is_told_to_go_and_granted_nothing)
{
    one_cell(b, 100);
    step(b, hello("a", 1, 1));
    step(b, (struct core_event){ .kind = CORE_DRAIN });
    step(b, ended(b, b->attempt - 1, ENDED_RETURNED));
    step(b, ended(b, b->attempt, ENDED_RETURNED));
    assert_int_equal(state(b), SWEEP_STOPPED);
    assert_string_equal(step(b, hello("b", 2, 1)), "welcome\ndrain\n");
}

TEST(whoever_comes_after_the_last_result_and_a_drain_is_told_to_go)
{
    one_cell(b, 1);
    step(b, hello("a", 1, 1));
    step(b, range(b, b->attempt, 0, 1, STATUS_OK));
    step(b, (struct core_event){ .kind = CORE_DRAIN });
    assert_int_equal(state(b), SWEEP_DONE);
    assert_string_equal(step(b, hello("b", 2, 1)), "welcome\ndrain\n");
}

TEST(a_process_that_was_replaced_may_come_back_once_the_other_is_gone)
{
    one_cell(b, 1);
    step(b, hello("w", 1, 1));
    step(b, hello("w", 2, 1));
    assert_string_equal(step(b, hello("w", 1, 1)), "reject 3\n");
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    assert_string_equal(step(b, hello("w", 1, 1)), "welcome\ngrant slot=0 0/0 [0,+1)\n");
}

/* The attempt was over for the core, another one failed meanwhile, and then its worker came back
 * with the message that had been counted already. */
TEST(a_failure_that_was_counted_before_a_newer_one_is_not_counted_again)
{
    one_cell(b, 1);
    step(b, hello("a", 1, 1));
    uint64_t first = b->attempt;
    step(b, range(b, first, 0, 1, STATUS_CRASH));
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    b->now_ms += 5000;
    step(b, (struct core_event){ .kind = CORE_TIME });
    step(b, hello("b", 2, 1));
    b->seq = 1;
    assert_non_null(strstr(step(b, range(b, b->attempt, 0, 1, STATUS_CRASH)), "count=2"));
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    b->now_ms += 5000;
    step(b, (struct core_event){ .kind = CORE_TIME });
    struct core_held held = { .attempt = first, .count = 1 };
    struct core_event e = hello("a", 1, 1);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    assert_string_equal(step(b, e), "welcome\n");
    b->seq = 1;
    assert_string_equal(step(b, range(b, first, 0, 1, STATUS_CRASH)), "ack 1\n");
}

TEST(a_slot_looks_again_once_nobody_works_on_the_model_it_left_to_others)
{
    core_add_model(b->core, &(struct core_need){ .cpus = 1 });
    for (uint32_t task = 0; task < 2; task++) {
        core_add_task(b->core, 1);
        add_cell(b, 0, task, 1);
    }
    step(b, hello("a", 1, 1));
    uint64_t session_a = b->session, of_task_1 = b->attempt;
    step(b, ended(b, of_task_1, ENDED_REFUSED));                 /* it has not the data of task 1 */
    assert_string_equal(step(b, hello("b", 2, 1)), "welcome\n"); /* a will be through at once */
    b->session = session_a;
    assert_string_equal(step(b, range(b, of_task_1 - 1, 0, 1, STATUS_OK)),
                        "record 0/0\nack 2\ngrant slot=0 0/1 [0,+1)\n");
}

TEST(what_failed_on_the_slot_that_starves_is_not_taken_back_for_it)
{
    one_cell(b, 1);
    step(b, hello("a", 1, 1));
    uint64_t session_a = b->session, first = b->attempt;
    step(b, hello("b", 2, 1));
    step(b, beat(b, 0)); /* b has the model */
    uint64_t session_b = b->session;
    b->session = session_a;
    b->now_ms += 5000; /* so long does one take */
    step(b, range(b, first, 0, 1, STATUS_CRASH));
    step(b, ended(b, first, ENDED_DONE));
    b->now_ms += 2000;
    step(b, (struct core_event){ .kind = CORE_TIME });
    assert_int_not_equal(b->attempt, first); /* it went to b */
    b->session = session_b;
    struct core_event e = beat(b, b->attempt);
    struct msg_slot_beat loading = { .state = SLOT_LOADING, .model = 1 };
    ((struct msg_beat *)(uintptr_t)e.as.beat.beat)->slots = &loading;
    step(b, e);
    for (int i = 0; i < 3; i++) {
        b->now_ms += 1001;
        assert_null(strstr(step(b, (struct core_event){ .kind = CORE_TIME }), "revoke"));
    }
}

static struct msg_use use_after(struct bench *b, struct msg_use said)
{
    struct core_event e = beat(b, 0);
    ((struct msg_beat *)(uintptr_t)e.as.beat.beat)->uses = &said;
    step(b, e);
    struct core_totals t;
    core_totals(b->core, &t);
    return t.use;
}

TEST(what_slots_were_used_for_adds_up_over_the_processes_of_a_worker)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    (void)use_after(b, (struct msg_use){ .busy_ns = 10, .load_ns = 5, .idle_ns = 1 });
    struct msg_use use =
        use_after(b, (struct msg_use){ .busy_ns = 40, .load_ns = 5, .idle_ns = 3 });
    assert_int_equal(use.busy_ns, 40);
    step(b, hello("w", 2, 1)); /* another process, which counts from 0 */
    use = use_after(b, (struct msg_use){ .busy_ns = 2, .load_ns = 5, .idle_ns = 0 });
    assert_int_equal(use.busy_ns, 42);
    assert_int_equal(use.load_ns, 10);
    assert_int_equal(use.idle_ns, 3);
}

TEST(a_coordinator_that_stood_still_while_a_slot_starved_goes_on)
{
    one_cell(b, 1);
    step(b, hello("a", 1, 1));
    step(b, hello("b", 2, 1)); /* starves */
    b->now_ms += 60000;
    step(b, (struct core_event){ .kind = CORE_TIME });
    assert_true(core_deadline_mono_ns(b->core) > b->now_ms * MS);
}

TEST(the_same_events_give_the_same_effects)
{
    char *first = NULL;
    for (int round = 0; round < 2; round++) {
        bench_release(b);
        bench_init(b);
        one_cell(b, 1000);
        struct buf all = { 0 };
        buf_append_str(&all, step(b, hello("a", 1, 4)));
        buf_append_str(&all, step(b, hello("b", 2, 4)));
        for (int i = 0; i < 20; i++) {
            b->now_ms += 700;
            buf_append_str(&all, step(b, beat(b, b->attempt)));
            buf_append_str(&all, step(b, (struct core_event){ .kind = CORE_TIME }));
        }
        if (first)
            assert_string_equal(first, buf_cstr(&all));
        free(first);
        first = strdup(buf_cstr(&all));
        buf_release(&all);
    }
    free(first);
}

/* No worker sends such a thing, but one that does must not spoil what is learned. */
TEST(a_message_without_rows_teaches_nothing)
{
    one_cell(b, 100);
    step(b, hello("w", 1, 1));
    uint64_t head = b->attempt - 1;
    b->now_ms += 1000;
    step(b, range(b, head, 0, 0, STATUS_OK));
    b->now_ms += 8000;
    step(b, range(b, head, 0, 8, STATUS_OK));
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_in_range(v.instance_ns / MS, 1000, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_is_welcomed_and_gets_one_attempt_to_run_and_one_to_wait),
        cmocka_unit_test(a_sweep_ends_when_every_instance_has_a_result),
        cmocka_unit_test(a_result_counts_once_however_often_it_is_sent),
        cmocka_unit_test(a_gap_in_the_sequence_makes_the_worker_start_over),
        cmocka_unit_test(an_unknown_session_is_told_to_say_hello),
        cmocka_unit_test(
            a_failed_instance_waits_then_goes_alone_and_is_quarantined_at_the_third_strike),
        cmocka_unit_test(a_final_failure_is_recorded_at_once),
        cmocka_unit_test(a_stale_lease_may_fill_an_open_instance_but_not_accuse_it),
        cmocka_unit_test(results_of_an_attempt_that_was_not_given_to_the_worker_do_not_count),
        cmocka_unit_test(results_of_an_attempt_that_was_given_too_long_ago_do_not_count),
        cmocka_unit_test(a_lease_that_is_not_renewed_ends_and_its_open_instances_are_granted_again),
        cmocka_unit_test(a_beat_puts_off_what_it_names_and_nothing_else),
        cmocka_unit_test(a_beat_names_the_attempts_that_are_stale),
        cmocka_unit_test(a_worker_that_is_silent_for_a_lease_is_lost_and_its_work_goes_to_another),
        cmocka_unit_test(
            a_new_process_under_the_same_name_takes_over_at_once_and_the_old_one_is_told_to_go),
        cmocka_unit_test(a_reconnecting_worker_keeps_what_it_holds),
        cmocka_unit_test(after_a_restart_of_the_coordinator_a_held_attempt_goes_on),
        cmocka_unit_test(nothing_that_is_taken_is_granted_again_around_an_adopted_attempt),
        cmocka_unit_test(a_drain_grants_nothing_more_and_stops_when_the_attempts_are_back),
        cmocka_unit_test(a_drain_does_not_wait_a_lease_for_a_worker_that_is_silent),
        cmocka_unit_test(
            a_model_that_does_not_start_here_is_not_granted_here_again_and_the_sweep_stalls),
        cmocka_unit_test(another_worker_may_do_what_one_refuses),
        cmocka_unit_test(a_model_that_needs_more_than_any_slot_has_says_so),
        cmocka_unit_test(a_slot_stays_with_its_model_while_there_is_work_for_it),
        cmocka_unit_test(only_the_wanted_instances_are_granted),
        cmocka_unit_test(a_strike_survives_a_restart),
        cmocka_unit_test(an_instance_with_a_strike_goes_to_another_worker_that_has_the_model),
        cmocka_unit_test(a_coordinator_that_stood_still_expires_nobody),
        cmocka_unit_test(a_paused_model_is_taken_back_and_a_resumed_one_granted),
        cmocka_unit_test(what_others_have_not_started_is_taken_back_for_a_slot_that_starves),
        cmocka_unit_test(a_worker_that_says_it_drains_is_granted_nothing_more),
        cmocka_unit_test(whoever_comes_after_a_drain_is_told_to_go_and_granted_nothing),
        cmocka_unit_test(whoever_comes_after_the_last_result_and_a_drain_is_told_to_go),
        cmocka_unit_test(a_process_that_was_replaced_may_come_back_once_the_other_is_gone),
        cmocka_unit_test(a_failure_that_was_counted_before_a_newer_one_is_not_counted_again),
        cmocka_unit_test(a_slot_looks_again_once_nobody_works_on_the_model_it_left_to_others),
        cmocka_unit_test(what_failed_on_the_slot_that_starves_is_not_taken_back_for_it),
        cmocka_unit_test(what_slots_were_used_for_adds_up_over_the_processes_of_a_worker),
        cmocka_unit_test(a_coordinator_that_stood_still_while_a_slot_starved_goes_on),
        cmocka_unit_test(the_same_events_give_the_same_effects),
        cmocka_unit_test(a_message_without_rows_teaches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
