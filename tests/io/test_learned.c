/* What was learned of models' times, from one start of the coordinator to the next. */
#include "coordinator/learned.h"
#include "tests/io/store_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_known_at_first, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_learned_lasts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_as_good_as_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
