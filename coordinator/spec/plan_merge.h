/* Several sweeps as one plan, for those who run them: a model, a task or a cell that several of
 * them have stands in it once, by its identity, and a cell wants what any of them wants. What is
 * said of a sweep (its report, its gaps) comes from its own plan. */
#ifndef MUSTER_COORDINATOR_SPEC_PLAN_MERGE_H
#define MUSTER_COORDINATOR_SPEC_PLAN_MERGE_H

#include "coordinator/spec/plan.h"

/* The plans, at least one, are borrowed for the life of *out. Models and tasks stand in the order
 * in which they first come. A model that several sweeps have is the first one's to pay for; it has
 * the highest of their priorities, and keeps each of their caps.
 *
 * ERR_INVALID: sweeps give one model different time limits or resources. It has one definition, and
 * an instance that both want runs once: whichever counted, the other sweep would have what it did
 * not ask for. problems names each, with both places. The caller releases *out in any case. */
err plan_merge(const struct plan *plans, size_t count, struct plan *out, struct problems *problems);

#endif
