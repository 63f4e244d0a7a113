/* What the agent wants done. The shell does it, in this order, after the step; what comes of it
 * comes back as later events.
 *
 * Spans and rows borrow from the event or from the effects: they live until the next
 * agent_effects_clear, or until the memory of the event goes, whichever is first.
 *
 * To add an effect: a line in AGENT_EFFECT_LIST, its facts in the union, and its execution in
 * worker/worker_turn.c and in the simulation. */
#ifndef MUSTER_WORKER_AGENT_EFFECT_H
#define MUSTER_WORKER_AGENT_EFFECT_H

#include "common/arena.h"
#include "common/block.h"
#include "proto/msg.h"

/* X(name, text) */
#define AGENT_EFFECT_LIST(X)                                                                       \
    X(AGENT_DO_START_HOST, "start host")                                                           \
    X(AGENT_DO_STOP_HOST, "stop host")                                                             \
    X(AGENT_DO_REQUEST, "request")  /* an instance, or a run of them, to the slot's host */        \
    X(AGENT_DO_RECORD, "record")    /* rows of an attempt, to be spooled */                        \
    X(AGENT_DO_FLUSH, "flush")      /* the rows recorded so far become one message */              \
    X(AGENT_DO_SEND_ENDED, "ended") /* an attempt is over, or a part of it: one message */         \
    X(AGENT_DO_RESEND, "resend")    /* everything unacked again, from the lowest seq */            \
    X(AGENT_DO_SEND_HELLO, "hello") /* agent_hello says what is in it */                           \
    X(AGENT_DO_SEND_BEAT, "beat")   /* agent_beat says what is in it */                            \
    X(AGENT_DO_SEND_HOST, "host news")                                                             \
    X(AGENT_DO_LEAVE, "leave") /* drained, and all is durable: say goodbye and exit */             \
    X(AGENT_DO_NOTE, "note")   /* a line for the log */

enum agent_effect_kind {
#define X(name, text) name,
    AGENT_EFFECT_LIST(X)
#undef X
        AGENT_EFFECT_COUNT
};

enum agent_stop {
    AGENT_STOP_ASK, /* the end of its requests: finish and go */
    AGENT_STOP_KILL /* now, with everything it started */
};

struct agent_effect {
    enum agent_effect_kind kind;
    union {
        struct {
            uint32_t slot, model;
            const uint32_t *members; /* of the gang that `slot` leads; until the host is gone */
            uint32_t member_count;   /* 0: the slot alone */
        } start_host;
        struct {
            uint32_t slot;
            enum agent_stop how;
        } stop_host;
        struct {
            uint32_t slot;
            uint64_t request; /* unique in the slot; agent_request_place gives it a small number */
            uint64_t attempt;
            uint32_t model, task;
            uint32_t instance, count; /* this one and those behind it: a run; mostly 1 */
        } request;
        struct {
            uint64_t attempt;
            uint32_t task;
            const struct result *rows;
            uint32_t count;
        } record;
        struct {
            uint64_t attempt, seq;
            uint32_t model, task;
        } flush;
        struct {
            uint64_t attempt, seq;
            enum ended reason;
            struct span text;
            uint32_t from; /* as in struct msg_ended */
        } ended;
        struct {
            uint32_t slot, model;
            bool ready;
            uint32_t load_ms;
            struct span text;
        } host;
        struct {
            bool is_warning;
            struct span text;
        } note;
    } as;
};

/* Reused from step to step: steady work allocates nothing. `= { 0 }` is empty. */
struct agent_effects {
    struct agent_effect *items;
    size_t count, capacity;
    struct arena arena; /* texts and rows that the agent made */
};

void agent_effects_clear(struct agent_effects *e);
void agent_effects_release(struct agent_effects *e);
struct agent_effect *agent_effects_add(struct agent_effects *e, enum agent_effect_kind kind);

const char *agent_effect_text(enum agent_effect_kind kind);

/* Instances of one request: a host that answers at once is asked for many. 2^10. */
enum { AGENT_RUN_MAX = 1024 };

/* The requests that a slot has open at a time have places in [0, AGENT_PLACES_MAX), all different:
 * for tables beside the agent. */
enum { AGENT_PLACES_MAX = 2 * HOST_INFLIGHT_MAX };

static inline uint32_t agent_request_place(uint64_t request)
{
    return (uint32_t)(request % AGENT_PLACES_MAX);
}

#endif
