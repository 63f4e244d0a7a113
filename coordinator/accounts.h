/* Whose slot time it is: the accounts of users, sweeps and models in the core. */
#ifndef MUSTER_COORDINATOR_ACCOUNTS_H
#define MUSTER_COORDINATOR_ACCOUNTS_H

#include "coordinator/core/core.h"
#include "coordinator/spec/plan.h"

/* The account that each of the plan's models charges, all 0 where nothing is shared: one sweep,
 * whose models have no shares of their own. Sweeps of a user share what the user gets. */
void accounts_open(const struct plan *plan, struct core *core, uint32_t *of_model);

#endif
