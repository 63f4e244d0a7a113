/* The workers' connections, from a hello until its session is over: who they are, what they have
 * been told, and when what is said to them leaves.
 *
 * An ack is a promise, and waits until its turn is durable. All else promises nothing that a crash
 * could break, and leaves in parcels at the end of the turn of the loop that said it: who is
 * granted work does not wait for the disk. A worker of before 1.3 is told everything when its turn
 * is durable: it takes no parcels, and cannot hold more attempts than a hello names. */
#ifndef MUSTER_COORDINATOR_CONNECTIONS_H
#define MUSTER_COORDINATOR_CONNECTIONS_H

#include "common/bitmap.h"
#include "common/list.h"
#include "common/map.h"
#include "coordinator/parcels.h"
#include "coordinator/translate.h"

struct connection {
    uint64_t handle, session; /* session 0: not welcomed yet */
    struct outbox_peer peer;
    char *name;                  /* the worker's */
    struct bitmap models, tasks; /* definitions it has been sent */
    struct turn_place acked;     /* its ack in the turn at hand */
    bool takes_parcels;
    struct parcels parcels; /* to be said at the end of this turn of the loop */
    struct list in_talking; /* while there are any */
    struct list in_all;
};

struct connections {
    uint64_t next_handle;
    struct map by_handle, by_session;
    struct list all;
    struct list talking;  /* those that something is to be said to */
    struct parcels spare; /* empty: memory to be used again */
};

void connections_init(struct connections *all);
void connections_release(struct connections *all);

/* Said hello. models, tasks: how many there are to be defined. */
struct connection *connection_new(struct connections *all, const struct outbox_peer *peer,
                                  const struct msg *hello, uint32_t models, uint32_t tasks);
void connection_free(struct connections *all, struct connection *c);
void connection_welcomed(struct connections *all, struct connection *c, uint64_t session);

/* The session that this message of that peer is of; a session belongs to one connection. NULL: of
 * none. */
struct connection *connection_of(const struct connections *all, uint64_t session,
                                 const struct outbox_peer *peer);

bool outbox_same_peer(const struct outbox_peer *a, const struct outbox_peer *b);

/* Not an ack: to be said by connections_talk, or once `turn` is durable. */
void connection_say(struct connections *all, struct connection *c, struct turn *turn,
                    const struct msg *m);

/* The end of a turn of the loop: say what has gathered. `say` may free connections. */
void connections_talk(struct connections *all, translate_say_f *say, void *owner);

#endif
