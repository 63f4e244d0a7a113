/* The families of metrics, one file each; only metric.c calls them.
 *
 * A score function fills the statistics of one instance, all of them, whatever the answer. A value
 * function turns sums over `answered` > 0 instances into a score in natural units: fractions are
 * 0..1 here, metric.c makes percents of them. */
#ifndef MUSTER_COMMON_SCORE_FAMILY_H
#define MUSTER_COMMON_SCORE_FAMILY_H

#include "common/score/metric.h"

typedef void score_f(const struct metric_input *in, int64_t *stats);
typedef double value_f(const int64_t *sums, uint64_t answered);

/* exact.c */
score_f exact_score, contains_score;
/* choice.c */
score_f choice_score;
/* f1.c */
score_f token_f1_score, micro_f1_score;
value_f micro_f1_value;
/* bleu.c */
score_f bleu1_score, bleu4_score;
value_f bleu4_value;
/* rouge.c */
score_f rouge1_score, rougel_score;
/* edit.c */
score_f anls_score, wer_score, cer_score;
value_f error_rate_value;
/* number.c */
score_f mae_score, rmse_score, scored_score;
value_f mean_value, split_mean_value, rmse_value;

/* A real number as billionths, rounded once. |x| <= 1e9. */
int64_t billionths(double x);

#endif
