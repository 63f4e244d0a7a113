/* What the core asks for. The shell carries effects out in order, acks only after the records of
 * the same turn are durable. */
#ifndef MUSTER_COORDINATOR_CORE_EFFECT_H
#define MUSTER_COORDINATOR_CORE_EFFECT_H

#include "common/arena.h"
#include "common/bitmap.h"
#include "common/block.h"

enum core_effect_kind {
    EFFECT_RECORD,  /* store rows of the RESULTS event that is being stepped */
    EFFECT_STRIKE,  /* store a strike */
    EFFECT_LEARNED, /* store what is known of a model's times, for the next start */
    EFFECT_WELCOME,
    EFFECT_REJECT,
    EFFECT_GRANT,
    EFFECT_REVOKE,
    EFFECT_ACK,
    EFFECT_BEAT_REPLY,
    EFFECT_DRAIN, /* tell a worker to drain */
    EFFECT_GONE,  /* the session is over: nothing will be sent to it again */
    EFFECT_NOTE,  /* a line for the log */
};

/* What a model takes on a type of GPU: so many times what it takes on the first one. */
struct core_factor {
    struct span gpu_type;
    double factor;
};

struct core_effect {
    enum core_effect_kind kind;
    uint64_t session; /* whom to tell */
    union {
        struct {
            uint32_t model, task;
            bool all;           /* every row; else those in keep */
            struct bitmap keep; /* a bit a row, from the effects' arena */
        } record;
        struct {
            uint32_t model, task, instance, count;
            uint64_t attempt;
            status status;
            struct span reason;
        } strike;
        struct {
            uint32_t model;
            int64_t load_ns;     /* 0: not known */
            int64_t instance_ns; /* of a slot, the mean over its tasks; 0: not known */
            const struct core_factor
                *factors; /* the first type is the one that instance_ns is of */
            size_t factor_count;
        } learned;
        struct {
            uint64_t peer;
        } welcome;
        struct {
            uint64_t peer; /* not 0: not a session's, but this connection's */
            uint8_t code;  /* enum reject */
            const char *text;
        } reject;
        struct {
            uint64_t attempt;
            uint32_t slot, model, task, first, count;
            struct span skip;      /* proto/msg.h, msg_grant */
            bool is_copy;          /* of an instance that another attempt has */
            uint32_t inflight_max; /* the same */
            uint32_t *members;     /* of the gang that the slot leads */
            uint32_t member_count;
        } grant;
        struct {
            uint64_t attempt;
            uint32_t from; /* as in struct msg_revoke */
        } revoke;
        struct {
            uint64_t seq;
        } ack;
        struct {
            uint64_t *stale;
            uint32_t count;
        } beat_reply;
        struct {
            const char *reason;
        } drain;
        struct {
            bool warn;
            uint32_t model;   /* that it is about, for others to name; UINT32_MAX: none */
            const char *text; /* "event key=value ..." */
        } note;
    } as;
};

struct core_effects {
    struct core_effect *items;
    size_t count, capacity;
    struct arena arena; /* lives until core_effects_clear */
};

void core_effects_clear(struct core_effects *out);
void core_effects_release(struct core_effects *out);

#endif
