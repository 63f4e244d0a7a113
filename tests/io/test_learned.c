/* What was learned of models' times, from one start of the coordinator to the next. */
#include "coordinator/learned.h"
#include "tests/io/store_fixture.h"
#include "tests/lib/core_bench.h"

static int setup(void **state)
{
    *state = test_dir();
    return 0;
}

static int teardown(void **state)
{
    test_rm_rf(*state);
    return 0;
}

static void nothing_is_known_at_first(void **state)
{
    struct store *s = fixture_open(*state);
    struct learned learned = { 1, 1 };
    assert_int_equal(learned_load(s, 7, &learned, NULL), OK);
    assert_true(learned.load_ns == 0 && learned.instance_ns == 0);
    store_close(s);
}

static void what_was_learned_lasts(void **state)
{
    struct store *s = fixture_open(*state);
    struct store_batch *b = store_batch_new();
    learned_store(b, 7, &(struct learned){ .load_ns = 90000000000, .instance_ns = 400000000 });
    fixture_commit(s, b);
    store_batch_free(b);
    store_close(s);
    s = fixture_open(*state);
    struct learned learned;
    assert_int_equal(learned_load(s, 7, &learned, NULL), OK);
    assert_true(learned.load_ns == 90000000000 && learned.instance_ns == 400000000);
    store_close(s);
}

static void what_makes_no_sense_is_as_good_as_nothing(void **state)
{
    struct store *s = fixture_open(*state);
    struct store_batch *b = store_batch_new();
    store_batch_meta(b, "learned/8", span_str("\xff"));
    fixture_commit(s, b);
    store_batch_free(b);
    struct learned learned;
    assert_int_equal(learned_load(s, 8, &learned, NULL), OK);
    assert_true(learned.load_ns == 0 && learned.instance_ns == 0);
    store_close(s);
}

/* ---- Types of GPUs ---- */

enum { SIZE = 60000 };

static void begin(struct bench *b)
{
    bench_init(b);
    core_add_model(b->core, &(struct core_need){ .gpus = 1 });
    core_add_task(b->core, SIZE);
    add_cell(b, 0, 0, SIZE);
}

static void join_with(struct bench *b, const char *type, uint8_t id)
{
    struct msg_slot slot = { .gpus = 1, .cpus = 4, .gpu_type = span_str(type) };
    struct core_event e = hello(type, id, 1);
    e.as.hello.slots = &slot;
    b->seq = 1;
    step(b, e);
}

/* The worker's slot does 10 instances, and what of it is to be remembered goes to the batch. */
static void work(struct bench *b, uint32_t worker, uint32_t first, int64_t ms,
                 struct store_batch *batch)
{
    struct core_slot_view v;
    core_slot_view(b->core, worker, 0, &v);
    b->now_ms += ms;
    struct core_event e = range(b, v.attempt, first, 10, STATUS_OK);
    e.now_mono_ns = b->now_ms * MS;
    core_step(b->core, &e, &b->effects);
    for (size_t i = 0; i < b->effects.count; i++)
        if (b->effects.items[i].kind == EFFECT_LEARNED)
            learned_store_factors(batch, 7, b->effects.items[i].as.learned.factors,
                                  b->effects.items[i].as.learned.factor_count);
    core_effects_clear(&b->effects);
}

static double slowness(struct bench *b, const char *name)
{
    struct core_model_on_type v;
    for (uint32_t type = 0; type < core_gpu_type_count(b->core); type++) {
        core_model_on_type(b->core, 0, type, &v);
        if (strcmp(core_gpu_type_name(b->core, type), name) == 0)
            return v.instance_ns / (100.0 * MS);
    }
    return -1;
}

static void a_core_that_starts_again_knows_which_types_are_slow(void **state)
{
    struct bench before, after;
    struct store *s = fixture_open(*state);
    struct store_batch *batch = store_batch_new();
    begin(&before);
    join_with(&before, "fast", 1);
    work(&before, 0, 0, 10 * 100, batch);
    join_with(&before, "slow", 2);
    work(&before, 1, 332, 10 * 500, batch);
    assert_in_range(slowness(&before, "slow") * 100, 490, 510);
    bench_release(&before);
    fixture_commit(s, batch);
    store_batch_free(batch);
    store_close(s);

    s = fixture_open(*state);
    struct arena arena = { 0 };
    struct core_factor *factors;
    size_t count;
    assert_int_equal(learned_load_factors(s, 7, &arena, &factors, &count, NULL), OK);
    begin(&after);
    core_expect_model(after.core, 0, 1000ll * MS, 100.0 * MS);
    core_expect_factors(after.core, 0, factors, count);
    arena_release(&arena);
    assert_in_range(slowness(&after, "fast") * 100, 99, 101);
    assert_in_range(slowness(&after, "slow") * 100, 490, 510);
    bench_release(&after);
    store_close(s);
}

static void factors_that_make_no_sense_are_as_good_as_none(void **state)
{
    static const struct span values[] = {
        { (const uint8_t *)"", 0 },        /* as good as absent */
        { (const uint8_t *)"\xff", 1 },    /* cut */
        { (const uint8_t *)"\1\4abc", 5 }, /* a name longer than the rest */
        { (const uint8_t *)"\0\1a", 3 },   /* no time at all */
        { (const uint8_t *)"\1\1a\1", 4 }, /* a good one before it */
    };
    struct store *s = fixture_open(*state);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct store_batch *b = store_batch_new();
        store_batch_meta(b, "factors/8", values[i]);
        fixture_commit(s, b);
        store_batch_free(b);
        struct arena arena = { 0 };
        struct core_factor *factors;
        size_t count = 1;
        assert_int_equal(learned_load_factors(s, 8, &arena, &factors, &count, NULL), OK);
        assert_int_equal(count, 0);
        arena_release(&arena);
    }
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_known_at_first, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_learned_lasts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_as_good_as_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_core_that_starts_again_knows_which_types_are_slow, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(factors_that_make_no_sense_are_as_good_as_none, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
