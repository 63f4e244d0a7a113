#include "worker/host/channel.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/mem.h"

enum { READ_BYTES = 64 << 10 };

struct outgoing {
    uv_write_t request;
    uint8_t bytes[];
};

void channel_init(struct channel *c, uv_loop_t *loop, const struct channel_callbacks *callbacks,
                  void *owner)
{
    *c = (struct channel){ .callbacks = callbacks, .owner = owner };
    check(uv_pipe_init(loop, &c->pipe, 0) == 0);
}

static void channel_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct channel *c = container_of(handle, struct channel, pipe);
    buf_reserve(&c->in, READ_BYTES);
    *out = uv_buf_init((char *)c->in.data + c->in.len, READ_BYTES);
}

/* Lines may mute the channel, so ask before each. What is left moves to the front. */
static void channel_deliver(struct channel *c, size_t unscanned)
{
    size_t start = 0, at = c->in.len - unscanned;
    while (!c->is_muted && at < c->in.len) {
        uint8_t *newline = memchr(c->in.data + at, '\n', c->in.len - at);
        if (!newline)
            break;
        size_t end = (size_t)(newline - c->in.data);
        if (end - start > HOST_LINE_BYTES_MAX)
            break;
        struct span line = span_of(c->in.data + start, end - start);
        start = at = end + 1;
        c->callbacks->on_line(c->owner, line);
    }
    c->in.len -= start;
    memmove(c->in.data, c->in.data + start, c->in.len);
    if (!c->is_muted && c->in.len > HOST_LINE_BYTES_MAX) {
        channel_mute(c);
        c->callbacks->on_overlong(c->owner);
    }
}

static void channel_on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *ignored)
{
    (void)ignored;
    struct channel *c = container_of(stream, struct channel, pipe);
    if (count < 0) { /* the end, or a reset, which is an end too */
        uv_read_stop(stream);
        c->has_ended = true;
        c->is_unread = c->is_unread || count == UV_ECONNRESET; /* what Linux says of it */
        if (!c->is_muted)
            c->callbacks->on_end(c->owner);
        return;
    }
    if (c->is_muted)
        return; /* read and dropped: the writer must not block on us */
    c->in.len += (size_t)count;
    channel_deliver(c, (size_t)count);
}

void channel_start(struct channel *c)
{
    check(uv_read_start((uv_stream_t *)&c->pipe, channel_on_alloc, channel_on_read) == 0);
}

static void channel_on_written(uv_write_t *request, int status)
{
    struct channel *c = container_of((uv_pipe_t *)request->handle, struct channel, pipe);
    if (status != 0) /* who does not read any more is about to exit, and that is noticed */
        c->is_unread = true;
    free(container_of(request, struct outgoing, request));
}

void channel_send(struct channel *c, struct span line)
{
    uv_stream_t *stream = (uv_stream_t *)&c->pipe;
    uv_buf_t all = uv_buf_init((char *)(uintptr_t)line.data, (unsigned)line.len);
    int done = uv_stream_get_write_queue_size(stream) == 0 ? uv_try_write(stream, &all, 1) : 0;
    size_t written = done > 0 ? (size_t)done : 0;
    if (written == line.len)
        return;
    struct outgoing *rest = xmalloc(sizeof *rest + line.len - written);
    memcpy(rest->bytes, line.data + written, line.len - written);
    uv_buf_t left = uv_buf_init((char *)rest->bytes, (unsigned)(line.len - written));
    if (uv_write(&rest->request, stream, &left, 1, channel_on_written) != 0)
        free(rest);
}

static void channel_on_finished(uv_shutdown_t *request, int status)
{
    (void)status; /* it was closed already */
    free(request);
}

void channel_finish(struct channel *c)
{
    uv_shutdown_t *request = xmalloc(sizeof *request);
    if (uv_shutdown(request, (uv_stream_t *)&c->pipe, channel_on_finished) != 0)
        free(request);
}

void channel_mute(struct channel *c)
{
    c->is_muted = true; /* perhaps while a line of it is being delivered: the bytes stay */
}

void channel_release(struct channel *c)
{
    buf_release(&c->in);
}
