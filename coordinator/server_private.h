/* What server.c and server_talk.c share: the loop's state. */
#ifndef MUSTER_COORDINATOR_SERVER_PRIVATE_H
#define MUSTER_COORDINATOR_SERVER_PRIVATE_H

#include "common/io/zsock.h"
#include "coordinator/admin/admin.h"
#include "coordinator/commit.h"
#include "coordinator/door.h"
#include "coordinator/server.h"
#include "coordinator/translate.h"

enum { PORT_WORKERS, PORT_OPERATORS };

struct server {
    const struct server_config *config;
    uv_loop_t loop;
    void *zmq;
    struct zsock *workers, *operators;
    struct translate *translate;
    struct commit *commit;
    struct admin admin;
    struct door door;
    struct core_effects effects;
    struct incoming incoming; /* reused: its arena keeps a chunk */
    unsigned turn_frames;     /* of workers, read in this turn */
    struct arena scratch;
    uv_timer_t tick;
    uv_signal_t sigint, sigterm, sighup, parent_ended;
    int64_t over_since_ns; /* when the sweep was found to be over; 0: it is not */
    bool finishing;        /* workers were told to go */
    enum sweep_state ended_as;
    bool told_to_stop; /* a sweep that is done then ends too, though it would serve on */
    bool closing;
};

/* server.c */
/* in: the message that the event was made of; NULL: none. */
void server_step(struct server *s, const struct core_event *event, struct incoming *in);
void server_stop_now(struct server *s);

/* server_talk.c: owner is the struct server */
void server_on_worker(void *owner, const struct zpeer *peer, struct span parcel);
void server_on_operator(void *owner, const struct zpeer *peer, struct span parcel);
void server_say(void *owner, struct turn *turn); /* it is durable */
void server_say_to(void *owner, const struct outbox_peer *to, struct span parcel);
void server_end_session(struct server *s, uint64_t session);

#endif
