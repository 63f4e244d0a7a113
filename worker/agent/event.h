/* What happens to a worker, as the agent hears it.
 *
 * To add an event: a line in AGENT_EVENT_LIST, its facts in the union, a case in agent_step. */
#ifndef MUSTER_WORKER_AGENT_EVENT_H
#define MUSTER_WORKER_AGENT_EVENT_H

#include "common/block.h"
#include "proto/msg.h"

/* X(name, text) */
#define AGENT_EVENT_LIST(X)                                                                        \
    X(AGENT_ON_TIME, "time")             /* agent_deadline has passed */                           \
    X(AGENT_ON_WELCOMED, "welcomed")     /* the coordinator took us in */                          \
    X(AGENT_ON_LINK_LOST, "link lost")   /* the transport says so; silence is noticed here */      \
    X(AGENT_ON_REJECTED, "rejected")     /* no session: say hello again */                         \
    X(AGENT_ON_BEAT_REPLY, "beat reply") /* leases are renewed, but for the stale ones */          \
    X(AGENT_ON_GRANT, "grant")                                                                     \
    X(AGENT_ON_REVOKE, "revoke")                                                                   \
    X(AGENT_ON_REDEFINED, "redefined")   /* its hosts would now be started otherwise */            \
    X(AGENT_ON_ACKED, "acked")           /* durable up to this seq */                              \
    X(AGENT_ON_DRAIN, "drain")           /* finish what runs, take nothing new, go */              \
    X(AGENT_ON_HOST_HELLO, "host hello") /* the model is loaded */                                 \
    X(AGENT_ON_ANSWERED, "answered")     /* the model is done with it, a scorer is not */          \
    X(AGENT_ON_ROWS, "rows")             /* a request has its rows */                              \
    X(AGENT_ON_UNSERVED, "unserved")     /* this attempt cannot be run here */                     \
    X(AGENT_ON_HOST_EXITED, "host exited")

enum agent_event_kind {
#define X(name, text) name,
    AGENT_EVENT_LIST(X)
#undef X
        AGENT_EVENT_COUNT
};

/* How a model host came to its end, as far as blame is concerned. */
enum host_end {
    HOST_END_GONE,    /* it exited or was killed, for whatever reason */
    HOST_END_UNREAD,  /* the same, and it had not read the last request that was put to it */
    HOST_END_OOM,     /* the kernel killed it for memory */
    HOST_END_PROTOCOL /* it broke the protocol and was killed for that */
};

/* What one replica of a model needs, from its definition. */
struct agent_needs {
    uint32_t gpus, cpus;
    uint64_t memory_bytes; /* 0: not limited */
    int64_t timeout_ns;    /* of one request */
    int64_t load_timeout_ns;
};

struct agent_event {
    enum agent_event_kind kind;
    int64_t now_mono_ns; /* never less than in the event before */
    union {
        struct {
            int64_t beat_ns, lease_ns;
            bool takes_cuts; /* it understands that a part of an attempt is over */
        } welcomed;
        struct {
            const uint64_t *attempts;
            uint32_t count;
        } stale; /* BEAT_REPLY */
        struct {
            uint64_t attempt;
            uint32_t slot, model, task, first, count;
            struct span skip;        /* as in struct msg_grant */
            const uint32_t *members; /* as in struct msg_grant; copied */
            uint32_t member_count;
            struct agent_needs needs;
            uint32_t inflight_max; /* 0: as many requests at once as the host wants */
            struct span refusal;   /* not empty: the shell cannot run it, and why */
        } grant;
        struct {
            uint64_t attempt;
            uint32_t from; /* as in struct msg_revoke */
        } revoke;
        struct {
            uint32_t model;
        } redefined;
        struct {
            uint64_t seq;
        } acked;
        struct {
            uint32_t slot;
            uint32_t inflight; /* requests at a time: 1 .. HOST_INFLIGHT_MAX */
            uint32_t run_max;  /* instances a request: 1 .. AGENT_RUN_MAX */
        } host_hello;
        struct {
            uint32_t slot;
            uint64_t request;
        } answered;
        struct {
            uint32_t slot;
            uint64_t request;
            const struct result *rows; /* of all its instances, ascending; borrowed */
            uint32_t count;
        } rows;
        struct {
            uint32_t slot;
            uint64_t request; /* gets no row; its attempt is given back */
            struct span text;
        } unserved;
        struct {
            uint32_t slot;
            enum host_end end;
            struct span text; /* "killed by signal 11 (Segmentation fault)"; for people */
        } host_exited;
    } as;
};

const char *agent_event_text(enum agent_event_kind kind);

#endif
