/* Several blocks in one record: that they come back, and what is no such record. What lies in them
 * is nobody's business here: any bytes do. */
#include "tests/lib/test.h"

#include "coordinator/store/bundle.h"

static void expect_next(struct store_bundle *b, const char *text)
{
    struct span block;
    assert_true(store_bundle_next(b, &block));
    assert_true(span_equal(block, span_str(text)));
}

static void expect_over(struct store_bundle *b)
{
    struct span block;
    assert_false(store_bundle_next(b, &block));
    assert_false(store_bundle_next(b, &block));
}

static void one_block_stays_as_it_came(void **state)
{
    (void)state;
    struct buf record = { 0 };
    store_bundle_add(&record, span_str("MBK1..."));
    assert_true(span_equal(buf_span(&record), span_str("MBK1...")));
    struct store_bundle b = store_bundle_of(buf_span(&record));
    expect_next(&b, "MBK1...");
    expect_over(&b);
    buf_release(&record);
}

static void blocks_come_back_in_their_order(void **state)
{
    (void)state;
    struct buf record = { 0 };
    store_bundle_add(&record, span_str("MBK1 one"));
    store_bundle_add(&record, span_str("two"));
    store_bundle_add(&record, span_str("MPK1 three"));
    assert_true(span_equal(buf_span(&record), span_str("MBN1\x08MBK1 one\x03two\x0aMPK1 three")));
    struct store_bundle b = store_bundle_of(buf_span(&record));
    expect_next(&b, "MBK1 one");
    expect_next(&b, "two");
    expect_next(&b, "MPK1 three");
    expect_over(&b);
    buf_release(&record);
}

static void a_record_takes_blocks_up_to_its_bound(void **state)
{
    (void)state;
    static const uint8_t bytes[STORE_BUNDLE_BYTES_MAX + 1];
    struct buf record = { 0 };
    struct span large = span_of(bytes, STORE_BUNDLE_BYTES_MAX), small = span_of(bytes, 100);
    assert_true(store_bundle_takes(&record, large));
    assert_false(store_bundle_takes(&record, span_of(bytes, sizeof(bytes))));
    store_bundle_add(&record, large);
    assert_false(store_bundle_takes(&record, span_of(bytes, 0)));
    buf_clear(&record);
    size_t added = 0;
    for (; store_bundle_takes(&record, small); added++)
        store_bundle_add(&record, small);
    assert_true(record.len <= STORE_BUNDLE_BYTES_MAX);
    assert_true(record.len > STORE_BUNDLE_BYTES_MAX - 2 * small.len);
    struct store_bundle b = store_bundle_of(buf_span(&record));
    struct span block;
    while (store_bundle_next(&b, &block)) {
        assert_true(span_equal(block, small));
        added--;
    }
    assert_int_equal(added, 0);
    buf_release(&record);
}

/* Whatever was cut off: no block is longer than what is there, and the last one is not whole. */
static void what_is_cut_ends_with_a_block_that_is_not_whole(void **state)
{
    (void)state;
    static const char whole[] = "MBN1\x03one\x03two";
    for (size_t len = 4; len < sizeof(whole) - 1; len++) {
        struct store_bundle b = store_bundle_of(span_of(whole, len));
        struct span block = { 0 };
        size_t blocks = 0;
        bool is_between = len == 8; /* behind the first block: the cut cannot be seen */
        while (store_bundle_next(&b, &block))
            blocks++;
        assert_int_equal(blocks, len <= 8 ? 1 : 2);
        assert_int_equal(block.len, is_between ? 3 : 0);
    }
    struct store_bundle empty = store_bundle_of(span_str(""));
    expect_next(&empty, "");
    expect_over(&empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_block_stays_as_it_came),
        cmocka_unit_test(blocks_come_back_in_their_order),
        cmocka_unit_test(a_record_takes_blocks_up_to_its_bound),
        cmocka_unit_test(what_is_cut_ends_with_a_block_that_is_not_whole),
    };
    return cmocka_run_group_tests_name("store_bundle", tests, NULL, NULL);
}
