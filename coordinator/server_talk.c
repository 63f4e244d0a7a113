/* What is heard and said at the two ports: of workers, and of operators. */
#include <string.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "coordinator/server_private.h"
#include "proto/msg.h"

enum { TURN_FRAMES_MAX = 1024 }; /* of workers, about: what is due is not to wait for long */

/* ---- Saying ---- */

static struct zsock *port_socket(struct server *s, uint8_t port)
{
    return port == PORT_WORKERS ? s->workers : s->operators;
}

static struct zpeer to_zpeer(const struct outbox_peer *p)
{
    struct zpeer z = { .len = p->len };
    memcpy(z.bytes, p->bytes, p->len);
    return z;
}

static struct outbox_peer from_zpeer(uint8_t port, const struct zpeer *z)
{
    struct outbox_peer p = { .holder = access_holder(z->user), .port = port, .len = z->len };
    check(z->len <= OUTBOX_PEER_BYTES_MAX);
    memcpy(p.bytes, z->bytes, z->len);
    return p;
}

/* What workers do is noted, and how often they do it is their choice. */
static void log_notes(struct server *s, struct turn *turn)
{
    char *at = (char *)turn->notes.data, *end = at + turn->notes.len;
    while (at < end) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        check(stop); /* turn.h: every note ends with it */
        *stop = '\0';
        if (door_may_log(&s->door))
            log_line(at[0] == '!' ? LOG_WARN : LOG_INFO, "%s", at + 1);
        at = stop + 1;
    }
}

void server_end_session(struct server *s, uint64_t session)
{
    struct core_event gone = { .kind = CORE_GOODBYE,
                               .now_mono_ns = clock_mono_ns(),
                               .session = session };
    server_step(s, &gone, NULL);
}

/* A worker whose queue is full has not read for 65,536 messages: it is gone for us. */
static void peer_is_stuck(struct server *s, const struct outbox_peer *peer)
{
    uint64_t session = translate_session(s->translate, peer);
    if (!session)
        return; /* it was given up at an earlier message of this turn */
    log_warn("peer_stuck session=%llx", (unsigned long long)session);
    server_end_session(s, session);
}

void server_say_to(void *owner, const struct outbox_peer *to, struct span parcel)
{
    struct server *s = owner;
    struct zpeer peer = to_zpeer(to);
    err e = zsock_send(port_socket(s, to->port), &peer, parcel);
    if (e == ERR_AGAIN && to->port == PORT_WORKERS)
        peer_is_stuck(s, to);
    /* ERR_CLOSED: the peer is gone; leases, not sends, are the truth */
}

/* The turn is durable. */
void server_say(void *owner, struct turn *turn)
{
    struct server *s = owner;
    log_notes(s, turn);
    for (size_t i = 0; i < turn->count; i++) {
        const struct outbox_item *item = &turn->items[i];
        server_say_to(s, &item->peer, span_of(turn->frames.data + item->at, item->len));
    }
}

/* An answer that needs no record: to messages that nothing was made of. */
static void say_now(struct server *s, const struct outbox_peer *to, const struct msg *m)
{
    struct buf frame = { 0 };
    msg_encode(m, &frame);
    struct zpeer peer = to_zpeer(to);
    (void)zsock_send(port_socket(s, to->port), &peer, buf_span(&frame)); /* it may be gone */
    buf_release(&frame);
}

/* refused: what it answers, as far as it could be read. Of those that are sent until they are
 * acknowledged it says which one: the others are not at fault. */
static void reject(struct server *s, const struct outbox_peer *to, const struct msg *refused,
                   enum reject code, const char *text)
{
    struct msg m = { .type = MSG_REJECT };
    if (refused->type == MSG_RESULTS || refused->type == MSG_ENDED) {
        m.session = refused->session;
        m.seq = refused->seq;
    }
    m.as.reject = (struct msg_reject){ (uint8_t)code, span_str(text) };
    say_now(s, to, &m);
}

/* ---- Reading ---- */

static enum key_role port_role(uint8_t port)
{
    return port == PORT_WORKERS ? KEY_WORKER : KEY_OPERATOR;
}

static void refuse(struct server *s, const struct outbox_peer *to, const struct msg *refused,
                   enum reject code, const char *text)
{
    door_refused(&s->door, port_role(to->port), text);
    reject(s, to, refused, code, text);
}

/* A key that was taken off the list is still connected: nothing that it sends is even read. */
static bool admit(struct server *s, const struct outbox_peer *from, const char *user)
{
    bool admitted = door_admits(&s->door, user, port_role(from->port));
    if (!admitted)
        refuse(s, from, &(struct msg){ 0 }, REJECT_ROLE, "this key is no longer allowed");
    return admitted;
}

/* Take the next frame off a parcel, one that this port's peers may send; otherwise answer it and
 * return false. */
static bool take_frame(struct server *s, const struct outbox_peer *from, struct span *parcel,
                       struct arena *arena, struct msg *m)
{
    struct errmsg msg = { 0 };
    err e = msg_take(parcel, arena, m, &msg);
    if (e) {
        refuse(s, from, m, e == ERR_UNSUPPORTED ? REJECT_VERSION : REJECT_MALFORMED, msg.text);
        return false;
    }
    if (msg_sender(m->type) != (from->port == PORT_WORKERS ? 'w' : 'o')) {
        refuse(s, from, m, REJECT_ROLE, "this connection may not send that");
        return false;
    }
    return true;
}

static void take_message(struct server *s, const struct outbox_peer *from, const struct msg *m,
                         int64_t now)
{
    struct incoming *in = &s->incoming;
    struct errmsg msg = { 0 };
    if (m->type == MSG_HELLO &&
        !translate_name_is_free(s->translate, m->as.hello.worker_name, from->holder))
        refuse(s, from, m, REJECT_NAME, "a worker with another key goes by this name");
    else if (translate_in(s->translate, m, from, now, in, &msg))
        refuse(s, from, m, REJECT_MALFORMED, msg.text);
    else
        server_step(s, &in->event, in);
    incoming_clear(in);
}

typedef void take_f(struct server *s, const struct outbox_peer *from, const struct msg *m,
                    int64_t now);

/* Up to the first frame that is refused. Returns how many were looked at. */
static unsigned take_parcel(struct server *s, const struct outbox_peer *from, struct span parcel,
                            struct arena *arena, take_f *take)
{
    unsigned frames = 0;
    int64_t now = clock_mono_ns();
    bool is_fine = true;
    while (is_fine && (frames == 0 || parcel.len > 0)) {
        struct msg m;
        if (frames++ == PARCEL_FRAMES_MAX) {
            refuse(s, from, &(struct msg){ 0 }, REJECT_MALFORMED, "too many frames in a parcel");
            break;
        }
        is_fine = take_frame(s, from, &parcel, arena, &m);
        if (is_fine)
            take(s, from, &m, now);
        arena_clear(arena);
    }
    return frames;
}

void server_on_worker(void *owner, const struct zpeer *peer, struct span parcel)
{
    struct server *s = owner;
    struct outbox_peer from = from_zpeer(PORT_WORKERS, peer);
    if (admit(s, &from, peer->user))
        s->turn_frames += take_parcel(s, &from, parcel, &s->incoming.arena, take_message);
    if (s->turn_frames > TURN_FRAMES_MAX || commit_is_congested(s->commit))
        zsock_pause(s->workers, true); /* until the end of a turn finds it otherwise */
}

static void answer(struct server *s, const struct outbox_peer *from, const struct msg *m,
                   int64_t now)
{
    struct buf json = { 0 };
    struct admin_order order;
    s->admin.now_mono_ns = now;
    bool ok = admin_answer(&s->admin, m->as.ask.json, &s->scratch, &json, &order);
    if (order.kind == ADMIN_STEP)
        server_step(s, &order.event, NULL);
    struct msg reply = { .type = MSG_REPLY, .seq = m->seq };
    reply.as.reply = (struct msg_reply){ ok, buf_span(&json) };
    /* A full disk must not silence the one who can mend it either. */
    if (order.is_durable || commit_blocked(s->commit))
        say_now(s, from, &reply);
    else
        turn_say(commit_open_turn(s->commit), from, &reply);
    buf_release(&json);
    if (order.kind == ADMIN_STOP)
        server_stop_now(s);
}

void server_on_operator(void *owner, const struct zpeer *peer, struct span parcel)
{
    struct server *s = owner;
    struct outbox_peer from = from_zpeer(PORT_OPERATORS, peer);
    if (admit(s, &from, peer->user))
        take_parcel(s, &from, parcel, &s->scratch, answer);
}
