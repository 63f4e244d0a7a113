/* The scheduler: pure and deterministic, one door.
 *
 * core_step takes one event, with its own `now`, and appends effects: what to record, whom to tell.
 * It knows no clock, socket, disk or thread; the same object code runs live, in the simulation and
 * in a fuzz target. The core may be ahead of the disk: the shell acknowledges results only after
 * the turn's records are durable. What else it says promises nothing that a crash could break; a
 * grant is then one of an earlier epoch, as any other.
 *
 * An instance of a (model, task) is in exactly one place:
 *   closed      ended (recorded), or not wanted by this sweep
 *   taken       inside the range of a live attempt, or waiting out a backoff
 *   free        neither: the next grant may take it
 * Nothing is stored an instance but these bits; attempts exist only while they are leased.
 *
 * Models and tasks are dense indexes from 0 here; translate.c maps them to the store's ids. */
#ifndef MUSTER_COORDINATOR_CORE_CORE_H
#define MUSTER_COORDINATOR_CORE_CORE_H

#include "common/bitmap.h"
#include "coordinator/core/effect.h"
#include "coordinator/core/event.h"

struct core_config {
    uint64_t epoch;            /* of the store; the upper half of every attempt id */
    uint64_t seed;             /* of the jitter in backoffs */
    int64_t beat_ns;           /* how often workers beat */
    int64_t lease_ns;          /* a lease that is not renewed for so long is over */
    int64_t job_target_ns;     /* what an attempt should take once durations are known */
    int64_t probe_ns;          /* and before */
    int64_t backoff_ns;        /* before the second try of an instance; by the kind of failure it is
                                  a multiple of it, and doubles each time (strike.c) */
    uint32_t strikes_max;      /* failures of an instance before it is quarantined */
    uint32_t culprit_failures; /* in a row, before a worker or a type of GPU is at fault; 0: 5 */
    int64_t retry_type_ns;     /* until a model is tried again on a type; doubles; 0: a minute */
    uint32_t attempt_max;      /* instances of an attempt; 0: as many as there is time for */
    double copy_share; /* of all slot time, that copies of slow instances may take; 0: none */
};

/* What one replica of a model needs, of a slot or of several of one worker together. */
struct core_need {
    uint32_t gpus, cpus;
    uint64_t memory_bytes;        /* 0: no need stated */
    uint64_t gpu_memory_bytes;    /* of each of its GPUs; 0: no need stated */
    const char *const *gpu_types; /* words that one has to find in the name of the GPUs' type */
    size_t gpu_type_count;        /* 0: any will do */
};

/* What a slot has to offer. */
struct core_offer {
    uint32_t gpus, cpus;
    uint64_t memory_bytes;     /* 0: not limited */
    uint64_t gpu_memory_bytes; /* of each GPU; 0: not known, and then no obstacle */
    struct span gpu_type;      /* "NVIDIA A100-SXM4-80GB"; empty: not known, or no GPU */
};

bool core_fits(const struct core_need *need, const struct core_offer *offer);
/* How many slots with this offer have together what is needed: 1: it fits; 0: no number of them up
 * to GANG_SLOTS_MAX does. */
uint32_t core_slots_needed(const struct core_need *need, const struct core_offer *offer);

/* What a model may have. All 0: as much as there is. */
struct core_rules {
    int32_t priority;      /* of those with work for a slot, only the highest get it */
    uint32_t concurrency;  /* requests at once, over all workers; 0: no cap */
    uint32_t max_replicas; /* slots that work on it at once; 0: no cap */
    uint32_t strikes_max;  /* failures of an instance before it is quarantined; 0: the config's */
    uint32_t account;      /* that its slot time is charged to; 0: none, and no share is kept */
    bool never_copied;     /* its last instances are not run by two slots at once */
};

struct core;

struct core *core_new(const struct core_config *config);
void core_free(struct core *c);

/* The sweep, before the first step: models and tasks give their index; cells in any order. */
uint32_t core_add_model(struct core *c, const struct core_need *need); /* the need is copied */
/* Those who share the slots: users, their sweeps, models of these. parent 0: none. Before the
 * models that charge it get their rules. Slot time goes to accounts of one parent by their weights.
 */
uint32_t core_add_account(struct core *c, uint32_t parent, double weight);
void core_set_rules(struct core *c, uint32_t model, const struct core_rules *rules);
uint32_t core_add_task(struct core *c, uint32_t size);
/* wanted: the instances that this sweep asks for (NULL: all). ended: those already recorded; of
 * them `failed` with a status other than OK. Both have the task's size; copied. */
void core_add_cell(struct core *c, uint32_t model, uint32_t task, const struct bitmap *wanted,
                   const struct bitmap *ended, uint32_t failed);
/* What is expected of a model before anything of it has run: the time of a load, and a slot's time
 * an instance, over all its tasks; 0: nothing. Counts like a few tasks learned, until what is
 * measured says that it is far off. */
void core_expect_model(struct core *c, uint32_t model, int64_t load_ns, double instance_ns);
/* The same of one cell: as if it had been learned a while ago. */
void core_expect_cell(struct core *c, uint32_t model, uint32_t task, double instance_ns);
/* And what was learned of types of GPUs, as EFFECT_LEARNED told it. */
void core_expect_factors(struct core *c, uint32_t model, const struct core_factor *factors,
                         size_t count);
/* A strike that the store remembers. Ignored for an instance that is closed. */
void core_add_strike(struct core *c, uint32_t model, uint32_t task, uint32_t instance,
                     uint32_t count, uint64_t attempt);

/* Effects are appended; they borrow from the event and from out's arena until out is cleared. */
void core_step(struct core *c, const struct core_event *event, struct core_effects *out);

/* Whether it wants to know the answers of RESULTS events: some instance was given to two. */
bool core_compares_answers(const struct core *c);

/* When to step again with CORE_TIME, at the latest; INT64_MAX: no need. */
int64_t core_deadline_mono_ns(const struct core *c);

/* X(name, text): the sweep as a whole. */
#define SWEEP_STATE_LIST(X)                                                                        \
    X(SWEEP_RUNNING, "running")                                                                    \
    X(SWEEP_DRAINING, "draining") /* told to stop: attempts finish, nothing new is granted */      \
    X(SWEEP_STOPPED, "stopped")   /* drained: no attempt lives */                                  \
    X(SWEEP_STALLED, "stalled")   /* work is left, and no connected worker can do any of it */     \
    X(SWEEP_DONE, "done")         /* every wanted instance has ended */

enum sweep_state {
#define X(name, text) name,
    SWEEP_STATE_LIST(X)
#undef X
};

/* X(name, text): what was decided, counted since the core was made. To add one: a line here, and
 * count_decision where it is taken. */
#define DECISION_LIST(X)                                                                           \
    X(DECISION_STAY, "granted_stay")         /* of the model that the slot has, or will have */    \
    X(DECISION_LOAD, "granted_load")         /* of another one, that it has to load */             \
    X(DECISION_GANG, "granted_gang")         /* to the lead of a gang that was just formed */      \
    X(DECISION_BACKFILL, "granted_backfill") /* to a slot that waits for the others of a gang */   \
    X(DECISION_COPY, "granted_copy")         /* an instance that is slow elsewhere */              \
    X(DECISION_RETRY, "granted_retry")       /* of these, those of an instance that had failed */  \
    X(DECISION_ADOPT, "adopted")             /* held by a worker since before we started */        \
    X(DECISION_LEAVE, "left_model")          /* a slot left a model that can do without it */      \
    X(DECISION_NOTHING, "found_nothing")     /* an idle slot looked, and nothing was for it */     \
    X(DECISION_TAKE_BACK, "taken_back")      /* what was not started, for others */                \
    X(DECISION_SPLIT, "split")               /* a part of what was not started, for others */      \
    X(DECISION_REFUSED, "refused")           /* a worker cannot run a model, or a task */          \
    X(DECISION_EXPIRED, "expired")           /* leases that were not renewed */                    \
    X(DECISION_TYPE_PAUSED,                                                                        \
      "models_paused_on_type")              /* they fail there, whatever they are given */         \
    X(DECISION_CULPRIT, "workers_at_fault") /* drained: what fails there is fine elsewhere */      \
    X(DECISION_GANG_FORMED, "gangs_formed")                                                        \
    X(DECISION_GANG_HELD, "gangs_held")           /* they had to wait for some of their slots */   \
    X(DECISION_GANG_POSTPONED, "gangs_postponed") /* not to wait: others might start at once */    \
    X(DECISION_GANG_GIVEN_UP, "gangs_given_up")   /* the wait was longer than it was worth */      \
    X(DECISION_GANG_ENDED, "gangs_ended")

enum decision {
#define X(name, text) name,
    DECISION_LIST(X)
#undef X
        DECISION_COUNT
};

/* ---- Looking in: for status and for tests. Borrowed until the next step. ---- */

struct core_totals {
    enum sweep_state state;
    uint64_t wanted, ended, failed; /* instances; failed is part of ended */
    uint64_t taken;                 /* granted or in backoff */
    uint64_t attempts_live, attempts_granted;
    uint64_t rows_accepted, rows_duplicate, strikes, leases_expired, rows_late, taken_back,
        strikes_withdrawn;
    uint64_t nondeterministic; /* instances whose copy gave another answer */
    uint32_t workers_live;
    struct msg_use use;   /* of all slots, also of workers that are gone, as far as they said */
    int64_t remaining_ns; /* estimate for the slots that are there; -1: unknown */
};
void core_totals(const struct core *c, struct core_totals *out);

/* What the slots of connected workers do now; GPUs count where their slot does. */
struct core_fleet_view {
    uint32_t slots, busy_slots, loading_slots; /* loading is not busy; the rest is idle */
    uint32_t gpus, busy_gpus, loading_gpus;
};
void core_fleet_view(const struct core *c, struct core_fleet_view *out);

uint64_t core_decisions(const struct core *c, enum decision d);
const char *core_decision_text(enum decision d);

struct core_model_view {
    uint64_t wanted, ended, failed, taken;
    uint32_t replicas;   /* slots that hold or load it */
    uint32_t busy_slots; /* slots with attempts of it */
    uint32_t loading;    /* of these, those that still load it */
    uint32_t inflight;   /* requests that these may have open; of a model with a cap on them */
    int32_t priority;
    bool paused;
    double instance_ns;  /* learned duration of an instance a slot; 0: not known yet */
    double load_ns;      /* learned load time; 0: not known yet */
    const char *reason;  /* why nothing of it can run; NULL: it can, or nothing is left */
    const char *refusal; /* why a worker refused it or one of its tasks, last; NULL: none did */
};
void core_model_view(const struct core *c, uint32_t model, struct core_model_view *out);

/* Types of GPUs that were ever heard of; the first is that of slots without any. */
uint32_t core_gpu_type_count(const struct core *c);
const char *core_gpu_type_name(const struct core *c, uint32_t type);

struct core_model_on_type {
    double instance_ns;    /* learned there; 0: not known yet */
    bool is_paused;        /* it fails there, and other models do not */
    int64_t retry_mono_ns; /* paused: when it is tried again */
};
void core_model_on_type(const struct core *c, uint32_t model, uint32_t type,
                        struct core_model_on_type *out);

void core_cell_counts(const struct core *c, uint32_t model, uint32_t task, uint32_t *wanted,
                      uint32_t *ended);

struct core_account_view {
    double used_ns;      /* slot time, each GPU of a slot counted */
    uint32_t busy_slots; /* that work for it */
    double owed_slots;   /* that are its share now; 0: it has no work */
};
void core_account_view(const struct core *c, uint32_t account, struct core_account_view *out);

/* Of these instances of a cell, those that have ended. All of them are wanted. */
uint32_t core_cell_ended_of(const struct core *c, uint32_t model, uint32_t task,
                            const struct bitmap *some);

struct core_slot_view {
    uint8_t state;    /* enum slot_state of the last beat */
    uint32_t model;   /* UINT32_MAX: none */
    uint32_t lead;    /* of the gang that it is in, it may be itself; UINT32_MAX: of none */
    bool is_held;     /* the gang waits for the other slots of it */
    uint32_t queued;  /* attempts granted to it and not over */
    uint64_t attempt; /* the first of them; 0: none */
    uint32_t gpus, cpus;
    uint64_t memory_bytes; /* 0: not limited */
    struct msg_use use;    /* since the worker started */
};
struct core_worker_view {
    const char *name;
    uint64_t session;
    bool live, draining;
    int64_t heard_mono_ns;    /* its last message */
    int64_t drain_mono_ns;    /* when it is drained, for its time is nearly over; INT64_MAX: not */
    const char *drain_reason; /* draining: why; NULL: it said so itself */
    uint64_t rows, failures;  /* recorded through it since the coordinator started */
    uint64_t unacked_bytes;
    uint32_t slot_count;
};
uint32_t core_worker_count(const struct core *c); /* ever seen by this incarnation */
void core_worker_view(const struct core *c, uint32_t worker, struct core_worker_view *out);
void core_slot_view(const struct core *c, uint32_t worker, uint32_t slot,
                    struct core_slot_view *out);

/* Recounts everything and checks the invariants (a violation ends the process). O(instances). */
void core_selfcheck(const struct core *c);

#endif
