/* Bytes: buf, varint, crc, digest. */
#include "tests/lib/test.h"

#include "common/crc.h"
#include "common/digest.h"
#include "common/rng.h"
#include "common/varint.h"

static void buf_keeps_what_was_appended(void **state)
{
    (void)state;
    struct buf b = { 0 };
    buf_append_str(&b, "ab");
    buf_append_byte(&b, 'c');
    buf_append(&b, NULL, 0);
    buf_append_span(&b, span_str("de"));
    buf_printf(&b, "-%d-%s", 42, "x");
    assert_string_equal(buf_cstr(&b), "abcde-42-x");
    assert_int_equal(b.len, 10);
    buf_clear(&b);
    assert_string_equal(buf_cstr(&b), "");
    buf_release(&b);
    assert_null(b.data);
}

static void buf_grows_by_doubling(void **state)
{
    (void)state;
    struct buf b = { 0 };
    unsigned moves = 0;
    for (unsigned i = 0; i < 100000; i++) {
        size_t before = b.capacity;
        buf_append_byte(&b, (uint8_t)i);
        moves += b.capacity != before;
    }
    assert_in_range(moves, 1, 20);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], (uint8_t)i);
    buf_release(&b);
}

static void varint_has_the_bytes_of_leb128(void **state)
{
    (void)state;
    const struct {
        uint64_t value;
        const char *bytes;
        size_t len;
    } cases[] = {
        { 0, "\x00", 1 },
        { 127, "\x7F", 1 },
        { 128, "\x80\x01", 2 },
        { 300, "\xAC\x02", 2 },
        { UINT32_MAX, "\xFF\xFF\xFF\xFF\x0F", 5 },
        { UINT64_MAX, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = { 0 };
        put_varint(&b, cases[i].value);
        assert_int_equal(b.len, cases[i].len);
        assert_int_equal(varint_bytes(cases[i].value), cases[i].len);
        assert_memory_equal(b.data, cases[i].bytes, b.len);
        struct cursor c = cursor_of(buf_span(&b));
        assert_true(cursor_varint(&c) == cases[i].value);
        assert_false(c.failed);
        assert_int_equal(cursor_left(&c), 0);
        buf_release(&b);
    }
}

static void zigzag_gives_small_numbers_small_codes(void **state)
{
    (void)state;
    const int64_t values[] = { 0, -1, 1, -2, 63, -64, 64, INT64_MAX, INT64_MIN };
    const size_t lens[] = { 1, 1, 1, 1, 1, 1, 2, 10, 10 };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct buf b = { 0 };
        put_zigzag(&b, values[i]);
        assert_int_equal(b.len, lens[i]);
        struct cursor c = cursor_of(buf_span(&b));
        assert_true(cursor_zigzag(&c) == values[i]);
        assert_false(c.failed);
        buf_release(&b);
    }
}

static void varint_refuses_what_has_no_single_meaning(void **state)
{
    (void)state;
    const struct span bad[] = {
        span_of("", 0),                                              /* nothing */
        span_of("\x80", 1),                                          /* cut off */
        span_of("\x80\x00", 2),                                      /* overlong 0 */
        span_of("\xFF\x00", 2),                                      /* overlong 127 */
        span_of("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10),     /* 65 bits */
        span_of("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11), /* 11 bytes */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cursor c = cursor_of(bad[i]);
        assert_true(cursor_varint(&c) == 0);
        assert_true(c.failed);
    }
}

/* Eight bytes are read at once where there are as many: the same numbers, the same refusals. */
static void varint_is_the_same_with_more_behind_it(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t value = rng_u64(&rng) >> rng_below(&rng, 64);
        struct buf b = { 0 };
        put_varint(&b, value);
        size_t len = b.len;
        put_u64(&b, rng_u64(&rng));
        struct cursor c = cursor_of(buf_span(&b));
        assert_true(cursor_varint(&c) == value);
        assert_int_equal(cursor_left(&c), 8);
        if (len < VARINT_BYTES_MAX) {
            b.data[len - 1] |= 0x80;
            b.data[len] = 0; /* one byte longer than it needs to be */
            c = cursor_of(buf_span(&b));
            assert_true(cursor_varint(&c) == 0);
            assert_true(c.failed);
        }
        buf_release(&b);
    }
}

static void cursor_reads_little_endian(void **state)
{
    (void)state;
    struct buf b = { 0 };
    put_u32(&b, 0x04030201);
    put_u64(&b, UINT64_C(0x0C0B0A0908070605));
    for (uint8_t i = 0; i < 12; i++)
        assert_int_equal(b.data[i], i + 1);
    struct cursor c = cursor_of(buf_span(&b));
    assert_int_equal(cursor_u32(&c), 0x04030201);
    assert_true(cursor_u64(&c) == UINT64_C(0x0C0B0A0908070605));
    assert_false(c.failed);
    buf_release(&b);
}

/* One check at the end is enough: nothing read after the first failure is believed. */
static void cursor_stays_failed(void **state)
{
    (void)state;
    struct cursor c = cursor_of(span_of("\x01\x02\x03", 3));
    assert_int_equal(cursor_u32(&c), 0);
    assert_true(c.failed);
    assert_int_equal(cursor_u8(&c), 0);
    assert_true(cursor_varint(&c) == 0);
    assert_int_equal(cursor_bytes(&c, 1).len, 0);
    assert_int_equal(cursor_bytes(&c, SIZE_MAX).len, 0);
    assert_true(c.failed);
}

static void crc_matches_known_values(void **state)
{
    (void)state;
    uint8_t zeros[32] = { 0 }, ones[32], rising[32];
    memset(ones, 0xFF, sizeof(ones));
    for (uint8_t i = 0; i < 32; i++)
        rising[i] = i;
    const struct {
        struct span data;
        uint32_t crc;
    } cases[] = {
        /* the last three: RFC 3720, B.4 */
        { span_str(""), 0x00000000 },        { span_str("123456789"), 0xE3069283 },
        { span_of(zeros, 32), 0x8A9136AA },  { span_of(ones, 32), 0x62A8AB43 },
        { span_of(rising, 32), 0x46DD794E },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(crc32c(0, cases[i].data.data, cases[i].data.len), cases[i].crc);
        assert_int_equal(crc32c_by_table(0, cases[i].data.data, cases[i].data.len), cases[i].crc);
    }
}

static void crc_is_the_same_by_both_paths_and_in_pieces(void **state)
{
    (void)state;
    uint8_t data[300];
    struct rng rng;
    rng_seed(&rng, 7);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)rng_u64(&rng);
    for (size_t first = 0; first < 9; first++) { /* all alignments */
        for (size_t len = 0; first + len <= sizeof(data); len += 1 + len / 8) {
            uint32_t whole = crc32c(0, data + first, len);
            assert_int_equal(whole, crc32c_by_table(0, data + first, len));
            size_t cut = (size_t)rng_below(&rng, len + 1);
            uint32_t head = crc32c(0, data + first, cut);
            assert_int_equal(whole, crc32c(head, data + first + cut, len - cut));
        }
    }
}

static void digest_has_the_known_values_of_xxh3(void **state)
{
    (void)state;
    char hex[DIGEST_HEX_BYTES];
    struct digest d = digest_of(span_str("")); /* as `xxhsum -H2` prints it */
    digest_hex(&d, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
    d = digest_of(span_of(NULL, 0));
    digest_hex(&d, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}

static struct digest digest_of_parts(const char *a, const char *b)
{
    struct digester *d = digester_new();
    digester_add_str(d, a);
    digester_add_str(d, b);
    return digester_take(d);
}

static void digest_keeps_parts_apart(void **state)
{
    (void)state;
    struct digest x = digest_of_parts("ab", "c"), y = digest_of_parts("a", "bc");
    struct digest again = digest_of_parts("ab", "c"), empty = digest_of_parts("abc", "");
    assert_false(digest_equal(&x, &y));
    assert_false(digest_equal(&x, &empty));
    assert_true(digest_equal(&x, &again));
}

static void digest_of_a_number_is_that_of_its_bytes(void **state)
{
    (void)state;
    struct digester *number = digester_new(), *bytes = digester_new();
    digester_add_u64(number, UINT64_C(0x0807060504030201));
    digester_add(bytes, span_of("\1\2\3\4\5\6\7\10", 8));
    struct digest x = digester_take(number), y = digester_take(bytes);
    assert_true(digest_equal(&x, &y));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_keeps_what_was_appended),
        cmocka_unit_test(buf_grows_by_doubling),
        cmocka_unit_test(varint_has_the_bytes_of_leb128),
        cmocka_unit_test(zigzag_gives_small_numbers_small_codes),
        cmocka_unit_test(varint_is_the_same_with_more_behind_it),
        cmocka_unit_test(varint_refuses_what_has_no_single_meaning),
        cmocka_unit_test(cursor_reads_little_endian),
        cmocka_unit_test(cursor_stays_failed),
        cmocka_unit_test(crc_matches_known_values),
        cmocka_unit_test(crc_is_the_same_by_both_paths_and_in_pieces),
        cmocka_unit_test(digest_has_the_known_values_of_xxh3),
        cmocka_unit_test(digest_keeps_parts_apart),
        cmocka_unit_test(digest_of_a_number_is_that_of_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
