/* Blocks of results: what goes in comes out. What must not get in is in test_block_damage.c. */
#include "tests/lib/block_rows.h"

#include "common/crc.h"
#include "common/varint.h"

static void shuffle(struct rng *rng, struct rows *rows)
{
    for (uint32_t i = rows->count; i > 1; i--) {
        uint32_t other = (uint32_t)rng_below(rng, i);
        struct result swapped = rows->at[i - 1];
        rows->at[i - 1] = rows->at[other];
        rows->at[other] = swapped;
    }
}

static void assert_same_row(const struct block *b, uint32_t row, const struct result *expected)
{
    struct result r;
    block_row(b, row, &r);
    assert_int_equal(r.instance, expected->instance);
    assert_int_equal(r.status, expected->status);
    assert_int_equal(r.micros, expected->micros);
    assert_int_equal(r.is_media, expected->is_media);
    assert_true(span_equal(r.answer, expected->answer));
    assert_memory_equal(r.stats, expected->stats, sizeof(r.stats));
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 21);
    for (unsigned round = 0; round < 200; round++) {
        struct rows rows;
        uint32_t count = (uint32_t)rng_below(&rng, round % 20 == 0 ? 3000 : 50);
        rows_make(&rng, count, (uint8_t)rng_below(&rng, STATS_MAX + 1), &rows);
        struct buf bytes = { 0 };
        rows_encode(&rows, &bytes);
        struct block b;
        assert_int_equal(block_decode(buf_span(&bytes), &b), OK);
        assert_int_equal(b.rows, rows.count);
        assert_int_equal(b.stat_count, rows.stat_count);
        for (uint32_t i = 0; i < rows.count; i++)
            assert_same_row(&b, i, &rows.at[i]);
        block_release(&b);
        buf_release(&bytes);
        free(rows.at);
    }
}

static void the_order_of_adding_does_not_show(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 22);
    for (unsigned round = 0; round < 50; round++) {
        struct rows rows;
        rows_make(&rng, 700, 3, &rows);
        for (uint32_t i = 0; i < rows.count && round % 2; i++)
            rows.at[i].instance = UINT32_MAX / rows.count * i; /* all bytes of the key matter */
        struct buf ascending = { 0 }, shuffled = { 0 };
        rows_encode(&rows, &ascending);
        shuffle(&rng, &rows);
        rows_encode(&rows, &shuffled);
        assert_true(span_equal(buf_span(&ascending), buf_span(&shuffled)));
        buf_release(&ascending);
        buf_release(&shuffled);
        free(rows.at);
    }
}

/* Blocks are on disks: these bytes must mean this for ever. */
static void the_format_is_pinned(void **state)
{
    (void)state;
    struct result second = {
        .instance = 300, .micros = 128, .stats = { 1, -2 }, .answer = span_str("yes")
    };
    struct result first = { .instance = 5,
                            .status = STATUS_TIMEOUT,
                            .micros = 1,
                            .is_media = true,
                            .stats = { 9, 9 },
                            .answer = span_str("no") };
    struct block_builder builder;
    block_builder_init(&builder, 2);
    block_builder_add(&builder, &second);
    block_builder_add(&builder, &first);
    struct buf bytes = { 0 };
    block_builder_encode(&builder, &bytes);
    const uint8_t expected[] = {
        'M', 'B',  'K', '1', 2,   2, 0, /* magic, rows, stats, flags */
        5,   0xA7, 2,                   /* instances 5, 5 + 295 */
        3,   0,                         /* timeout, ok */
        1,   0x80, 1,                   /* micros */
        0,   2,                         /* first statistic: none, 1 */
        0,   3,                         /* second statistic: none, -2 */
        5,   6,                         /* media of 2 bytes, text of 3 */
        'n', 'o',  'y', 'e', 's',
    };
    assert_int_equal(bytes.len, sizeof(expected) + 4);
    assert_memory_equal(bytes.data, expected, sizeof(expected));
    struct cursor crc = cursor_of(span_of(bytes.data + sizeof(expected), 4));
    assert_int_equal(cursor_u32(&crc), crc32c(0, expected, sizeof(expected)));
    buf_release(&bytes);
    block_builder_release(&builder);
}

static void a_builder_can_be_used_again_and_appends(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 23);
    struct rows rows;
    rows_make(&rng, 10, 2, &rows);
    struct buf once = { 0 }, twice = { 0 };
    rows_encode(&rows, &once);
    struct block_builder builder;
    block_builder_init(&builder, 2);
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < rows.count; i++)
            block_builder_add(&builder, &rows.at[i]);
        block_builder_encode(&builder, &twice);
    }
    assert_int_equal(twice.len, 2 * once.len);
    assert_memory_equal(twice.data, once.data, once.len);
    assert_memory_equal(twice.data + once.len, once.data, once.len);
    block_builder_release(&builder);
    buf_release(&once);
    buf_release(&twice);
    free(rows.at);
}

static void a_builder_starts_again_with_other_statistics(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 25);
    struct block_builder again;
    block_builder_init(&again, 1);
    for (uint8_t stats = 0; stats <= STATS_MAX; stats = (uint8_t)(stats + 4)) {
        struct rows rows;
        struct buf fresh = { 0 }, bytes = { 0 };
        rows_make(&rng, 100, stats, &rows);
        rows_encode(&rows, &fresh);
        block_builder_restart(&again, stats);
        for (uint32_t i = 0; i < rows.count; i++)
            block_builder_add(&again, &rows.at[i]);
        block_builder_encode(&again, &bytes);
        assert_true(span_equal(buf_span(&bytes), buf_span(&fresh)));
        buf_release(&fresh);
        buf_release(&bytes);
        free(rows.at);
    }
    block_builder_release(&again);
}

static void a_filter_keeps_the_rows_it_was_told(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 24);
    for (unsigned share = 0; share <= 4; share++) { /* of 4: none to all */
        struct rows rows;
        rows_make(&rng, 400, 4, &rows);
        struct buf bytes = { 0 }, filtered = { 0 }, expected = { 0 };
        rows_encode(&rows, &bytes);
        struct block b;
        assert_int_equal(block_decode(buf_span(&bytes), &b), OK);
        struct bitmap keep;
        bitmap_init(&keep, b.rows);
        uint32_t kept = 0;
        for (uint32_t row = 0; row < b.rows; row++) {
            if (rng_below(&rng, 4) >= share)
                continue;
            bitmap_set(&keep, row);
            rows.at[kept++] = rows.at[row];
        }
        rows.count = kept;
        block_filter(&b, &keep, &filtered);
        rows_encode(&rows, &expected);
        assert_true(span_equal(buf_span(&filtered), buf_span(&expected)));
        block_release(&b);
        bitmap_release(&keep);
        buf_release(&bytes);
        buf_release(&filtered);
        buf_release(&expected);
        free(rows.at);
    }
}

/* The rows of a full block take more room in a builder than on the wire: filtering one that came
 * from outside must not trip over the bound. */
static void the_largest_block_can_be_filtered(void **state)
{
    (void)state;
    struct rows rows = { .count = BLOCK_ROWS_MAX };
    rows.at = calloc(BLOCK_ROWS_MAX, sizeof(rows.at[0]));
    uint8_t *answer = calloc(1, ANSWER_BYTES_MAX);
    for (uint32_t i = 0; i < rows.count; i++)
        rows.at[i].instance = UINT32_MAX - rows.count + i;
    for (uint32_t i = 0; i < 4; i++)
        rows.at[i].answer = span_of(answer, ANSWER_BYTES_MAX);
    rows.at[3].answer.len -= 3 * rows.count + 4 * 3 + 20; /* columns and frame */
    struct block_builder builder;
    block_builder_init(&builder, 0);
    for (uint32_t i = 0; i < rows.count; i++)
        block_builder_add(&builder, &rows.at[i]);
    assert_true(block_builder_bytes(&builder) > BLOCK_BYTES_MAX);
    struct buf bytes = { 0 }, filtered = { 0 };
    block_builder_encode(&builder, &bytes);
    struct block b;
    assert_int_equal(block_decode(buf_span(&bytes), &b), OK);
    struct bitmap keep;
    bitmap_init(&keep, b.rows);
    bitmap_fill(&keep);
    block_filter(&b, &keep, &filtered);
    assert_true(span_equal(buf_span(&bytes), buf_span(&filtered)));
    block_release(&b);
    bitmap_release(&keep);
    buf_release(&bytes);
    buf_release(&filtered);
    block_builder_release(&builder);
    free(answer);
    free(rows.at);
}

static struct result row_of(uint32_t instance)
{
    return (struct result){ .instance = instance, .answer = span_str("a") };
}

static void encode_an_instance_twice(void)
{
    struct block_builder builder;
    block_builder_init(&builder, 0);
    struct result rows[3] = { row_of(4), row_of(2), row_of(4) };
    for (unsigned i = 0; i < 3; i++)
        block_builder_add(&builder, &rows[i]);
    struct buf out = { 0 };
    block_builder_encode(&builder, &out);
}

static void add_too_many_rows(void)
{
    struct block_builder builder;
    block_builder_init(&builder, 0);
    for (uint32_t i = 0; i <= BLOCK_ROWS_MAX; i++) {
        struct result row = row_of(i);
        block_builder_add(&builder, &row);
    }
}

static void a_builder_ends_the_process_rather_than_write_nonsense(void **state)
{
    (void)state;
    assert_true(test_aborts(encode_an_instance_twice));
    assert_true(test_aborts(add_too_many_rows));
}

static void statuses_have_names_and_ends(void **state)
{
    (void)state;
    assert_string_equal(status_text(STATUS_OK), "ok");
    assert_string_equal(status_text(STATUS_TOO_LONG), "too_long");
    assert_true(status_is_final(STATUS_OK));
    assert_true(status_is_final(STATUS_REFUSED));
    assert_false(status_is_final(STATUS_TIMEOUT));
    assert_false(status_is_final(STATUS_SCORER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(the_order_of_adding_does_not_show),
        cmocka_unit_test(the_format_is_pinned),
        cmocka_unit_test(a_builder_can_be_used_again_and_appends),
        cmocka_unit_test(a_builder_starts_again_with_other_statistics),
        cmocka_unit_test(a_filter_keeps_the_rows_it_was_told),
        cmocka_unit_test(the_largest_block_can_be_filtered),
        cmocka_unit_test(a_builder_ends_the_process_rather_than_write_nonsense),
        cmocka_unit_test(statuses_have_names_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
