/* What `muster-worker --plan` says: the machine, what was ignored and why, and the slots. */
#ifndef MUSTER_WORKER_TOPOLOGY_PLAN_PRINT_H
#define MUSTER_WORKER_TOPOLOGY_PLAN_PRINT_H

#include "common/buf.h"
#include "worker/topology/topology.h"

/* Append the plan for people: a line for the machine, one for each ignored GPU, one a slot with
 * nodes, cores, GPUs and environment, one a note. Safe on a terminal. */
void plan_print_text(const struct topology *t, struct buf *out);

/* Append the same as one JSON object and a newline. */
void plan_print_json(const struct topology *t, struct buf *out);

#endif
