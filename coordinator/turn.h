/* A turn of the coordinator: what is to be made durable, and what may be said once it is. */
#ifndef MUSTER_COORDINATOR_TURN_H
#define MUSTER_COORDINATOR_TURN_H

#include "coordinator/store/store.h"

enum { OUTBOX_PEER_BYTES_MAX = 32 };

/* A connection, as the transport names it. `port` tells which socket it came in by, `holder` whose
 * key it uses (access/access.h); 0: none. */
struct outbox_peer {
    uint32_t holder;
    uint8_t port;
    uint8_t len;
    uint8_t bytes[OUTBOX_PEER_BYTES_MAX];
};

struct outbox_item {
    struct outbox_peer peer;
    size_t at, len; /* in frames */
};

/* An ack is cumulative: only the last one to a connection is said. */
struct turn_ack {
    struct outbox_peer peer;
    uint64_t session, seq;
};

/* Where a connection's ack stands in a turn. `= { 0 }`: nowhere. */
struct turn_place {
    const struct turn *turn;
    uint64_t serial;
    size_t at;
};

struct turn {
    struct store_batch *batch;
    struct turn_ack *acks;
    size_t ack_count, ack_capacity;
    uint64_t serial; /* rises when it is emptied: places of before are nowhere */
    struct outbox_item *items;
    size_t count, capacity;
    struct buf frames;
    struct buf notes; /* lines for the log, each ended by '\n', the first byte '!' for a warning */
};

void turn_init(struct turn *t);
void turn_clear(struct turn *t);
void turn_release(struct turn *t);
bool turn_is_empty(const struct turn *t);

/* Append a message to what will be said. */
struct msg;
void turn_say(struct turn *t, const struct outbox_peer *peer, const struct msg *m);
/* In place of the ack that *place has in this turn, if there is one. */
void turn_ack(struct turn *t, struct turn_place *place, const struct turn_ack *ack);
/* Before what is to be said is said: acks become messages, behind all others. */
void turn_seal(struct turn *t);

#endif
