/* Lines over a model's descriptor 3: bounded on the way in, never blocking on the way out. */
#ifndef MUSTER_WORKER_HOST_CHANNEL_H
#define MUSTER_WORKER_HOST_CHANNEL_H

#include <uv.h>

#include "common/buf.h"
#include "common/span.h"

struct channel_callbacks {
    void (*on_line)(void *owner, struct span line); /* without its newline; borrowed */
    void (*on_overlong)(void *owner);               /* over HOST_LINE_BYTES_MAX; nothing follows */
    void (*on_end)(void *owner);                    /* the other side is closed */
};

/* Embedded. The pipe is the owner's to spawn with, and to uv_close. */
struct channel {
    uv_pipe_t pipe;
    const struct channel_callbacks *callbacks;
    void *owner;
    struct buf in;  /* bytes without a newline yet */
    bool is_muted;  /* nothing more is delivered */
    bool has_ended; /* on_end was called, or would have been */
    bool is_unread; /* the other side is closed, and did not read all that was sent */
};

void channel_init(struct channel *c, uv_loop_t *loop, const struct channel_callbacks *callbacks,
                  void *owner);
void channel_start(struct channel *c); /* the pipe is connected: read */
void channel_send(struct channel *c, struct span line);
void channel_finish(struct channel *c);  /* the other side reads an end after what was sent */
void channel_mute(struct channel *c);    /* whatever comes now is dropped */
void channel_release(struct channel *c); /* after the pipe's close callback */

#endif
