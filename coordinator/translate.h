/* Messages to events, effects to messages and records. Pure: the simulation uses it too.
 *
 * One `struct translate` for a coordinator: it knows the connections, and which definitions each
 * worker has been sent. */
#ifndef MUSTER_COORDINATOR_TRANSLATE_H
#define MUSTER_COORDINATOR_TRANSLATE_H

#include "coordinator/catalog.h"
#include "coordinator/core/core.h"
#include "coordinator/turn.h"

struct translate;

struct translate *translate_new(const struct catalog *catalog, const char *sweep_name,
                                uint64_t epoch, uint32_t beat_ms, uint32_t lease_ms);
void translate_free(struct translate *t);

/* What one message came to, kept until the effects of its step are carried out. */
struct incoming {
    struct core_event event;
    struct block block;  /* results */
    struct span encoded; /* the same, as it came: perhaps packed */
    bool has_block;
    struct outbox_peer peer; /* where it came from */
    uint64_t session;        /* that it says it is of, known or not; 0: none */
    struct arena arena;
};

/* A worker's message (decoded) as an event. `peer` is where answers go; for a hello it is given a
 * handle. ERR_INVALID: a message that no worker sends, or a damaged block; msg says what. */
err translate_in(struct translate *t, const struct msg *m, const struct outbox_peer *peer,
                 int64_t now_mono_ns, struct incoming *out, struct errmsg *msg);
/* Put digests of the answers into the event of results, for a core that compares them: of what is
 * recorded, so not of durations. */
void translate_answers(struct incoming *in);
void incoming_clear(struct incoming *in); /* keeps the arena's memory */
void incoming_release(struct incoming *in);

/* The session that is spoken to at this connection; 0: none. */
uint64_t translate_session(const struct translate *t, const struct outbox_peer *peer);

/* The peer of this session; NULL: there is no such session. Borrowed until the next call. */
const struct outbox_peer *translate_peer(const struct translate *t, uint64_t session);

/* Whether a worker with this key (outbox_peer.holder) may go by that name: nobody with another key
 * has a session under it. */
bool translate_name_is_free(const struct translate *t, struct span name, uint32_t holder);

/* A session whose peer is_wanted; 0: there is none. */
uint64_t translate_find(const struct translate *t,
                        bool (*is_wanted)(const void *owner, const struct outbox_peer *peer),
                        const void *owner);

/* Carry the effects of a step over into the turn, and into what translate_talk says. in: the
 * message that was stepped; NULL: none. Its block may move into the turn's batch. */
void translate_out(struct translate *t, const struct core_effects *effects, struct incoming *in,
                   struct turn *turn);

/* At the end of a turn of the loop: say to each worker, in parcels, what need not wait until its
 * turn is durable (connections.h). What `say` leads to may end sessions. */
typedef void translate_say_f(void *owner, const struct outbox_peer *peer, struct span parcel);
void translate_talk(struct translate *t, translate_say_f *say, void *owner);

#endif
