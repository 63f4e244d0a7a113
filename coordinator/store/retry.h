/* Opening failed instances again. */
#ifndef MUSTER_COORDINATOR_STORE_RETRY_H
#define MUSTER_COORDINATOR_STORE_RETRY_H

#include "coordinator/store/table.h"

/* All failures of (model, task); 0 means all of them. */
err store_retry(struct store_txn *t, uint32_t model, uint32_t task, struct errmsg *msg);

#endif
