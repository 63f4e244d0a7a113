/* Every message as one tagged union. PROTOCOL.md tells the story; this is the list.
 *
 * A frame is a fixed head and one MessagePack array of fixed arity for its type; frames travel in
 * parcels of one or more:
 *
 *   'M' 'S' | major u8 | minor u8 | type u8 | 0 u8 | session u64 LE | seq u64 LE | msgpack array
 *
 * To add a message: add it to MSG_LIST, give it a struct and a member of the union, write its
 * fields in encode.c and decode.c, a row in PROTOCOL.md, a golden frame in tests/unit/test_msg.c.
 * To add a field: append it, raise MSG_MINOR, and let the decoder accept its absence. */
#ifndef MUSTER_PROTO_MSG_H
#define MUSTER_PROTO_MSG_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/place.h"

enum { MSG_MAJOR = 1, MSG_MINOR = 4, MSG_HEAD_BYTES = 22 };

/* X(name, value, text, who may send it: 'w' worker, 'c' coordinator, 'o' operator) */
#define MSG_LIST(X)                                                                                \
    X(MSG_HELLO, 1, "hello", 'w')                                                                  \
    X(MSG_BEAT, 2, "beat", 'w')                                                                    \
    X(MSG_RESULTS, 3, "results", 'w')                                                              \
    X(MSG_ENDED, 4, "ended", 'w')                                                                  \
    X(MSG_HOST, 5, "host", 'w')                                                                    \
    X(MSG_GOODBYE, 6, "goodbye", 'w')                                                              \
    X(MSG_WELCOME, 16, "welcome", 'c')                                                             \
    X(MSG_DEFINE_MODEL, 17, "define_model", 'c')                                                   \
    X(MSG_DEFINE_TASK, 18, "define_task", 'c')                                                     \
    X(MSG_GRANT, 19, "grant", 'c')                                                                 \
    X(MSG_REVOKE, 20, "revoke", 'c')                                                               \
    X(MSG_ACK, 21, "ack", 'c')                                                                     \
    X(MSG_BEAT_REPLY, 22, "beat_reply", 'c')                                                       \
    X(MSG_DRAIN, 23, "drain", 'c')                                                                 \
    X(MSG_REJECT, 24, "reject", 'c')                                                               \
    X(MSG_ASK, 32, "ask", 'o')                                                                     \
    X(MSG_REPLY, 48, "reply", 'c')

enum msg_type {
#define X(name, value, text, sender) name = value,
    MSG_LIST(X)
#undef X
};

const char *msg_type_text(enum msg_type type); /* NULL: no such type */
char msg_sender(enum msg_type type);           /* 'w', 'c', 'o'; 0: no such type */

enum { WORKER_ID_BYTES = 16, STORE_ID_BYTES = 16 };

/* A share of a worker, as it tells the coordinator. */
struct msg_slot {
    uint32_t gpus, cpus;
    uint64_t memory_bytes; /* 0: not limited */
    struct span gpu_type;  /* "NVIDIA A100-SXM4-80GB"; empty: none */
};

/* An attempt that a worker still holds when it says hello. */
struct msg_held {
    uint64_t attempt;
    uint32_t slot, model, task, first, count;
};

struct msg_hello {
    struct span worker_name;            /* stable: survives restarts */
    uint8_t worker_id[WORKER_ID_BYTES]; /* this process: new at each start */
    struct span version;                /* of the software, for people */
    struct span host;
    uint32_t pid;
    uint64_t lifetime_ms; /* until its allocation ends; 0: unlimited */
    struct msg_slot *slots;
    uint32_t slot_count;
    struct msg_held *held;
    uint32_t held_count;
    uint64_t
        *gpu_memory; /* bytes of one GPU of each slot, as slots; 0: not known. NULL: not said */
    struct place *places; /* of the slots, as slots. NULL: not said */
};

/* X(name, text): what a slot does, for operators and for learning. */
#define SLOT_STATE_LIST(X)                                                                         \
    X(SLOT_IDLE, "idle")       /* no model loaded */                                               \
    X(SLOT_LOADING, "loading") /* host started, no hello yet */                                    \
    X(SLOT_READY, "ready")     /* model loaded, nothing to do */                                   \
    X(SLOT_RUNNING, "running")                                                                     \
    X(SLOT_STOPPING, "stopping") /* host told to go, not gone yet */                               \
    X(SLOT_SICK, "sick")         /* a process that cannot be killed holds it */

enum slot_state {
#define X(name, text) name,
    SLOT_STATE_LIST(X)
#undef X
        SLOT_STATE_COUNT
};
const char *slot_state_text(enum slot_state s);

struct msg_slot_beat {
    uint8_t state;  /* enum slot_state */
    uint32_t model; /* loaded or loading; 0: none */
};

/* What a slot was used for since the worker started; together all of that time. */
struct msg_use {
    uint64_t busy_ns; /* some instance ran */
    uint64_t load_ns; /* a model came or went */
    uint64_t idle_ns;
};

struct msg_progress {
    uint64_t attempt;
    uint32_t done; /* instances finished in it, recorded or not */
};

/* Application heartbeat, from the loop that does the work. Renews the leases it names. */
struct msg_beat {
    struct msg_slot_beat *slots;
    uint32_t slot_count;
    struct msg_progress *attempts;
    uint32_t attempt_count;
    uint64_t unacked_bytes;
    bool draining;
    struct msg_use *uses; /* a slot each; NULL: not said */
};

/* Reliable (head.seq, kept by the worker until acked): results, ended. */
struct msg_results {
    uint64_t attempt;
    uint32_t model, task;
    struct span block; /* common/block.h */
};

/* X(name, text): why an attempt is over on the worker's side. */
#define ENDED_LIST(X)                                                                              \
    X(ENDED_DONE, "done")               /* every instance of it was tried */                       \
    X(ENDED_RETURNED, "returned")       /* revoked, draining, or its slot is sick */               \
    X(ENDED_HOST_FAILED, "host_failed") /* the model does not start here */                        \
    X(ENDED_REFUSED, "refused")         /* cannot be run here: data missing, no such slot, ... */

enum ended {
#define X(name, text) name,
    ENDED_LIST(X)
#undef X
        ENDED_COUNT
};
const char *ended_text(enum ended e);

struct msg_ended {
    uint64_t attempt;
    uint8_t reason;   /* enum ended */
    struct span text; /* for people; empty when done */
    uint32_t from; /* 0: all of it is over; else it goes on, without the instances from here on */
};

/* Not reliable: news of a slot's model host, for learning and for operators. */
struct msg_host {
    uint32_t slot, model;
    bool ready;       /* false: it failed or died */
    uint32_t load_ms; /* ready: how long loading took */
    struct span text;
};

struct msg_goodbye {
    struct span reason;
};

struct msg_welcome {
    uint64_t session; /* to be carried in every later head */
    uint64_t epoch;
    uint32_t beat_ms;  /* how often to beat */
    uint32_t lease_ms; /* a lease not renewed for so long is over */
    struct span sweep; /* its name */
    struct span store; /* whose ids and attempts there are: STORE_ID_BYTES. Empty: not said */
};

/* Definitions come before the first grant that needs them; ids are the store's. */
struct msg_define {
    uint32_t id;
    struct span json; /* proto/definition */
};

struct msg_grant {
    uint64_t attempt;
    uint32_t slot, model, task;
    uint32_t first, count;
    struct span skip; /* bit i (LSB first): instance first + i is not wanted; empty: all wanted */
    uint32_t inflight_max; /* requests of it at once; 0: as many as its host wants */
    /* A gang: these slots and `slot`, which leads it, run the model together. With the lead at most
     * GANG_SLOTS_MAX; none: the slot alone. */
    uint32_t *members;
    uint32_t member_count;
};

/* Give back what was not started; results of what was come as usual. */
struct msg_revoke {
    uint64_t attempt;
    uint32_t from; /* keep the instances before it, and end without those from here on; 0: none */
};

struct msg_ack {
    uint64_t seq; /* durable up to here, all lower ones included */
};

struct msg_beat_reply {
    uint64_t *stale; /* attempts that are no longer leased to this worker: stop them */
    uint32_t stale_count;
};

struct msg_drain {
    struct span reason;
};

/* X(name, text) */
#define REJECT_LIST(X)                                                                             \
    X(REJECT_VERSION, "version") /* other major version */                                         \
    X(REJECT_SESSION, "session") /* unknown session: say hello again */                            \
    X(REJECT_MALFORMED, "malformed")                                                               \
    X(REJECT_NAME, "name") /* another live worker has this name */                                 \
    X(REJECT_FULL, "full")                                                                         \
    X(REJECT_ROLE, "role") /* this peer may not send that */

enum reject {
#define X(name, text) name,
    REJECT_LIST(X)
#undef X
        REJECT_COUNT
};

struct msg_reject {
    uint8_t code; /* enum reject */
    struct span text;
};

/* Operators ask and order in JSON (coordinator/admin/README.md); the answer is JSON too. */
struct msg_ask {
    struct span json;
};

struct msg_reply {
    uint8_t ok; /* 0: json is {"error": "..."} */
    struct span json;
};

struct msg {
    enum msg_type type;
    uint8_t minor; /* of who sent it: set by msg_decode, not looked at by msg_encode */
    uint64_t session;
    uint64_t seq;
    union {
        struct msg_hello hello;
        struct msg_beat beat;
        struct msg_results results;
        struct msg_ended ended;
        struct msg_host host;
        struct msg_goodbye goodbye;
        struct msg_welcome welcome;
        struct msg_define define; /* model or task */
        struct msg_grant grant;
        struct msg_revoke revoke;
        struct msg_ack ack;
        struct msg_beat_reply beat_reply;
        struct msg_drain drain;
        struct msg_reject reject;
        struct msg_ask ask;
        struct msg_reply reply;
    } as;
};

/* Whether who sent this reads blocks that are packed (common/pack). */
static inline bool msg_takes_packed(const struct msg *m)
{
    return m->minor >= 2;
}

/* Whether who sent this reads parcels of several frames. */
static inline bool msg_takes_parcels(const struct msg *m)
{
    return m->minor >= 3;
}

/* Whether who sent this tells what a part of an attempt came to (ended.from), and understands it.
 */
static inline bool msg_takes_cuts(const struct msg *m)
{
    return m->minor >= 3;
}

/* Append the frame. The caller keeps within the limits (checked: they are bugs here). */
void msg_encode(const struct msg *m, struct buf *out);

/* Spans borrow from the frame; arrays live in the arena. Bounded before anything is unpacked:
 * size by type, depth, node count, every count against the bytes left, no trailing byte; then
 * arity, types, ranges. ERR_UNSUPPORTED: another major version. ERR_INVALID: anything else, msg
 * says what: "hello: slots[3].gpus: expected a whole number up to 1024". After a failure only
 * *out's type, session and seq mean anything, and those only if the head could be read. */
err msg_decode(struct span frame, struct arena *arena, struct msg *out, struct errmsg *msg);

/* A parcel is frames, one right behind the other: mostly what there was to say at a time. Who sends
 * one begins the next at about PARCEL_BYTES, and has at most PARCEL_FRAMES_MAX in it. */
enum { PARCEL_BYTES = 64 << 10, PARCEL_FRAMES_MAX = 1024 };

/* As msg_decode, of the first frame of a parcel, which is cut off. After a failure *parcel is
 * empty: where the next frame begins is not known. */
err msg_take(struct span *parcel, struct arena *arena, struct msg *out, struct errmsg *msg);

#endif
