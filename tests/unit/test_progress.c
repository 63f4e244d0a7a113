/* The rate that operators are told: over the last half minute, and over nothing older. */
#include "tests/lib/test.h"

#include "coordinator/admin/progress.h"

static const int64_t SECOND = 1000000000;

static bool is_near(double rate, double expected)
{
    return rate > expected - 1e-6 && rate < expected + 1e-6;
}

/* `count` samples half a second apart, from `from_ns` on, `step` instances each. */
static uint64_t go_on(struct progress *p, int64_t *now_ns, int count, uint64_t ended, uint64_t step)
{
    for (int i = 0; i < count; i++) {
        *now_ns += SECOND / 2;
        ended += step;
        progress_sample(p, *now_ns, ended);
    }
    return ended;
}

static void one_sample_gives_no_rate(void **state)
{
    (void)state;
    struct progress p;
    progress_start(&p, 5 * SECOND, 1000);
    assert_true(progress_rate(&p) == 0);
    assert_int_equal(p.ended_at_start, 1000);
    assert_int_equal(p.started_ns, 5 * SECOND);
}

static void what_was_done_before_the_start_does_not_count(void **state)
{
    (void)state;
    struct progress p;
    int64_t now = 0;
    progress_start(&p, now, 1000000);
    go_on(&p, &now, 4, 1000000, 5);
    assert_true(is_near(progress_rate(&p), 10));
}

static void samples_that_come_too_often_are_left_out(void **state)
{
    (void)state;
    struct progress p;
    progress_start(&p, 0, 0);
    for (int64_t ms = 1; ms < 500; ms++)
        progress_sample(&p, ms * 1000000, (uint64_t)ms);
    assert_int_equal(p.count, 1);
    progress_sample(&p, SECOND / 2, 500);
    assert_int_equal(p.count, 2);
    assert_true(is_near(progress_rate(&p), 1000));
}

static void the_ring_forgets_what_is_older_than_half_a_minute(void **state)
{
    (void)state;
    struct progress p;
    int64_t now = 0;
    progress_start(&p, now, 0);
    uint64_t ended = go_on(&p, &now, PROGRESS_SAMPLES - 1, 0, 50);
    assert_true(is_near(progress_rate(&p), 100));
    ended = go_on(&p, &now, PROGRESS_SAMPLES - 1, ended, 1); /* one sample of the fast time left */
    assert_true(is_near(progress_rate(&p), 2));
    assert_int_equal(p.count, PROGRESS_SAMPLES);
    go_on(&p, &now, 10 * PROGRESS_SAMPLES, ended, 0); /* several times around */
    assert_true(progress_rate(&p) == 0);
}

static void a_pause_lowers_the_rate_at_once(void **state)
{
    (void)state;
    struct progress p;
    int64_t now = 0;
    progress_start(&p, now, 0);
    uint64_t ended = go_on(&p, &now, 2, 0, 50);
    progress_sample(&p, now + 9 * SECOND, ended);
    assert_true(is_near(progress_rate(&p), 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_gives_no_rate),
        cmocka_unit_test(what_was_done_before_the_start_does_not_count),
        cmocka_unit_test(samples_that_come_too_often_are_left_out),
        cmocka_unit_test(the_ring_forgets_what_is_older_than_half_a_minute),
        cmocka_unit_test(a_pause_lowers_the_rate_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
