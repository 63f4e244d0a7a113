/* Outcomes for people and for programs. */
#ifndef MUSTER_COORDINATOR_SIMULATE_OUTCOME_PRINT_H
#define MUSTER_COORDINATOR_SIMULATE_OUTCOME_PRINT_H

#include "common/buf.h"
#include "coordinator/simulate/lower_bound.h"
#include "coordinator/simulate/simulate.h"

/* Of one work on one fleet, one for each policy that was asked for. */
struct outcome_list {
    const struct outcome *outcomes;
    const enum policy *policies;
    size_t count;
    struct lower_bound bound;
};

/* Shares of slot time, of all groups together: they and what is idle add up to 1. */
void outcome_shares(const struct outcome *o, double *out_run, double *out_load);

void outcome_text(const struct outcome_list *list, struct buf *out);
/* Appends one JSON object, indented. README.md lists its keys. */
void outcome_json(const struct outcome_list *list, struct buf *out);

#endif
