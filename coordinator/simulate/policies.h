/* What the policies are made of. Only files of this folder include it. */
#ifndef MUSTER_COORDINATOR_SIMULATE_POLICIES_H
#define MUSTER_COORDINATOR_SIMULATE_POLICIES_H

#include "coordinator/simulate/simulate.h"

/* Each runs to its end and closes the outcome. */
void policy_muster(const struct simulate_options *options, struct outcome *o);
void policy_static_rank(struct outcome *o);
void policy_chunks(uint32_t chunk, bool keeps_model, struct outcome *o);

#endif
