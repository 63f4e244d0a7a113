/* What goes into a batch, and that it comes to the store as it is. */
#include "tests/io/store_fixture.h"

#include "common/pack/pack.h"

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

static void nothing_is_nothing_to_commit(void **state)
{
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, 100);
    struct store_batch *b = store_batch_new();
    fixture_commit(s, b);
    fixture_block(b, 1, 1, 100, 0, 1, 0, STATUS_OK); /* a block without rows */
    fixture_commit(s, b);
    assert_int_equal(fixture_clean(s).blocks, 0);
    store_batch_free(b);
    store_batch_free(NULL);
    store_close(s);
}

static void note_block(void *owner, uint32_t model, uint32_t task, const struct block *block)
{
    struct buf *noted = owner;
    buf_printf(noted, "%u/%u: %u rows\n", model, task, block->rows);
}

static void a_batch_tells_of_its_blocks(void **state)
{
    (void)state;
    struct store_batch *b = store_batch_new();
    fixture_block(b, 1, 2, 100, 0, 1, 3, STATUS_OK);
    store_batch_strike(b, &(struct strike){ .model = 1, .task = 2, .instance = 50, .count = 1 });
    fixture_block(b, 2, 1, 100, 0, 1, 5, STATUS_OK);
    struct buf noted = { 0 };
    store_batch_each_block(b, note_block, &noted);
    assert_string_equal(buf_cstr(&noted), "1/2: 3 rows\n2/1: 5 rows\n");
    assert_int_equal(store_batch_rows(b), 8);
    buf_release(&noted);
    store_batch_free(b);
}

static const char the_answer[] = "always the same";

static bool expect_the_answer(void *owner, const struct result *result)
{
    uint32_t *next = owner;
    assert_int_equal(result->instance, (*next)++);
    assert_true(span_equal(result->answer, span_str(the_answer)));
    return true;
}

static void expect_the_reason(void *owner, const struct strike *failure)
{
    uint32_t *next = owner;
    assert_int_equal(failure->instance, (*next)++);
    assert_true(span_equal(failure->reason, span_str(the_answer)));
}

/* Results of a packed block read as those of the plain one. */
static void a_packed_block_is_kept_as_it_came(void **state)
{
    enum { ROWS = 200, FAILED = 20 };
    struct store *s = fixture_open(*state);
    fixture_ids(s, 1, 1, ROWS);
    struct block_builder builder;
    struct buf bytes = { 0 };
    block_builder_init(&builder, 1);
    for (uint32_t i = 0; i < ROWS; i++)
        block_builder_add(&builder,
                          &(struct result){ .instance = i,
                                            .status = i < FAILED ? STATUS_ERROR : STATUS_OK,
                                            .answer = span_str(the_answer) });
    block_builder_encode(&builder, &bytes);
    size_t plain = bytes.len;
    struct packer *packer = packer_new();
    pack_block(packer, PACK_WELL, &bytes);
    assert_true(bytes.len < plain / 2);
    struct store_batch *b = store_batch_new();
    store_batch_block(b, 1, 1, ROWS, buf_span(&bytes));
    fixture_commit(s, b);
    uint32_t rows = 0, failed = 0;
    assert_int_equal(store_each_result(s, 1, 1, expect_the_answer, &rows, NULL), OK);
    assert_int_equal(rows, ROWS);
    size_t given;
    assert_int_equal(store_each_failure(s, 0, (struct strike){ 0 }, ROWS, expect_the_reason,
                                        &failed, &given, NULL),
                     OK);
    assert_int_equal(failed, FAILED);
    fixture_clean(s);
    store_batch_free(b);
    packer_free(packer);
    block_builder_release(&builder);
    buf_release(&bytes);
    store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_nothing_to_commit),
        T(a_batch_tells_of_its_blocks),
        T(a_packed_block_is_kept_as_it_came),
    };
    return cmocka_run_group_tests_name("store_batch", tests, NULL, NULL);
}
