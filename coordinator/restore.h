/* The core of a sweep, with everything in it that the store remembers. */
#ifndef MUSTER_COORDINATOR_RESTORE_H
#define MUSTER_COORDINATOR_RESTORE_H

#include "coordinator/catalog.h"
#include "coordinator/core/core.h"

/* Reads bitmaps and tallies, never results: O(models x tasks + instances / 64). */
err restore_core(const struct plan *plan, const struct catalog *catalog, struct store *store,
                 const struct core_config *config, struct core **out, struct errmsg *msg);

#endif
