/* The worker as a state machine. Pure: no clock, no I/O, no process. Live, the shell (worker/)
 * turns frames, children and timers into events and does what the effects say; the simulation
 * runs this same object code under a fake clock and network.
 *
 * What it promises:
 * - a slot is held by at most one host, its own or that of the gang it is a member of, and a host
 *   gets requests of its own model only;
 * - every wanted instance of an attempt ends with one row, or goes back: with the end of the
 *   attempt, or with that of a part of it, of which nothing was started;
 * - exactly the instance at fault is blamed: what ran beside it runs again;
 * - the message that an attempt (a part of it) ended comes after all of its rows; every reliable
 * message has a seq, ascending from 1, and counts as unacked until an ACKED covers it;
 * - without a coordinator, granted work goes on and rows wait.
 * One thread. */
#ifndef MUSTER_WORKER_AGENT_AGENT_H
#define MUSTER_WORKER_AGENT_AGENT_H

#include "worker/agent/effect.h"
#include "worker/agent/event.h"

struct agent_slot_config {
    uint32_t gpus, cpus;
    uint64_t memory_bytes; /* 0: not limited */
};

struct agent_config {
    const struct agent_slot_config *slots; /* copied */
    uint32_t slot_count;                   /* 1 .. SLOTS_MAX */
    /* No new request while more waits for its ack, or the ends of ENDED_MAX attempts do. */
    uint64_t unacked_bytes_max;
    uint64_t seed; /* of the jitter before a hello */
};

struct agent;

/* The first deadline has passed: the first TIME says hello. */
struct agent *agent_new(const struct agent_config *config);
void agent_free(struct agent *agent);

/* Append to `out` what is to be done. Not reentrant: what the effects cause is a later event. */
void agent_step(struct agent *agent, const struct agent_event *event, struct agent_effects *out);

/* When a TIME event is due; INT64_MAX: not at all. */
int64_t agent_deadline_mono_ns(const struct agent *agent);

/* What hello and beat say of slots and attempts; the arrays are of the arena. The rest of hello
 * (names, ids, hardware) is the shell's. */
void agent_hello(const struct agent *agent, struct arena *arena, struct msg_hello *out);
void agent_beat(const struct agent *agent, struct arena *arena, struct msg_beat *out);

/* It drains, nothing runs any more, and what it has to hand over waits for a coordinator that does
 * not answer. */
bool agent_only_waits(const struct agent *agent);

/* About what waits for an ack, rows not yet flushed included. */
uint64_t agent_unacked_bytes(const struct agent *agent);

#endif
