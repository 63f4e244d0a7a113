/* Parts of attempts that go back while the rest goes on. Golden traces. */
#include "tests/lib/agent_trace.h"

static int setup_with_cuts(void **state)
{
    setup(state);
    struct world *w = *state;
    welcome_with_cuts(w);
    buf_clear(&w->trace);
    return 0;
}

static void test_a_part_goes_back_at_once_and_the_rest_goes_on(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 1);
    buf_clear(&w->trace);
    revoke_from(w, 7, 3);
    expect(w, "ended 7 seq=1 returned from 3\n");
    answer(w, 0);
    answer(w, 1);
    expect(w, "row 7/0 ok\nask 7/1\nrow 7/1 ok\nask 7/2\n");
    answer(w, 2);
    expect(w, "row 7/2 ok\nflush 7 seq=2\nended 7 seq=3 done\n");
}

static void test_what_has_started_stays(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 4);
    buf_clear(&w->trace);
    revoke_from(w, 7, 2);
    expect(w, "ended 7 seq=1 returned from 4\n");
}

static void test_what_is_in_a_run_has_started(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 20);
    hello_of_runs(w, 1, 8);
    buf_clear(&w->trace);
    revoke_from(w, 7, 3);
    expect(w, "ended 7 seq=1 returned from 8\n");
    w->shows_rows = false;
    answer_run(w, 0, 8);
    expect(w, "flush 7 seq=2\nended 7 seq=3 done\n");
}

static void test_a_run_ends_before_what_went_back(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 20);
    hello_of_runs(w, 1, 2);
    revoke_from(w, 7, 3);
    buf_clear(&w->trace);
    answer_run(w, 0, 2);
    expect(w, "row 7/0 ok\nrow 7/1 ok\nask 7/2\n");
}

/* The coordinator waits for the answer. */
static void test_that_nothing_is_left_is_told(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 5, 2);
    hello(w, 2);
    buf_clear(&w->trace);
    revoke_from(w, 7, 6);
    expect(w, "ended 7 seq=1 returned from 7\n");
}

static void test_a_revoke_that_comes_again_is_answered_the_same(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 1);
    revoke_from(w, 7, 4);
    buf_clear(&w->trace);
    revoke_from(w, 7, 4);
    expect(w, "ended 7 seq=2 returned from 4\n");
    revoke_from(w, 7, 8);
    expect(w, "ended 7 seq=3 returned from 4\n");
    revoke_from(w, 7, 2);
    expect(w, "ended 7 seq=4 returned from 2\n");
}

static void test_what_is_over_is_not_answered(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    hello(w, 1);
    answer(w, 0);
    buf_clear(&w->trace);
    revoke_from(w, 7, 1);
    revoke_from(w, 99, 1);
    expect(w, "");
}

static void test_a_waiting_attempt_keeps_its_part(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 1);
    grant(w, 8, 1, 10, 6);
    hello(w, 1);
    buf_clear(&w->trace);
    revoke_from(w, 8, 12);
    expect(w, "ended 8 seq=1 returned from 12\n");
    answer(w, 0);
    answer(w, 10);
    answer(w, 11);
    expect(w, "row 7/0 ok\nflush 7 seq=2\nended 7 seq=3 done\nask 8/10\n"
              "row 8/10 ok\nask 8/11\nrow 8/11 ok\nflush 8 seq=4\nended 8 seq=5 done\n");
}

/* Of what is kept nothing is wanted: the others have done it before. */
static void test_an_attempt_that_keeps_nothing_to_do_is_done(void **state)
{
    struct world *w = *state;
    static const uint8_t skip[] = { 0x03 };
    struct agent_event e = a_grant(0, 8, 1, 10, 6);
    e.as.grant.skip = span_of(skip, sizeof(skip));
    grant(w, 7, 1, 0, 1);
    step(w, e);
    hello(w, 1);
    buf_clear(&w->trace);
    revoke_from(w, 8, 12);
    expect(w, "ended 8 seq=1 returned from 12\nended 8 seq=2 done\n");
}

static void test_what_was_at_a_dead_host_stays_and_runs_again(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 2);
    revoke_from(w, 7, 1);
    crash(w);
    buf_clear(&w->trace);
    hello(w, 2);
    expect(w, "news slot=0 model=1 ready\nask 7/0\n"); /* suspects run alone */
    answer(w, 0);
    answer(w, 1);
    expect(w, "row 7/0 ok\nask 7/1\nrow 7/1 ok\nflush 7 seq=2\nended 7 seq=3 done\n");
}

static void test_all_that_is_taken_back_goes_back_while_the_rest_runs(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    hello(w, 2);
    buf_clear(&w->trace);
    revoke_attempt(w, 7);
    expect(w, "ended 7 seq=1 returned from 2\n");
    answer(w, 0);
    answer(w, 1);
    expect(w, "row 7/0 ok\nrow 7/1 ok\nflush 7 seq=2\nended 7 seq=3 done\n");
}

static void test_a_worker_that_drains_gives_back_what_does_not_run_at_once(void **state)
{
    struct world *w = *state;
    grant(w, 7, 1, 0, 10);
    grant(w, 8, 1, 20, 10);
    hello(w, 1);
    buf_clear(&w->trace);
    happen(w, AGENT_ON_DRAIN);
    expect(w, "ended 7 seq=1 returned from 1\n"
              "ended 8 seq=2 returned: this worker is draining\n");
}

static void test_a_hello_names_what_is_left(void **state)
{
    struct world *w = *state;
    struct msg_hello said;
    struct arena arena = { 0 };
    grant(w, 7, 1, 3, 10);
    revoke_from(w, 7, 7);
    agent_hello(w->agent, &arena, &said);
    assert_int_equal(said.held_count, 1);
    assert_int_equal(said.held[0].first, 3);
    assert_int_equal(said.held[0].count, 4);
    arena_release(&arena);
}

#define CUT(name) cmocka_unit_test_setup_teardown(name, setup_with_cuts, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUT(test_a_part_goes_back_at_once_and_the_rest_goes_on),
        CUT(test_what_has_started_stays),
        CUT(test_what_is_in_a_run_has_started),
        CUT(test_a_run_ends_before_what_went_back),
        CUT(test_that_nothing_is_left_is_told),
        CUT(test_a_revoke_that_comes_again_is_answered_the_same),
        CUT(test_what_is_over_is_not_answered),
        CUT(test_a_waiting_attempt_keeps_its_part),
        CUT(test_an_attempt_that_keeps_nothing_to_do_is_done),
        CUT(test_what_was_at_a_dead_host_stays_and_runs_again),
        CUT(test_all_that_is_taken_back_goes_back_while_the_rest_runs),
        CUT(test_a_worker_that_drains_gives_back_what_does_not_run_at_once),
        CUT(test_a_hello_names_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
