/* Types of GPUs: who may run what, and how much of it. */
#include <math.h>

#include "tests/lib/core_bench.h"

/* A worker with one slot of this type. */
static struct core_event hello_of(const char *name, uint8_t id, const char *type, uint64_t *memory)
{
    static struct msg_slot slot;
    struct core_event e = hello(name, id, 1);
    slot = (struct msg_slot){ .gpus = 1, .cpus = 4, .gpu_type = span_str(type) };
    e.as.hello.slots = &slot;
    e.as.hello.gpu_memory = memory;
    return e;
}

static const char *reason_of(struct bench *b, uint32_t model)
{
    struct core_model_view v;
    core_model_view(b->core, model, &v);
    return v.reason;
}

static void one_model(struct bench *b, const struct core_need *need, uint32_t size)
{
    core_add_model(b->core, need);
    core_add_task(b->core, size);
    add_cell(b, 0, 0, size);
}

TEST(a_model_runs_only_on_the_types_that_it_allows)
{
    const char *const types[] = { "a100", "H100" };
    one_model(b, &(struct core_need){ .gpus = 1, .gpu_types = types, .gpu_type_count = 2 }, 100);
    assert_string_equal(step(b, hello_of("old", 1, "NVIDIA A10", NULL)), "welcome\n");
    assert_non_null(reason_of(b, 0));
    const char *trace = step(b, hello_of("new", 2, "NVIDIA A100-SXM4-80GB", NULL));
    assert_non_null(strstr(trace, "grant slot=0 0/0 [0,+16)"));
    assert_null(reason_of(b, 0));
}

TEST(a_model_without_gpus_runs_on_any_type)
{
    const char *const types[] = { "A100" };
    one_model(b, &(struct core_need){ .gpu_types = types, .gpu_type_count = 1 }, 100);
    assert_non_null(strstr(step(b, hello_of("w", 1, "", NULL)), "grant"));
}

TEST(each_gpu_needs_the_memory_and_one_that_does_not_say_is_believed)
{
    uint64_t small = 16u << 20, large = 64u << 20;
    one_model(b, &(struct core_need){ .gpus = 1, .gpu_memory_bytes = 32u << 20 }, 100);
    assert_string_equal(step(b, hello_of("small", 1, "x", &small)), "welcome\n");
    assert_non_null(strstr(step(b, hello_of("large", 2, "x", &large)), "grant"));
    assert_non_null(strstr(step(b, hello_of("silent", 3, "x", NULL)), "grant"));
}

/* The slot's head attempt has these instances and takes so long; how many it is given then. */
static uint32_t given_after(struct bench *b, uint32_t worker, uint32_t first, uint32_t count,
                            int64_t ms)
{
    struct core_slot_view v;
    core_slot_view(b->core, worker, 0, &v);
    b->now_ms += ms;
    step(b, range(b, v.attempt, first, count, STATUS_OK));
    const char *grant = strstr(step(b, ended(b, v.attempt, ENDED_DONE)), ",+");
    assert_non_null(grant);
    return (uint32_t)strtoul(grant + 2, NULL, 10);
}

TEST(a_slower_type_gets_smaller_attempts)
{
    one_model(b, &(struct core_need){ .gpus = 1 }, 60000);
    step(b, hello_of("fast", 1, "fast", NULL));
    uint32_t fast = given_after(b, 0, 0, 16, 16 * 100);
    assert_int_equal(fast, 30000 / 100);

    b->seq = 1;
    const char *trace = step(b, hello_of("slow", 2, "slow", NULL));
    assert_non_null(strstr(trace, "[332,+10)")); /* a probe of a second */
    uint32_t slow = given_after(b, 1, 332, 10, 10 * 1000);
    assert_in_range(slow, 25, 35); /* 30 s of a second each */
    assert_int_equal(core_gpu_type_count(b->core), 3);
    assert_string_equal(core_gpu_type_name(b->core, 2), "slow");
    struct core_model_on_type on_fast, on_slow;
    core_model_on_type(b->core, 0, 1, &on_fast);
    core_model_on_type(b->core, 0, 2, &on_slow);
    assert_true(fabs(on_slow.instance_ns / on_fast.instance_ns - 10) < 0.5);
}

/* What the slow one is given, by a core that was told, and told nothing. */
static const char *first_grant(struct bench *b, const struct core_factor *factors, size_t count)
{
    one_model(b, &(struct core_need){ .gpus = 1 }, 60000);
    core_expect_model(b->core, 0, 1000ll * MS, 100.0 * MS);
    core_expect_cell(b->core, 0, 0, 100.0 * MS);
    core_expect_factors(b->core, 0, factors, count);
    return step(b, hello_of("slow", 1, "slow", NULL));
}

/* 30 s of a second each; not of 100 ms, of which it was not told where. */
TEST(a_core_that_is_told_how_slow_a_type_is_need_not_try)
{
    const struct core_factor told[] = { { span_str("fast"), 1 }, { span_str("slow"), 10 } };
    assert_non_null(strstr(first_grant(b, told, 2), "[0,+30)"));
}

TEST(what_is_told_of_other_types_says_nothing)
{
    const struct core_factor told[] = { { span_str("fast"), 1 }, { span_str("other"), 10 } };
    assert_non_null(strstr(first_grant(b, told, 2), "[0,+10)")); /* a probe of a second */
}

/* There is only room for so many; the last place stands for several, and is learned anew. */
TEST(more_types_than_are_told_apart_may_be_told)
{
    struct core_factor told[40];
    char names[40][8];
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof(names[i]), "t%d", i);
        told[i] = (struct core_factor){ span_str(names[i]), i == 0 ? 1 : 1e9 };
    }
    first_grant(b, told, 40);
    struct core_model_on_type first, second, last;
    uint32_t types = core_gpu_type_count(b->core);
    core_model_on_type(b->core, 0, 1, &first);
    core_model_on_type(b->core, 0, 2, &second);
    core_model_on_type(b->core, 0, types - 1, &last);
    assert_true(first.instance_ns == 100.0 * MS && last.instance_ns <= 0);
    assert_true(second.instance_ns > first.instance_ns &&
                second.instance_ns < 1e3 * first.instance_ns);
    core_selfcheck(b->core);
}

/* The core tells so many kinds of slots apart, and asks once for each; there may be more of them.
 */
TEST(slots_that_are_all_different_get_what_fits_them)
{
    uint32_t granted = 0;
    one_model(b, &(struct core_need){ .gpus = 1, .gpu_memory_bytes = 90u << 10 }, 10000);
    for (uint32_t i = 1; i <= 100; i++) {
        char name[16];
        uint64_t memory = (uint64_t)i << 10;
        b->now_ms += 200; /* a plan is as old */
        snprintf(name, sizeof(name), "w%u", i);
        const char *trace = step(b, hello_of(name, (uint8_t)i, "x", &memory));
        bool has_some = strstr(trace, "grant slot=0 0/0") != NULL;
        assert_int_equal(has_some, i >= 90);
        granted += has_some;
        core_selfcheck(b->core);
    }
    assert_int_equal(granted, 11);
}

/* The first model has work in all slots when the second one, which comes first, is resumed. */
TEST(room_for_a_higher_priority_is_made_on_the_types_that_it_allows)
{
    const char *const types[] = { "H100" };
    one_model(b, &(struct core_need){ .gpus = 1 }, 100);
    core_add_model(b->core,
                   &(struct core_need){ .gpus = 1, .gpu_types = types, .gpu_type_count = 1 });
    add_cell(b, 1, 0, 100);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 1 });
    struct core_event order = { .kind = CORE_PAUSE_MODEL };
    order.as.order.model = 1;
    step(b, order);
    assert_non_null(strstr(step(b, hello_of("old", 1, "A100", NULL)), "grant slot=0 0/0"));
    assert_non_null(strstr(step(b, hello_of("new", 2, "H100", NULL)), "grant slot=0 0/0"));
    uint64_t of_new = b->attempt;
    order.kind = CORE_RESUME_MODEL;
    assert_string_equal(step(b, order), "");
    b->now_ms += 1000;
    assert_string_equal(step(b, (struct core_event){ .kind = CORE_TIME }), "revoke\nrevoke\n");
    step(b, ended(b, of_new - 1, ENDED_RETURNED));
    assert_non_null(strstr(step(b, ended(b, of_new, ENDED_RETURNED)), "grant slot=0 1/0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_runs_only_on_the_types_that_it_allows),
        cmocka_unit_test(a_model_without_gpus_runs_on_any_type),
        cmocka_unit_test(each_gpu_needs_the_memory_and_one_that_does_not_say_is_believed),
        cmocka_unit_test(a_slower_type_gets_smaller_attempts),
        cmocka_unit_test(a_core_that_is_told_how_slow_a_type_is_need_not_try),
        cmocka_unit_test(what_is_told_of_other_types_says_nothing),
        cmocka_unit_test(more_types_than_are_told_apart_may_be_told),
        cmocka_unit_test(slots_that_are_all_different_get_what_fits_them),
        cmocka_unit_test(room_for_a_higher_priority_is_made_on_the_types_that_it_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
