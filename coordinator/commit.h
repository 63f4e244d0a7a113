/* Group commit: one transaction in flight, on a work thread; what arrives meanwhile gathers for the
 * next one. What a turn says leaves only after its records are durable.
 *
 * A failed commit ends the process with EXIT_STORE_FAILED (restart is the recovery path), except
 * for a full disk: then the same transaction is tried again each second, and nothing is
 * acknowledged until it succeeds. All of it is for the loop thread. */
#ifndef MUSTER_COORDINATOR_COMMIT_H
#define MUSTER_COORDINATOR_COMMIT_H

#include <uv.h>

#include "common/histogram.h"
#include "coordinator/turn.h"

struct commit;

/* The turn is durable (or had nothing to record): say what it says. It is emptied afterwards. What
 * is appended to the open turn meanwhile is of the next one. */
typedef void commit_done_f(void *owner, struct turn *turn);

/* Store and owner are borrowed until commit_close. */
struct commit *commit_new(uv_loop_t *loop, struct store *store, void *owner, commit_done_f *done);

/* Where effects gather now. Valid until commit_go. */
struct turn *commit_open_turn(struct commit *c);
/* The end of a turn of the loop: start what gathered, if nothing is in flight. */
void commit_go(struct commit *c);

/* Each block that is not known to be durable: gathered, or in flight. */
void commit_each_block(const struct commit *c, store_batch_block_f *each, void *owner);

bool commit_is_idle(const struct commit *c); /* nothing gathered, nothing in flight */
/* So much waits that reading should pause: backpressure to the workers. */
bool commit_is_congested(const struct commit *c);
/* The sentence why nothing is being recorded; NULL: all is well. Borrowed until the loop goes on.
 */
const char *commit_blocked(const struct commit *c);

struct commit_counters {
    uint64_t commits, rows;
    uint64_t last_us, max_us; /* duration of a commit */
    /* Of each turn with records, us from its first message until it was durable: what the oldest of
     * its results waited for their acknowledgement here. */
    struct histogram ack_us;
};
/* Borrowed until the loop goes on. */
const struct commit_counters *commit_counters(const struct commit *c);

/* Nothing may be in flight. The memory goes in the close callback: run the loop once more. */
void commit_close(struct commit *c);

#endif
