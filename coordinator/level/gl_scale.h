/* The scales that bring the metrics that are not percentages to 0..100, higher is better.
 * arXiv 2505.04620, A.1; the same constants as the reference's utils/special_metrix.py.
 *
 * To add one: a line in the table of gl_scale.c. */
#ifndef MUSTER_COORDINATOR_LEVEL_GL_SCALE_H
#define MUSTER_COORDINATOR_LEVEL_GL_SCALE_H

#include "coordinator/level/general_level.h"

enum gl_scale_kind {
    GL_SCALE_ERROR,   /* (2 sigmoid(t / x) - 1) * 100: 0 is perfect */
    GL_SCALE_PSNR,    /* tanh(t x) * 100 */
    GL_SCALE_WER,     /* (1 - x) * 100, or 100 - x: see the rules */
    GL_SCALE_MS_SSIM, /* (x + 1) / 2 * 100 */
    GL_SCALE_MOS      /* (x - 1) / 4 * 100 */
};

struct gl_scale {
    const char *key; /* the metric's name in capitals */
    enum gl_scale_kind kind;
    double t;
};

/* The scale of a metric under a rule; NULL: its scores are percentages already. Official: the
 * upper-cased name is a key. Corrected: its first word is, or that of the name that muster has for
 * the metric. */
const struct gl_scale *gl_scale_find(enum gl_rule rule, const char *metric);

/* An error (muster knows that less of it is better) that nothing brings to 0..100: LPIPS. */
bool gl_scale_is_missing(const char *metric);

/* Is a smaller raw value the better one? NULL: no. */
bool gl_scale_lower_is_better(const struct gl_scale *scale);

/* x on the scale, unclamped. Official: x > 0. Corrected: x >= 0 (MS-SSIM: >= -1), finite. */
double gl_scale_apply(enum gl_rule rule, const struct gl_scale *scale, double x);

#endif
