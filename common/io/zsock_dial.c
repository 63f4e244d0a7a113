/* How a socket's connections come about. ZeroMQ gives a connection up for ever when the other side
 * refuses the key, and tries ten times a second without end when the other side cannot read it: so
 * a connecting socket watches its handshakes, says what is wrong, and dials again less and less
 * often. */
#include <stdlib.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/io/zsock_private.h"
#include "common/mem.h"
#include "common/rng.h"

enum {
    BROKEN_MAX = 3,         /* a coordinator that ends looks the same, once */
    REDIAL_FIRST_MS = 1000, /* doubled each time, ... */
    REDIAL_LAST_MS = 15000, /* ... and drawn from the upper half of it */
};

err zsock_dial_watch(struct zsock *z, uv_loop_t *loop, struct errmsg *msg)
{
    struct zsock_dial *d = &z->dial;
    if (d->watch.pair)
        return OK;
    err e = handshake_watch_open(z->config.zmq_context, z->socket, &d->watch, msg);
    if (e)
        return e;
    int failed = uv_poll_init(loop, &d->poll, handshake_fd(&d->watch));
    if (failed != 0) { /* then the loop does not know the handle */
        handshake_watch_close(&d->watch, z->socket);
        return err_say(msg, ERR_IO, "cannot watch a ZeroMQ socket: %s", uv_strerror(failed));
    }
    /* Neither can fail on a handle that was just made. */
    check(uv_timer_init(loop, &d->again) == 0);
    check(uv_poll_start(&d->poll, UV_READABLE, zsock_wake) == 0);
    return OK;
}

err zsock_connect(struct zsock *z, const char *endpoint, struct errmsg *msg)
{
    check(!z->closing && !z->dial.endpoint);
    if (z->config.key && handshake_use_key(z->socket, z->config.key) != 0)
        return err_say(msg, ERR_IO, "cannot use a key: %s", zmq_strerror(zmq_errno()));
    if (zsock_set_family(z->socket, endpoint) != 0 || zmq_connect(z->socket, endpoint) != 0)
        return zsock_say_endpoint(msg, "connect to", endpoint);
    z->dial.endpoint = xstrdup(endpoint);
    return OK;
}

static void on_again(uv_timer_t *timer)
{
    struct zsock *z = container_of(timer, struct zsock, dial.again);
    check(zmq_connect(z->socket, z->dial.endpoint) == 0); /* it could before */
}

/* Half of the time doubled so often, and a random part of the other half. */
static uint64_t redial_ms(unsigned redials)
{
    uint64_t seed, most = REDIAL_FIRST_MS;
    for (unsigned i = 0; i < redials && most < REDIAL_LAST_MS; i++)
        most *= 2;
    most = most < REDIAL_LAST_MS ? most : REDIAL_LAST_MS;
    file_random(&seed, sizeof(seed));
    struct rng rng;
    rng_seed(&rng, seed);
    return most / 2 + rng_below(&rng, most / 2 + 1);
}

static void hang_up(struct zsock *z)
{
    struct zsock_dial *d = &z->dial;
    if (uv_is_active((uv_handle_t *)&d->again))
        return;
    (void)zmq_disconnect(z->socket, d->endpoint); /* ZeroMQ may have given it up already */
    d->broken = 0;
    check(uv_timer_start(&d->again, on_again, redial_ms(d->redials++), 0) == 0);
}

static void on_failed(struct zsock *z, enum handshake what)
{
    struct zsock_dial *d = &z->dial;
    d->failed_count++;
    if (!d->endpoint || (what == HANDSHAKE_BROKEN && ++d->broken < BROKEN_MAX))
        return;
    hang_up(z);
    struct errmsg why;
    (void)handshake_explain(what, d->endpoint, z->config.key, &why);
    if (z->config.on_trouble)
        z->config.on_trouble(z->config.owner, why.text);
}

void zsock_dial_turn(struct zsock *z)
{
    enum handshake what;
    while (z->dial.watch.pair && (what = handshake_next(&z->dial.watch)) != HANDSHAKE_NONE) {
        if (what == HANDSHAKE_DONE)
            z->dial.broken = z->dial.redials = 0;
        else
            on_failed(z, what);
    }
}

void zsock_dial_close(struct zsock *z)
{
    struct zsock_dial *d = &z->dial;
    if (d->watch.pair) {
        zsock_close_handle(z, (uv_handle_t *)&d->poll);
        zsock_close_handle(z, (uv_handle_t *)&d->again);
        handshake_watch_close(&d->watch, z->socket);
    }
    free(d->endpoint);
    d->endpoint = NULL;
}
