/* Instances, attempts and their leases: what is granted, over, and tried again. */
#ifndef MUSTER_COORDINATOR_CORE_WORK_H
#define MUSTER_COORDINATOR_CORE_WORK_H

#include "coordinator/core/state_internal.h"

/* cell.c: the bits. Every move of an instance between closed, taken and free goes through these. */
struct cell *cell_find(const struct core *c, uint32_t model, uint32_t task);
void cell_take(struct core *c, struct cell *cell, uint32_t first, uint32_t count);
void cell_free_again(struct core *c, struct cell *cell, uint32_t instance);
void cell_close(struct core *c, struct cell *cell, uint32_t instance, bool failed);
/* Of instances that are all taken, and did not fail. */
void cell_close_run(struct core *c, struct cell *cell, uint32_t first, uint32_t count);
static inline bool cell_is_taken(const struct cell *cell, uint32_t instance)
{
    return cell->taken.words && bitmap_get(&cell->taken, instance);
}
void model_settle(struct core *c, uint32_t model); /* keeps open_models; after a pause too */
uint32_t cell_free_count(const struct cell *cell);
void cell_destroy(struct cell *cell);

/* attempt.c */
struct attempt *attempt_new(struct core *c, struct worker *w, uint32_t slot, struct cell *cell,
                            uint32_t first, uint32_t count, uint64_t id, bool adopted);
struct attempt *attempt_new_copy(struct core *c, struct worker *w, uint32_t slot, struct cell *cell,
                                 uint32_t instance, uint64_t id);
/* A number that nobody was given yet, for this worker. */
uint64_t attempt_number(struct core *c, const struct worker *w);
/* Whether this worker may have been given that number, this incarnation's or an earlier one's: then
 * it may have results of it, whatever became of the lease. Of older ones than the newest 65,536 it
 * is no longer known: they do not count, which costs a repetition at most. */
bool attempt_was_given(const struct core *c, const struct worker *w, uint64_t id);
/* Over, for whatever reason: what is still open of it becomes free, or waits out its backoff. */
void attempt_end(struct core *c, struct attempt *a);
/* The worker has given back what of it lies at `from` or behind, and goes on with the rest. What
 * makes no sense changes nothing. */
void attempt_cut(struct core *c, struct attempt *a, uint32_t from);
static inline bool attempt_has(const struct attempt *a, uint32_t instance)
{
    return instance >= a->first && instance - a->first < a->count;
}
/* The head of a slot, or the one behind `a` on its slot or heading the slot after. NULL: none. */
struct attempt *attempt_head(const struct worker *w, uint32_t slot);
struct attempt *attempt_behind(const struct attempt *a);
/* Whose a taken instance is; NULL: it waits out a backoff. O(attempts of the cell): try attempt_has
 * of a likely one before. */
struct attempt *attempt_owner(const struct cell *cell, uint32_t instance);

/* lease.c: when workers are lost and leases over. Renewing only moves a time; the heap is touched
 * when a worker's key has passed, which is once for each term and not once for each beat. */
void worker_heard(struct core *c, struct worker *w);
void worker_due_by(struct core *c, struct worker *w, int64_t when_ns); /* look at it then */
void worker_hasten(struct core *c, struct worker *w, int64_t lost_ns); /* lost by then, if silent */
void lease_until(struct core *c, struct attempt *a, int64_t end_ns);
void lease_renew(struct core *c, struct attempt *a); /* for another term from now on */
void lease_renew_all(struct core *c);                /* and nobody is late */
void lease_expire(struct core *c);                   /* those that are over, and lost workers */

/* strike.c */
struct strike *strike_find(const struct core *c, const struct cell *cell, uint32_t instance);
struct strike *strike_add(struct core *c, struct cell *cell, uint32_t instance);
void strike_end(struct core *c, struct cell *cell, uint32_t instance); /* the instance is closed */
void strike_set_unresolved(struct core *c, struct strike *s, bool is_unresolved);
void strike_wait(struct core *c, struct strike *s);
void strike_ready(struct core *c);

/* on_*.c: one family of events each */
void on_hello(struct core *c, const struct core_event *e);
void on_beat(struct core *c, struct worker *w, const struct core_event *e);
void on_results(struct core *c, struct worker *w, const struct core_event *e);
void on_ended(struct core *c, struct worker *w, const struct core_event *e);
void on_host(struct core *c, struct worker *w, const struct core_event *e);
void on_goodbye(struct core *c, struct worker *w);
void on_time(struct core *c);
void on_order(struct core *c, const struct core_event *e);

#endif
