/* What errors say, and what is drawn: err, rng. */
#include "tests/lib/test.h"

#include "common/err.h"
#include "common/rng.h"
#include "common/text.h"

static void errors_have_words_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(err_text(OK), "ok");
    assert_string_equal(err_text(ERR_DENIED), "not allowed");
    struct errmsg msg;
    assert_int_equal(err_say(&msg, ERR_INVALID, "line %d", 7), ERR_INVALID);
    assert_int_equal(err_say(&msg, ERR_IO, "%s: %s", "sweep.yaml", msg.text), ERR_IO);
    assert_string_equal(msg.text, "sweep.yaml: line 7");
    assert_int_equal(err_say(NULL, ERR_FULL, "unheard"), ERR_FULL);
}

static void long_sentences_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        char text[3000] = "";
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 3);
        struct errmsg msg;
        (void)err_say(&msg, ERR_IO, "%s", text);
        assert_in_range(strlen(msg.text), ERRMSG_BYTES - 3, ERRMSG_BYTES - 1);
        assert_true(text_is_utf8(span_str(msg.text)));
    }
}

/* From the authors' C code, with these states. */
static void rng_draws_the_published_numbers(void **state)
{
    (void)state;
    struct rng r = { { 1, 2, 3, 4 } };
    const uint64_t expected[] = { 11520, 0, 1509978240, UINT64_C(1215971899390074240) };
    for (size_t i = 0; i < 4; i++)
        assert_true(rng_u64(&r) == expected[i]);
    rng_seed(&r, 1234567); /* splitmix64 of that seed */
    assert_true(r.s[0] == UINT64_C(6457827717110365317));
    assert_true(r.s[1] == UINT64_C(3203168211198807973));
    assert_true(r.s[2] == UINT64_C(9817491932198370423));
}

static void rng_below_is_even(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 13);
    unsigned seen[6] = { 0 };
    for (unsigned i = 0; i < 60000; i++)
        seen[rng_below(&r, 6)]++;
    for (unsigned i = 0; i < 6; i++)
        assert_in_range(seen[i], 9600, 10400);
    /* Two thirds of 2^64: without rejection, of the lower half of these numbers the odd ones would
     * come twice as often as the even ones. */
    const uint64_t bound = UINT64_MAX / 3 * 2;
    unsigned even = 0, odd = 0;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t draw = rng_below(&r, bound);
        even += draw < bound / 2 && draw % 2 == 0;
        odd += draw < bound / 2 && draw % 2 == 1;
    }
    assert_in_range(even, 4700, 5300);
    assert_in_range(odd, 4700, 5300);
    assert_true(rng_below(&r, 1) == 0);
}

static void rng_unit_stays_below_one(void **state)
{
    (void)state;
    assert_true(rng_unit_of(0) == 0.0);
    assert_true(rng_unit_of(UINT64_MAX) < 1.0);
    struct rng r;
    rng_seed(&r, 14);
    double sum = 0;
    for (unsigned i = 0; i < 10000; i++)
        sum += rng_unit(&r);
    assert_true(sum > 4900 && sum < 5100);
}

static void rng_mix_depends_on_every_part(void **state)
{
    (void)state;
    uint64_t base = rng_mix(1, 2, 3, 4);
    assert_true(base == rng_mix(1, 2, 3, 4));
    const uint64_t others[] = { rng_mix(2, 2, 3, 4), rng_mix(1, 3, 3, 4), rng_mix(1, 2, 4, 4),
                                rng_mix(1, 2, 3, 5), rng_mix(1, 3, 2, 4), rng_mix(1, 2, 4, 3) };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        int flipped = __builtin_popcountll(base ^ others[i]);
        assert_in_range(flipped, 12, 52); /* about half of the bits */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_words_and_a_sentence),
        cmocka_unit_test(long_sentences_are_cut_between_characters),
        cmocka_unit_test(rng_draws_the_published_numbers),
        cmocka_unit_test(rng_below_is_even),
        cmocka_unit_test(rng_unit_stays_below_one),
        cmocka_unit_test(rng_mix_depends_on_every_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
