/* What was told of a model beforehand, and what is measured. */
#include "tests/lib/core_bench.h"

enum { SIZE = 400 };
static const uint64_t ATTEMPT = 2ull << 32 | 1; /* of an earlier epoch: all there is, in one */

/* A model of one task; its instances are said to take so long. */
static void start(struct bench *b, double told_ms)
{
    static struct core_held held = { .attempt = 2ull << 32 | 1, .count = SIZE };
    one_cell(b, SIZE);
    core_expect_model(b->core, 0, 1000ll * MS, told_ms * MS);
    struct core_event e = hello("w", 1, 1);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    step(b, e);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_far_off_is_forgotten),
        cmocka_unit_test(what_is_far_too_little_is_forgotten_as_well),
        cmocka_unit_test(what_is_about_right_is_worth_more_than_the_first_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
