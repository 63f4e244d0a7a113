/* The agent and its coordinator: rows on their way, sessions, what hello and beat say. */
#include "tests/lib/agent_trace.h"

/* --- rows on their way --- */

static void test_rows_are_flushed_when_1024_wait(void **state)
{
    struct world *w = *state;
    w->shows_rows = false;
    grant(w, 7, 1, 0, 3000);
    hello(w, 256);
    buf_clear(&w->trace);
    for (uint32_t i = 0; i < 1023; i++)
        answer(w, i);
    expect(w, "");
    answer(w, 1023);
    expect(w, "flush 7 seq=1\n");
}

static void test_rows_are_flushed_when_128_kib_wait(void **state)
{
    struct world *w = *state;
    char *text = xcalloc(1, (64 << 10) + 1);
    memset(text, 'x', 64 << 10);
    w->shows_rows = false;
    grant(w, 7, 1, 0, 1000);
    hello(w, 1);
    buf_clear(&w->trace);
    answer_bytes(w, 0, text);
    expect(w, "");
    answer_bytes(w, 1, text);
    expect(w, "flush 7 seq=1\n");
    free(text);
}

static void test_rows_are_flushed_when_the_oldest_is_200_ms_old(void **state)
{
    struct world *w = *state;
    w->shows_rows = false;
    grant(w, 7, 1, 0, 1000);
    hello(w, 1);
    answer(w, 0);
    pass(w, SECOND / 10);
    answer(w, 1);
    buf_clear(&w->trace);
    pass(w, SECOND / 10 - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "flush 7 seq=1\n");
}

static void test_too_much_unacked_stops_new_requests_until_the_ack(void **state)
{
    (void)state;
    struct world *w = world_new(1000);
    char text[601] = { 0 };
    memset(text, 'x', 600);
    grant(w, 7, 1, 0, 1000);
    hello(w, 1);
    answer_bytes(w, 0, text);
    buf_clear(&w->trace);
    answer_bytes(w, 1, text);
    expect(w, "row 7/1 ok\n");
    pass(w, SECOND);
    expect(w, "flush 7 seq=1\n");
    ack(w, 1);
    expect(w, "ask 7/2\n");
    teardown((void *[]){ w });
}

/* Attempts of one instance each, begun and answered; no ack comes. */
static void end_attempts(struct world *w, unsigned count)
{
    w->shows_rows = false;
    for (unsigned i = 0; i < count; i++) {
        grant(w, 100 + i, 1, i % INSTANCES, 1);
        if (i == 0)
            hello(w, 1);
        answer(w, i % INSTANCES);
    }
    w->shows_rows = true;
    buf_clear(&w->trace);
}

static void test_too_many_ends_that_wait_stop_new_requests_until_the_ack(void **state)
{
    (void)state;
    struct world *w = world_new(UNACKED_BYTES_MAX);
    end_attempts(w, ENDED_MAX);
    grant(w, 7, 1, 0, 1);
    expect(w, "");
    ack(w, 2); /* the first attempt's results and its end */
    expect(w, "ask 7/0\n");
    teardown((void *[]){ w });
}

static void test_a_hello_names_what_is_not_over_and_as_many_ends_as_it_can(void **state)
{
    struct world *w = *state;
    struct arena arena = { 0 };
    struct msg_hello m = { 0 };
    struct msg_beat beat = { 0 };
    end_attempts(w, HELD_MAX + 10);
    grant(w, 7, 1, 0, 1);
    agent_hello(w->agent, &arena, &m);
    assert_int_equal(m.held_count, HELD_MAX);
    assert_int_equal(m.held[0].attempt, 7);
    assert_int_equal(m.held[1].attempt, 100);
    agent_beat(w->agent, &arena, &beat);
    assert_int_equal(beat.attempt_count, HELD_MAX);
    arena_release(&arena);
}

/* --- the coordinator comes and goes --- */

static unsigned times_said(struct world *w, const char *what)
{
    unsigned times = 0;
    for (const char *at = buf_cstr(&w->trace); (at = strstr(at, what)); at++)
        times++;
    return times;
}

static void test_hello_is_repeated_until_welcomed(void **state)
{
    struct world *w = *state;
    w->shows_session = true;
    happen(w, AGENT_ON_LINK_LOST);
    expect(w, "note link_lost\n");
    pass(w, 100 * SECOND);
    unsigned hellos = times_said(w, "hello\n");
    assert_in_range(hellos, 6, 12); /* 1, 2, 4, 8, 16, 16, ... s, give or take the half */
    buf_clear(&w->trace);
    welcome(w);
    expect(w, "resend\nbeat\n");
}

static void test_a_coordinator_that_never_answers_is_said_now_and_then(void **state)
{
    struct world *w = *state;
    const char *said = "note no_coordinator\n";
    pass(w, 7 * SECOND);
    assert_int_equal(times_said(w, said), 0); /* a coordinator may be late */
    pass(w, 93 * SECOND);
    assert_in_range(times_said(w, said), 1, 2); /* after 4 hellos, 15 s on average, and after 8 */
}

static void test_beats_go_on_while_they_are_answered(void **state)
{
    struct world *w = *state;
    w->shows_session = true;
    buf_clear(&w->trace);
    for (int i = 0; i < 4; i++) {
        pass(w, 5 * SECOND);
        beat_reply(w, NULL, 0);
    }
    expect(w, "beat\nbeat\nbeat\nbeat\n");
}

static void test_three_unanswered_beats_are_a_lost_link(void **state)
{
    struct world *w = *state;
    w->shows_session = true;
    buf_clear(&w->trace);
    pass(w, 15 * SECOND - 1);
    expect(w, "beat\nbeat\n");
    pass(w, 1 + SECOND);
    expect(w, "note link_lost\nhello\n");
}

static void test_a_rejected_session_says_hello_again(void **state)
{
    struct world *w = *state;
    w->shows_session = true;
    buf_clear(&w->trace);
    happen(w, AGENT_ON_REJECTED);
    pass(w, SECOND);
    expect(w, "note link_lost\nhello\n");
}

static void test_work_goes_on_without_a_coordinator(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    happen(w, AGENT_ON_LINK_LOST);
    buf_clear(&w->trace);
    answer(w, 0);
    answer(w, 1);
    expect(w, "row 7/0 ok\nask 7/1\nrow 7/1 ok\nflush 7 seq=1\nended 7 seq=2 done\n");
}

static void test_leases_not_renewed_are_said_once(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 2);
    hello(w, 1);
    happen(w, AGENT_ON_LINK_LOST);
    buf_clear(&w->trace);
    pass(w, 24 * SECOND - 1);
    assert_int_equal(times_said(w, "note leases_not_renewed\n"), 0);
    pass(w, 100 * SECOND);
    assert_int_equal(times_said(w, "note leases_not_renewed\n"), 1);
}

static void test_what_is_not_acked_on_a_live_link_is_sent_again(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    answer(w, 0);
    buf_clear(&w->trace);
    w->shows_session = true;
    beat_reply(w, NULL, 0);
    pass(w, 10 * SECOND - 1);
    expect(w, "beat\n");
    beat_reply(w, NULL, 0);
    pass(w, 1);
    expect(w, "resend\nbeat\n");
    ack(w, 2);
    beat_reply(w, NULL, 0);
    pass(w, 14 * SECOND);
    expect(w, "beat\nbeat\n");
}

static void test_what_a_new_session_does_not_ack_is_sent_again_too(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    answer(w, 0);
    happen(w, AGENT_ON_LINK_LOST);
    welcome(w);
    buf_clear(&w->trace);
    w->shows_session = true;
    pass(w, 9 * SECOND);
    beat_reply(w, NULL, 0);
    expect(w, "beat\n");
    pass(w, SECOND);
    expect(w, "resend\nbeat\n");
}

static void test_a_drained_worker_that_nobody_answers_only_waits(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    happen(w, AGENT_ON_DRAIN);
    happen(w, AGENT_ON_LINK_LOST);
    assert_false(agent_only_waits(w->agent)); /* its instance still runs */
    answer(w, 0);
    assert_true(agent_only_waits(w->agent));
    welcome(w);
    assert_false(agent_only_waits(w->agent)); /* somebody takes it */
}

static void test_hello_lists_what_is_held_until_its_end_is_durable(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 1, 5, 2);
    hello(w, 1);
    answer(w, 0);
    struct arena arena = { 0 };
    struct msg_hello m = { 0 };
    agent_hello(w->agent, &arena, &m);
    assert_int_equal(m.slot_count, 2);
    assert_int_equal(m.slots[1].cpus, 2);
    assert_int_equal(m.held_count, 2);
    assert_int_equal(m.held[0].attempt, 8);
    assert_int_equal(m.held[0].first, 5);
    assert_int_equal(m.held[1].attempt, 7);
    ack(w, 1); /* its rows, not yet its end */
    agent_hello(w->agent, &arena, &m);
    assert_int_equal(m.held_count, 2);
    ack(w, 2);
    agent_hello(w->agent, &arena, &m);
    assert_int_equal(m.held_count, 1);
    arena_release(&arena);
}

static void test_beats_tell_states_and_progress(void **state)
{
    struct world *w = *state;
    struct arena arena = { 0 };
    struct msg_beat m = { 0 };
    grant(w, 7, 3, 0, 2);
    agent_beat(w->agent, &arena, &m);
    assert_int_equal(m.slots[0].state, SLOT_LOADING);
    assert_int_equal(m.slots[0].model, 3);
    assert_int_equal(m.slots[1].state, SLOT_IDLE);
    hello(w, 1);
    answer(w, 0);
    agent_beat(w->agent, &arena, &m);
    assert_int_equal(m.slots[0].state, SLOT_RUNNING);
    assert_int_equal(m.attempt_count, 1);
    assert_int_equal(m.attempts[0].done, 1);
    assert_true(m.unacked_bytes > 0);
    answer(w, 1);
    agent_beat(w->agent, &arena, &m);
    assert_int_equal(m.slots[0].state, SLOT_READY);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(test_rows_are_flushed_when_1024_wait),
        RULE(test_rows_are_flushed_when_128_kib_wait),
        RULE(test_rows_are_flushed_when_the_oldest_is_200_ms_old),
        RULE(test_too_much_unacked_stops_new_requests_until_the_ack),
        RULE(test_too_many_ends_that_wait_stop_new_requests_until_the_ack),
        RULE(test_a_hello_names_what_is_not_over_and_as_many_ends_as_it_can),
        RULE(test_hello_is_repeated_until_welcomed),
        RULE(test_a_coordinator_that_never_answers_is_said_now_and_then),
        RULE(test_beats_go_on_while_they_are_answered),
        RULE(test_three_unanswered_beats_are_a_lost_link),
        RULE(test_a_rejected_session_says_hello_again),
        RULE(test_work_goes_on_without_a_coordinator),
        RULE(test_leases_not_renewed_are_said_once),
        RULE(test_what_is_not_acked_on_a_live_link_is_sent_again),
        RULE(test_what_a_new_session_does_not_ack_is_sent_again_too),
        RULE(test_a_drained_worker_that_nobody_answers_only_waits),
        RULE(test_hello_lists_what_is_held_until_its_end_is_durable),
        RULE(test_beats_tell_states_and_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
