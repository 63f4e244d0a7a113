/* BLEU (Papineni et al. 2002) on the words of words.c, letter case kept. */
#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/score/family.h"
#include "common/score/tokens.h"

enum { ORDERS = 4, STAT_MATCH = 0, STAT_TOTAL = ORDERS, STAT_ANSWER = 2 * ORDERS, STAT_REFERENCE };

static double brevity(double answer, double reference)
{
    if (answer <= 0)
        return 0;
    return answer > reference ? 1 : exp(1 - reference / answer);
}

static size_t count_common(const uint32_t *a, const uint32_t *b, size_t id_count)
{
    size_t common = 0;
    for (size_t id = 0; id < id_count; id++)
        common += a[id] < b[id] ? a[id] : b[id];
    return common;
}

/* NLTK's sentence BLEU with weights (1, 0, 0, 0), the best of the references. Its smoothing (method
 * 4) only touches orders that weigh nothing here: an answer without a common word is 0 before. */
void bleu1_score(const struct metric_input *in, int64_t *stats)
{
    struct vocab vocab = { 0 };
    struct tokens answer = { 0 }, reference = { 0 };
    double best = 0;
    tokens_by_words(in->answer, &vocab, &answer);
    for (size_t i = 0; i < in->reference_count && answer.count; i++) {
        reference.count = 0;
        tokens_by_words(in->references[i], &vocab, &reference);
        uint32_t *said = tokens_count_ids(&answer, &vocab);
        uint32_t *expected = tokens_count_ids(&reference, &vocab);
        double precision = (double)count_common(said, expected, vocab.count) / (double)answer.count;
        double score = precision * brevity((double)answer.count, (double)reference.count);
        best = score > best ? score : best;
        free(said);
        free(expected);
    }
    stats[0] = billionths(best);
    tokens_release(&answer);
    tokens_release(&reference);
    vocab_release(&vocab);
}

/* The n-grams of a text as ids, made longer by a word at a time: an n-gram is the pair of the
 * (n-1)-gram at its beginning and its last word. */
struct grams {
    struct tokens words, current;
};

static void grams_init(struct grams *g, struct span text, struct vocab *words)
{
    *g = (struct grams){ 0 };
    tokens_by_words(text, words, &g->words);
    for (size_t i = 0; i < g->words.count; i++)
        tokens_push(&g->current, g->words.ids[i]);
}

static void grams_release(struct grams *g)
{
    tokens_release(&g->words);
    tokens_release(&g->current);
}

/* pairs: the arena that the vocabulary's keys live in. */
static void grams_lengthen(struct grams *g, size_t order, struct vocab *v, struct arena *pairs)
{
    size_t count = g->words.count >= order ? g->words.count - order + 1 : 0;
    uint32_t(*keys)[2] = arena_alloc(pairs, (count + 1) * sizeof(*keys));
    for (size_t i = 0; i < count; i++) {
        keys[i][0] = g->current.ids[i];
        keys[i][1] = g->words.ids[i + order - 1];
        g->current.ids[i] = vocab_id(v, span_of(keys[i], sizeof(keys[i])));
    }
    g->current.count = count;
}

/* Clipped matches of one order: an n-gram counts as often as in the reference that has it most. */
static int64_t count_matches(const struct grams *texts, size_t text_count, const struct vocab *v)
{
    uint32_t *said = tokens_count_ids(&texts[0].current, v);
    uint32_t *most = xcalloc(v->count + 1, sizeof(*most));
    for (size_t t = 1; t < text_count; t++) {
        uint32_t *counts = tokens_count_ids(&texts[t].current, v);
        for (size_t id = 0; id < v->count; id++)
            most[id] = counts[id] > most[id] ? counts[id] : most[id];
        free(counts);
    }
    int64_t matches = (int64_t)count_common(said, most, v->count);
    free(said);
    free(most);
    return matches;
}

/* The reference length nearest to the answer's, the shorter one of two equally near. */
static int64_t nearest_length(const struct grams *texts, size_t text_count)
{
    int64_t answer = (int64_t)texts[0].words.count, best = 0;
    for (size_t t = 1; t < text_count; t++) {
        int64_t length = (int64_t)texts[t].words.count;
        int64_t gap = llabs(length - answer), best_gap = llabs(best - answer);
        if (t == 1 || gap < best_gap || (gap == best_gap && length < best))
            best = length;
    }
    return best;
}

static void match_order(struct grams *texts, size_t text_count, size_t order, struct vocab *words,
                        int64_t *stats)
{
    struct vocab longer = { 0 };
    struct arena pairs = { 0 };
    const struct vocab *v = order == 1 ? words : &longer;
    for (size_t t = 0; t < text_count && order > 1; t++)
        grams_lengthen(&texts[t], order, &longer, &pairs);
    stats[STAT_MATCH + order - 1] = count_matches(texts, text_count, v);
    stats[STAT_TOTAL + order - 1] = (int64_t)texts[0].current.count;
    vocab_release(&longer);
    arena_release(&pairs);
}

void bleu4_score(const struct metric_input *in, int64_t *stats)
{
    size_t text_count = 1 + in->reference_count;
    struct grams *texts = xcalloc(text_count, sizeof(*texts));
    struct vocab words = { 0 };
    grams_init(&texts[0], in->answer, &words);
    for (size_t t = 1; t < text_count; t++)
        grams_init(&texts[t], in->references[t - 1], &words);
    for (size_t order = 1; order <= ORDERS; order++)
        match_order(texts, text_count, order, &words, stats);
    stats[STAT_ANSWER] = (int64_t)texts[0].words.count;
    stats[STAT_REFERENCE] = nearest_length(texts, text_count);
    for (size_t t = 0; t < text_count; t++)
        grams_release(&texts[t]);
    vocab_release(&words);
    free(texts);
}

double bleu4_value(const int64_t *sums, uint64_t answered)
{
    (void)answered; /* a corpus measure */
    double log_sum = 0;
    for (int order = 0; order < ORDERS; order++) {
        if (sums[STAT_MATCH + order] <= 0)
            return 0;
        log_sum += log((double)sums[STAT_MATCH + order] / (double)sums[STAT_TOTAL + order]);
    }
    return brevity((double)sums[STAT_ANSWER], (double)sums[STAT_REFERENCE]) * exp(log_sum / ORDERS);
}
