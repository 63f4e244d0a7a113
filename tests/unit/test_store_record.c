/* What stands behind a key of the store: each field of each kind of record, when it is not what it
 * should be. */
#include "tests/lib/test.h"

#include <assert.h>

#include "common/crc.h"
#include "common/varint.h"
#include "coordinator/store/record.h"

typedef bool decode_f(struct span payload);

static bool decode_head(struct span payload)
{
    struct store_head head;
    return store_head_decode(payload, &head);
}

static bool decode_identity(struct span payload)
{
    struct store_identity identity;
    return store_identity_decode(payload, &identity);
}

static bool decode_cell_state(struct span payload)
{
    struct store_cell_state state;
    return store_cell_state_decode(payload, &state);
}

static bool decode_failure(struct span payload)
{
    struct store_failure failure;
    return store_failure_decode(payload, &failure);
}

static bool decode_strike(struct span payload)
{
    struct strike strike;
    return store_strike_decode(payload, &strike);
}

static bool decode_reopened(struct span payload)
{
    uint64_t block;
    return store_reopened_decode(payload, &block);
}

/* `out` gets a sound record of each kind, with numbers of several bytes. */
static void encode_head(struct buf *out)
{
    store_head_encode(&(struct store_head){ .schema = 1, .epoch = 300, .model_count = 300 }, out);
}

static void encode_identity(struct buf *out)
{
    store_identity_encode(&(struct store_identity){ .id = 300, .size = 300 }, out);
}

static void encode_cell_state(struct buf *out)
{
    struct store_cell_state state = { .size = 300, .blocks = 300, .tally.micros = 300 };
    store_cell_state_encode(&state, out);
}

static void encode_failure(struct buf *out)
{
    store_failure_encode(&(struct store_failure){ .micros = 300, .block = 300 }, out);
}

static void encode_strike(struct buf *out)
{
    store_strike_encode(&(struct strike){ .count = 300, .attempt = 300 }, out);
}

static void encode_reopened(struct buf *out)
{
    store_reopened_encode(300, out);
}

static const struct kind {
    decode_f *decode;
    void (*encode)(struct buf *out);
    bool is_open; /* ends in bytes of any length */
} kinds[] = {
    { decode_head, encode_head, false },
    { decode_identity, encode_identity, true },
    { decode_cell_state, encode_cell_state, false },
    { decode_failure, encode_failure, true },
    { decode_strike, encode_strike, true },
    { decode_reopened, encode_reopened, false },
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Exactly as large as the payload, so that a sanitizer sees every byte read behind it. */
static bool decode_exactly(decode_f *decode, struct span payload)
{
    uint8_t *copy = malloc(payload.len > 0 ? payload.len : 1);
    assert_non_null(copy);
    if (payload.len > 0)
        memcpy(copy, payload.data, payload.len);
    bool taken = decode(span_of(copy, payload.len));
    free(copy);
    return taken;
}

static void a_record_that_is_cut_or_too_long_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct buf payload = { 0 };
        kinds[i].encode(&payload);
        assert_true(decode_exactly(kinds[i].decode, buf_span(&payload)));
        for (size_t len = 0; len < payload.len; len++)
            assert_false(decode_exactly(kinds[i].decode, span_of(payload.data, len)));
        buf_append_byte(&payload, 0);
        assert_int_equal(decode_exactly(kinds[i].decode, buf_span(&payload)), kinds[i].is_open);
        buf_release(&payload);
    }
}

/* Numbers of one byte but for the one that is out of its range; a digest is 16 zeros. */
#define HUGE   "\x80\x80\x80\x80\x10" /* 2^32 */
#define DIGEST "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void a_field_out_of_its_range_is_refused(void **state)
{
    static_assert(STATUS_COUNT == 10, "the first that is none");
    (void)state;
    static const struct {
        decode_f *decode;
        const char *bytes;
        size_t len;
    } cases[] = {
#define CASE(decode, bytes) { decode, bytes, sizeof(bytes) - 1 }
        CASE(decode_head, HUGE "\1" DIGEST "\1\0\0"),          /* schema */
        CASE(decode_head, "\1\1" DIGEST "\1" HUGE "\0"),       /* models */
        CASE(decode_head, "\1\1" DIGEST "\1\0" HUGE),          /* tasks */
        CASE(decode_identity, HUGE "\1{}"),                    /* id */
        CASE(decode_identity, "\0\1{}"),                       /* ids begin at 1 */
        CASE(decode_identity, "\1" HUGE "{}"),                 /* instances */
        CASE(decode_cell_state, HUGE "\1" DIGEST "\0\0\0"),    /* instances */
        CASE(decode_cell_state, "\1\1" DIGEST "\0" HUGE "\0"), /* statuses */
        CASE(decode_cell_state, "\1\1" DIGEST "\0\0" HUGE),    /* sums */
        CASE(decode_failure, "\12\1\1why"),                    /* status */
        CASE(decode_failure, "\1" HUGE "\1why"),               /* micros */
        CASE(decode_strike, "\12\1\1why"),                     /* status */
        CASE(decode_strike, "\1" HUGE "\1why"),                /* strikes */
#undef CASE
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (decode_exactly(cases[i].decode, span_of(cases[i].bytes, cases[i].len)))
            fail_msg("case %zu is taken", i);
    }
}

/* A later status, or more sums, would be too many; fewer are what an older program knew. */
static void a_tally_of_fewer_statuses_and_sums_is_read(void **state)
{
    (void)state;
    static const char bytes[] = "\5\1" DIGEST "\7\2\3\1\1\4";
    struct store_cell_state cell;
    assert_true(store_cell_state_decode(span_of(bytes, sizeof(bytes) - 1), &cell));
    assert_int_equal(cell.tally.count[0], 3);
    assert_int_equal(cell.tally.count[1], 1);
    assert_int_equal(cell.tally.stats[0], 2); /* zigzag */
    assert_int_equal(store_tally_rows(&cell.tally), 4);
}

/* The seal of a record of any version. */
static void seal(struct span key, uint8_t version, struct span payload, struct buf *out)
{
    uint32_t crc = crc32c(0, key.data, key.len);
    crc = crc32c(crc, &version, 1);
    put_u32(out, crc32c(crc, payload.data, payload.len));
    buf_append_byte(out, version);
    buf_append_span(out, payload);
}

static void a_record_of_another_version_is_not_called_damaged(void **state)
{
    (void)state;
    static const struct {
        enum store_table table;
        uint8_t version;
        err expected;
    } cases[] = {
        { TABLE_TALLY, 1, ERR_UNSUPPORTED },
        { TABLE_TALLY, 2, OK },
        { TABLE_TALLY, 3, ERR_UNSUPPORTED },
        { TABLE_BLOCK, 0, ERR_UNSUPPORTED },
        { TABLE_BLOCK, 1, OK },
        { TABLE_BLOCK, 2, OK },
        { TABLE_BLOCK, 3, OK },
        { TABLE_BLOCK, 4, ERR_UNSUPPORTED },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf value = { 0 };
        struct span payload;
        seal(span_str("key"), cases[i].version, span_str("value"), &value);
        assert_int_equal(
            store_record_open(cases[i].table, span_str("key"), buf_span(&value), &payload),
            cases[i].expected);
        buf_release(&value);
    }
}

static void a_page_of_bits_ends_with_its_task(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        uint64_t page;
        size_t bytes;
    } cases[] = {
        { 1, 0, 1 },
        { 8, 0, 1 },
        { 9, 0, 2 },
        { 8192, 0, 1024 },
        { 8192, 1, 0 },
        { 8193, 1, 1 },
        { 20000, 1, 1024 },
        { 20000, 2, 452 },
        { 20000, 3, 0 },
        { 20000, UINT64_MAX, 0 },
        { 20000, (uint64_t)1 << 32, 0 },
        { 20000, (uint64_t)1 << 51, 0 }, /* times 8,192: 0 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(store_page_bytes(cases[i].size, cases[i].page), cases[i].bytes);
}

static void a_reason_is_cut_between_characters(void **state)
{
    (void)state;
    uint8_t text[STORE_REASON_BYTES_MAX + 2];
    memset(text, 'a', sizeof(text));
    assert_int_equal(store_reason_cut(span_of(text, sizeof(text) - 2)).len, STORE_REASON_BYTES_MAX);
    assert_int_equal(store_reason_cut(span_of(text, sizeof(text))).len, STORE_REASON_BYTES_MAX);
    memcpy(text + STORE_REASON_BYTES_MAX - 1, "\xe2\x82\xac", 3); /* a euro sign */
    assert_int_equal(store_reason_cut(span_of(text, sizeof(text))).len, STORE_REASON_BYTES_MAX - 1);
    memset(text, 0x80, sizeof(text)); /* no character begins anywhere */
    assert_int_equal(store_reason_cut(span_of(text, sizeof(text))).len, 0);
}

static void tallies_differ_in_any_of_their_parts(void **state)
{
    (void)state;
    struct tally a = { .count = { 1 }, .stats = { 2 }, .micros = 3 }, b = a;
    assert_true(store_tally_equal(&a, &b));
    b.count[1]++;
    assert_false(store_tally_equal(&a, &b));
    b = a;
    b.stats[STATS_MAX - 1]--;
    assert_false(store_tally_equal(&a, &b));
    b = a;
    b.micros++;
    assert_false(store_tally_equal(&a, &b));
}

static void any_key_has_a_text(void **state)
{
    (void)state;
    static const struct {
        enum store_table table;
        const char *key;
        size_t len;
        const char *text;
    } cases[] = {
        { TABLE_META, "step", 4, "meta 73746570" },
        { TABLE_MODEL, "0123456789012345678901234567890123456789", 40,
          "model 303132333435363738393031323334353637383930313233" },
        { TABLE_TALLY, "\0\0\0\1\0\0\0\2", 8, "tally (model 1, task 2)" },
        { TABLE_DONE, "\0\0\0\1\0\0\0\2\0\0\0\3", 12, "done (model 1, task 2, 3)" },
        { TABLE_DONE, "\0\0\0\1\0\0\0\2\0\0\0", 11, "done 0000000100000002000000" },
        { TABLE_STRIKE, "", 0, "strike " },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[STORE_KEY_TEXT_BYTES];
        store_key_text(cases[i].table, span_of(cases[i].key, cases[i].len), text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_is_cut_or_too_long_is_refused),
        cmocka_unit_test(a_field_out_of_its_range_is_refused),
        cmocka_unit_test(a_tally_of_fewer_statuses_and_sums_is_read),
        cmocka_unit_test(a_record_of_another_version_is_not_called_damaged),
        cmocka_unit_test(a_page_of_bits_ends_with_its_task),
        cmocka_unit_test(a_reason_is_cut_between_characters),
        cmocka_unit_test(tallies_differ_in_any_of_their_parts),
        cmocka_unit_test(any_key_has_a_text),
    };
    return cmocka_run_group_tests_name("store_record", tests, NULL, NULL);
}
