/* The other end of ZAP (rfc.zeromq.org/spec/27): ZeroMQ asks, for each peer that has proven that it
 * holds a key, whether it may come in. A thread answers. */
#ifndef MUSTER_COORDINATOR_ACCESS_ZAP_H
#define MUSTER_COORDINATOR_ACCESS_ZAP_H

#include "common/io/key.h"

struct zap;

struct zap_knock {
    const char *domain, *address;
    char public_key[KEY_TEXT_BYTES];
};

/* The number that the peer's messages will carry as their user; 0: it stays outside. Called on the
 * handler's thread. */
typedef uint32_t zap_knock_f(void *owner, const struct zap_knock *knock);

/* Answers once this returns. ERR_BUSY: somebody else in this context does already. */
err zap_start(void *zmq_context, zap_knock_f *on_knock, void *owner, struct zap **out,
              struct errmsg *msg);
/* Ends the thread. Safe after NULL. */
void zap_stop(struct zap *z);

#endif
