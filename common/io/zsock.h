/* A ZeroMQ socket on a libuv loop.
 *
 * ZMQ_FD is edge-triggered and "readable" only means "maybe": sending, receiving and asking for
 * ZMQ_EVENTS all consume the edge. So the poll handle only wakes the loop; a prepare handle asks
 * ZMQ_EVENTS and keeps the loop awake (idle handle) when something is ready; a check handle then
 * delivers at most ZSOCK_TURN_MAX messages, for fairness. Whoever sends outside a callback needs
 * nothing more: prepare runs before the loop sleeps. One thread a socket.
 *
 * Messages have exactly one body frame (a ROUTER adds the peer's identity in front). Anything else
 * is dropped and counted. */
#ifndef MUSTER_COMMON_IO_ZSOCK_H
#define MUSTER_COMMON_IO_ZSOCK_H

#include <uv.h>

#include "common/err.h"
#include "common/io/key.h"
#include "common/span.h"

enum { ZSOCK_TURN_MAX = 64, ZSOCK_PEER_BYTES_MAX = 32 };

/* Who a ROUTER's message came from: only good for answering on this connection. */
struct zpeer {
    uint8_t len;
    uint8_t bytes[ZSOCK_PEER_BYTES_MAX];
    /* Whom ZAP took its key for; NULL where no keys are used. Borrowed until the callback returns.
     */
    const char *user;
};

struct zsock;

/* body borrows until the callback returns. peer is NULL on a DEALER. */
typedef void zsock_message_f(void *owner, const struct zpeer *peer, struct span body);
/* Connecting fails, and for a reason that waiting does not mend: a sentence for people. It is tried
 * again all the same, less and less often, and told again each time. */
typedef void zsock_trouble_f(void *owner, const char *why);
/* Once a turn of the loop, after the messages of the turn (zero or more) were delivered. */
typedef void zsock_turn_f(void *owner);

struct zsock_config {
    void *zmq_context;
    int type;                 /* ZMQ_ROUTER or ZMQ_DEALER */
    size_t message_bytes_max; /* ZMQ_MAXMSGSIZE: the peer is disconnected over it */
    int send_high_water;      /* messages queued a peer */
    void *owner;
    zsock_message_f *on_message;
    zsock_turn_f *on_turn; /* may be NULL */
    /* Before the loop sleeps, after the socket has taken in what happened to its connections: the
     * place to try again what could not be sent. Sending anywhere else in that phase may use up
     * the one sign that a message or a connection has come. May be NULL. */
    zsock_turn_f *before_sleep;
    /* DEALER: the key that it connects with; NULL: without encryption. Borrowed until it closes. */
    const struct key_file *key;
    zsock_trouble_f *on_trouble; /* DEALER; may be NULL */
};

/* ROUTER: mandatory (a vanished peer is an error, not a silent drop). Heartbeats of ZMTP on,
 * linger bounded, reconnect with jitter. */
err zsock_open(uv_loop_t *loop, const struct zsock_config *config, struct zsock **out,
               struct errmsg *msg);
/* An endpoint that takes whoever connects. Before those with keys: they are for good. */
err zsock_bind(struct zsock *z, const char *endpoint, struct errmsg *msg);
/* A ROUTER's endpoint that only takes encrypted connections of peers that ZAP lets in. key: the
 * coordinator's own, borrowed for the call. domain: what ZAP is asked about, not empty. ZAP is
 * answered in the same context; while nobody does, nobody gets in. */
err zsock_bind_with_keys(struct zsock *z, const char *endpoint, const struct key_file *key,
                         const char *domain, struct errmsg *msg);
/* "tcp://HOST:PORT" with a port that there is, or "*" for any, or "ipc://PATH"? For options: what
 * ZeroMQ does with a port over 65535 is to take another one. */
bool zsock_is_endpoint(const char *text);
/* An IPv6 address needs brackets, tcp://[::1]:7770, and is asked for by them: an option of ZeroMQ's
 * socket for what it binds or connects next. Of zsock itself, and of sockets without a loop. 0, or
 * -1 and errno. */
int zsock_set_family(void *socket, const char *endpoint);
/* A DEALER's endpoint; one a socket. */
err zsock_connect(struct zsock *z, const char *endpoint, struct errmsg *msg);
/* The bound endpoint with its port filled in, after zsock_bind to tcp port "*". */
err zsock_endpoint(struct zsock *z, char *out, size_t out_bytes);

/* Never blocks. peer NULL on a DEALER. ERR_AGAIN: the peer's queue is full. ERR_CLOSED: the peer is
 * gone (ROUTER). The bytes are copied. */
err zsock_send(struct zsock *z, const struct zpeer *peer, struct span body);

/* While paused nothing is delivered: what peers send waits, at last with them. Turns go on. A pause
 * should end before the heartbeats give up (5 s): behind a full queue they wait as well, and then
 * the connection breaks and what was under way is lost. */
void zsock_pause(struct zsock *z, bool paused);

/* Messages dropped for having the wrong number of frames. */
uint64_t zsock_malformed_count(const struct zsock *z);
/* Handshakes that failed, for whatever reason, while they were watched: with keys, or on_trouble.
 */
uint64_t zsock_handshakes_failed(const struct zsock *z);

/* Closes handles and socket; the memory goes in the last close callback. Safe inside a callback
 * of this very socket. */
void zsock_close(struct zsock *z);

#endif
