/* F1 of tokens (an instance at a time) and of sets of labels (over the corpus). */
#include <stdlib.h>

#include "common/score/family.h"
#include "common/score/tokens.h"

/* An answer's tokens, and those of one reference after the other. */
struct texts {
    struct vocab vocab;
    struct tokens answer, reference;
};

static void texts_release(struct texts *t)
{
    tokens_release(&t->answer);
    tokens_release(&t->reference);
    vocab_release(&t->vocab);
}

/* How many tokens, each counted once, are in both, in the answer alone, in the reference alone. */
static void compare(const struct texts *t, int64_t counts[3])
{
    uint32_t *said = tokens_count_ids(&t->answer, &t->vocab);
    uint32_t *expected = tokens_count_ids(&t->reference, &t->vocab);
    memset(counts, 0, 3 * sizeof(counts[0]));
    for (size_t id = 0; id < t->vocab.count; id++) {
        counts[0] += said[id] && expected[id];
        counts[1] += said[id] && !expected[id];
        counts[2] += !said[id] && expected[id];
    }
    free(said);
    free(expected);
}

/* General-Level's: the set of common tokens over the lists, so "a a b" against "a b" is 0.8. */
void token_f1_score(const struct metric_input *in, int64_t *stats)
{
    struct texts t = { 0 };
    double best = 0;
    tokens_by_blanks(in->answer, &t.vocab, &t.answer);
    for (size_t i = 0; i < in->reference_count; i++) {
        int64_t counts[3];
        t.reference.count = 0;
        tokens_by_blanks(in->references[i], &t.vocab, &t.reference);
        compare(&t, counts);
        size_t tokens = t.answer.count + t.reference.count;
        double f1 = counts[0] > 0 ? 2 * (double)counts[0] / (double)tokens : 0;
        best = f1 > best ? f1 : best;
    }
    stats[0] = billionths(best);
    texts_release(&t);
}

/* The labels of a text, cut at each separator. Always at least one, perhaps empty. */
static void cut_labels(struct span text, const char *separator, struct vocab *v, struct tokens *out)
{
    size_t len = strlen(separator);
    const uint8_t *found;
    while (text.len && (found = memmem(text.data, text.len, separator, len))) {
        size_t label = (size_t)(found - text.data);
        tokens_push(out, vocab_id(v, span_of(text.data, label)));
        text = span_from(text, label + len);
    }
    tokens_push(out, vocab_id(v, text));
}

static bool holds(struct span text, const char *what)
{
    return text.len && memmem(text.data, text.len, what, strlen(what));
}

static double f1_of(const int64_t *stats)
{
    double both = 2 * (double)stats[0];
    return both > 0 ? both / (both + (double)stats[1] + (double)stats[2]) : 0;
}

/* Models often write "a, b": where no label holds a comma, that means "a<p>b". */
static const char *answer_separator(struct span answer, const struct metric_input *in)
{
    bool commas = !holds(answer, "<p>");
    for (size_t i = 0; i < in->reference_count; i++)
        commas = commas && !holds(in->references[i], ", ");
    return commas ? ", " : "<p>";
}

/* Letter case does not count. Of several references the one that the answer fits best counts. */
void micro_f1_score(const struct metric_input *in, int64_t *stats)
{
    struct arena arena = { 0 };
    struct texts t = { 0 };
    struct span answer = span_lower(span_trim(in->answer), &arena);
    cut_labels(answer, answer_separator(answer, in), &t.vocab, &t.answer);
    for (size_t i = 0; i < in->reference_count; i++) {
        int64_t counts[3];
        t.reference.count = 0;
        cut_labels(span_lower(span_trim(in->references[i]), &arena), "<p>", &t.vocab, &t.reference);
        compare(&t, counts);
        if (i == 0 || f1_of(counts) > f1_of(stats))
            memcpy(stats, counts, sizeof(counts));
    }
    texts_release(&t);
    arena_release(&arena);
}

double micro_f1_value(const int64_t *sums, uint64_t answered)
{
    (void)answered; /* a corpus measure */
    return f1_of(sums);
}
