/* Blocks from outside: nothing damaged, and nothing with two meanings, gets in. */
#include "tests/lib/block_rows.h"

#include "common/crc.h"
#include "common/varint.h"

static void assert_refused(struct span bytes)
{
    struct block b;
    assert_int_equal(block_decode(bytes, &b), ERR_CORRUPT);
    assert_null(b.stats);
    assert_int_equal(b.rows, 0);
}

/* Exactly as large as the block, so that a sanitizer sees every byte read behind it. */
static uint8_t *copy_of(struct span bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);
    memcpy(copy, bytes.data, bytes.len);
    return realloc(copy, bytes.len > 0 ? bytes.len : 1);
}

static void make_valid(struct rng *rng, struct buf *out)
{
    struct rows rows;
    rows_make(rng, (uint32_t)rng_below(rng, 12), (uint8_t)rng_below(rng, 5), &rows);
    rows_encode(&rows, out);
    free(rows.at);
}

static void every_truncation_and_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 25);
    for (unsigned round = 0; round < 20; round++) {
        struct buf bytes = { 0 };
        make_valid(&rng, &bytes);
        for (size_t len = 0; len < bytes.len; len++) {
            uint8_t *cut = copy_of(span_of(bytes.data, len));
            assert_refused(span_of(cut, len));
            free(cut);
        }
        for (size_t bit = 0; bit < bytes.len * 8; bit++) {
            bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_refused(buf_span(&bytes));
            bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        buf_append_byte(&bytes, 0);
        assert_refused(buf_span(&bytes));
        buf_release(&bytes);
    }
}

static void fix_crc(struct buf *bytes)
{
    uint32_t crc = crc32c(0, bytes->data, bytes->len - 4);
    bytes->len -= 4;
    put_u32(bytes, crc);
}

/* Change, insert or remove some bytes in front of the CRC. */
static void mutate(struct rng *rng, struct buf *bytes)
{
    static const uint8_t edges[] = { 0, 1, 2, 0x7F, 0x80, 0xFF };
    for (uint64_t n = 1 + rng_below(rng, 3); n > 0; n--) {
        size_t content = bytes->len - 4;
        size_t at = (size_t)rng_below(rng, content < 40 || rng_below(rng, 4) == 0 ? content : 40);
        uint8_t value = (uint8_t)rng_u64(rng);
        if (rng_below(rng, 2))
            value = edges[rng_below(rng, sizeof(edges))];
        switch (rng_below(rng, 4)) {
        case 0: bytes->data[at] ^= (uint8_t)(1 << rng_below(rng, 8)); break;
        case 1: bytes->data[at] = value; break;
        case 2:
            buf_append_byte(bytes, 0);
            memmove(bytes->data + at + 1, bytes->data + at, bytes->len - 1 - at);
            bytes->data[at] = value;
            break;
        default:
            if (content < 2)
                break;
            memmove(bytes->data + at, bytes->data + at + 1, bytes->len - 1 - at);
            bytes->len--;
            break;
        }
    }
}

static void mutations_are_refused(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 26);
    for (unsigned round = 0; round < 20000; round++) {
        struct buf bytes = { 0 }, mutant = { 0 };
        make_valid(&rng, &bytes);
        buf_append_span(&mutant, buf_span(&bytes));
        mutate(&rng, &mutant);
        if (!span_equal(buf_span(&bytes), buf_span(&mutant)))
            assert_refused(buf_span(&mutant));
        buf_release(&bytes);
        buf_release(&mutant);
    }
}

/* One content has one form: what is accepted is what its own content encodes to. */
static void assert_canonical(const struct block *b, struct span bytes)
{
    struct buf again = { 0 };
    struct bitmap all;
    bitmap_init(&all, b->rows);
    bitmap_fill(&all);
    block_filter(b, &all, &again);
    assert_true(span_equal(buf_span(&again), bytes));
    bitmap_release(&all);
    buf_release(&again);
}

static void mutations_with_a_right_crc_are_refused_or_consistent(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 27);
    unsigned accepted = 0;
    for (unsigned round = 0; round < 50000; round++) {
        struct buf mutant = { 0 };
        make_valid(&rng, &mutant);
        mutate(&rng, &mutant);
        fix_crc(&mutant);
        struct span bytes = span_of(copy_of(buf_span(&mutant)), mutant.len);
        struct block b;
        err e = block_decode(bytes, &b);
        if (e == OK)
            assert_canonical(&b, bytes);
        else
            assert_int_equal(e, ERR_CORRUPT);
        accepted += e == OK;
        block_release(&b);
        free((void *)(uintptr_t)bytes.data);
        buf_release(&mutant);
    }
    assert_in_range(accepted, 1000, 40000); /* both ways are walked */
}

/* A block of two rows and one statistic, part by part, so that a part can be wrong. */
struct raw {
    uint32_t magic;
    uint64_t rows, stat_count;
    uint8_t flags;
    uint64_t distances[2];
    uint8_t statuses[2];
    uint64_t micros[2];
    int64_t stats[2];
    uint64_t lens[2];
    const char *answers;
};

static const struct raw valid = {
    .magic = 0x314B424D,
    .rows = 2,
    .stat_count = 1,
    .distances = { 0, 1 },
    .statuses = { 0, 1 },
    .micros = { 7, 8 },
    .stats = { 5, 0 },
    .lens = { 3 << 1, 2 << 1 },
    .answers = "yesno",
};

static err decode_raw(const struct raw *r)
{
    struct buf bytes = { 0 };
    put_u32(&bytes, r->magic);
    put_varint(&bytes, r->rows);
    put_varint(&bytes, r->stat_count);
    buf_append_byte(&bytes, r->flags);
    for (unsigned i = 0; i < 2; i++)
        put_varint(&bytes, r->distances[i]);
    for (unsigned i = 0; i < 2 && !(r->flags & 1); i++)
        buf_append_byte(&bytes, r->statuses[i]);
    for (unsigned i = 0; i < 2; i++)
        put_varint(&bytes, r->micros[i]);
    for (unsigned i = 0; i < 2; i++)
        put_zigzag(&bytes, r->stats[i]);
    for (unsigned i = 0; i < 2; i++)
        put_varint(&bytes, r->lens[i]);
    buf_append_str(&bytes, r->answers);
    put_u32(&bytes, crc32c(0, bytes.data, bytes.len));
    struct block b;
    err e = block_decode(buf_span(&bytes), &b);
    block_release(&b);
    buf_release(&bytes);
    return e;
}

static void each_rule_of_the_format_is_enforced(void **state)
{
    (void)state;
    assert_int_equal(decode_raw(&valid), OK);
#define WRONG(...)                                                                                 \
    do {                                                                                           \
        struct raw r = valid;                                                                      \
        __VA_ARGS__;                                                                               \
        if (decode_raw(&r) != ERR_CORRUPT)                                                         \
            fail_msg("accepted: %s", #__VA_ARGS__);                                                \
    } while (0)
    WRONG(r.magic++);
    WRONG(r.rows = 1);
    WRONG(r.rows = 3);
    WRONG(r.rows = BLOCK_ROWS_MAX);
    WRONG(r.rows = BLOCK_ROWS_MAX + 1);
    WRONG(r.rows = UINT64_MAX);
    WRONG(r.stat_count = 0);
    WRONG(r.stat_count = STATS_MAX + 1);
    WRONG(r.stat_count = UINT64_MAX);
    WRONG(r.flags = 2);
    WRONG(r.flags = 1, r.stat_count = 2);
    WRONG(r.distances[1] = 0);                 /* an instance twice */
    WRONG(r.distances[1] = UINT64_C(1) << 32); /* over 32 bits */
    WRONG(r.distances[0] = UINT32_MAX);        /* and the next one is over */
    WRONG(r.distances[1] = UINT64_MAX);        /* would wrap around */
    WRONG(r.statuses[1] = STATUS_COUNT);
    WRONG(r.statuses[1] = STATUS_OK); /* all OK, but the flag is not set */
    WRONG(r.micros[0] = UINT64_C(1) << 32);
    WRONG(r.stats[1] = 1);     /* a row without OK with a score */
    WRONG(r.lens[0] = 4 << 1); /* one byte more than there is */
    WRONG(r.lens[0] = 2 << 1); /* one byte left over */
    WRONG(r.lens[0] = UINT64_MAX);
    WRONG(r.lens[0] = UINT64_C(1) << 33 | 3 << 1); /* right in its low half only */
#undef WRONG
}

/* A block of empty answers but for `large` ones of `answer_bytes`; every status is OK. */
static err decode_large(uint32_t rows, uint32_t large, size_t answer_bytes)
{
    struct buf bytes = { 0 };
    uint8_t *answer = calloc(1, answer_bytes);
    put_u32(&bytes, valid.magic);
    put_varint(&bytes, rows);
    put_varint(&bytes, 0);
    buf_append_byte(&bytes, 1);
    for (uint32_t i = 0; i < rows; i++)
        put_varint(&bytes, 1);
    for (uint32_t i = 0; i < rows; i++)
        put_varint(&bytes, 0);
    for (uint32_t i = 0; i < rows; i++)
        put_varint(&bytes, i < large ? answer_bytes << 1 : 0);
    for (uint32_t i = 0; i < large; i++)
        buf_append(&bytes, answer, answer_bytes);
    put_u32(&bytes, crc32c(0, bytes.data, bytes.len));
    struct block b;
    err e = block_decode(buf_span(&bytes), &b);
    block_release(&b);
    buf_release(&bytes);
    free(answer);
    return e;
}

/* Right in everything but a size. */
static void what_is_over_a_limit_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_large(BLOCK_ROWS_MAX, 0, 1), OK);
    assert_int_equal(decode_large(BLOCK_ROWS_MAX + 1, 0, 1), ERR_CORRUPT);
    assert_int_equal(decode_large(5, 1, ANSWER_BYTES_MAX), OK);
    assert_int_equal(decode_large(5, 1, ANSWER_BYTES_MAX + 1), ERR_CORRUPT);
    assert_int_equal(decode_large(5, 3, ANSWER_BYTES_MAX), OK);
    assert_int_equal(decode_large(5, 4, ANSWER_BYTES_MAX), ERR_CORRUPT); /* the whole block */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_and_every_flipped_bit_is_refused),
        cmocka_unit_test(mutations_are_refused),
        cmocka_unit_test(mutations_with_a_right_crc_are_refused_or_consistent),
        cmocka_unit_test(each_rule_of_the_format_is_enforced),
        cmocka_unit_test(what_is_over_a_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
