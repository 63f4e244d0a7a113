/* The lines of PROTOCOL.md: requests to text, text to hello and replies. Pure. */
#ifndef MUSTER_WORKER_HOST_MESSAGE_H
#define MUSTER_WORKER_HOST_MESSAGE_H

#include "common/buf.h"
#include "common/err.h"
#include "worker/host/host.h"

struct json_t;

struct host_message {
    bool is_hello;
    const char *name;        /* hello; "" if it gave none */
    uint32_t inflight;       /* hello */
    struct host_reply reply; /* otherwise, but for its micros */
    struct json_t *json;     /* what the rest borrows from */
};

/* One line without its newline. ERR_INVALID: it breaks the protocol, msg says how. An answer over
 * ANSWER_BYTES_MAX becomes a reply with STATUS_TOO_LONG. */
err host_message_parse(struct span line, struct host_message *out, struct errmsg *msg);
void host_message_release(struct host_message *m);

/* Append the line, with its newline. */
void host_request_format(const struct host_request *r, struct buf *out);

#endif
