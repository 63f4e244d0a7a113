/* What was told of a model beforehand, and what is measured. */
#include "tests/lib/core_bench.h"

enum { SIZE = 400 };
static const uint64_t ATTEMPT = 2ull << 32 | 1; /* of an earlier epoch: all there is, in one */

/* Of what it holds it says that so many are done. */
static struct core_event beat_done(struct bench *b, uint32_t done)
{
    static struct msg_progress progress;
    static struct msg_slot_beat slots[2];
    static struct msg_beat m;
    progress = (struct msg_progress){ .attempt = ATTEMPT, .done = done };
    slots[0] = slots[1] = (struct msg_slot_beat){ .state = SLOT_READY };
    m = (struct msg_beat){
        .slots = slots, .slot_count = 2, .attempts = &progress, .attempt_count = 1
    };
    struct core_event e = { .kind = CORE_BEAT, .session = b->session };
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

/* A model of one task; its instances are said to take so long. */
static void take_up(struct bench *b, double told_ms)
{
    static struct core_held held = { .attempt = 2ull << 32 | 1, .count = SIZE };
    one_cell(b, SIZE);
    core_expect_model(b->core, 0, 1000ll * MS, told_ms * MS);
    struct core_event e = hello("w", 1, 1);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    step(b, e);
}

/* The same, and nothing of it is done yet. */
static void start(struct bench *b, double told_ms)
{
    take_up(b, told_ms);
    step(b, beat_done(b, 0));
}

/* A hundred took so long each; returns what the next ones are expected to take. */
static double after_a_hundred(struct bench *b, uint32_t first, int64_t ms)
{
    struct core_model_view v;
    b->now_ms += 100 * ms;
    step(b, range(b, ATTEMPT, first, 100, STATUS_OK));
    core_model_view(b->core, 0, &v);
    return v.instance_ns / MS;
}

TEST(what_is_far_off_is_forgotten)
{
    start(b, 10000);
    assert_true(after_a_hundred(b, 0, 10) < 1000);
    assert_true(after_a_hundred(b, 100, 10) < 500);
}

TEST(what_is_far_too_little_is_forgotten_as_well)
{
    start(b, 10);
    assert_true(after_a_hundred(b, 0, 1000) > 900);
}

TEST(what_is_about_right_is_worth_more_than_the_first_task)
{
    start(b, 1000);
    double expected_ms = after_a_hundred(b, 0, 1500);
    assert_true(expected_ms > 1000 && expected_ms < 1200);
}

/* A worker that was out of reach, or whose coordinator was, sends all that it did meanwhile. */
TEST(what_was_done_before_it_was_taken_up_says_nothing_of_how_long_it_took)
{
    struct core_model_view v;
    take_up(b, 1000);
    step(b, beat_done(b, 100));
    b->now_ms += 10;
    step(b, range(b, ATTEMPT, 0, 100, STATUS_OK));
    core_model_view(b->core, 0, &v);
    assert_true(v.instance_ns / MS > 900);
    b->now_ms += 200000;
    step(b, range(b, ATTEMPT, 100, 100, STATUS_OK)); /* but what comes then does */
    core_model_view(b->core, 0, &v);
    assert_true(v.instance_ns / MS > 1100);
}

/* Half of it is done, at ten seconds each: the other half is for two slots. */
TEST(what_was_taken_up_goes_as_fast_as_since_then)
{
    static struct core_held held = { .attempt = 2ull << 32 | 1, .count = SIZE };
    one_cell(b, SIZE);
    core_expect_model(b->core, 0, 1000ll * MS, 10000.0 * MS);
    struct core_event e = hello("w", 1, 2);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    e.as.hello.takes_cuts = true;
    step(b, e);
    step(b, beat_done(b, 200));
    step(b, range(b, ATTEMPT, 0, 200, STATUS_OK));
    const char *trace = "";
    for (int s = 0; s < 5 && !strstr(trace, "revoke"); s++) {
        step(b, beat_done(b, 200));
        b->now_ms += 1000;
        trace = step(b, (struct core_event){ .kind = CORE_TIME });
    }
    assert_string_equal(trace, "revoke from=300\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_far_off_is_forgotten),
        cmocka_unit_test(what_is_far_too_little_is_forgotten_as_well),
        cmocka_unit_test(what_is_about_right_is_worth_more_than_the_first_task),
        cmocka_unit_test(what_was_done_before_it_was_taken_up_says_nothing_of_how_long_it_took),
        cmocka_unit_test(what_was_taken_up_goes_as_fast_as_since_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
