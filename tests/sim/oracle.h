/* What has to hold, kept beside the run: an account of its own of rows, strikes, leases and
 * sessions, from what is seen at the joints, and compared with what the core, the agents and the
 * disk say. A violation ends the run (world_fail).
 *
 * Of leases it keeps a lower bound, since the core does not tell when one ends: a lease counts as
 * surely live from its grant, or from the beat that renewed it, for its term, unless something that
 * may end it happened meanwhile. */
#ifndef MUSTER_TESTS_SIM_ORACLE_H
#define MUSTER_TESTS_SIM_ORACLE_H

#include "coordinator/core/core.h"
#include "coordinator/store/batch.h"
#include "tests/sim/worker.h"

void oracle_init(struct world *w);
void oracle_release(struct world *w);

/* ---- At the coordinator ---- */

/* What is remembered between oracle_before and oracle_after. */
struct oracle_step {
    bool is_reliable;   /* results or the end of an attempt, of a session that is known */
    bool is_in_order;   /* its turn: it may change things */
    bool is_repetition; /* it came before */
};

void oracle_restarted(struct world *w, uint64_t epoch);
void oracle_before(struct world *w, const struct core_event *e, struct oracle_step *about);
/* The operations of the batch from `from` on are of this step. */
void oracle_emitted(struct world *w, const struct core_event *e, const struct oracle_step *about,
                    const struct store_batch *batch, size_t from);
void oracle_after(struct world *w, const struct core_event *e, const struct oracle_step *about,
                  const struct core_effects *effects);
void oracle_durable(struct world *w, const struct store_batch *batch);
/* After every step: counters; now and then: everything. */
void oracle_check(struct world *w);

/* ---- At the workers ---- */

/* The agent takes a grant in. */
void oracle_granted_here(struct world *w, const struct sim_worker *k, uint64_t attempt);
/* A message came: revocations, stale attempts and orders to go bind from here on. */
void oracle_told(struct world *w, const struct sim_worker *k, const struct msg *m);
void oracle_beats(struct world *w, const struct sim_worker *k, const struct msg_beat *beat);
/* The agent has stepped, and its effects are carried out. */
void oracle_heard(struct world *w, const struct sim_worker *k, const struct agent_event *e,
                  const struct agent_effects *effects);
void oracle_asked(struct world *w, const struct sim_worker *k, const struct agent_effect *e);
void oracle_recorded(struct world *w, const struct sim_worker *k, uint64_t attempt, uint32_t task,
                     const struct result *row);
void oracle_ended(struct world *w, const struct sim_worker *k, const struct agent_effect *e);
void oracle_acked(struct world *w, const struct sim_worker *k, const struct sim_unacked *u);

/* ---- At the hosts ---- */

/* A run of an instance begins: its number. */
uint64_t oracle_run(struct world *w, const struct sim_worker *k, uint64_t attempt, uint32_t model,
                    uint32_t task, uint32_t instance);
/* This instance is to blame, in this attempt, for a row of this status. */
void oracle_failed(struct world *w, uint64_t attempt, uint32_t model, uint32_t task,
                   uint32_t instance, status code);
/* Whether a sound instance may fail once more without being given up. */
bool oracle_may_fail(const struct world *w, uint32_t model, uint32_t task, uint32_t instance);
void oracle_will_fail(struct world *w, uint32_t model, uint32_t task, uint32_t instance);

/* ---- At the end ---- */

bool oracle_all_durable(const struct world *w);
/* The run is over: the report is the one that the seed promises. */
void oracle_check_end(struct world *w);

#endif
