/* Scoring one answer, or several, in a line. */
#ifndef MUSTER_TESTS_LIB_SCORE_H
#define MUSTER_TESTS_LIB_SCORE_H

#include "common/score/metric.h"
#include "tests/lib/test.h"

enum { TEST_REFERENCES_MAX = 4 };

/* An answer and its references, the list ended by NULL. */
struct test_answer {
    const char *answer;
    const char *references[TEST_REFERENCES_MAX + 1];
};

static inline void test_stats(const char *metric, const struct test_answer *a, unsigned options,
                              int64_t stats[STATS_MAX])
{
    struct span references[TEST_REFERENCES_MAX];
    struct metric_input in = { .answer = span_str(a->answer), .references = references };
    for (; a->references[in.reference_count]; in.reference_count++)
        references[in.reference_count] = span_str(a->references[in.reference_count]);
    in.option_count = options;
    const struct metric *m = metric_find(metric);
    assert_non_null(m);
    assert_int_equal(metric_score(m, &in, stats), OK);
}

/* The score of a task that consists of these answers. */
static inline double test_score_of(const char *metric, const struct test_answer *answers,
                                   size_t count)
{
    int64_t sums[STATS_MAX] = { 0 };
    for (size_t i = 0; i < count; i++) {
        int64_t stats[STATS_MAX];
        test_stats(metric, &answers[i], 0, stats);
        for (size_t k = 0; k < STATS_MAX; k++)
            sums[k] += stats[k];
    }
    return metric_value(metric_find(metric), sums, count);
}

static inline void test_close(double actual, double expected, double tolerance)
{
    if (!(actual - expected <= tolerance && expected - actual <= tolerance))
        fail_msg("%.12f is not %.12f", actual, expected);
}

#endif
