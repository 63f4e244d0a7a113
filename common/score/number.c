/* Numbers: errors of the numbers in answers, and the means of what scorers said.
 *
 * A reference holds one number, or several (a list, "[1.5, 2]"). As many are taken from the answer:
 * from its first list in brackets if there is one, else from left to right; a minus may be U+2212.
 * Numbers that are missing repeat the last one; an answer without any says 0. The error of an
 * instance is the mean over its numbers; of several references the nearest counts. */
#include <math.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/score/family.h"
#include "common/score/tokens.h"
#include "common/text.h"

enum {
    NUMBERS_MAX = 4096,   /* of one text; later ones are not looked at */
    NUMBER_BYTES_MAX = 63 /* longer ones are cut */
};

static const double error_max = 1e9; /* a wilder guess is not more wrong */

struct numbers {
    double *values;
    size_t count, capacity;
};

/* Between digits a comma is either part of a number (1,234) or lies between two. */
enum comma { COMMA_GROUPS, COMMA_SEPARATES };

static size_t digits_at(struct span text, size_t at)
{
    size_t len = 0;
    while (at + len < text.len && is_digit(text.data[at + len]))
        len++;
    return len;
}

/* The digits before the point, with commas between groups of three. */
static size_t whole_bytes(struct span text, size_t at, enum comma comma)
{
    size_t len = digits_at(text, at);
    if (comma == COMMA_SEPARATES || len == 0 || len > 3)
        return len;
    while (at + len < text.len && text.data[at + len] == ',' && digits_at(text, at + len + 1) == 3)
        len += 4;
    return len;
}

/* Bytes of the number that begins at `at`, 0 if none does: [-+]1,234.5e-6, .5 */
static size_t number_bytes(struct span text, size_t at, enum comma comma)
{
    size_t len = is_one_of(text.data[at], "+-");
    size_t whole = whole_bytes(text, at + len, comma);
    len += whole;
    size_t fraction = 0;
    if (at + len < text.len && text.data[at + len] == '.') {
        fraction = digits_at(text, at + len + 1);
        len += fraction ? 1 + fraction : 0;
    }
    if (!whole && !fraction)
        return 0;
    if (at + len < text.len && to_lower(text.data[at + len]) == 'e') {
        size_t sign = at + len + 1 < text.len && is_one_of(text.data[at + len + 1], "+-");
        size_t exponent = digits_at(text, at + len + 1 + sign);
        len += exponent ? 1 + sign + exponent : 0;
    }
    return len;
}

static double number_value(struct span text)
{
    char digits[NUMBER_BYTES_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < NUMBER_BYTES_MAX; i++) {
        if (text.data[i] != ',' && !(i == 0 && text.data[i] == '+'))
            digits[len++] = (char)text.data[i];
    }
    while (len && is_one_of((uint8_t)digits[len - 1], "eE+-."))
        len--; /* where a long one was cut */
    digits[len] = '\0';
    double value = 0;
    if (!text_parse_double(digits, &value) || !isfinite(value))
        value = digits[0] == '-' ? -2 * error_max : 2 * error_max; /* beyond a double */
    return value;
}

static void collect(struct span text, enum comma comma, struct numbers *out)
{
    for (size_t at = 0; at < text.len && out->count < NUMBERS_MAX;) {
        bool in_word = at > 0 && (is_letter(text.data[at - 1]) || is_digit(text.data[at - 1]));
        bool sign = is_one_of(text.data[at], "+-");
        size_t len = sign && in_word ? 0 : number_bytes(text, at, comma);
        if (len) {
            out->values = xgrow(out->values, &out->capacity, out->count + 1, sizeof(double));
            out->values[out->count++] = number_value(span_of(text.data + at, len));
        }
        at += len ? len : 1;
    }
}

/* The inside of the first [...] that holds nothing but numbers; false if there is none. */
static bool find_list(struct span text, struct span *list)
{
    for (size_t open = 0; open < text.len; open++) {
        if (text.data[open] != '[')
            continue;
        size_t at = open + 1;
        while (at < text.len &&
               (is_digit(text.data[at]) || is_one_of(text.data[at], ".,-+eE \t\r\n")))
            at++;
        if (at < text.len && text.data[at] == ']' && at > open + 1) {
            *list = span_of(text.data + open + 1, at - open - 1);
            return true;
        }
        open = at - 1;
    }
    return false;
}

/* The minus of typesetters, U+2212, as a hyphen: models write it, and 5 is not -5. */
static struct span with_plain_minus(struct span text, struct arena *arena)
{
    static const char wide[] = "\u2212";
    const size_t wide_len = sizeof(wide) - 1;
    if (text.len == 0 || !memmem(text.data, text.len, wide, wide_len))
        return text;
    uint8_t *out = arena_alloc(arena, text.len);
    size_t len = 0;
    for (size_t at = 0; at < text.len; len++) {
        bool is_wide = text.len - at >= wide_len && memcmp(text.data + at, wide, wide_len) == 0;
        out[len] = is_wide ? '-' : text.data[at];
        at += is_wide ? wide_len : 1;
    }
    return span_of(out, len);
}

static struct numbers numbers_of(struct span text)
{
    struct numbers n = { 0 };
    struct arena arena = { 0 };
    struct span list;
    text = with_plain_minus(text, &arena);
    if (find_list(text, &list))
        collect(list, COMMA_SEPARATES, &n);
    if (!n.count)
        collect(text, COMMA_GROUPS, &n);
    arena_release(&arena);
    return n;
}

/* The mean of |error|^power, power 1 or 2. A reference without a number counts as 0. */
static double mean_error(const struct numbers *said, const struct numbers *expected, int power)
{
    size_t count = expected->count ? expected->count : 1;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t last = i < said->count ? i : said->count - 1;
        double answer = said->count ? said->values[last] : 0;
        double error = fabs(answer - (expected->count ? expected->values[i] : 0));
        error = error < error_max ? error : error_max;
        sum += power == 2 ? error * error : error;
    }
    return sum / (double)count;
}

static double least_error(const struct metric_input *in, int power)
{
    struct numbers said = numbers_of(in->answer);
    double least = power == 2 ? error_max * error_max : error_max;
    for (size_t i = 0; i < in->reference_count; i++) {
        struct numbers expected = numbers_of(in->references[i]);
        double error = mean_error(&said, &expected, power);
        least = error < least ? error : least;
        free(expected.values);
    }
    free(said.values);
    return least;
}

int64_t billionths(double x)
{
    check(fabs(x) <= 1e9);
    return llround(x * (double)METRIC_ONE);
}

/* Sums of values up to 1e9 in billionths would not fit 64 bits: whole part and rest apart. */
static void split(double value, int64_t *whole, int64_t *rest)
{
    int64_t all = billionths(value);
    *whole = all / METRIC_ONE - (all % METRIC_ONE < 0); /* rounded down */
    *rest = all - *whole * METRIC_ONE;
}

void mae_score(const struct metric_input *in, int64_t *stats)
{
    split(least_error(in, 1), &stats[0], &stats[1]);
}

/* A square is up to 1e18: its billions are a statistic of their own. */
void rmse_score(const struct metric_input *in, int64_t *stats)
{
    double square = least_error(in, 2);
    double billions = floor(square / 1e9);
    stats[0] = (int64_t)billions;
    split(fmin(fmax(square - billions * 1e9, 0), 1e9), &stats[1], &stats[2]);
}

void scored_score(const struct metric_input *in, int64_t *stats)
{
    split(in->scorer_value, &stats[0], &stats[1]);
}

double mean_value(const int64_t *sums, uint64_t answered)
{
    return (double)sums[0] / (double)METRIC_ONE / (double)answered;
}

double split_mean_value(const int64_t *sums, uint64_t answered)
{
    return ((double)sums[0] + (double)sums[1] / (double)METRIC_ONE) / (double)answered;
}

double rmse_value(const int64_t *sums, uint64_t answered)
{
    double sum = (double)sums[0] * 1e9 + (double)sums[1] + (double)sums[2] / (double)METRIC_ONE;
    return sqrt(sum / (double)answered);
}
