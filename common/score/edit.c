/* Measures of edit distance: ANLS, word and character error rate.
 *
 * At most ALIGN_MAX tokens of a text are aligned; what lies behind counts as so many edits, so that
 * a flood of words is as wrong as it is long. Once EDIT_REFERENCE_TOKENS_MAX tokens of references
 * were compared, further references are not: a bound on the time, far above any real data. */
#include <math.h>

#include "common/score/align.h"
#include "common/score/family.h"
#include "common/score/tokens.h"

enum { EDIT_REFERENCE_TOKENS_MAX = 2 * ALIGN_MAX };

static const double anls_threshold = 0.5; /* a reading that is less right than this is wrong */

enum unit { UNIT_WORD, UNIT_CHAR };

struct distance {
    size_t edits, answer_count, reference_count;
};

/* The answer, to be compared with one reference after the other. */
struct comparison {
    enum unit unit;
    struct vocab vocab;
    struct tokens answer; /* what is aligned */
    size_t answer_count;  /* of all of it */
    size_t compared;      /* reference tokens so far */
};

/* Appends what is aligned to `out`; returns how many tokens there are in all. */
static size_t cut(struct span text, enum unit unit, struct vocab *v, struct tokens *out)
{
    if (unit == UNIT_CHAR)
        return tokens_by_chars(text, ALIGN_MAX, v, out);
    tokens_by_blanks(text, v, out);
    size_t total = out->count;
    out->count = total < ALIGN_MAX ? total : ALIGN_MAX;
    return total;
}

static void comparison_init(struct comparison *c, struct span answer, enum unit unit)
{
    *c = (struct comparison){ .unit = unit };
    c->answer_count = cut(answer, unit, &c->vocab, &c->answer);
}

static void comparison_release(struct comparison *c)
{
    tokens_release(&c->answer);
    vocab_release(&c->vocab);
}

static struct distance compare(struct comparison *c, struct span reference)
{
    struct tokens expected = { 0 };
    struct distance d = { .answer_count = c->answer_count };
    d.reference_count = cut(reference, c->unit, &c->vocab, &expected);
    d.edits = align_distance(c->answer.ids, c->answer.count, expected.ids, expected.count,
                             c->vocab.count);
    size_t answer_rest = d.answer_count - c->answer.count;
    size_t reference_rest = d.reference_count - expected.count;
    d.edits += answer_rest > reference_rest ? answer_rest : reference_rest;
    c->compared += d.reference_count;
    tokens_release(&expected);
    return d;
}

/* ANLS compares lower-case texts with single blanks. */
static struct span fold_blanks(struct span text, struct arena *arena)
{
    struct span lower = span_lower(span_trim(text), arena);
    uint8_t *out = arena_alloc(arena, lower.len + 1);
    size_t len = 0;
    while (lower.len) {
        size_t blank = blank_bytes(lower);
        if (!blank)
            out[len++] = lower.data[0];
        else if (len && out[len - 1] != ' ')
            out[len++] = ' ';
        lower = span_from(lower, blank ? blank : 1);
    }
    return span_of(out, len);
}

void anls_score(const struct metric_input *in, int64_t *stats)
{
    struct arena arena = { 0 };
    struct comparison c;
    comparison_init(&c, fold_blanks(in->answer, &arena), UNIT_CHAR);
    double best = 0;
    for (size_t i = 0; i < in->reference_count && c.compared < EDIT_REFERENCE_TOKENS_MAX; i++) {
        struct distance d = compare(&c, fold_blanks(in->references[i], &arena));
        size_t longer = d.answer_count > d.reference_count ? d.answer_count : d.reference_count;
        double similarity = longer ? 1 - (double)d.edits / (double)longer : 1;
        if (similarity >= anls_threshold && similarity > best)
            best = similarity;
    }
    stats[0] = billionths(best);
    comparison_release(&c);
    arena_release(&arena);
}

/* Bytes of the punctuation beyond ASCII that text begins with: U+2000-206F, U+3000-303F and
 * U+FF01-FF0F (the full-width marks). */
static size_t wide_punctuation_bytes(struct span text)
{
    const uint8_t *c = text.data;
    if (text.len < 3)
        return 0;
    bool general = c[0] == 0xe2 && (c[1] == 0x80 || (c[1] == 0x81 && c[2] <= 0xaf));
    bool cjk = c[0] == 0xe3 && c[1] == 0x80;
    bool full_width = c[0] == 0xef && c[1] == 0xbc && c[2] >= 0x81 && c[2] <= 0x8f;
    return general || cjk || full_width ? 3 : 0;
}

static bool is_apostrophe(struct span text) /* U+2019, as typesetters write it */
{
    return text.len >= 3 && memcmp(text.data, "\u2019", 3) == 0;
}

/* What is spoken: lower-case letters, digits and apostrophes, single blanks between words. Other
 * marks are left out, without a blank in their place; letters beyond ASCII stay. */
static struct span fold_speech(struct span text, struct arena *arena)
{
    uint8_t *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    while (text.len) {
        uint8_t c = text.data[0];
        size_t blank = blank_bytes(text), mark = wide_punctuation_bytes(text), step = 1;
        if (blank) {
            if (len && out[len - 1] != ' ')
                out[len++] = ' ';
            step = blank;
        } else if (is_apostrophe(text)) {
            out[len++] = '\'';
            step = mark;
        } else if (mark) {
            step = mark;
        } else if (is_letter(c) || is_digit(c) || c == '\'' || c >= 0x80) {
            out[len++] = to_lower(c);
        }
        text = span_from(text, step);
    }
    return span_trim(span_of(out, len));
}

/* Lower is better; a reference without a token says nothing. */
static bool is_nearer(const struct distance *a, const struct distance *b)
{
    if (!a->reference_count || !b->reference_count)
        return a->reference_count > b->reference_count;
    return a->edits * b->reference_count < b->edits * a->reference_count;
}

/* stats: edits against the reference with the lowest error rate, and that reference's length. */
static void error_rate(const struct metric_input *in, enum unit unit, int64_t *stats)
{
    struct arena arena = { 0 };
    struct comparison c;
    comparison_init(&c, fold_speech(in->answer, &arena), unit);
    struct distance best = { 0 };
    for (size_t i = 0; i < in->reference_count && c.compared < EDIT_REFERENCE_TOKENS_MAX; i++) {
        struct distance d = compare(&c, fold_speech(in->references[i], &arena));
        if (i == 0 || is_nearer(&d, &best))
            best = d;
    }
    stats[0] = (int64_t)best.edits;
    stats[1] = (int64_t)best.reference_count;
    comparison_release(&c);
    arena_release(&arena);
}

void wer_score(const struct metric_input *in, int64_t *stats)
{
    error_rate(in, UNIT_WORD, stats);
}

void cer_score(const struct metric_input *in, int64_t *stats)
{
    error_rate(in, UNIT_CHAR, stats);
}

double error_rate_value(const int64_t *sums, uint64_t answered)
{
    (void)answered; /* a corpus measure */
    return sums[1] > 0 ? (double)sums[0] / (double)sums[1] : NAN;
}
