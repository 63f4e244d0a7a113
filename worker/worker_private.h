/* What worker.c and worker_turn.c share; nobody else includes it. */
#ifndef MUSTER_WORKER_WORKER_PRIVATE_H
#define MUSTER_WORKER_WORKER_PRIVATE_H

#include "common/arena.h"
#include "worker/agent/agent.h"
#include "worker/inbox.h"
#include "worker/slot.h"
#include "worker/worker.h"

struct catalog;
struct link;
struct media;
struct spool;

enum worker_state {
    WORKER_RUNNING,
    WORKER_SHUTTING, /* hosts asked to go */
    WORKER_KILLING,  /* hosts killed */
    WORKER_CLOSED    /* handles closing */
};

struct worker {
    struct worker_config config;
    enum worker_state state;
    enum worker_end end;
    bool is_draining; /* the agent has been told */
    uint8_t id[WORKER_ID_BYTES];
    bool has_store;
    uint8_t store[STORE_ID_BYTES]; /* that all ids and attempts are of */
    int64_t ends_mono_ns;          /* of the lifetime; INT64_MAX: none */
    struct agent *agent;
    struct agent_effects effects;
    struct inbox inbox;
    bool is_stepping;
    struct link *link;
    struct spool *spool;
    struct catalog *catalog;
    struct media *media;
    struct host_family family;
    struct worker_slot **slots;
    uint32_t slot_count;
    struct arena arena;   /* strings of the slots' places */
    struct arena scratch; /* of the message at hand */
    uv_prepare_t prepare;
    uv_timer_t deadline, lifetime, shut, orphan;
    unsigned orphan_looks; /* in a row at which it only waited */
};

/* worker_turn.c: events in, effects out */
void worker_on_event(void *owner, const struct agent_event *e);
void worker_post(struct worker *w, enum agent_event_kind kind); /* an event without facts, now */
void worker_on_message(void *owner, const struct msg *m);
void worker_drain(struct worker *w, const char *why); /* the first time; then nothing */

/* worker.c */
/* Where the programs of a slot, or of a gang's slots together, run; its log_path is still to come.
 * From the arena. */
struct host_place worker_place(struct worker *w, const struct topology_slot *slot,
                               struct arena *arena);
/* The agent is done, or of no use any more: what still runs is asked to go, then the loop ends. */
void worker_shut(struct worker *w);

#endif
