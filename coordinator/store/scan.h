/* Reading one cell: its state, its blocks, and which of their rows count: a row that a retry made
 * void does not (TABLE_REOPENED). */
#ifndef MUSTER_COORDINATOR_STORE_SCAN_H
#define MUSTER_COORDINATOR_STORE_SCAN_H

#include "coordinator/store/table.h"

/* ERR_NOT_FOUND, and *out as it was: no results yet. */
err store_state_read(struct store_txn *t, uint32_t model, uint32_t task,
                     struct store_cell_state *out, struct errmsg *msg);
/* So many rows were found to count: ERR_CORRUPT unless the state says so too. The cheapest recount:
 * a record that was lost, or moved out of its cell, shows here. */
err store_state_agrees(struct store_txn *t, uint32_t model, uint32_t task,
                       const struct store_cell_state *state, uint64_t rows, struct errmsg *msg);

struct store_void {
    uint32_t instance;
    uint64_t block; /* its rows in blocks up to this one are void */
};

struct store_voids {
    struct store_void *items; /* ascending by instance; nearly always none */
    size_t count, capacity;
};

err store_voids_read(struct store_txn *t, uint32_t model, uint32_t task, struct store_voids *out,
                     struct errmsg *msg);
void store_voids_release(struct store_voids *v);
/* NULL: no retry opened this instance. */
const struct store_void *store_voids_find(const struct store_voids *v, uint32_t instance);
/* Whether a row of the instance in this block is void. */
bool store_voids_has(const struct store_voids *v, uint32_t instance, uint64_t block);

/* A block as it lies in its record. */
struct store_scanned {
    uint64_t number;
    struct span bytes; /* lie in the cursor's payload */
    const struct block *block;
};
/* An err ends the scan. */
typedef err store_scan_f(void *owner, struct store_cursor *c, const struct store_scanned *scanned);

/* Each block of the record under the cursor, checked: decoded, no instance at or behind `size`. */
err store_scan_record(struct store_cursor *c, uint32_t size, store_scan_f *each, void *owner);

#endif
