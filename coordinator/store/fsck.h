/* What the two halves of the check share: counting, and saying what is wrong. */
#ifndef MUSTER_COORDINATOR_STORE_FSCK_H
#define MUSTER_COORDINATOR_STORE_FSCK_H

#include "coordinator/store/table.h"

struct fsck {
    struct store_txn *txn;
    store_violation_f *each; /* may be NULL */
    void *owner;
    struct fsck_summary *sum;
    struct errmsg said;   /* of the last failed call: becomes a violation, or ends the check */
    uint32_t *task_sizes; /* by id, up to head.task_count; 0: no such task */
    uint64_t in_cells[TABLE_COUNT]; /* records that were met while checking cells */
};

void store_fsck_say(struct fsck *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Damage is a violation, and OK for the check; everything else ends it. */
err store_fsck_note(struct fsck *f, err e);

/* A cursor's step for which a damaged record is a violation and not the end. */
bool store_fsck_next(struct fsck *f, struct store_cursor *c);

/* Everything about one cell whose state was read: blocks, bitmap, counts, failures, void rows. */
err store_fsck_cell(struct fsck *f, uint32_t model, uint32_t task,
                    const struct store_cell_state *state);

#endif
