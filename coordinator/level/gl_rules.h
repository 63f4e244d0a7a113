/* What the files of General-Level share; not for others. */
#ifndef MUSTER_COORDINATOR_LEVEL_GL_RULES_H
#define MUSTER_COORDINATOR_LEVEL_GL_RULES_H

#include "coordinator/level/general_level.h"

#include <math.h>

/* gl_judge, one rule a file. They fill *faults, which starts empty. */
void gl_judge_official(const struct gl_row *rows, size_t count, struct gl_verdict *verdicts,
                       struct gl_faults *faults);
void gl_judge_corrected(const struct gl_row *rows, size_t count, struct gl_verdict *verdicts,
                        struct gl_faults *faults);

void gl_faults_add(struct gl_faults *faults, enum gl_fault_kind kind, size_t row, bool in_sota);

/* How many rows are of NLP, or are not. */
size_t gl_count_rows(const struct gl_row *rows, size_t count, bool nlp);

/* Neither NaN nor +inf: the reference's test for "there is a score". -inf passes. */
static inline bool gl_is_there(double x)
{
    return !isnan(x) && x != INFINITY;
}

#endif
