/* The loop: its turns, its start, and the end of a sweep. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/parent.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "coordinator/pauses.h"
#include "coordinator/server_private.h"
#include "proto/msg.h"

enum {
    SEND_HIGH_WATER = 1 << 16, /* grants and acks are bounded by credits far below it */
    TICK_MS = 500,             /* progress samples; also the longest sleep */
    STALL_GRACE_MS = 5000,     /* a stalled sweep waits so long for another worker */
    GOODBYE_GRACE_MS = 3000    /* workers get so long to say goodbye at the end */
};

/* ---- The core ---- */

/* What is to be known again after a crash, besides the core's own records. */
static void record_order(struct server *s, const struct core_event *event)
{
    bool is_pause = event->kind == CORE_PAUSE_MODEL;
    if (is_pause || event->kind == CORE_RESUME_MODEL)
        pauses_store(commit_open_turn(s->commit)->batch,
                     s->config->catalog->models[event->as.order.model].id, is_pause);
}

void server_step(struct server *s, const struct core_event *event, struct incoming *in)
{
    if (event->kind == CORE_RESULTS && core_compares_answers(s->config->core))
        translate_answers(in);
    s->told_to_stop |= event->kind == CORE_DRAIN;
    core_step(s->config->core, event, &s->effects);
    translate_out(s->translate, &s->effects, in, commit_open_turn(s->commit));
    record_order(s, event);
    core_effects_clear(&s->effects);
}

/* ---- The end ---- */

void server_stop_now(struct server *s)
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

/* In a worker's words, and a model's. */
static void append_why(const struct core_model_view *v, struct buf *out)
{
    const char *words = v->reason ? v->reason : v->refusal;
    if (!v->reason)
        buf_append_str(out, v->refusal ? "every worker refuses its remaining tasks; the last, "
                                       : "every worker refuses its remaining tasks");
    if (words)
        text_append_safe(out, span_str(words));
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
        struct buf reason = { 0 };
        append_why(&v, &reason);
        unsigned long long missing = v.wanted - v.ended;
        log_error("model_blocked model=%s missing=%llu reason=\"%s\"", catalog->models[i].name,
                  missing, buf_cstr(&reason));
        fprintf(stderr, "muster-coordinator: model %s: %llu instances cannot run: %s\n",
                catalog->models[i].name, missing, buf_cstr(&reason));
        buf_release(&reason);
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
        server_step(s, &(struct core_event){ .kind = CORE_DRAIN, .now_mono_ns = now }, NULL);
        core_totals(s->config->core, &t);
    }
    bool waited = now - s->over_since_ns > GOODBYE_GRACE_MS * 1000000ll;
    if (commit_is_idle(s->commit) && (t.workers_live == 0 || waited))
        server_stop_now(s);
}

/* ---- The turn ---- */

static void on_tick(uv_timer_t *timer);

static void end_turn(struct server *s)
{
    int64_t now = clock_mono_ns();
    if (core_deadline_mono_ns(s->config->core) <= now)
        server_step(s, &(struct core_event){ .kind = CORE_TIME, .now_mono_ns = now }, NULL);
    look_for_the_end(s);
    commit_go(s->commit);
    translate_talk(s->translate, server_say_to, s);
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
    admin_sample(&s->admin, clock_mono_ns());
    s->door.handshakes_failed =
        zsock_handshakes_failed(s->workers) + zsock_handshakes_failed(s->operators);
    door_tick(&s->door);
    if (!s->closing)
        end_turn(s);
}

static bool is_ending(const struct server *s)
{
    struct core_totals t;
    core_totals(s->config->core, &t);
    return t.state == SWEEP_DRAINING || s->finishing;
}

static void drain(struct server *s)
{
    server_step(s, &(struct core_event){ .kind = CORE_DRAIN, .now_mono_ns = clock_mono_ns() },
                NULL);
    end_turn(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *s = handle->data;
    log_info("signal number=%d", number);
    if (s->closing)
        return;
    if (is_ending(s))
        server_stop_now(s);
    else
        drain(s);
}

static void on_parent_ended(uv_signal_t *handle, int number)
{
    struct server *s = handle->data;
    (void)number;
    if (s->closing || is_ending(s))
        return;
    log_info("parent_ended");
    drain(s);
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
        server_end_session(s, session);
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
    z.on_message = server_on_worker;
    z.on_turn = on_turn;
    err e = zsock_open(&s->loop, &z, &s->workers, msg);
    if (!e)
        e = zsock_bind(s->workers, config->worker_endpoint, msg);
    if (!e)
        e = door_listen(&s->door, s->zmq, config->keys_dir, s->workers, KEY_WORKER, config->listen,
                        config->listen_count, msg);
    z.on_message = server_on_operator;
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
    s->tick.data = s->sigint.data = s->sigterm.data = s->sighup.data = s->parent_ended.data = s;
    check(uv_timer_init(&s->loop, &s->tick) == 0);
    check(uv_timer_start(&s->tick, on_tick, 1, TICK_MS) == 0);
    check(uv_signal_init(&s->loop, &s->sigint) == 0);
    check(uv_signal_init(&s->loop, &s->sigterm) == 0);
    check(uv_signal_init(&s->loop, &s->sighup) == 0);
    check(uv_signal_init(&s->loop, &s->parent_ended) == 0);
    check(uv_signal_start(&s->sighup, on_hangup, SIGHUP) == 0);
    check(uv_signal_start(&s->sigint, on_signal, SIGINT) == 0);
    check(uv_signal_start(&s->sigterm, on_signal, SIGTERM) == 0);
    check(uv_signal_start(&s->parent_ended, on_parent_ended, PARENT_ENDED) == 0);
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
                               .deadlines = config->deadlines,
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
    signal(SIGHUP, SIG_IGN); /* libuv leaves what ends the process, and reports are still to come */
    uv_close((uv_handle_t *)&s->parent_ended, NULL);
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
    s->commit = commit_new(&s->loop, config->store, s, server_say);
    start_handles(s);
    start_admin(s);
    err e = open_sockets(s, msg);
    if (!e) {
        uv_run(&s->loop, UV_RUN_DEFAULT);
        s->closing = true;
        finish_commits(s);
        translate_talk(s->translate, server_say_to, s);
        log_commits(s);
        *ended_as = s->ended_as;
    }
    close_all(s);
    free(s);
    return e;
}
