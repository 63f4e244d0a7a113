/* Results that the core has counted and the store does not have yet: they wait for their commit.
 *
 * Operators hear only of what is durable, and they hear it at once: what the core counts, less
 * this. One ask's; collected anew for each. */
#ifndef MUSTER_COORDINATOR_ADMIN_WAITING_H
#define MUSTER_COORDINATOR_ADMIN_WAITING_H

#include "coordinator/admin/admin.h"

struct waiting_count {
    uint64_t ended, failed;
};

struct waiting_block {
    uint32_t model, task; /* the core's indexes */
    const struct block *block;
};

struct waiting {
    struct waiting_count all, *models; /* of each model */
    struct waiting_block *blocks;      /* by model and task */
    size_t count, capacity;
};

/* O(models + rows that wait). The blocks are borrowed: until the loop goes on. */
void waiting_collect(const struct admin *a, struct waiting *out);
void waiting_release(struct waiting *w);

/* Those of one model and task, of the instances in `some`. */
uint32_t waiting_in_cell(const struct waiting *w, uint32_t model, uint32_t task,
                         const struct bitmap *some);

#endif
