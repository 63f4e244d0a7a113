/* Which models an operator holds back, from one coordinator to the next. */
#include "coordinator/pauses.h"
#include "tests/io/store_fixture.h"

enum { MODELS = 3, SIZE = 10 };

struct bench {
    char *dir;
    struct store *store;
    struct catalog_entry models[MODELS];
    struct catalog catalog;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    b->dir = test_dir();
    b->store = fixture_open(b->dir);
    for (uint32_t i = 0; i < MODELS; i++)
        b->models[i].id = 10 + i;
    b->catalog = (struct catalog){ .models = b->models, .model_count = MODELS };
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    store_close(b->store);
    test_rm_rf(b->dir);
    free(b);
    return 0;
}

static void order(struct bench *b, uint32_t index, bool is_paused)
{
    struct store_batch *batch = store_batch_new();
    pauses_store(batch, b->models[index].id, is_paused);
    fixture_commit(b->store, batch);
    store_batch_free(batch);
}

/* A new start, after a crash or a proper end. Bit i: it holds model i back. */
static unsigned start_again(struct bench *b, bool after_crash)
{
    if (after_crash) {
        char *copy = test_dir(); /* of a store that is open: as a crash leaves it */
        char *from = file_join(b->dir, "data.mdb"), *to = file_join(copy, "data.mdb");
        struct buf bytes = { 0 };
        assert_int_equal(file_read(from, (size_t)1 << 30, &bytes, NULL), OK);
        assert_int_equal(file_write_atomic(to, buf_span(&bytes), 0600, NULL), OK);
        buf_release(&bytes);
        free(from);
        free(to);
        store_close(b->store);
        test_rm_rf(b->dir);
        b->dir = copy;
    } else {
        store_close(b->store);
    }
    b->store = fixture_open(b->dir);
    struct core *core = core_new(&(struct core_config){ .epoch = 1,
                                                        .beat_ns = 1,
                                                        .lease_ns = 2,
                                                        .job_target_ns = 1,
                                                        .probe_ns = 1,
                                                        .strikes_max = 1 });
    struct bitmap ended;
    bitmap_init(&ended, SIZE);
    core_add_task(core, SIZE);
    for (uint32_t i = 0; i < MODELS; i++) {
        core_add_model(core, &(struct core_need){ .cpus = 1 });
        core_add_cell(core, i, 0, NULL, &ended, 0);
    }
    bitmap_release(&ended);
    assert_int_equal(pauses_restore(b->store, &b->catalog, core, NULL), OK);
    unsigned held = 0;
    for (uint32_t i = 0; i < MODELS; i++) {
        struct core_model_view v;
        core_model_view(core, i, &v);
        held |= (unsigned)v.paused << i;
    }
    core_free(core);
    return held;
}

static void at_first_none_is(void **state)
{
    assert_int_equal(start_again(*state, false), 0);
    assert_int_equal(start_again(*state, true), 0);
}

static void a_crash_forgets_none_however_often(void **state)
{
    struct bench *b = *state;
    order(b, 1, true);
    order(b, 2, true);
    assert_int_equal(start_again(b, true), 1 << 1 | 1 << 2);
    order(b, 1, false);
    assert_int_equal(start_again(b, true), 1 << 2);
    assert_int_equal(start_again(b, true), 1 << 2);
}

static void a_proper_end_forgets_all_for_good(void **state)
{
    struct bench *b = *state;
    order(b, 0, true);
    assert_int_equal(start_again(b, false), 0);
    assert_int_equal(start_again(b, true), 0);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(at_first_none_is),
        ON_A_BENCH(a_crash_forgets_none_however_often),
        ON_A_BENCH(a_proper_end_forgets_all_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
