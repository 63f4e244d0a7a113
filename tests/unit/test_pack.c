/* Packed blocks: what goes in comes out, small; what is damaged stays outside. */
#include "tests/lib/block_rows.h"

#include "common/pack/pack.h"
#include "common/varint.h"

static void pack_rows(const struct rows *rows, enum pack_effort effort, struct buf *out)
{
    struct packer *p = packer_new();
    rows_encode(rows, out);
    pack_block(p, effort, out);
    packer_free(p);
}

/* Rows as they come: instances side by side, the same few words. */
static void make_plain(uint32_t count, const char *answer, struct buf *out)
{
    struct block_builder builder;
    block_builder_init(&builder, 2);
    for (uint32_t i = 0; i < count; i++)
        block_builder_add(&builder, &(struct result){ .instance = i,
                                                      .stats = { i % 100, i * 7919 },
                                                      .answer = span_str(answer) });
    block_builder_encode(&builder, out);
    block_builder_release(&builder);
}

static struct buf packed_of(uint32_t count, const char *answer)
{
    struct packer *p = packer_new();
    struct buf block = { 0 };
    make_plain(count, answer, &block);
    pack_block(p, PACK_QUICKLY, &block);
    packer_free(p);
    return block;
}

static void either_form_decodes_to_the_same_rows(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (unsigned round = 0; round < 100; round++) {
        struct rows rows;
        rows_make(&rng, (uint32_t)rng_below(&rng, 700), (uint8_t)rng_below(&rng, STATS_MAX + 1),
                  &rows);
        struct buf plain = { 0 }, packed = { 0 };
        rows_encode(&rows, &plain);
        pack_rows(&rows, round % 2 ? PACK_WELL : PACK_QUICKLY, &packed);
        struct block a, b;
        assert_int_equal(pack_decode(buf_span(&plain), &a), OK);
        assert_int_equal(pack_decode(buf_span(&packed), &b), OK);
        assert_int_equal(a.rows, b.rows);
        for (uint32_t i = 0; i < a.rows; i++) {
            struct result x, y;
            block_row(&a, i, &x);
            block_row(&b, i, &y);
            assert_true(span_equal(x.answer, y.answer));
            assert_int_equal(x.instance, y.instance);
            assert_memory_equal(x.stats, y.stats, sizeof x.stats);
        }
        block_release(&a);
        block_release(&b);
        buf_release(&plain);
        buf_release(&packed);
        free(rows.at);
    }
}

static void answers_that_repeat_themselves_become_small(void **state)
{
    (void)state;
    struct buf plain = { 0 }, packed = packed_of(1000, "The answer is (B), since the sky is blue");
    make_plain(1000, "The answer is (B), since the sky is blue", &plain);
    assert_true(packed.len * 5 < plain.len);
    buf_release(&plain);
    buf_release(&packed);
}

static void what_gains_nothing_stays_plain(void **state)
{
    (void)state;
    struct buf plain = { 0 }, packed = packed_of(1, "x");
    make_plain(1, "x", &plain);
    assert_true(span_equal(buf_span(&plain), buf_span(&packed)));
    buf_release(&plain);
    buf_release(&packed);
}

/* Nobody makes long ones so fast that there is no time for it. */
static void long_answers_are_packed_well_in_any_case(void **state)
{
    (void)state;
    struct packer *p = packer_new();
    struct rng rng;
    struct buf letters = { 0 }, quick = { 0 }, well = { 0 };
    rng_seed(&rng, 5);
    for (size_t i = 0; i < 16000; i++)
        buf_append_byte(&letters, (uint8_t)('a' + rng_below(&rng, 26)));
    make_plain(1, buf_cstr(&letters), &quick);
    make_plain(1, buf_cstr(&letters), &well);
    pack_block(p, PACK_QUICKLY, &quick);
    pack_block(p, PACK_WELL, &well);
    assert_true(span_equal(buf_span(&quick), buf_span(&well)));
    assert_true(well.len < 16000 * 5 / 8);
    packer_free(p);
    buf_release(&letters);
    buf_release(&quick);
    buf_release(&well);
}

/* A letter of 64 takes 6 bits, if numbers do not share the table of codes. */
static void columns_do_not_lengthen_the_codes_of_answers(void **state)
{
    (void)state;
    enum { ROWS = 200, LETTERS = 40 };
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789";
    struct packer *p = packer_new();
    struct rng rng;
    rng_seed(&rng, 5);
    struct block_builder builder;
    block_builder_init(&builder, 2);
    for (uint32_t i = 0; i < ROWS; i++) {
        char answer[LETTERS];
        for (size_t k = 0; k < LETTERS; k++)
            answer[k] = letters[rng_below(&rng, 64)];
        block_builder_add(&builder, &(struct result){ .instance = i,
                                                      .micros = (uint32_t)rng_below(&rng, 10000),
                                                      .stats = { (int64_t)rng_below(&rng, 10000) },
                                                      .answer = span_of(answer, LETTERS) });
    }
    struct buf block = { 0 };
    block_builder_encode(&builder, &block);
    pack_block(p, PACK_WELL, &block);
    const size_t columns = 9 * ROWS / 2; /* two numbers of 14 bits, and what repeats */
    assert_true(block.len < ROWS * LETTERS * 6 / 8 * 102 / 100 + columns);
    block_builder_release(&builder);
    packer_free(p);
    buf_release(&block);
}

/* Columns that shrink must not hide behind answers that do not, when there are none. */
static void rows_without_answers_become_small_at_once(void **state)
{
    (void)state;
    struct buf plain = { 0 }, packed = packed_of(1000, "");
    make_plain(1000, "", &plain);
    assert_true(packed.len < plain.len * 3 / 4);
    buf_release(&plain);
    buf_release(&packed);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    struct buf packed = packed_of(300, "yes or no");
    struct block b;
    for (size_t bit = 0; bit < 8 * packed.len; bit++) {
        packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (pack_decode(buf_span(&packed), &b) == OK) { /* bits of zstd's head that mean nothing */
            assert_int_equal(b.rows, 300);
            block_release(&b);
        }
        packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < packed.len; len++)
        assert_int_equal(pack_decode(span_of(packed.data, len), &b), ERR_CORRUPT);
    buf_release(&packed);
}

/* The length is looked at before anything is allocated, and must be the frame's own. */
static void a_declared_length_must_be_true_and_within_the_limit(void **state)
{
    (void)state;
    struct buf packed = packed_of(300, "yes or no"), forged = { 0 };
    struct cursor c = cursor_of(buf_span(&packed));
    uint32_t magic = cursor_u32(&c);
    uint64_t len = cursor_varint(&c);
    struct span frame = cursor_bytes(&c, cursor_left(&c));
    const uint64_t lengths[] = { 0, 1, len - 1, len + 1, BLOCK_BYTES_MAX, UINT64_MAX };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct block b;
        buf_clear(&forged);
        put_u32(&forged, magic);
        put_varint(&forged, lengths[i]);
        buf_append_span(&forged, frame);
        assert_int_equal(pack_decode(buf_span(&forged), &b), ERR_CORRUPT);
    }
    buf_release(&packed);
    buf_release(&forged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_form_decodes_to_the_same_rows),
        cmocka_unit_test(answers_that_repeat_themselves_become_small),
        cmocka_unit_test(what_gains_nothing_stays_plain),
        cmocka_unit_test(long_answers_are_packed_well_in_any_case),
        cmocka_unit_test(columns_do_not_lengthen_the_codes_of_answers),
        cmocka_unit_test(rows_without_answers_become_small_at_once),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(a_declared_length_must_be_true_and_within_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
