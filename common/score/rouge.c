/* ROUGE-1 and ROUGE-L (Lin 2004), F measure, as the rouge_score package computes them with its
 * stemmer on: runs of a-z and 0-9 in lower case, words of more than 3 letters stemmed. */
#include <stdlib.h>

#include "common/score/align.h"
#include "common/score/family.h"
#include "common/score/porter.h"
#include "common/score/tokens.h"

enum { STEMMED_FROM = 4 };

static void cut_stems(struct span text, struct arena *arena, struct vocab *v, struct tokens *out)
{
    char *lower = arena_alloc(arena, text.len + 1);
    for (size_t at = 0; at < text.len;) {
        size_t len = 0;
        while (at + len < text.len &&
               (is_letter(text.data[at + len]) || is_digit(text.data[at + len]))) {
            lower[at + len] = (char)to_lower(text.data[at + len]);
            len++;
        }
        size_t stem = len >= STEMMED_FROM ? porter_stem(lower + at, len) : len;
        if (stem)
            tokens_push(out, vocab_id(v, span_of(lower + at, stem)));
        at += len + 1;
    }
}

/* How much two texts have in common, in tokens. */
typedef size_t common_f(const struct tokens *a, const struct tokens *b, const struct vocab *v);

static size_t common_words(const struct tokens *a, const struct tokens *b, const struct vocab *v)
{
    uint32_t *in_a = tokens_count_ids(a, v), *in_b = tokens_count_ids(b, v);
    size_t common = 0;
    for (size_t id = 0; id < v->count; id++)
        common += in_a[id] < in_b[id] ? in_a[id] : in_b[id];
    free(in_a);
    free(in_b);
    return common;
}

static size_t common_sequence(const struct tokens *a, const struct tokens *b, const struct vocab *v)
{
    size_t a_count = a->count < ALIGN_MAX ? a->count : ALIGN_MAX;
    size_t b_count = b->count < ALIGN_MAX ? b->count : ALIGN_MAX;
    return align_common(a->ids, a_count, b->ids, b_count, v->count);
}

static int64_t best_rouge(const struct metric_input *in, common_f *common_of)
{
    struct arena arena = { 0 };
    struct vocab vocab = { 0 };
    struct tokens answer = { 0 }, reference = { 0 };
    double best = 0;
    cut_stems(in->answer, &arena, &vocab, &answer);
    for (size_t i = 0; i < in->reference_count; i++) {
        reference.count = 0;
        cut_stems(in->references[i], &arena, &vocab, &reference);
        double common = (double)common_of(&answer, &reference, &vocab);
        double f1 = common > 0 ? 2 * common / (double)(answer.count + reference.count) : 0;
        best = f1 > best ? f1 : best;
    }
    tokens_release(&answer);
    tokens_release(&reference);
    vocab_release(&vocab);
    arena_release(&arena);
    return billionths(best);
}

void rouge1_score(const struct metric_input *in, int64_t *stats)
{
    stats[0] = best_rouge(in, common_words);
}

void rougel_score(const struct metric_input *in, int64_t *stats)
{
    stats[0] = best_rouge(in, common_sequence);
}
