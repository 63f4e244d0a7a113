/* What may happen. Spans and arrays are borrowed for the step. */
#ifndef MUSTER_COORDINATOR_CORE_EVENT_H
#define MUSTER_COORDINATOR_CORE_EVENT_H

#include "common/span.h"
#include "proto/msg.h"

/* To add an event: a line here, a struct if it carries something, a case in core_step, a function
 * in the on_*.c of its family. */
enum core_event_kind {
    CORE_TIME,  /* core_deadline_mono_ns has passed */
    CORE_HELLO, /* a worker connects, again or for the first time */
    CORE_BEAT,
    CORE_RESULTS,
    CORE_ENDED,
    CORE_HOST,
    CORE_GOODBYE,
    CORE_DRAIN, /* the operator: finish what runs, grant nothing */
    CORE_DRAIN_WORKER,
    CORE_PAUSE_MODEL,
    CORE_RESUME_MODEL,
};

/* A held attempt, in the core's indexes; model UINT32_MAX: not of this sweep. */
struct core_held {
    uint64_t attempt;
    uint32_t slot, model, task, first, count;
};

struct core_event {
    enum core_event_kind kind;
    int64_t now_mono_ns;
    uint64_t session; /* BEAT, RESULTS, ENDED, HOST, GOODBYE */
    union {
        struct {
            uint64_t peer;     /* the shell's handle of the connection */
            uint64_t next_seq; /* the lowest reliable seq that it will send */
            struct span name;
            const uint8_t *worker_id; /* WORKER_ID_BYTES */
            const struct msg_slot *slots;
            uint32_t slot_count;
            const uint64_t *gpu_memory; /* bytes a GPU, as slots; NULL: not known */
            const struct place *places; /* as slots; NULL: not known */
            const struct core_held *held;
            uint32_t held_count;
            uint64_t lifetime_ms;
            bool takes_cuts; /* it can give back a part of an attempt */
        } hello;
        struct {
            const struct msg_beat *beat;
            const uint32_t *models; /* a slot: the core's index of its model, UINT32_MAX: none */
        } beat;
        struct {
            uint64_t seq, attempt;
            uint32_t model, task; /* UINT32_MAX: not of this sweep */
            const uint32_t *instance;
            const uint8_t *status;
            const struct span *reason; /* of rows that are not OK; else empty. May be NULL */
            const uint32_t *answer;    /* digests, if core_compares_answers; else it may be NULL */
            uint32_t rows;
        } results;
        struct {
            uint64_t seq, attempt;
            enum ended reason;
            struct span text;
            uint32_t from; /* as in struct msg_ended */
        } ended;
        struct {
            uint32_t slot, model;
            bool ready;
            int64_t load_ns;
            struct span text;
        } host;
        struct {
            struct span worker; /* DRAIN_WORKER: its name */
            uint32_t model;     /* PAUSE_MODEL, RESUME_MODEL */
            struct span reason;
        } order;
    } as;
};

#endif
