/* The line to the coordinator: frames in and out, the session in each head, and the spool worked
 * off as fast as the line takes it. Who says hello when is the agent's business. */
#ifndef MUSTER_WORKER_LINK_H
#define MUSTER_WORKER_LINK_H

#include <uv.h>

#include "common/io/key.h"
#include "proto/msg.h"

struct link;
struct spool;

struct link_config {
    uv_loop_t *loop;
    const char *endpoint;
    const struct key_file *key; /* borrowed until link_close; NULL: none */
    struct spool *spool;
    void *owner;
    /* A valid message of a coordinator; borrowed. Messages of another session than ours, but for
     * welcome and reject, do not come here. */
    void (*on_message)(void *owner, const struct msg *m);
};

err link_open(const struct link_config *config, struct link **out, struct errmsg *msg);

/* After a welcome; 0: there is none. Then only a hello goes out, and the spool waits. */
void link_set_session(struct link *l, uint64_t session);
bool link_has_session(const struct link *l);

/* Not reliable, but first: if the line does not take it now, it goes before any more results,
 * unless newer news of its kind (and of its slot, if it has one) has come by then. What matters is
 * said again. Without a session nothing is said: the coordinator would refuse it, of whatever
 * session there is by then. */
void link_say(struct link *l, struct msg *m);

/* A hello, which also ends the session. It goes as soon as there is a connection; a later one takes
 * its place. */
void link_say_hello(struct link *l, struct msg *m);

/* Waits up to a second for the last messages to go. */
void link_close(struct link *l);

#endif
