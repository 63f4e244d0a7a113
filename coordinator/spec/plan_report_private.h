/* What the files of the report share. */
#ifndef MUSTER_COORDINATOR_SPEC_PLAN_REPORT_PRIVATE_H
#define MUSTER_COORDINATOR_SPEC_PLAN_REPORT_PRIVATE_H

#include "coordinator/spec/plan_report.h"

static inline uint32_t plan_workers(const struct plan_machine *m)
{
    return m->workers > 0 ? m->workers : 1;
}

/* plan_report.c */
void plan_add_counts(struct plan_counts *to, const struct plan_counts *from);
/* Count what is wanted of a pair: `count` bits of `wanted`. */
void plan_count_cell(const struct plan_question *ask, const struct plan_model *model,
                     const struct plan_task *task, const struct bitmap *wanted, uint32_t count,
                     struct plan_counts *out);

/* plan_earlier.c: results of former selves, of a model of the report, and of all tasks. */
void plan_list_earlier(struct plan_report *r, struct plan_report_model *m,
                       const struct plan_store *store);
void plan_find_changed_tasks(struct plan_report *r, const struct plan_store *store);

/* plan_fit.c: fits, replicas_max and obstacle of a model. */
void plan_find_fits(struct plan_report *r, struct plan_report_model *m);

/* plan_forecast.c: the sweeps, when the models are known. */
void plan_forecast(struct plan_report *r, const struct plan_question *ask);

#endif
