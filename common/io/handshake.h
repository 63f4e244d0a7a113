/* What becomes of a socket's connections, as its monitor tells: whether the other side took our
 * key, or why not. ZeroMQ itself says nothing, and tries again for ever or never. */
#ifndef MUSTER_COMMON_IO_HANDSHAKE_H
#define MUSTER_COMMON_IO_HANDSHAKE_H

#include "common/err.h"
#include "common/io/key.h"

enum handshake {
    HANDSHAKE_NONE,     /* nothing more happened so far */
    HANDSHAKE_DONE,     /* connected */
    HANDSHAKE_REFUSED,  /* the coordinator does not allow the key */
    HANDSHAKE_MISMATCH, /* one side has keys, the other has none */
    HANDSHAKE_BROKEN    /* cut off: a wrong key of the coordinator's, or it ended just then */
};

struct handshake_watch {
    void *pair; /* the monitor's other end; NULL: closed */
};

/* Before the socket connects or binds. ERR_LIMIT, ERR_IO. */
err handshake_watch_open(void *zmq_context, void *socket, struct handshake_watch *out,
                         struct errmsg *msg);
/* Never blocks. Ask until HANDSHAKE_NONE: only then the descriptor tells of the next. */
enum handshake handshake_next(struct handshake_watch *watch);
/* To be watched for reading. */
int handshake_fd(const struct handshake_watch *watch);
/* Before the socket is closed. Nothing if it was not opened. */
void handshake_watch_close(struct handshake_watch *watch, void *socket);

/* What to say of a failure when connecting there with this key (NULL: none). ERR_DENIED. */
err handshake_explain(enum handshake what, const char *endpoint, const struct key_file *key,
                      struct errmsg *msg);

/* The options of a connecting socket that uses this key. 0, or -1 and errno. */
int handshake_use_key(void *socket, const struct key_file *key);

#endif
