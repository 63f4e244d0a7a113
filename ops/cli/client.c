#include "ops/cli/client.h"

#include <stdlib.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/descriptors.h"
#include "common/io/file.h"
#include "common/io/handshake.h"
#include "common/io/zsock.h"
#include "common/mem.h"
#include "coordinator/endpoints.h"
#include "proto/msg.h"

enum { DESCRIPTORS_NEEDED = 32 };
enum { POLL_MS = 50, RECONNECT_MS = 100, RECONNECT_MAX_MS = 1000, BROKEN_MAX = 3 };

struct client {
    void *zmq, *socket;
    uint64_t seq;
    char *endpoint;
    struct key_file key;
    bool has_key;
    struct handshake_watch watch; /* with tcp */
    unsigned broken;              /* handshakes in a row that broke off */
};

static void set_int(void *socket, int option, int value)
{
    check(zmq_setsockopt(socket, option, &value, sizeof(value)) == 0);
}

static void set_options(void *socket)
{
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_SNDHWM, 16); /* asks that nobody answers do not pile up */
    set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    int64_t max = MESSAGE_BYTES_MAX;
    check(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max, sizeof(max)) == 0);
}

err client_connect(const char *endpoint, const struct key_file *key, struct client **out,
                   struct errmsg *msg)
{
    err e = descriptors_raise(DESCRIPTORS_NEEDED, msg);
    if (e)
        return e;
    struct client *c = xcalloc(1, sizeof(*c));
    c->endpoint = xstrdup(endpoint);
    c->zmq = zmq_ctx_new();
    c->socket = zmq_socket(c->zmq, ZMQ_DEALER);
    check(c->zmq && c->socket);
    set_options(c->socket);
    if (key) {
        c->key = *key;
        c->has_key = true;
        check(handshake_use_key(c->socket, &c->key) == 0);
    }
    e = handshake_watch_open(c->zmq, c->socket, &c->watch, msg);
    if (e == OK &&
        (zsock_set_family(c->socket, endpoint) != 0 || zmq_connect(c->socket, endpoint) != 0))
        e = err_say(msg, ERR_INVALID, "%s: %s", endpoint, zmq_strerror(zmq_errno()));
    if (e) {
        client_close(c);
        return e;
    }
    *out = c;
    return OK;
}

err client_open(const char *state, struct client **out, struct errmsg *msg)
{
    if (!file_is_dir(state))
        return err_say(msg, ERR_NOT_FOUND,
                       "%s: no such folder; expected the state of a sweep that was started "
                       "(muster run)",
                       state);
    struct endpoints endpoints;
    err e = endpoints_of(state, &endpoints, msg);
    return e ? e : client_connect(endpoints.operators, NULL, out, msg);
}

void client_close(struct client *c)
{
    if (!c)
        return;
    handshake_watch_close(&c->watch, c->socket);
    zmq_close(c->socket);
    zmq_ctx_term(c->zmq);
    key_forget(&c->key);
    free(c->endpoint);
    free(c);
}

err client_send(struct client *c, const json_t *ask, struct errmsg *msg)
{
    char *text = json_dumps(ask, JSON_COMPACT);
    check(text);
    struct msg m = { .type = MSG_ASK, .seq = ++c->seq };
    m.as.ask.json = span_str(text);
    struct buf frame = { 0 };
    msg_encode(&m, &frame);
    int sent = zmq_send(c->socket, frame.data, frame.len, ZMQ_DONTWAIT);
    buf_release(&frame);
    free(text);
    return sent < 0 ? err_say(msg, ERR_AGAIN, "the coordinator does not answer") : OK;
}

static err read_reply(struct client *c, struct span body, json_t **out, struct errmsg *msg)
{
    struct arena arena = { 0 };
    struct msg m;
    err e = msg_decode(body, &arena, &m, msg);
    if (!e && m.type == MSG_REJECT)
        e = err_say(msg, ERR_DENIED, "the coordinator refuses: %.*s", (int)m.as.reject.text.len,
                    (const char *)m.as.reject.text.data);
    else if (!e && (m.type != MSG_REPLY || m.seq != c->seq))
        e = ERR_AGAIN;
    if (!e) {
        json_error_t where;
        json_t *json =
            json_loadb((const char *)m.as.reply.json.data, m.as.reply.json.len, 0, &where);
        const char *said = json_string_value(json_object_get(json, "error"));
        if (!json)
            e = err_say(msg, ERR_INVALID, "the answer is no JSON: %s", where.text);
        else if (!m.as.reply.ok)
            e = err_say(msg, ERR_INVALID, "%s", said ? said : "the coordinator refused");
        if (e)
            json_decref(json);
        else
            *out = json;
    }
    arena_release(&arena);
    return e;
}

/* ERR_DENIED: no ask will ever be answered here. */
static err look_at_handshakes(struct client *c, struct errmsg *msg)
{
    enum handshake what;
    while ((what = handshake_next(&c->watch)) != HANDSHAKE_NONE) {
        if (what == HANDSHAKE_DONE)
            c->broken = 0;
        else if (what != HANDSHAKE_BROKEN || ++c->broken == BROKEN_MAX)
            return handshake_explain(what, c->endpoint, c->has_key ? &c->key : NULL, msg);
    }
    return ERR_AGAIN;
}

err client_poll(struct client *c, json_t **out, struct errmsg *msg)
{
    zmq_msg_t frame;
    check(zmq_msg_init(&frame) == 0);
    err e = ERR_AGAIN;
    while (e == ERR_AGAIN && zmq_msg_recv(&frame, c->socket, ZMQ_DONTWAIT) >= 0)
        e = read_reply(c, span_of(zmq_msg_data(&frame), zmq_msg_size(&frame)), out, msg);
    zmq_msg_close(&frame);
    return e == ERR_AGAIN ? look_at_handshakes(c, msg) : e;
}

err client_ask(struct client *c, const json_t *ask, int timeout_ms, json_t **out,
               struct errmsg *msg)
{
    err e = client_send(c, ask, msg);
    int64_t until = clock_mono_ns() + (int64_t)timeout_ms * 1000000;
    e = e ? e : ERR_AGAIN;
    while (e == ERR_AGAIN && clock_mono_ns() < until) {
        zmq_pollitem_t items[] = { { c->socket, 0, ZMQ_POLLIN, 0 },
                                   { c->watch.pair, 0, ZMQ_POLLIN, 0 } };
        zmq_poll(items, 2, POLL_MS);
        e = client_poll(c, out, msg);
    }
    if (e == ERR_AGAIN)
        return err_say(msg, ERR_TIMEOUT, "no coordinator answers at %s: is the sweep running?",
                       c->endpoint);
    return e;
}
