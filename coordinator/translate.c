#include "coordinator/translate.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/crc.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/pack/pack.h"
#include "common/text.h"
#include "coordinator/connections.h"
#include "coordinator/learned.h"
#include "proto/msg.h"

struct translate {
    const struct catalog *catalog;
    const char *sweep_name;
    uint64_t epoch;
    uint32_t beat_ms, lease_ms;
    struct connections connections;
};

struct translate *translate_new(const struct catalog *catalog, const char *sweep_name,
                                uint64_t epoch, uint32_t beat_ms, uint32_t lease_ms)
{
    struct translate *t = xcalloc(1, sizeof(*t));
    *t = (struct translate){ .catalog = catalog,
                             .sweep_name = sweep_name,
                             .epoch = epoch,
                             .beat_ms = beat_ms,
                             .lease_ms = lease_ms };
    connections_init(&t->connections);
    return t;
}

void translate_free(struct translate *t)
{
    if (!t)
        return;
    connections_release(&t->connections);
    free(t);
}

static bool is_same_peer(const void *owner, const struct outbox_peer *peer)
{
    return outbox_same_peer(owner, peer);
}

uint64_t translate_find(const struct translate *t,
                        bool (*is_wanted)(const void *owner, const struct outbox_peer *peer),
                        const void *owner)
{
    for (const struct list *n = t->connections.all.next; n != &t->connections.all; n = n->next) {
        const struct connection *c = container_of_const(n, struct connection, in_all);
        if (is_wanted(owner, &c->peer))
            return c->session;
    }
    return 0;
}

uint64_t translate_session(const struct translate *t, const struct outbox_peer *peer)
{
    return translate_find(t, is_same_peer, peer);
}

const struct outbox_peer *translate_peer(const struct translate *t, uint64_t session)
{
    const struct connection *c = session ? map_find(&t->connections.by_session, session) : NULL;
    return c ? &c->peer : NULL;
}

bool translate_name_is_free(const struct translate *t, struct span name, uint32_t holder)
{
    for (const struct list *n = t->connections.all.next; n != &t->connections.all; n = n->next) {
        const struct connection *c = container_of_const(n, struct connection, in_all);
        if (c->peer.holder != holder && span_equal(span_str(c->name), name))
            return false;
    }
    return true;
}

/* ---- Messages to events ---- */

static void in_hello(struct translate *t, const struct msg *m, const struct outbox_peer *peer,
                     struct incoming *out)
{
    const struct msg_hello *h = &m->as.hello;
    struct core_held *held = arena_alloc(&out->arena, h->held_count * sizeof(*held));
    for (uint32_t i = 0; i < h->held_count; i++)
        held[i] = (struct core_held){ .attempt = h->held[i].attempt,
                                      .slot = h->held[i].slot,
                                      .model = catalog_model_index(t->catalog, h->held[i].model),
                                      .task = catalog_task_index(t->catalog, h->held[i].task),
                                      .first = h->held[i].first,
                                      .count = h->held[i].count };
    struct core_event *e = &out->event;
    e->kind = CORE_HELLO;
    e->as.hello.peer = connection_new(&t->connections, peer, m, (uint32_t)t->catalog->model_count,
                                      (uint32_t)t->catalog->task_count)
                           ->handle;
    e->as.hello.next_seq = m->seq;
    e->as.hello.name = h->worker_name;
    e->as.hello.worker_id = h->worker_id;
    e->as.hello.slots = h->slots;
    e->as.hello.slot_count = h->slot_count;
    e->as.hello.gpu_memory = h->gpu_memory;
    e->as.hello.places = h->places;
    e->as.hello.held = held;
    e->as.hello.held_count = h->held_count;
    e->as.hello.lifetime_ms = h->lifetime_ms;
    e->as.hello.takes_cuts = msg_takes_cuts(m);
}

static void in_beat(struct translate *t, const struct msg *m, struct incoming *out)
{
    const struct msg_beat *b = &m->as.beat;
    uint32_t *models = arena_alloc(&out->arena, b->slot_count * sizeof(*models));
    for (uint32_t i = 0; i < b->slot_count; i++)
        models[i] = catalog_model_index(t->catalog, b->slots[i].model);
    out->event.kind = CORE_BEAT;
    out->event.as.beat.beat = b;
    out->event.as.beat.models = models;
}

/* The block, and that its rows are of the task: a sum of different numbers would be no score. */
static err in_block(const struct translate *t, const struct msg_results *r, struct incoming *out,
                    struct errmsg *msg)
{
    err e = pack_decode(r->block, &out->block);
    if (e)
        return err_say(msg, ERR_INVALID, "results of attempt %llx: the block is damaged",
                       (unsigned long long)r->attempt);
    out->has_block = true;
    out->encoded = r->block;
    uint32_t task = catalog_task_index(t->catalog, r->task);
    if (task != UINT32_MAX && out->block.stat_count != t->catalog->task_stats[task])
        return err_say(msg, ERR_INVALID,
                       "results of attempt %llx: %u statistics a row, expected the %u of %s",
                       (unsigned long long)r->attempt, out->block.stat_count,
                       t->catalog->task_stats[task], t->catalog->tasks[task].name);
    return OK;
}

static err in_results(struct translate *t, const struct msg *m, struct incoming *out,
                      struct errmsg *msg)
{
    const struct msg_results *r = &m->as.results;
    err e = in_block(t, r, out, msg);
    if (e)
        return e;
    const struct block *b = &out->block;
    struct span *reasons = NULL;
    for (uint32_t i = 0; i < b->rows; i++) {
        if (b->status[i] == STATUS_OK)
            continue;
        if (!reasons)
            reasons = arena_alloc(&out->arena, b->rows * sizeof(*reasons));
        reasons[i] = span_of(b->answers + b->answer_at[i], b->answer_len[i]);
    }
    struct core_event *event = &out->event;
    event->kind = CORE_RESULTS;
    event->as.results.seq = m->seq;
    event->as.results.attempt = r->attempt;
    event->as.results.model = catalog_model_index(t->catalog, r->model);
    event->as.results.task = catalog_task_index(t->catalog, r->task);
    event->as.results.instance = b->instance;
    event->as.results.status = b->status;
    event->as.results.reason = reasons;
    event->as.results.rows = b->rows;
    return OK;
}

void translate_answers(struct incoming *in)
{
    const struct block *b = &in->block;
    if (!in->has_block)
        return;
    uint32_t *answers = arena_alloc(&in->arena, b->rows * sizeof(*answers));
    for (uint32_t i = 0; i < b->rows; i++) {
        uint32_t crc = crc32c(0, &b->status[i], sizeof(b->status[i]));
        crc = crc32c(crc, &b->stats[(size_t)i * b->stat_count], b->stat_count * sizeof(*b->stats));
        answers[i] = crc32c(crc, b->answers + b->answer_at[i], b->answer_len[i]);
    }
    in->event.as.results.answer = answers;
}

static void in_host(struct translate *t, const struct msg *m, struct incoming *out)
{
    const struct msg_host *h = &m->as.host;
    out->event.kind = CORE_HOST;
    out->event.as.host.slot = h->slot;
    out->event.as.host.model = catalog_model_index(t->catalog, h->model);
    out->event.as.host.ready = h->ready;
    out->event.as.host.load_ns = (int64_t)h->load_ms * 1000000;
    out->event.as.host.text = h->text;
}

err translate_in(struct translate *t, const struct msg *m, const struct outbox_peer *peer,
                 int64_t now_mono_ns, struct incoming *out, struct errmsg *msg)
{
    out->peer = *peer;
    out->session = m->session;
    const struct connection *c = connection_of(&t->connections, m->session, peer);
    out->event = (struct core_event){ .now_mono_ns = now_mono_ns, .session = c ? c->session : 0 };
    switch (m->type) {
    case MSG_HELLO: in_hello(t, m, peer, out); return OK;
    case MSG_BEAT: in_beat(t, m, out); return OK;
    case MSG_RESULTS: return in_results(t, m, out, msg);
    case MSG_HOST: in_host(t, m, out); return OK;
    case MSG_ENDED:
        out->event.kind = CORE_ENDED;
        out->event.as.ended.seq = m->seq;
        out->event.as.ended.attempt = m->as.ended.attempt;
        out->event.as.ended.reason = (enum ended)m->as.ended.reason;
        out->event.as.ended.text = m->as.ended.text;
        out->event.as.ended.from = m->as.ended.from;
        return OK;
    case MSG_GOODBYE: out->event.kind = CORE_GOODBYE; return OK;
    case MSG_WELCOME:
    case MSG_DEFINE_MODEL:
    case MSG_DEFINE_TASK:
    case MSG_GRANT:
    case MSG_REVOKE:
    case MSG_ACK:
    case MSG_BEAT_REPLY:
    case MSG_DRAIN:
    case MSG_REJECT:
    case MSG_ASK:
    case MSG_REPLY: break;
    }
    return err_say(msg, ERR_INVALID, "a worker does not send \"%s\"", msg_type_text(m->type));
}

void incoming_clear(struct incoming *in)
{
    if (in->has_block)
        block_release(&in->block);
    in->has_block = false;
    arena_clear(&in->arena);
}

void incoming_release(struct incoming *in)
{
    incoming_clear(in);
    arena_release(&in->arena);
}

/* ---- Effects to records and messages ---- */

static void out_record(const struct translate *t, const struct core_effect *e, struct incoming *in,
                       struct turn *turn)
{
    check(in && in->has_block);
    uint32_t model = t->catalog->models[e->as.record.model].id;
    uint32_t task = t->catalog->tasks[e->as.record.task].id;
    uint32_t size = t->catalog->task_sizes[e->as.record.task];
    if (e->as.record.all) {
        store_batch_take(turn->batch, model, task, size, in->encoded, &in->block);
        in->has_block = false;
        return;
    }
    struct buf some = { 0 };
    block_filter(&in->block, &e->as.record.keep, &some);
    store_batch_block(turn->batch, model, task, size, buf_span(&some));
    buf_release(&some);
}

static void out_strike(const struct translate *t, const struct core_effect *e, struct turn *turn)
{
    store_batch_strike(turn->batch,
                       &(struct strike){ .model = t->catalog->models[e->as.strike.model].id,
                                         .task = t->catalog->tasks[e->as.strike.task].id,
                                         .instance = e->as.strike.instance,
                                         .count = e->as.strike.count,
                                         .status = e->as.strike.status,
                                         .reason = e->as.strike.reason,
                                         .attempt = e->as.strike.attempt });
}

static void out_learned(const struct translate *t, const struct core_effect *e, struct turn *turn)
{
    uint32_t model = t->catalog->models[e->as.learned.model].id;
    learned_store(turn->batch, model,
                  &(struct learned){ .load_ns = (uint64_t)e->as.learned.load_ns,
                                     .instance_ns = (uint64_t)e->as.learned.instance_ns });
    if (e->as.learned.factor_count > 0)
        learned_store_factors(turn->batch, model, e->as.learned.factors,
                              e->as.learned.factor_count);
}

static void out_welcome(struct translate *t, const struct core_effect *e, struct turn *turn)
{
    struct connection *c = map_find(&t->connections.by_handle, e->as.welcome.peer);
    check(c);
    connection_welcomed(&t->connections, c, e->session);
    struct msg m = { .type = MSG_WELCOME, .session = c->session };
    m.as.welcome =
        (struct msg_welcome){ .session = c->session,
                              .epoch = t->epoch,
                              .beat_ms = t->beat_ms,
                              .lease_ms = t->lease_ms,
                              .sweep = span_str(t->sweep_name),
                              .store = span_of(t->catalog->store.bytes, STORE_ID_BYTES) };
    connection_say(&t->connections, c, turn, &m);
}

static void define(struct translate *t, struct connection *c, struct bitmap *sent, uint32_t index,
                   const struct catalog_entry *entry, enum msg_type type, struct turn *turn)
{
    if (!bitmap_set(sent, index))
        return;
    struct msg m = { .type = type, .session = c->session };
    m.as.define = (struct msg_define){ .id = entry->id, .json = entry->definition };
    connection_say(&t->connections, c, turn, &m);
}

static void out_grant(struct translate *t, struct connection *c, const struct core_effect *e,
                      struct turn *turn)
{
    const struct catalog_entry *model = &t->catalog->models[e->as.grant.model];
    const struct catalog_entry *task = &t->catalog->tasks[e->as.grant.task];
    define(t, c, &c->models, e->as.grant.model, model, MSG_DEFINE_MODEL, turn);
    define(t, c, &c->tasks, e->as.grant.task, task, MSG_DEFINE_TASK, turn);
    struct msg m = { .type = MSG_GRANT, .session = c->session };
    m.as.grant = (struct msg_grant){ .attempt = e->as.grant.attempt,
                                     .slot = e->as.grant.slot,
                                     .model = model->id,
                                     .task = task->id,
                                     .first = e->as.grant.first,
                                     .count = e->as.grant.count,
                                     .skip = e->as.grant.skip,
                                     .inflight_max = e->as.grant.inflight_max,
                                     .members = e->as.grant.members,
                                     .member_count = e->as.grant.member_count };
    connection_say(&t->connections, c, turn, &m);
}

/* A rejection answers the message that is being stepped, session or not. */
static void out_reject(struct translate *t, const struct core_effect *e, const struct incoming *in,
                       struct turn *turn)
{
    check(in);
    struct msg m = { .type = MSG_REJECT, .session = in->session };
    m.as.reject = (struct msg_reject){ e->as.reject.code, span_str(e->as.reject.text) };
    turn_say(turn, &in->peer, &m);
    struct connection *refused =
        e->as.reject.peer ? map_find(&t->connections.by_handle, e->as.reject.peer) : NULL;
    if (refused)
        connection_free(&t->connections, refused);
}

/* Effects that go to a worker with a session. */
static void out_to_session(struct translate *t, const struct core_effect *e, struct turn *turn)
{
    struct connection *c = map_find(&t->connections.by_session, e->session);
    if (!c)
        return;
    struct msg m = { .session = c->session };
    switch (e->kind) {
    case EFFECT_GRANT: out_grant(t, c, e, turn); return;
    case EFFECT_GONE: connection_free(&t->connections, c); return;
    case EFFECT_REVOKE:
        m.type = MSG_REVOKE;
        m.as.revoke = (struct msg_revoke){ e->as.revoke.attempt, e->as.revoke.from };
        break;
    case EFFECT_ACK:
        turn_ack(turn, &c->acked, &(struct turn_ack){ c->peer, c->session, e->as.ack.seq });
        return;
    case EFFECT_BEAT_REPLY:
        m.type = MSG_BEAT_REPLY;
        m.as.beat_reply = (struct msg_beat_reply){ e->as.beat_reply.stale, e->as.beat_reply.count };
        break;
    case EFFECT_DRAIN:
        m.type = MSG_DRAIN;
        m.as.drain.reason = span_str(e->as.drain.reason);
        break;
    case EFFECT_RECORD:
    case EFFECT_STRIKE:
    case EFFECT_LEARNED:
    case EFFECT_WELCOME:
    case EFFECT_REJECT:
    case EFFECT_NOTE: check(!"an effect that goes to a session");
    }
    connection_say(&t->connections, c, turn, &m);
}

/* A line a note: the words of a worker in it must not look like a line of ours, and the model
 * stands before them. */
static void out_note(const struct translate *t, const struct core_effect *e, struct turn *turn)
{
    const char *text = e->as.note.text;
    size_t event = strcspn(text, " ");
    buf_append_byte(&turn->notes, e->as.note.warn ? '!' : ' ');
    text_append_safe(&turn->notes, span_of(text, event));
    if (e->as.note.model != UINT32_MAX) {
        buf_append_str(&turn->notes, " model=");
        text_append_safe(&turn->notes, span_str(t->catalog->models[e->as.note.model].name));
    }
    text_append_safe(&turn->notes, span_str(text + event));
    buf_append_byte(&turn->notes, '\n');
}

void translate_out(struct translate *t, const struct core_effects *effects, struct incoming *in,
                   struct turn *turn)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct core_effect *e = &effects->items[i];
        switch (e->kind) {
        case EFFECT_RECORD: out_record(t, e, in, turn); break;
        case EFFECT_STRIKE: out_strike(t, e, turn); break;
        case EFFECT_LEARNED: out_learned(t, e, turn); break;
        case EFFECT_WELCOME: out_welcome(t, e, turn); break;
        case EFFECT_REJECT: out_reject(t, e, in, turn); break;
        case EFFECT_NOTE: out_note(t, e, turn); break;
        case EFFECT_GRANT:
        case EFFECT_REVOKE:
        case EFFECT_ACK:
        case EFFECT_BEAT_REPLY:
        case EFFECT_DRAIN:
        case EFFECT_GONE: out_to_session(t, e, turn); break;
        }
    }
}

void translate_talk(struct translate *t, translate_say_f *say, void *owner)
{
    connections_talk(&t->connections, say, owner);
}
