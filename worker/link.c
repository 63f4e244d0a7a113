#include "worker/link.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/log.h"
#include "common/io/zsock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "worker/spool.h"

enum { SEND_HIGH_WATER = 64 }; /* results are kept in the spool, not in the socket */

/* What was said while the socket was full: the newest of each. Results fill the socket whenever
 * they can: what is said must not have to wait for a moment when there are none, or a busy worker
 * would fall silent. Of each slot the news of its host are kept: from them the coordinator learns
 * whether the model starts there, and operators read why it does not. */
struct late {
    struct buf beat, goodbye;
    struct buf *hosts; /* by slot, up to the highest of which there was news */
    size_t host_count;
};

struct link {
    struct link_config config;
    void *zmq_context;
    struct zsock *socket;
    uint64_t session;
    struct arena arena; /* of the message at hand */
    struct buf frame;   /* to send; reused */
    struct buf parcel;  /* of the spool's, that waits for room; empty: none */
    bool takes_parcels; /* the coordinator does; else a parcel has one frame */
    struct buf hello;   /* a frame that waits for a connection; empty: none */
    struct late late;
    uint64_t malformed_count;
};

static err link_send(struct link *l, struct msg *m)
{
    m->session = l->session;
    buf_clear(&l->frame);
    msg_encode(m, &l->frame);
    return zsock_send(l->socket, NULL, buf_span(&l->frame));
}

static struct buf *late_of_slot(struct late *late, uint32_t slot)
{
    check(slot < SLOTS_MAX);
    if (slot >= late->host_count) {
        size_t more = slot + 1 - late->host_count;
        late->hosts = xrealloc(late->hosts, (slot + 1) * sizeof *late->hosts);
        memset(late->hosts + late->host_count, 0, more * sizeof *late->hosts);
        late->host_count = slot + 1;
    }
    return &late->hosts[slot];
}

static struct buf *late_of(struct late *late, const struct msg *m)
{
    if (m->type == MSG_HOST)
        return late_of_slot(late, m->as.host.slot);
    return m->type == MSG_BEAT ? &late->beat : &late->goodbye;
}

static void late_clear(struct late *late)
{
    buf_clear(&late->beat);
    buf_clear(&late->goodbye);
    for (size_t i = 0; i < late->host_count; i++)
        buf_clear(&late->hosts[i]);
}

static void late_release(struct late *late)
{
    buf_release(&late->beat);
    buf_release(&late->goodbye);
    for (size_t i = 0; i < late->host_count; i++)
        buf_release(&late->hosts[i]);
    free(late->hosts);
}

void link_say(struct link *l, struct msg *m)
{
    if (l->session == 0)
        return;
    err e = link_send(l, m);
    struct buf *late = late_of(&l->late, m);
    buf_clear(late); /* older news is none */
    if (e == ERR_AGAIN)
        buf_append_span(late, buf_span(&l->frame));
    else if (e)
        log_debug("message_not_sent type=%s reason=\"%s\"", msg_type_text(m->type), err_text(e));
}

/* False: the socket is full. */
static bool link_pump_one(struct link *l, struct buf *frame)
{
    if (frame->len > 0 && zsock_send(l->socket, NULL, buf_span(frame)) != OK)
        return false;
    buf_clear(frame);
    return true;
}

static bool link_pump_late(struct link *l)
{
    if (!link_pump_one(l, &l->late.beat))
        return false;
    for (size_t i = 0; i < l->late.host_count; i++)
        if (!link_pump_one(l, &l->late.hosts[i]))
            return false;
    return link_pump_one(l, &l->late.goodbye);
}

void link_say_hello(struct link *l, struct msg *m)
{
    link_set_session(l, 0);
    msg_encode(m, &l->hello);
}

/* What the spool has to send, up to a parcel. False: nothing. */
static bool link_fill_parcel(struct link *l)
{
    struct msg m;
    unsigned frames = 0, most = l->takes_parcels ? PARCEL_FRAMES_MAX : 1;
    while (frames < most && l->parcel.len < PARCEL_BYTES && spool_next(l->config.spool, &m)) {
        m.session = l->session;
        msg_encode(&m, &l->parcel);
        spool_sent(l->config.spool);
        frames++;
    }
    return frames > 0;
}

/* Send what there is, as far as the connection takes it. */
static void link_pump(struct link *l)
{
    if (l->hello.len > 0 && zsock_send(l->socket, NULL, buf_span(&l->hello)) == OK)
        buf_clear(&l->hello);
    if (!link_pump_late(l))
        return; /* full: the socket wakes the loop when there is room again */
    while (l->session != 0 && (l->parcel.len > 0 || link_fill_parcel(l))) {
        if (zsock_send(l->socket, NULL, buf_span(&l->parcel)) != OK)
            return; /* full */
        buf_clear(&l->parcel);
    }
}

static void link_before_sleep(void *owner)
{
    link_pump(owner);
}

/* What is refused of a session before this one says nothing of this one. */
static bool link_is_current(const struct link *l, const struct msg *m)
{
    if (m->type == MSG_WELCOME || (m->type == MSG_REJECT && m->session == 0))
        return true;
    return l->session != 0 && m->session == l->session;
}

/* The 1st, 2nd, 4th, 8th, ...: a broken peer must not fill the disk. */
static void link_say_malformed(struct link *l, struct span body, const char *why)
{
    uint64_t count = ++l->malformed_count;
    if ((count & (count - 1)) == 0)
        log_warn("message_malformed count=%llu bytes=%zu reason=\"%s\"", (unsigned long long)count,
                 body.len, why);
}

static void link_take_message(struct link *l, const struct msg *m)
{
    if (!link_is_current(l, m)) {
        log_debug("message_of_another_session type=%s", msg_type_text(m->type));
        return;
    }
    if (m->type == MSG_WELCOME)
        l->takes_parcels = msg_takes_parcels(m);
    l->config.on_message(l->config.owner, m);
}

static void link_on_message(void *owner, const struct zpeer *peer, struct span body)
{
    (void)peer;
    struct link *l = owner;
    struct span parcel = body;
    do {
        struct msg m;
        struct errmsg msg = { "" };
        arena_clear(&l->arena);
        err e = msg_take(&parcel, &l->arena, &m, &msg);
        if (e || msg_sender(m.type) != 'c')
            link_say_malformed(l, body, e ? msg.text : "not for a worker");
        else
            link_take_message(l, &m);
    } while (parcel.len > 0);
}

static void link_on_trouble(void *owner, const char *why)
{
    (void)owner;
    log_error("cannot_connect text=\"%s\"", why);
}

err link_open(const struct link_config *config, struct link **out, struct errmsg *msg)
{
    struct link *l = xcalloc(1, sizeof *l);
    l->config = *config;
    l->zmq_context = zmq_ctx_new();
    check(l->zmq_context);
    struct zsock_config socket = {
        .zmq_context = l->zmq_context,
        .type = ZMQ_DEALER,
        .message_bytes_max = MESSAGE_BYTES_MAX,
        .send_high_water = SEND_HIGH_WATER,
        .owner = l,
        .on_message = link_on_message,
        .before_sleep = link_before_sleep,
        .key = config->key,
        .on_trouble = link_on_trouble,
    };
    err e = zsock_open(config->loop, &socket, &l->socket, msg);
    if (e == OK)
        e = zsock_connect(l->socket, config->endpoint, msg);
    if (e) {
        link_close(l);
        return e;
    }
    *out = l;
    return OK;
}

void link_set_session(struct link *l, uint64_t session)
{
    l->session = session;
    buf_clear(&l->hello);
    buf_clear(&l->parcel); /* the spool begins again, in the next session */
    late_clear(&l->late);  /* of the session before */
}

bool link_has_session(const struct link *l)
{
    return l->session != 0;
}

void link_close(struct link *l)
{
    if (!l)
        return;
    if (l->socket)
        zsock_close(l->socket);
    (void)zmq_ctx_term(l->zmq_context); /* lingers for the last messages, a second at most */
    arena_release(&l->arena);
    buf_release(&l->frame);
    buf_release(&l->parcel);
    buf_release(&l->hello);
    late_release(&l->late);
    free(l);
}
