/* Asking a running coordinator: one JSON ask, one JSON answer, over its operators' socket. */
#ifndef MUSTER_OPS_CLI_CLIENT_H
#define MUSTER_OPS_CLI_CLIENT_H

#include <jansson.h>

#include "common/io/key.h"

struct client;

/* state: the sweep's state folder. ERR_NOT_FOUND: there is no such folder. Does not wait for a
 * coordinator to be there. */
err client_open(const char *state, struct client **out, struct errmsg *msg);
/* The same, at an endpoint of its --listen-operators. key: an operator's; NULL: none. Copied. */
err client_connect(const char *endpoint, const struct key_file *key, struct client **out,
                   struct errmsg *msg);
void client_close(struct client *c);

/* Waits at most timeout_ms. The answer is a new reference. ERR_TIMEOUT: nobody answers there;
 * ERR_INVALID: the coordinator says no, msg has its words; ERR_DENIED: it does not take our key, or
 * we have none. */
err client_ask(struct client *c, const json_t *ask, int timeout_ms, json_t **out,
               struct errmsg *msg);

/* The two halves of it, for a loop: send, and look for the answer without waiting (ERR_AGAIN: not
 * yet). An answer to an older ask is dropped. */
err client_send(struct client *c, const json_t *ask, struct errmsg *msg);
err client_poll(struct client *c, json_t **out, struct errmsg *msg);

#endif
