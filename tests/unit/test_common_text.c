/* Text for people and from people. */
#include "tests/lib/test.h"

#include <math.h>

#include "common/rng.h"
#include "common/text.h"

static void text_knows_utf8(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool valid;
    } cases[] = {
        { "", true },
        { "plain", true },
        { "\xC3\xA9", true },         /* U+E9 */
        { "\xE2\x82\xAC", true },     /* U+20AC */
        { "\xF0\x9F\x98\x80", true }, /* U+1F600 */
        { "\xEF\xBF\xBF", true },     /* U+FFFF, a noncharacter: still UTF-8 */
        { "\xF4\x8F\xBF\xBF", true }, /* U+10FFFF */
        { "\x80", false },            /* a continuation alone */
        { "\xC3", false },            /* cut off */
        { "\xE2\x82", false },
        { "\xC3(", false },
        { "\xC0\x80", false }, /* overlong NUL */
        { "\xC1\xBF", false },
        { "\xE0\x9F\xBF", false },     /* overlong U+7FF */
        { "\xF0\x8F\xBF\xBF", false }, /* overlong U+FFFF */
        { "\xED\x9F\xBF", true },      /* U+D7FF, U+E000: around the surrogates */
        { "\xEE\x80\x80", true },
        { "\xED\xA0\x80", false }, /* the first surrogate, and the last */
        { "\xED\xBF\xBF", false },
        { "\xF4\x90\x80\x80", false }, /* U+110000 */
        { "\xF8\x88\x80\x80\x80", false },
        { "\xFF", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(text_is_utf8(span_str(cases[i].text)), cases[i].valid);
}

static void safe_text_shows_what_a_terminal_would_do(void **state)
{
    (void)state;
    const struct {
        struct span in;
        const char *out;
    } cases[] = {
        { span_str("Gr\xC3\xBC\xC3\x9F"
                   "e \xF0\x9F\x98\x80"),
          "Gr\xC3\xBC\xC3\x9F"
          "e \xF0\x9F\x98\x80" },
        { span_str("a\nb\tc\r"), "a\\x0Ab\\x09c\\x0D" },
        { span_of("a\0b", 3), "a\\x00b" },
        { span_str("\x1B[31mred\x7F"), "\\x1B[31mred\\x7F" },
        { span_str("\xC2\x9B"
                   "31m\xC2\x85"),
          "\\u{9B}31m\\u{85}" },
        { span_str("\xE2\x80\xAA\xE2\x80\xAE"), "\\u{202A}\\u{202E}" },
        { span_str("\xE2\x81\xA6\xE2\x81\xA9"), "\\u{2066}\\u{2069}" },
        { span_str("\xE2\x80\xA8\xE2\x80\xA9"), "\\u{2028}\\u{2029}" },
        { span_str("\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C"), "\\u{200E}\\u{200F}\\u{61C}" },
        { span_str("\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5"),
          "\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5" },
        { span_str("\xC3(\x9B\xE2\x82"), "\\xC3(\\x9B\\xE2\\x82" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = { 0 };
        text_append_safe(&b, cases[i].in);
        assert_string_equal(buf_cstr(&b), cases[i].out);
        buf_release(&b);
    }
}

static void safe_text_is_utf8_without_controls_whatever_came(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t bytes[16];
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)(rng_u64(&rng) >> 56);
        struct buf b = { 0 };
        text_append_safe(&b, span_of(bytes, (size_t)rng_below(&rng, sizeof(bytes) + 1)));
        assert_true(text_is_utf8(buf_span(&b)));
        for (size_t i = 0; i < b.len; i++)
            assert_true(b.data[i] >= 0x20 && b.data[i] != 0x7F);
        buf_release(&b);
    }
}

static void repaired_text_replaces_each_bad_byte(void **state)
{
    (void)state;
    struct buf b = { 0 };
    text_append_utf8(&b, span_str("a\xE2\x82"
                                  "b\xFF\xC3\xA9\n"));
    assert_string_equal(buf_cstr(&b), "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                      "b\xEF\xBF\xBD\xC3\xA9\n");
    buf_clear(&b);
    text_append_utf8_without_nul(&b, span_of("\0a\xFF\0", 4));
    assert_string_equal(buf_cstr(&b), "\xEF\xBF\xBD"
                                      "a\xEF\xBF\xBD\xEF\xBF\xBD");
    buf_clear(&b);
    text_append_utf8_without_nul(&b, span_of(NULL, 0));
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max, kept;
    } cases[] = {
        { "", 0, 0 },
        { "abc", 3, 3 },
        { "abc", 2, 2 },
        { "a\xC3\xA9", 3, 3 },
        { "a\xC3\xA9", 2, 1 },
        { "\xE2\x82\xAC!", 3, 3 },
        { "\xE2\x82\xAC!", 2, 0 },
        { "\x80\x80\x80\x80\x80\x80", 5, 2 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span kept = text_cut(span_str(cases[i].text), cases[i].max);
        assert_ptr_equal(kept.data, cases[i].text);
        assert_int_equal(kept.len, cases[i].kept);
    }
}

static void glob_keeps_parts_apart(void **state)
{
    (void)state;
    const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        { "", "", true },
        { "", "a", false },
        { "a", "a", true },
        { "a", "ab", false },
        { "*", "", true },
        { "*", "abc", true },
        { "*", "a/b", false },
        { "?", "a", true },
        { "?", "/", false },
        { "?", "\xC3\xA9", true }, /* a character, not a byte */
        { "??", "\xC3\xA9", false },
        { "a*c", "abbbc", true },
        { "a*c", "ab/c", false },
        { "*a*b", "xxaayyb", true },
        { "nlp/*", "nlp/qa", true },
        { "nlp/*", "nlp/qa/squad", false },
        { "nlp/*/squad", "nlp/qa/squad", true },
        { "**", "a/b/c", true },
        { "**", "", true },
        { "nlp/**", "nlp/qa/squad", true },
        { "nlp/**", "nlp2/qa", false },
        { "**/squad", "nlp/qa/squad", true },
        { "**/squad", "squad", true },
        { "**/squad", "nlp/notsquad", false },
        { "nlp/**/squad", "nlp/squad", true },
        { "nlp/**/squad", "nlp/a/b/squad", true },
        { "nlp/**/squad", "nlp/asquad", false },
        { "n**d", "nlp/qa/squad", true },
        { "**/*-v?", "a/b/squad-v2", true },
        { "**/*-v?", "a/b/squad-v2/x", false },
        { "**/a*/b", "x/ac/ab/b", true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (text_glob(cases[i].pattern, cases[i].name) != cases[i].matches)
            fail_msg("text_glob(\"%s\", \"%s\")", cases[i].pattern, cases[i].name);
    }
}

/* The meaning, written down without regard to speed. */
static bool slow_glob(const char *whole, const char *p, const char *name)
{
    if (*p == '\0')
        return *name == '\0';
    if (p[0] == '*' && p[1] == '*') {
        if ((p == whole || p[-1] == '/') && p[2] == '/') {
            const char *slash = strchr(name, '/');
            return slow_glob(whole, p + 3, name) || (slash && slow_glob(whole, p, slash + 1));
        }
        return slow_glob(whole, p + 2, name) || (*name && slow_glob(whole, p, name + 1));
    }
    if (*p == '*')
        return slow_glob(whole, p + 1, name) ||
               (*name && *name != '/' && slow_glob(whole, p, name + 1));
    return *name && (*p == *name || (*p == '?' && *name != '/')) &&
           slow_glob(whole, p + 1, name + 1);
}

static void random_text(struct rng *rng, const char *alphabet, char out[9])
{
    size_t len = (size_t)rng_below(rng, 9);
    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[rng_below(rng, strlen(alphabet))];
    out[len] = '\0';
}

static void glob_agrees_with_its_definition(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 12);
    unsigned matched = 0;
    for (unsigned round = 0; round < 300000; round++) {
        char pattern[9], name[9];
        random_text(&rng, "ab/?***", pattern);
        random_text(&rng, "ab/", name);
        bool matches = text_glob(pattern, name);
        if (matches != slow_glob(pattern, pattern, name))
            fail_msg("text_glob(\"%s\", \"%s\") is %d", pattern, name, matches);
        matched += matches;
    }
    assert_true(matched > 10000); /* the cases say something */
}

static void glob_takes_no_exponential_time(void **state)
{
    (void)state;
    char name[1001], pattern[201];
    memset(name, 'a', 1000);
    name[1000] = '\0';
    for (size_t i = 0; i < 200; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[199] = 'b';
    pattern[200] = '\0';
    assert_false(text_glob(pattern, name)); /* or the test runs out of time */
}

static void an_end_may_be_all_of_a_text(void **state)
{
    (void)state;
    assert_true(text_ends_with("sweep.yaml", ".yaml"));
    assert_true(text_ends_with(".yaml", ".yaml"));
    assert_true(text_ends_with("any", ""));
    assert_false(text_ends_with("yaml", ".yaml"));
    assert_false(text_ends_with("sweep.yaml.bak", ".yaml"));
    assert_false(text_ends_with("sweep.YAML", ".yaml"));
}

static void nearest_helps_with_slips_only(void **state)
{
    (void)state;
    const char *const words[] = { "models", "suites", "sampling", "seed", "gpu" };
    const struct {
        const char *word, *nearest;
    } cases[] = {
        { "modles", "models" },     { "model", "models" }, { "suits", "suites" },
        { "samplign", "sampling" }, { "sede", "seed" },    { "gpus", "gpu" },
        { "temperature", NULL },    { "x", NULL },         { "", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *nearest = text_nearest(cases[i].word, words, 5);
        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
    char endless[2000];
    memset(endless, 'm', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_null(text_nearest(endless, words, 5));
}

static void durations_are_parsed_strictly(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        { "0", 0 },
        { "90", 90000 },
        { "90s", 90000 },
        { "1h30m", 5400000 },
        { "250ms", 250 },
        { "2d", 172800000 },
        { "1m1ms", 60001 },
        { "1h1m1s", 3661000 },
        { "", -1 },
        { "-1", -1 },
        { "1.5s", -1 },
        { "s", -1 },
        { "1m1h", -1 },
        { "1s1s", -1 },
        { " 1s", -1 },
        { "1s ", -1 },
        { "1h30", -1 },
        { "5min", -1 },
        { "1S", -1 },
        { "9223372036854775807", -1 },
        { "9223372036854775807ms", INT64_MAX },
        { "9223372036854775808ms", -1 },
        { "106751991168d", -1 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = -1;
        bool parsed = text_parse_duration_ms(cases[i].text, &ms);
        if (parsed != (cases[i].ms >= 0) || ms != cases[i].ms)
            fail_msg("\"%s\" gave %lld", cases[i].text, (long long)ms);
    }
}

static void whole_numbers_are_parsed_strictly(void **state)
{
    (void)state;
    uint64_t n = 7;
    assert_true(text_parse_u64("18446744073709551615", &n));
    assert_true(n == UINT64_MAX);
    const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616" };
    n = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(text_parse_u64(bad[i], &n));
    assert_int_equal(n, 7);
}

static void decimal_numbers_are_parsed_strictly(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double value;
    } good[] = {
        { "0", 0 },  { "-1.5", -1.5 }, { "+2", 2 },        { ".5", 0.5 },
        { "5.", 5 }, { "1e3", 1000 },  { "2.5E-1", 0.25 }, { "0.1", 0.1 },
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        double value = -7;
        assert_true(text_parse_double(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    const char *const bad[] = { "",     " 1",  "1 ",  ".",   "-",     "1e",    "e1",  "1e+",
                                "0x10", "nan", "inf", "1,5", "1.2.3", "1e999", "--1", "1f" };
    double untouched = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(text_parse_double(bad[i], &untouched));
    assert_true(untouched == 7);
}

static void sizes_are_parsed_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double bytes; /* -1: refused */
    } cases[] = {
        { "0", 0 },
        { "512", 512 },
        { "7B", 7 },
        { "2kB", 2000 },
        { "2KiB", 2048 },
        { "512 MB", 512e6 },
        { "1.5TiB", 0x1.8p40 },
        { "", -1 },
        { "GiB", -1 },
        { "-1", -1 },
        { "1  GB", -1 },
        { "1gib", -1 },
        { "1GiBs", -1 },
        { "1.2.3GB", -1 },
        { "00000000000000000000000000000000000000000000000000000000000000001", -1 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double bytes = -1;
        assert_int_equal(text_parse_bytes(cases[i].text, &bytes), cases[i].bytes >= 0);
        assert_true(fabs(bytes - cases[i].bytes) < 0.5);
    }
}

static void durations_and_counts_read_well(void **state)
{
    (void)state;
    const struct {
        int64_t ms;
        const char *text;
    } durations[] = {
        { 0, "0ms" },
        { 310, "310ms" },
        { 999, "999ms" },
        { 1000, "1s" },
        { 42999, "42s" },
        { 60000, "1m 00s" },
        { 3599999, "59m 59s" },
        { 3720000, "1h 02m" },
        { 97200000, "1d 03h" },
        { -3720000, "-1h 02m" },
        { INT64_MIN, "-106751991167d 07h" },
    };
    char text[32];
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        text_format_duration(text, sizeof(text), durations[i].ms);
        assert_string_equal(text, durations[i].text);
    }
    const struct {
        uint64_t count;
        const char *text;
    } counts[] = {
        { 0, "0" },
        { 999, "999" },
        { 1000, "1,000" },
        { 1234567, "1,234,567" },
        { UINT64_MAX, "18,446,744,073,709,551,615" },
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        text_format_count(text, sizeof(text), counts[i].count);
        assert_string_equal(text, counts[i].text);
    }
    text_format_count(text, 4, 1234567); /* cut, but ended */
    assert_string_equal(text, "1,2");
}

static void times_read_as_the_sweep_file_takes_them(void **state)
{
    (void)state;
    const struct {
        int64_t ms;
        const char *text;
    } times[] = {
        { INT64_MIN, "1970-01-01T00:00:00Z" },
        { 0, "1970-01-01T00:00:00Z" },
        { 951782399999, "2000-02-28T23:59:59Z" },
        { 951782400000, "2000-02-29T00:00:00Z" },
        { 951868800000, "2000-03-01T00:00:00Z" },
        { 1935424830000, "2031-05-01T18:00:30Z" },
        { 3981398399000, "2096-02-29T23:59:59Z" },
        { 4107542400000, "2100-03-01T00:00:00Z" }, /* no leap year */
        { 4133980799999, "2100-12-31T23:59:59Z" },
        { INT64_MAX, "9999-12-31T23:59:59Z" },
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[TEXT_TIME_BYTES];
        text_format_time(text, times[i].ms);
        assert_string_equal(text, times[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_knows_utf8),
        cmocka_unit_test(safe_text_shows_what_a_terminal_would_do),
        cmocka_unit_test(safe_text_is_utf8_without_controls_whatever_came),
        cmocka_unit_test(repaired_text_replaces_each_bad_byte),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(glob_keeps_parts_apart),
        cmocka_unit_test(glob_agrees_with_its_definition),
        cmocka_unit_test(glob_takes_no_exponential_time),
        cmocka_unit_test(an_end_may_be_all_of_a_text),
        cmocka_unit_test(nearest_helps_with_slips_only),
        cmocka_unit_test(durations_are_parsed_strictly),
        cmocka_unit_test(whole_numbers_are_parsed_strictly),
        cmocka_unit_test(decimal_numbers_are_parsed_strictly),
        cmocka_unit_test(sizes_are_parsed_strictly),
        cmocka_unit_test(durations_and_counts_read_well),
        cmocka_unit_test(times_read_as_the_sweep_file_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
