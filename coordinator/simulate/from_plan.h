/* From a planned sweep to what is simulated. */
#ifndef MUSTER_COORDINATOR_SIMULATE_FROM_PLAN_H
#define MUSTER_COORDINATOR_SIMULATE_FROM_PLAN_H

#include "coordinator/simulate/fleet.h"
#include "coordinator/simulate/work.h"
#include "coordinator/spec/plan.h"

/* What was measured once, in nanoseconds; 0: never. */
struct work_measured {
    void *owner;
    /* A slot's mean time for an instance of this pair, and a load of this model. */
    double (*instance_ns)(void *owner, const struct plan_model *m, const struct plan_task *t);
    double (*load_ns)(void *owner, const struct plan_model *m);
};

/* Models and tasks have the plan's indexes. A model that fits no slot of the fleet is blocked: it
 * stays in the list, without work. measured may be NULL. The plan is borrowed for the work's life.
 * *out is empty but for its seed. Returns the number of blocked models. */
size_t work_from_plan(const struct plan *plan, const struct fleet *fleet,
                      const struct work_measured *measured, struct work *out);

#endif
