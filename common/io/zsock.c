#include "common/io/zsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/io/zsock_private.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/text.h"

enum {
    LINGER_MS = 1000, /* what a peer gets to take the last messages */
    HEARTBEAT_INTERVAL_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 5000, /* then the connection counts as broken */
    HANDSHAKE_MS = 5000,         /* a silent client is closed */
    ACCEPT_BACKLOG = 1024,       /* a fleet that starts at once */
    RECONNECT_FIRST_MS = 50,     /* the first wait is drawn from [50, 150]: a fleet that lost */
    RECONNECT_SPREAD_MS = 100,   /* its coordinator does not come back in step */
    RECONNECT_LAST_MS = 5000,
    ZAP_ENFORCE_DOMAIN = 93 /* no answer of ZAP: nobody, not everybody. zmq.h hides the name */
};

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int reconnect_ms(void)
{
    uint64_t seed;
    file_random(&seed, sizeof(seed));
    struct rng rng;
    rng_seed(&rng, seed);
    return RECONNECT_FIRST_MS + (int)rng_below(&rng, RECONNECT_SPREAD_MS + 1);
}

/* 0, or -1 and errno. */
static int set_options(void *socket, const struct zsock_config *config)
{
    const struct {
        int option, value;
    } options[] = {
        { ZMQ_LINGER, LINGER_MS },
        { ZMQ_HEARTBEAT_IVL, HEARTBEAT_INTERVAL_MS },
        { ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS },
        { ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS },
        { ZMQ_BACKLOG, ACCEPT_BACKLOG },
        { ZMQ_RECONNECT_IVL, reconnect_ms() },
        { ZMQ_RECONNECT_IVL_MAX, RECONNECT_LAST_MS },
        { ZMQ_SNDHWM, config->send_high_water },
        { ZMQ_RCVHWM, ZSOCK_TURN_MAX }, /* a turn's worth a peer: more waits at the sender */
        /* ROUTER: a vanished peer is an error. DEALER: what is accepted goes to a connection. */
        { config->type == ZMQ_ROUTER ? ZMQ_ROUTER_MANDATORY : ZMQ_IMMEDIATE, 1 },
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (set_int(socket, options[i].option, options[i].value) != 0)
            return -1;
    }
    int64_t bytes_max = (int64_t)config->message_bytes_max;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof(bytes_max));
}

void zsock_wake(uv_poll_t *poll, int status, int events)
{
    /* That the loop woke up is all: the prepare handle asks what it was. Nothing may close the
     * handle here either: libuv 1.44 would go on using it. */
    (void)poll;
    (void)status;
    (void)events;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* Asking also takes in what other threads told the socket, and so arms ZMQ_FD again. */
static bool may_receive(struct zsock *z)
{
    int events = 0;
    size_t size = sizeof(events);
    if (zmq_getsockopt(z->socket, ZMQ_EVENTS, &events, &size) != 0)
        return zmq_errno() == EINTR; /* not known: look; else the context is ending */
    return events & ZMQ_POLLIN;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct zsock *z = container_of(prepare, struct zsock, prepare);
    bool ready = may_receive(z);
    if (z->config.before_sleep) {
        z->config.before_sleep(z->config.owner);
        ready = !z->closing && may_receive(z); /* what was sent may have used up the sign */
    }
    if (ready && !z->paused)
        uv_idle_start(&z->idle, on_idle);
}

/* False: no frame is there now. */
static bool take_frame(struct zsock *z, zmq_msg_t *frame)
{
    check(zmq_msg_init(frame) == 0);
    if (zmq_msg_recv(frame, z->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    (void)zmq_msg_close(frame); /* it is empty */
    return false;
}

/* A ROUTER's first frame. False if it cannot be answered. */
static bool read_peer(zmq_msg_t *frame, struct zpeer *peer)
{
    size_t len = zmq_msg_size(frame);
    if (!zmq_msg_more(frame) || len == 0 || len > ZSOCK_PEER_BYTES_MAX)
        return false;
    peer->len = (uint8_t)len;
    memcpy(peer->bytes, zmq_msg_data(frame), len);
    return true;
}

/* The frame holds the last thing asked for: deliver it if the message ends here. */
static void deliver(struct zsock *z, struct zpeer *peer, zmq_msg_t *body, bool well_formed)
{
    z->skipping = zmq_msg_more(body);
    if (well_formed && !z->skipping) {
        struct span bytes = span_of(zmq_msg_data(body), zmq_msg_size(body));
        if (peer)
            peer->user = zmq_msg_gets(body, "User-Id"); /* of this part: a part read ahead of an
                                                           answer of ZAP may have none */
        z->config.on_message(z->config.owner, peer, bytes);
    } else {
        z->malformed_count++;
    }
}

/* Take one message, or one more frame of a bad one: how many of those there are is the peer's
 * choice, and a turn must stay bounded. False: nothing is there now. */
static bool receive(struct zsock *z)
{
    zmq_msg_t frame;
    if (!take_frame(z, &frame))
        return false;
    if (z->skipping) {
        z->skipping = zmq_msg_more(&frame);
    } else if (z->config.type != ZMQ_ROUTER) {
        deliver(z, NULL, &frame, true);
    } else {
        struct zpeer peer;
        bool known = read_peer(&frame, &peer);
        if (zmq_msg_more(&frame)) {
            (void)zmq_msg_close(&frame); /* copied */
            if (!take_frame(z, &frame))  /* messages come whole: only when the context ends */
                return false;
        }
        deliver(z, &peer, &frame, known);
    }
    (void)zmq_msg_close(&frame); /* it is a valid message: cannot fail */
    return true;
}

static void on_check(uv_check_t *handle)
{
    struct zsock *z = container_of(handle, struct zsock, check);
    uv_idle_stop(&z->idle);
    zsock_dial_turn(z);
    unsigned left = ZSOCK_TURN_MAX;
    while (left > 0 && !z->paused && !z->closing && receive(z)) /* callbacks may pause and close */
        left--;
    if (!z->closing && z->config.on_turn)
        z->config.on_turn(z->config.owner);
}

/* A socket with its options set, and the descriptor to watch. */
static err open_socket(const struct zsock_config *config, void **out, uv_os_sock_t *out_fd,
                       struct errmsg *msg)
{
    void *socket = zmq_socket(config->zmq_context, config->type);
    if (!socket)
        return err_say(msg, zmq_errno() == EMFILE ? ERR_LIMIT : ERR_IO,
                       "cannot open a ZeroMQ socket: %s", zmq_strerror(zmq_errno()));
    size_t size = sizeof(*out_fd);
    if (set_options(socket, config) != 0 || zmq_getsockopt(socket, ZMQ_FD, out_fd, &size) != 0) {
        err e =
            err_say(msg, ERR_IO, "cannot set up a ZeroMQ socket: %s", zmq_strerror(zmq_errno()));
        (void)zmq_close(socket); /* a valid socket: cannot fail */
        return e;
    }
    *out = socket;
    return OK;
}

static void start_handles(struct zsock *z, uv_loop_t *loop)
{
    /* None of these can fail on a handle that was just made. */
    check(uv_prepare_init(loop, &z->prepare) == 0 && uv_idle_init(loop, &z->idle) == 0 &&
          uv_check_init(loop, &z->check) == 0);
    check(uv_poll_start(&z->poll, UV_READABLE, zsock_wake) == 0 &&
          uv_prepare_start(&z->prepare, on_prepare) == 0 &&
          uv_check_start(&z->check, on_check) == 0);
}

err zsock_open(uv_loop_t *loop, const struct zsock_config *config, struct zsock **out,
               struct errmsg *msg)
{
    check(config->type == ZMQ_ROUTER || config->type == ZMQ_DEALER);
    check(config->on_message && config->message_bytes_max <= INT64_MAX);
    void *socket = NULL;
    uv_os_sock_t fd = -1;
    err e = open_socket(config, &socket, &fd, msg);
    if (e != OK)
        return e;
    struct zsock *z = xmalloc(sizeof(*z));
    *z = (struct zsock){ .config = *config, .socket = socket };
    int failed = uv_poll_init_socket(loop, &z->poll, fd);
    if (failed != 0) {           /* then the loop does not know the handle */
        (void)zmq_close(socket); /* a valid socket: cannot fail */
        free(z);
        return err_say(msg, ERR_IO, "cannot watch a ZeroMQ socket: %s", uv_strerror(failed));
    }
    start_handles(z, loop);
    if (config->type == ZMQ_DEALER && config->on_trouble)
        e = zsock_dial_watch(z, loop, msg);
    if (e) {
        zsock_close(z);
        return e;
    }
    *out = z;
    return OK;
}

bool zsock_is_endpoint(const char *text)
{
    if (strncmp(text, "ipc://", 6) == 0)
        return text[6] != '\0';
    if (strncmp(text, "tcp://", 6) != 0)
        return false;
    const char *colon = strrchr(text + 6, ':');
    if (!colon || colon == text + 6)
        return false;
    uint64_t port;
    return strcmp(colon + 1, "*") == 0 || (text_parse_u64(colon + 1, &port) && port <= UINT16_MAX);
}

err zsock_say_endpoint(struct errmsg *msg, const char *what, const char *endpoint)
{
    int error = zmq_errno();
    const char *hint = "";
    err e = ERR_IO;
    switch (error) {
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
        e = ERR_INVALID;
        hint = "; expected tcp://HOST:PORT or ipc://PATH";
        break;
    case EADDRINUSE:
        e = ERR_BUSY;
        hint = "; is another one running?";
        break;
    case ENODEV:
    case EADDRNOTAVAIL:
        e = ERR_NOT_FOUND;
        hint = "; expected an address of this machine, or 0.0.0.0 for all that it has ([::] with "
               "IPv6)";
        break;
    case ENOENT: e = ERR_NOT_FOUND; break;
    case EACCES:
    case EPERM: e = ERR_DENIED; break;
    case ENAMETOOLONG: e = ERR_LIMIT; break;
    default: break;
    }
    return err_say(msg, e, "cannot %s '%s': %s%s", what, endpoint, zmq_strerror(error), hint);
}

/* For the endpoints bound from now on; ZeroMQ knows no way back. 0, or -1 and errno. */
static int set_keys(void *socket, const struct key_file *key, const char *domain)
{
    if (set_int(socket, ZMQ_CURVE_SERVER, 1) != 0 || set_int(socket, ZAP_ENFORCE_DOMAIN, 1) != 0 ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0)
        return -1;
    return zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, KEY_TEXT_BYTES);
}

/* Not for names: ZeroMQ would take a machine's IPv6 address alone, where 0.0.0.0 may listen. */
int zsock_set_family(void *socket, const char *endpoint)
{
    return set_int(socket, ZMQ_IPV6, strncmp(endpoint, "tcp://[", 7) == 0);
}

static err bind_socket(struct zsock *z, const char *endpoint, struct errmsg *msg)
{
    if (zsock_set_family(z->socket, endpoint) != 0)
        return zsock_say_endpoint(msg, "listen on", endpoint);
    return zmq_bind(z->socket, endpoint) == 0 ? OK : zsock_say_endpoint(msg, "listen on", endpoint);
}

err zsock_bind(struct zsock *z, const char *endpoint, struct errmsg *msg)
{
    check(!z->closing && !z->asks_for_keys);
    return bind_socket(z, endpoint, msg);
}

err zsock_bind_with_keys(struct zsock *z, const char *endpoint, const struct key_file *key,
                         const char *domain, struct errmsg *msg)
{
    check(!z->closing && domain[0]);
    err e = zsock_dial_watch(z, z->prepare.loop, msg);
    if (e)
        return e;
    if (set_keys(z->socket, key, domain) != 0)
        return err_say(msg, ERR_IO, "cannot use a key: %s", zmq_strerror(zmq_errno()));
    z->asks_for_keys = true;
    return bind_socket(z, endpoint, msg);
}

err zsock_endpoint(struct zsock *z, char *out, size_t out_bytes)
{
    check(!z->closing);
    return zmq_getsockopt(z->socket, ZMQ_LAST_ENDPOINT, out, &out_bytes) == 0 ? OK : ERR_LIMIT;
}

static err send_frame(struct zsock *z, const void *data, size_t len, int flags)
{
    int sent;
    do {
        sent = zmq_send(z->socket, data, len, ZMQ_DONTWAIT | flags);
    } while (sent < 0 && zmq_errno() == EINTR);
    if (sent >= 0)
        return OK;
    switch (zmq_errno()) {
    case EAGAIN: return ERR_AGAIN;
    case EHOSTUNREACH:
    case ETERM: return ERR_CLOSED;
    default: return ERR_IO;
    }
}

err zsock_send(struct zsock *z, const struct zpeer *peer, struct span body)
{
    check((peer != NULL) == (z->config.type == ZMQ_ROUTER));
    if (z->closing)
        return ERR_CLOSED;
    if (peer) {
        /* With the first frame the ROUTER chooses the connection; the second then has room. */
        err e = send_frame(z, peer->bytes, peer->len, ZMQ_SNDMORE);
        if (e != OK)
            return e;
    }
    return send_frame(z, body.data, body.len, 0);
}

void zsock_pause(struct zsock *z, bool paused)
{
    z->paused = paused;
}

uint64_t zsock_malformed_count(const struct zsock *z)
{
    return z->malformed_count;
}

uint64_t zsock_handshakes_failed(const struct zsock *z)
{
    return z->dial.failed_count;
}

static void on_closed(uv_handle_t *handle)
{
    struct zsock *z = handle->data;
    if (--z->open_handles == 0)
        free(z);
}

void zsock_close_handle(struct zsock *z, uv_handle_t *handle)
{
    handle->data = z;
    z->open_handles++;
    uv_close(handle, on_closed);
}

void zsock_close(struct zsock *z)
{
    check(!z->closing);
    z->closing = true;
    /* Before the socket goes, and its descriptor with it. */
    zsock_close_handle(z, (uv_handle_t *)&z->poll);
    zsock_close_handle(z, (uv_handle_t *)&z->prepare);
    zsock_close_handle(z, (uv_handle_t *)&z->idle);
    zsock_close_handle(z, (uv_handle_t *)&z->check);
    zsock_dial_close(z);
    check(zmq_close(z->socket) == 0);
    z->socket = NULL;
}
