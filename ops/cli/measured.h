/* What a state folder's store remembers of how long models take. */
#ifndef MUSTER_OPS_CLI_MEASURED_H
#define MUSTER_OPS_CLI_MEASURED_H

#include "coordinator/learned.h"
#include "coordinator/spec/plan.h"

/* Times of a slot for a model, or as its `estimate` expects them; all 0: the store has nothing of
 * it. */
struct learned measured_model(struct store *store, const struct plan_model *m);

/* Reads times of a plan's pairs, best model by model. `struct measured m = { store, plan };` */
struct measured {
    struct store *store;
    const struct plan *plan;
    const struct plan_model *model; /* that `scale` is of */
    double scale; /* recorded is the time of the model, which may answer several at once */
};

/* A slot's mean time for an instance of the pair, in nanoseconds; 0: it never ran. */
double measured_instance_ns(struct measured *from, const struct plan_model *m,
                            const struct plan_task *t);

#endif
