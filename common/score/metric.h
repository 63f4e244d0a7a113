/* Metrics: pure functions from (answer, references) to statistics that merge by addition, and from
 * their sums to a score.
 *
 * Statistics are 64-bit integers. Real values are rounded to billionths (METRIC_ONE = 1e9) once, an
 * instance at a time; from there on everything is integer addition, so a score does not depend on
 * the order or the grouping of results. Every statistic is within +-METRIC_ONE: the sums of nine
 * thousand million instances fit. */
#ifndef MUSTER_COMMON_SCORE_METRIC_H
#define MUSTER_COMMON_SCORE_METRIC_H

#include "common/err.h"
#include "common/limits.h"
#include "common/span.h"

#define METRIC_ONE 1000000000ll

/* How a score is computed. Several of the names that people use mean one kind. */
enum metric_kind {
    METRIC_EXACT,    /* trimmed equality with any reference */
    METRIC_CONTAINS, /* a reference is a substring of the answer, case-insensitive */
    METRIC_CHOICE,   /* the option letter found in the answer equals the reference */
    METRIC_TOKEN_F1, /* General-Level's token F1 */
    METRIC_MICRO_F1, /* sets of '<p>'-separated strings, counts over the corpus */
    METRIC_BLEU1,    /* sentence BLEU-1, smoothing method 4, mean over instances */
    METRIC_BLEU4,    /* corpus BLEU-4 */
    METRIC_ROUGE1,   /* ROUGE-1 F with stemming */
    METRIC_ROUGEL,   /* ROUGE-L F */
    METRIC_ANLS,     /* 1 - normalised edit distance, 0 below 0.5 */
    METRIC_WER,      /* word error rate over the corpus, percent */
    METRIC_CER,      /* character error rate over the corpus, percent */
    METRIC_MAE,      /* mean absolute error of numbers */
    METRIC_RMSE,     /* root of the mean squared error of numbers */
    METRIC_SCORED,   /* mean of what the task's scorer program (or a sim model) said */
    METRIC_KIND_COUNT
};

struct metric {
    const char *name; /* as it stands in the workbook: "ACC", "Rouge-L f", "FID", ... */
    enum metric_kind kind;
    bool lower_is_better;
    bool percent;       /* the score is 0..100 from fractions 0..1; METRIC_SCORED: the scorer
                           says 0..100 itself, values are never changed */
    uint8_t stat_count; /* statistics an instance */
};

/* By the name of a workbook's metric column (trimmed, case-insensitive, aliases such as Acc/ACC,
 * BLUE_1, "F1 Score"). NULL: unknown name; metric_nearest helps the message. Static. */
const struct metric *metric_find(const char *name);
const char *metric_nearest(const char *name);
/* The same name, direction and unit, but scored by a program or a sim model: METRIC_SCORED. */
struct metric metric_as_scored(const struct metric *m);

/* How an instance is to be scored besides its metric. */
struct metric_input {
    struct span answer;
    const struct span *references;
    size_t reference_count;
    double scorer_value;   /* METRIC_SCORED: what the scorer said */
    unsigned option_count; /* METRIC_CHOICE: how many options there are; 0: unknown */
};

/* Fill stats[0 .. metric->stat_count). Never fails: an unusable answer is scored as wrong.
 * METRIC_SCORED with a value that is not finite, or beyond +-1e9, is ERR_INVALID. */
err metric_score(const struct metric *m, const struct metric_input *in, int64_t stats[STATS_MAX]);

/* The score from the sums over `answered` instances; NAN if there is nothing to divide by. */
double metric_value(const struct metric *m, const int64_t sums[STATS_MAX], uint64_t answered);

#endif
