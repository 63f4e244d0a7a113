/* The coordinator's way in from other machines: TCP endpoints, the keys they ask for, and the
 * turning away of whoever may not do what it tries. Loop thread. */
#ifndef MUSTER_COORDINATOR_DOOR_H
#define MUSTER_COORDINATOR_DOOR_H

#include "common/io/zsock.h"
#include "coordinator/access/access.h"

enum { DOOR_ENDPOINTS_MAX = 33, DOOR_ENDPOINT_BYTES = 256 };

struct door_endpoint {
    char text[DOOR_ENDPOINT_BYTES]; /* with its port filled in */
    enum key_role role;             /* whom it is for */
    bool with_keys;
};

struct door {
    struct access *access; /* NULL: no endpoint asks for keys */
    bool insecure;         /* an endpoint takes whoever connects */
    struct door_endpoint endpoints[DOOR_ENDPOINTS_MAX];
    size_t endpoint_count;
    uint64_t connections_refused, messages_refused;
    uint64_t handshakes_failed; /* refused ones too; the server counts */
    /* Since the last tick: */
    unsigned notes;    /* asked to be logged */
    unsigned lines;    /* logged of refused messages */
    uint64_t unlogged; /* refused without a line */
};

/* keys_dir: the folder of keys; NULL: endpoints take whoever connects (--insecure). Nothing of
 * them is touched before there is a TCP endpoint. Once a socket, before which it may be bound
 * without keys. `d` begins as zero. */
err door_listen(struct door *d, void *zmq_context, const char *keys_dir, struct zsock *socket,
                enum key_role role, const char *const *endpoints, size_t count, struct errmsg *msg);
/* Before the context ends, after the sockets are closed. */
void door_close(struct door *d);

/* Whether the sender of a message may say what peers of this role say, now. user: zpeer.user. */
bool door_admits(const struct door *d, const char *user, enum key_role role);
/* Whether the session of this holder (0: none) may go on. */
bool door_keeps(const struct door *d, uint32_t holder);

/* Read the allow list again, and log what came of it. */
void door_reload(struct door *d);

/* A message was refused: counted, and logged if few are. */
void door_refused(struct door *d, enum key_role role, const char *why);
/* Whether a line about what a worker did may be logged: up to a thousand a tick. */
bool door_may_log(struct door *d);
/* Twice a second or so: log what was turned away. */
void door_tick(struct door *d);

#endif
