#include "coordinator/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/zsock.h"
#include "common/mem.h"
#include "coordinator/admin/admin.h"
#include "coordinator/commit.h"
#include "coordinator/door.h"
#include "coordinator/exit_code.h"
#include "coordinator/translate.h"
#include "proto/msg.h"

enum {
    PORT_WORKERS,
    PORT_OPERATORS,
    SEND_HIGH_WATER = 1 << 16, /* grants and acks are bounded by credits far below it */
    TURN_FRAMES_MAX = 1024,    /* of workers, about: what is due is not to wait for long */
    TICK_MS = 500,             /* progress samples; also the longest sleep */
    STALL_GRACE_MS = 5000,     /* a stalled sweep waits so long for another worker */
    GOODBYE_GRACE_MS = 3000    /* workers get so long to say goodbye at the end */
};

struct server {
    const struct server_config *config;
    uv_loop_t loop;
    void *zmq;
    struct zsock *workers, *operators;
    struct translate *translate;
    struct commit *commit;
    struct admin admin;
    struct door door;
    struct core_effects effects;
    struct incoming incoming; /* reused: its arena keeps a chunk */
    unsigned turn_frames;     /* of workers, read in this turn */
    struct arena scratch;
    uv_timer_t tick;
    uv_signal_t sigint, sigterm, sighup;
    int64_t over_since_ns; /* when the sweep was found to be over; 0: it is not */
    bool finishing;        /* workers were told to go */
    enum sweep_state ended_as;
    bool told_to_stop; /* a sweep that is done then ends too, though it would serve on */
    bool closing;
};

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

static void step(struct server *s, const struct core_event *event, struct incoming *in)
{
    if (event->kind == CORE_RESULTS && core_compares_answers(s->config->core))
        translate_answers(in);
    s->told_to_stop |= event->kind == CORE_DRAIN;
    core_step(s->config->core, event, &s->effects);
    translate_out(s->translate, &s->effects, in, commit_open_turn(s->commit));
    core_effects_clear(&s->effects);
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

static void end_session(struct server *s, uint64_t session)
{
    struct core_event gone = { .kind = CORE_GOODBYE,
                               .now_mono_ns = clock_mono_ns(),
                               .session = session };
    step(s, &gone, NULL);
}

/* A worker whose queue is full has not read for 65,536 messages: it is gone for us. */
static void peer_is_stuck(struct server *s, const struct outbox_peer *peer)
{
    uint64_t session = translate_session(s->translate, peer);
    if (!session)
        return; /* it was given up at an earlier message of this turn */
    log_warn("peer_stuck session=%llx", (unsigned long long)session);
    end_session(s, session);
}

static void say_to(void *owner, const struct outbox_peer *to, struct span parcel)
{
    struct server *s = owner;
    struct zpeer peer = to_zpeer(to);
    err e = zsock_send(port_socket(s, to->port), &peer, parcel);
    if (e == ERR_AGAIN && to->port == PORT_WORKERS)
        peer_is_stuck(s, to);
    /* ERR_CLOSED: the peer is gone; leases, not sends, are the truth */
}

/* The turn is durable. */
static void say(void *owner, struct turn *turn)
{
    struct server *s = owner;
    log_notes(s, turn);
    for (size_t i = 0; i < turn->count; i++) {
        const struct outbox_item *item = &turn->items[i];
        say_to(s, &item->peer, span_of(turn->frames.data + item->at, item->len));
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

static void reject(struct server *s, const struct outbox_peer *to, enum reject code,
                   const char *text)
{
    struct msg m = { .type = MSG_REJECT };
    m.as.reject = (struct msg_reject){ (uint8_t)code, span_str(text) };
    say_now(s, to, &m);
}

/* ---- Reading ---- */

static enum key_role port_role(uint8_t port)
{
    return port == PORT_WORKERS ? KEY_WORKER : KEY_OPERATOR;
}

static void refuse(struct server *s, const struct outbox_peer *to, enum reject code,
                   const char *text)
{
    door_refused(&s->door, port_role(to->port), text);
    reject(s, to, code, text);
}

/* A key that was taken off the list is still connected: nothing that it sends is even read. */
static bool admit(struct server *s, const struct outbox_peer *from, const char *user)
{
    bool admitted = door_admits(&s->door, user, port_role(from->port));
    if (!admitted)
        refuse(s, from, REJECT_ROLE, "this key is no longer allowed");
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
        refuse(s, from, e == ERR_UNSUPPORTED ? REJECT_VERSION : REJECT_MALFORMED, msg.text);
        return false;
    }
    if (msg_sender(m->type) != (from->port == PORT_WORKERS ? 'w' : 'o')) {
        refuse(s, from, REJECT_ROLE, "this connection may not send that");
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
        refuse(s, from, REJECT_NAME, "a worker with another key goes by this name");
    else if (translate_in(s->translate, m, from, now, in, &msg))
        refuse(s, from, REJECT_MALFORMED, msg.text);
    else
        step(s, &in->event, in);
}

static void take_parcel(struct server *s, const struct outbox_peer *from, struct span parcel)
{
    unsigned frames = 0;
    int64_t now = clock_mono_ns();
    do {
        struct msg m;
        if (frames++ == PARCEL_FRAMES_MAX) {
            refuse(s, from, REJECT_MALFORMED, "too many frames in a parcel");
            return;
        }
        if (take_frame(s, from, &parcel, &s->incoming.arena, &m))
            take_message(s, from, &m, now);
        incoming_clear(&s->incoming);
    } while (parcel.len > 0);
    s->turn_frames += frames;
}

static void on_worker_message(void *owner, const struct zpeer *peer, struct span body)
{
    struct server *s = owner;
    struct outbox_peer from = from_zpeer(PORT_WORKERS, peer);
    if (admit(s, &from, peer->user))
        take_parcel(s, &from, body);
    if (s->turn_frames > TURN_FRAMES_MAX || commit_is_congested(s->commit))
        zsock_pause(s->workers, true); /* until the end of a turn finds it otherwise */
}

static void stop_now(struct server *s);

static void answer(struct server *s, const struct outbox_peer *from, const struct msg *m)
{
    struct buf json = { 0 };
    struct admin_order order;
    s->admin.now_mono_ns = clock_mono_ns();
    bool ok = admin_answer(&s->admin, m->as.ask.json, &s->scratch, &json, &order);
    if (order.kind == ADMIN_STEP)
        step(s, &order.event, NULL);
    struct msg reply = { .type = MSG_REPLY, .seq = m->seq };
    reply.as.reply = (struct msg_reply){ ok, buf_span(&json) };
    /* A full disk must not silence the one who can mend it either. */
    if (order.is_durable || commit_blocked(s->commit))
        say_now(s, from, &reply);
    else
        turn_say(commit_open_turn(s->commit), from, &reply);
    buf_release(&json);
    if (order.kind == ADMIN_STOP)
        stop_now(s);
}

static void on_operator_message(void *owner, const struct zpeer *peer, struct span body)
{
    struct server *s = owner;
    struct outbox_peer from = from_zpeer(PORT_OPERATORS, peer);
    struct span parcel = body;
    struct msg m;
    if (!admit(s, &from, peer->user))
        return;
    do {
        if (take_frame(s, &from, &parcel, &s->scratch, &m))
            answer(s, &from, &m);
        arena_clear(&s->scratch);
    } while (parcel.len > 0);
}

/* ---- The end ---- */

static void stop_now(struct server *s)
{
    struct core_totals t;
    core_totals(s->config->core, &t);
    if (!s->finishing)
        s->ended_as = t.state == SWEEP_DONE ? SWEEP_DONE : SWEEP_STOPPED;
    log_info("stopping_now");
    s->closing = true;
    uv_stop(&s->loop);
}

static bool is_over(const struct server *s, const struct core_totals *t, int64_t now)
{
    if (t->state == SWEEP_STOPPED)
        return true;
    if (!s->config->exit_when_done)
        return s->told_to_stop && t->state == SWEEP_DONE;
    if (t->state == SWEEP_STALLED)
        return s->over_since_ns && now - s->over_since_ns > STALL_GRACE_MS * 1000000ll;
    return t->state == SWEEP_DONE;
}

/* A stalled sweep is told in words: which model waits for what. */
static void say_blocked(const struct server *s)
{
    const struct catalog *catalog = s->config->catalog;
    for (uint32_t i = 0; i < catalog->model_count; i++) {
        struct core_model_view v;
        core_model_view(s->config->core, i, &v);
        if (v.ended == v.wanted)
            continue;
        const char *reason = v.reason ? v.reason : "every worker refuses its remaining tasks";
        unsigned long long missing = v.wanted - v.ended;
        log_error("model_blocked model=%s missing=%llu reason=\"%s\"", catalog->models[i].name,
                  missing, reason);
        fprintf(stderr, "muster-coordinator: model %s: %llu instances cannot run: %s\n",
                catalog->models[i].name, missing, reason);
    }
}

/* Over: the workers are told to go, and get a moment to say goodbye. */
static void look_for_the_end(struct server *s)
{
    struct core_totals t;
    core_totals(s->config->core, &t);
    int64_t now = clock_mono_ns();
    if (t.state == SWEEP_RUNNING || t.state == SWEEP_DRAINING)
        s->over_since_ns = 0;
    else if (s->over_since_ns == 0)
        s->over_since_ns = now;
    if (!s->finishing) {
        if (!is_over(s, &t, now))
            return;
        log_info("sweep_over done=%llu total=%llu failed=%llu recorded=%llu",
                 (unsigned long long)t.ended, (unsigned long long)t.wanted,
                 (unsigned long long)t.failed, (unsigned long long)t.rows_accepted);
        s->finishing = true;
        s->ended_as = t.state;
        if (t.state == SWEEP_STALLED)
            say_blocked(s);
        s->over_since_ns = now;
        step(s, &(struct core_event){ .kind = CORE_DRAIN, .now_mono_ns = now }, NULL);
        core_totals(s->config->core, &t);
    }
    bool waited = now - s->over_since_ns > GOODBYE_GRACE_MS * 1000000ll;
    if (commit_is_idle(s->commit) && (t.workers_live == 0 || waited))
        stop_now(s);
}

/* ---- The turn ---- */

static void on_tick(uv_timer_t *timer);

static void end_turn(struct server *s)
{
    int64_t now = clock_mono_ns();
    if (core_deadline_mono_ns(s->config->core) <= now)
        step(s, &(struct core_event){ .kind = CORE_TIME, .now_mono_ns = now }, NULL);
    look_for_the_end(s);
    commit_go(s->commit);
    translate_talk(s->translate, say_to, s);
    s->turn_frames = 0;
    zsock_pause(s->workers, commit_is_congested(s->commit));
    int64_t left_ms = (core_deadline_mono_ns(s->config->core) - now) / 1000000 + 1;
    uint64_t sleep_ms = left_ms < 1 ? 1 : left_ms < TICK_MS ? (uint64_t)left_ms : TICK_MS;
    if (uv_timer_get_due_in(&s->tick) > sleep_ms || !uv_is_active((uv_handle_t *)&s->tick))
        check(uv_timer_start(&s->tick, on_tick, sleep_ms, TICK_MS) == 0);
}

static void on_turn(void *owner)
{
    struct server *s = owner;
    if (!s->closing)
        end_turn(s);
}

static void on_tick(uv_timer_t *timer)
{
    struct server *s = timer->data;
    struct core_totals t;
    core_totals(s->config->core, &t);
    progress_sample(&s->admin.progress, clock_mono_ns(), t.ended);
    s->door.handshakes_failed =
        zsock_handshakes_failed(s->workers) + zsock_handshakes_failed(s->operators);
    door_tick(&s->door);
    if (!s->closing)
        end_turn(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *s = handle->data;
    struct core_totals t;
    core_totals(s->config->core, &t);
    log_info("signal number=%d", number);
    if (s->closing)
        return;
    if (t.state == SWEEP_DRAINING || s->finishing) {
        stop_now(s);
        return;
    }
    step(s, &(struct core_event){ .kind = CORE_DRAIN, .now_mono_ns = clock_mono_ns() }, NULL);
    end_turn(s);
}

static bool is_shut_out(const void *owner, const struct outbox_peer *peer)
{
    return !door_keeps(owner, peer->holder);
}

/* SIGHUP: the allow list may have changed. */
static void on_hangup(uv_signal_t *handle, int number)
{
    (void)number;
    struct server *s = handle->data;
    uint64_t session;
    door_reload(&s->door);
    while ((session = translate_find(s->translate, is_shut_out, &s->door)) != 0) {
        const struct outbox_peer *peer = translate_peer(s->translate, session);
        log_warn("session_ended session=%llx key=%s: the key is no longer allowed",
                 (unsigned long long)session, access_name(s->door.access, peer->holder));
        end_session(s, session);
    }
    if (!s->closing)
        end_turn(s);
}

/* ---- Start and stop ---- */

static err open_sockets(struct server *s, struct errmsg *msg)
{
    const struct server_config *config = s->config;
    struct zsock_config z = { .zmq_context = s->zmq,
                              .type = ZMQ_ROUTER,
                              .message_bytes_max = MESSAGE_BYTES_MAX,
                              .send_high_water = SEND_HIGH_WATER,
                              .owner = s };
    z.on_message = on_worker_message;
    z.on_turn = on_turn;
    err e = zsock_open(&s->loop, &z, &s->workers, msg);
    if (!e)
        e = zsock_bind(s->workers, config->worker_endpoint, msg);
    if (!e)
        e = door_listen(&s->door, s->zmq, config->keys_dir, s->workers, KEY_WORKER, config->listen,
                        config->listen_count, msg);
    z.on_message = on_operator_message;
    z.message_bytes_max = CONTROL_BYTES_MAX;
    if (!e)
        e = zsock_open(&s->loop, &z, &s->operators, msg);
    if (!e)
        e = zsock_bind(s->operators, config->operator_endpoint, msg);
    return e ? e
             : door_listen(&s->door, s->zmq, config->keys_dir, s->operators, KEY_OPERATOR,
                           config->listen_operators, config->listen_operators_count, msg);
}

static void start_handles(struct server *s)
{
    s->tick.data = s->sigint.data = s->sigterm.data = s->sighup.data = s;
    check(uv_timer_init(&s->loop, &s->tick) == 0);
    check(uv_timer_start(&s->tick, on_tick, 1, TICK_MS) == 0);
    check(uv_signal_init(&s->loop, &s->sigint) == 0);
    check(uv_signal_init(&s->loop, &s->sigterm) == 0);
    check(uv_signal_init(&s->loop, &s->sighup) == 0);
    check(uv_signal_start(&s->sighup, on_hangup, SIGHUP) == 0);
    check(uv_signal_start(&s->sigint, on_signal, SIGINT) == 0);
    check(uv_signal_start(&s->sigterm, on_signal, SIGTERM) == 0);
}

static void start_admin(struct server *s)
{
    const struct server_config *config = s->config;
    struct core_totals t;
    core_totals(config->core, &t);
    s->admin = (struct admin){ .sweep_name = config->sweep_name,
                               .epoch = config->epoch,
                               .catalog = config->catalog,
                               .plan = config->plan,
                               .deadline_mono_ns = config->deadline_mono_ns,
                               .core = config->core,
                               .commit = s->commit,
                               .translate = s->translate,
                               .door = &s->door,
                               .store = config->store };
    progress_start(&s->admin.progress, clock_mono_ns(), t.ended);
}

/* The disk is full and the end was ordered: what waits cannot become durable. Nobody was promised
 * it, so nothing is lost; but the sweep is not over, and the store's writer is not to be waited
 * for. */
static _Noreturn void end_without_space(const char *why)
{
    log_error("stopped_without_space text=\"%s\"", why);
    fprintf(stderr, "muster-coordinator: stopped while nothing could be recorded: %s\n", why);
    _exit(EXIT_STORE_FAILED);
}

static void log_commits(const struct server *s)
{
    const struct commit_counters *c = commit_counters(s->commit);
    log_info("commits count=%llu rows=%llu max_us=%llu ack_us_p50=%llu ack_us_p99=%llu",
             (unsigned long long)c->commits, (unsigned long long)c->rows,
             (unsigned long long)c->max_us, (unsigned long long)histogram_share(&c->ack_us, 0.5),
             (unsigned long long)histogram_share(&c->ack_us, 0.99));
}

/* A commit in flight is waited for: its acknowledgements may still be sent, its records stay. What
 * peers send from now on stays with them. */
static void finish_commits(struct server *s)
{
    zsock_pause(s->workers, true);
    zsock_pause(s->operators, true);
    while (!commit_is_idle(s->commit)) {
        const char *why = commit_blocked(s->commit);
        if (why)
            end_without_space(why);
        commit_go(s->commit);
        uv_run(&s->loop, UV_RUN_ONCE);
    }
}

static void close_all(struct server *s)
{
    commit_close(s->commit);
    if (s->workers)
        zsock_close(s->workers);
    if (s->operators)
        zsock_close(s->operators);
    uv_close((uv_handle_t *)&s->tick, NULL);
    uv_close((uv_handle_t *)&s->sigint, NULL);
    uv_close((uv_handle_t *)&s->sigterm, NULL);
    uv_close((uv_handle_t *)&s->sighup, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    check(uv_loop_close(&s->loop) == 0);
    door_close(&s->door);
    zmq_ctx_term(s->zmq);
    translate_free(s->translate);
    incoming_release(&s->incoming);
    arena_release(&s->scratch);
    core_effects_release(&s->effects);
}

err server_run(const struct server_config *config, enum sweep_state *ended_as, struct errmsg *msg)
{
    struct server *s = xcalloc(1, sizeof(*s));
    s->config = config;
    s->zmq = zmq_ctx_new();
    check(s->zmq && uv_loop_init(&s->loop) == 0);
    s->translate = translate_new(config->catalog, config->sweep_name, config->epoch,
                                 config->beat_ms, config->lease_ms);
    s->commit = commit_new(&s->loop, config->store, s, say);
    start_handles(s);
    start_admin(s);
    err e = open_sockets(s, msg);
    if (!e) {
        uv_run(&s->loop, UV_RUN_DEFAULT);
        s->closing = true;
        finish_commits(s);
        translate_talk(s->translate, say_to, s);
        log_commits(s);
        *ended_as = s->ended_as;
    }
    close_all(s);
    free(s);
    return e;
}
