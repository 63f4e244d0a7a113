/* One (model, task) while it is being written: its state and one page of its done bitmap at a
 * time. Records, counts, bits and failures are changed together or not at all, since all of it is
 * one transaction. */
#ifndef MUSTER_COORDINATOR_STORE_CELL_H
#define MUSTER_COORDINATOR_STORE_CELL_H

#include "coordinator/store/table.h"

struct store_cell {
    struct store_txn *txn;
    struct errmsg *msg;
    uint32_t model, task;
    struct store_cell_state state;
    uint64_t page; /* the one in `bits`; NO_PAGE: none yet */
    bool page_changed;
    bool looked;     /* for the newest record of blocks, */
    uint64_t record; /* which is this one, if it is in the store's `bundle` */
    bool record_changed;
    uint8_t bits[STORE_PAGE_BYTES];
};

/* size 0: the cell must be there already. */
err store_cell_begin(struct store_cell *c, struct store_txn *t, uint32_t model, uint32_t task,
                     uint32_t size, struct errmsg *msg);
/* Record a block, as bytes and decoded. Its rows must be open (check); strikes of theirs end. */
err store_cell_block(struct store_cell *c, struct span bytes, const struct block *block);
/* Open one failed instance again. */
err store_cell_reopen(struct store_cell *c, uint32_t instance, const struct store_failure *failure);
/* Whether an instance has ended. */
err store_cell_ended(struct store_cell *c, uint32_t instance, bool *out);
/* Write what is still to be written: blocks too. */
err store_cell_end(struct store_cell *c);

#endif
