/* Models that an operator holds back, in the store: an order that was answered outlives a crash.
 *
 * Not the end of a run: whoever runs the sweep again wants all of it, and a pause of last week that
 * nobody remembers would keep it from ever being done. */
#ifndef MUSTER_COORDINATOR_PAUSES_H
#define MUSTER_COORDINATOR_PAUSES_H

#include "coordinator/catalog.h"
#include "coordinator/core/core.h"

/* model: the store's id. */
void pauses_store(struct store_batch *b, uint32_t model, bool is_paused);

/* Pause in the core what was paused when the last coordinator went, unless it had closed the store:
 * then that is forgotten. Once, before the first event. ERR_*: as of the store. */
err pauses_restore(struct store *store, const struct catalog *catalog, struct core *core,
                   struct errmsg *msg);

#endif
