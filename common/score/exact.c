/* Whole answers: equal to a reference, or holding one. */
#include "common/score/family.h"
#include "common/score/tokens.h"

void exact_score(const struct metric_input *in, int64_t *stats)
{
    struct span answer = span_trim(in->answer);
    stats[0] = 0;
    for (size_t i = 0; i < in->reference_count; i++) {
        if (span_equal(answer, span_trim(in->references[i])))
            stats[0] = METRIC_ONE;
    }
}

/* An empty reference is in no answer: it would be in all. */
void contains_score(const struct metric_input *in, int64_t *stats)
{
    struct arena arena = { 0 };
    struct span answer = span_lower(in->answer, &arena);
    stats[0] = 0;
    for (size_t i = 0; i < in->reference_count && !stats[0]; i++) {
        struct span reference = span_lower(span_trim(in->references[i]), &arena);
        if (reference.len && memmem(answer.data, answer.len, reference.data, reference.len))
            stats[0] = METRIC_ONE;
    }
    arena_release(&arena);
}
