#include "coordinator/admin/admin_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/text.h"
#include "coordinator/admin/sweep_list.h"
#include "coordinator/admin/waiting.h"
#include "proto/msg.h"

enum {
    FAILURES_MAX = 200,
    TEXT_BYTES_MAX = 400, /* of a reason or name: enough for a person, and a page stays small */
    PAGE_BYTES_MAX = 512 << 10 /* of a list: with its last element below a message's size */
};

json_t *admin_text_within(struct span text, size_t bytes_max)
{
    struct buf out = { 0 };
    if (text.len > bytes_max)
        text.len = bytes_max;
    text_append_utf8(&out, text);
    json_t *s = json_stringn(buf_cstr(&out), out.len);
    buf_release(&out);
    return s;
}

json_t *admin_text(struct span text)
{
    return admin_text_within(text, TEXT_BYTES_MAX);
}

static json_t *name_of(const struct catalog_entry *entry)
{
    return admin_text(span_str(entry->name));
}

json_t *admin_error(const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    json_t *o = json_pack("{s:o}", "error", admin_text(buf_span(&text)));
    buf_release(&text);
    return o;
}

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* 0 for what is absent or no such number. */
static uint32_t u32_member(const json_t *o, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(o, key));
    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* The elements [from, count_all) that fit into an answer, as o[key], and o["next"]: the first that
 * did not, or null. The asker comes again with {"from": next}. */
static void set_page(json_t *o, const char *key, struct admin *a, const json_t *ask,
                     uint32_t count_all, json_t *(*element)(const struct admin *a, uint32_t i))
{
    json_t *list = json_array();
    size_t bytes = 0;
    uint32_t i = u32_member(ask, "from");
    for (; i < count_all && bytes < PAGE_BYTES_MAX; i++) {
        json_t *one = element(a, i);
        bytes += json_dumpb(one, NULL, 0, JSON_COMPACT) + 1;
        json_array_append_new(list, one);
    }
    json_object_set_new(o, key, list);
    json_object_set_new(o, "next", i < count_all ? json_integer(i) : json_null());
}

/* ---- status ---- */

/* What it is like on each type of GPU on which it was measured, or fails. */
static json_t *on_types(const struct admin *a, uint32_t model)
{
    json_t *list = json_array();
    for (uint32_t type = 0; type < core_gpu_type_count(a->core); type++) {
        struct core_model_on_type v;
        core_model_on_type(a->core, model, type, &v);
        if (v.instance_ns <= 0 && !v.is_paused)
            continue;
        json_t *o = json_object();
        json_object_set_new(o, "type", admin_text(span_str(core_gpu_type_name(a->core, type))));
        json_object_set_new(o, "instance_ms",
                            v.instance_ns > 0 ? json_real(v.instance_ns * 1e-6) : json_null());
        json_object_set_new(o, "paused", json_boolean(v.is_paused));
        json_object_set_new(o, "retry_s",
                            v.is_paused
                                ? json_real((double)(v.retry_mono_ns - a->now_mono_ns) * 1e-9)
                                : json_null());
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *model_status(const struct admin *a, uint32_t i)
{
    const struct waiting_count *waiting = &a->waiting->models[i];
    struct core_model_view v;
    core_model_view(a->core, i, &v);
    v.ended -= waiting->ended;
    v.failed -= waiting->failed;
    v.taken += waiting->ended;
    json_t *o = json_object();
    json_object_set_new(o, "name", name_of(&a->catalog->models[i]));
    json_object_set_new(o, "done", count(v.ended));
    json_object_set_new(o, "total", count(v.wanted));
    json_object_set_new(o, "failed", count(v.failed));
    json_object_set_new(o, "running", count(v.taken));
    json_object_set_new(o, "replicas", count(v.replicas));
    json_object_set_new(o, "busy_slots", count(v.busy_slots));
    json_object_set_new(o, "loading_slots", count(v.loading));
    json_object_set_new(o, "requests_at_once", v.inflight ? count(v.inflight) : json_null());
    json_object_set_new(o, "priority", json_integer(v.priority));
    json_object_set_new(o, "paused", json_boolean(v.paused));
    json_object_set_new(o, "gpu_types", on_types(a, i));
    json_object_set_new(o, "instance_ms",
                        v.instance_ns > 0 ? json_real(v.instance_ns * 1e-6) : json_null());
    json_object_set_new(o, "load_ms", v.load_ns > 0 ? json_real(v.load_ns * 1e-6) : json_null());
    json_object_set_new(o, "blocked", v.reason ? admin_text(span_str(v.reason)) : json_null());
    return o;
}

static const char *state_text(enum sweep_state s)
{
    switch (s) {
#define X(name, text)                                                                              \
    case name: return text;
        SWEEP_STATE_LIST(X)
#undef X
    }
    check(!"a state of the sweep");
    return NULL;
}

static json_t *endpoints(const struct door *door)
{
    json_t *list = json_array();
    for (size_t i = 0; i < door->endpoint_count; i++) {
        const struct door_endpoint *e = &door->endpoints[i];
        json_array_append_new(list,
                              json_pack("{s:o,s:s,s:b}", "endpoint", admin_text(span_str(e->text)),
                                        "for", key_role_text(e->role), "keys", e->with_keys));
    }
    return list;
}

static void set_use(json_t *o, const struct msg_use *use)
{
    json_object_set_new(o, "busy_ns", count(use->busy_ns));
    json_object_set_new(o, "load_ns", count(use->load_ns));
    json_object_set_new(o, "idle_ns", count(use->idle_ns));
}

static json_t *counters(const struct admin *a, const struct core_totals *t)
{
    const struct commit_counters *c = commit_counters(a->commit);
    json_t *o = json_object();
    json_object_set_new(o, "attempts_granted", count(t->attempts_granted));
    json_object_set_new(o, "rows_accepted", count(t->rows_accepted));
    json_object_set_new(o, "rows_duplicate", count(t->rows_duplicate));
    json_object_set_new(o, "rows_late", count(t->rows_late));
    json_object_set_new(o, "nondeterministic", count(t->nondeterministic));
    json_object_set_new(o, "strikes", count(t->strikes));
    json_object_set_new(o, "strikes_withdrawn", count(t->strikes_withdrawn));
    json_object_set_new(o, "leases_expired", count(t->leases_expired));
    json_object_set_new(o, "messages_refused", count(a->door->messages_refused));
    json_object_set_new(o, "connections_refused", count(a->door->connections_refused));
    json_object_set_new(o, "handshakes_failed", count(a->door->handshakes_failed));
    json_object_set_new(o, "commits", count(c->commits));
    json_object_set_new(o, "commit_us_last", count(c->last_us));
    json_object_set_new(o, "commit_us_max", count(c->max_us));
    json_object_set_new(o, "ack_us_p50", count(histogram_share(&c->ack_us, 0.5)));
    json_object_set_new(o, "ack_us_p99", count(histogram_share(&c->ack_us, 0.99)));
    return o;
}

static json_t *decisions(const struct admin *a)
{
    json_t *o = json_object();
    for (int d = 0; d < DECISION_COUNT; d++)
        json_object_set_new(o, core_decision_text((enum decision)d),
                            count(core_decisions(a->core, (enum decision)d)));
    return o;
}

/* As they will be found after a crash: what waits for its commit still runs. */
static void durable_totals(const struct admin *a, struct core_totals *t)
{
    const struct waiting_count *waiting = &a->waiting->all;
    core_totals(a->core, t);
    t->ended -= waiting->ended;
    t->failed -= waiting->failed;
    t->taken += waiting->ended;
    t->rows_accepted -= waiting->ended;
    if (t->state == SWEEP_DONE && waiting->ended > 0)
        t->state = SWEEP_RUNNING;
}

static json_t *fleet(const struct admin *a)
{
    struct core_fleet_view v;
    core_fleet_view(a->core, &v);
    json_t *o = json_object();
    json_object_set_new(o, "slots", count(v.slots));
    json_object_set_new(o, "busy_slots", count(v.busy_slots));
    json_object_set_new(o, "loading_slots", count(v.loading_slots));
    json_object_set_new(o, "gpus", count(v.gpus));
    json_object_set_new(o, "busy_gpus", count(v.busy_gpus));
    json_object_set_new(o, "loading_gpus", count(v.loading_gpus));
    return o;
}

/* Missing of the models that cannot run: time does not help there. */
static uint64_t blocked_instances(const json_t *models)
{
    json_int_t sum = 0;
    size_t i;
    json_t *m;
    json_array_foreach(models, i, m)
    {
        if (json_is_string(json_object_get(m, "blocked")))
            sum += json_integer_value(json_object_get(m, "total")) -
                   json_integer_value(json_object_get(m, "done")) -
                   json_integer_value(json_object_get(m, "running"));
    }
    return sum > 0 ? (uint64_t)sum : 0;
}

static json_t *eta(uint64_t left, double rate)
{
    return rate > 0 ? json_real((double)left / rate) : json_null();
}

static json_t *sweep_status(struct admin *a, const json_t *ask)
{
    struct core_totals t;
    struct waiting waiting;
    waiting_collect(a, &waiting);
    a->waiting = &waiting;
    durable_totals(a, &t);
    progress_sample(&a->progress, a->now_mono_ns, t.ended);
    double rate = progress_rate(&a->progress);
    double elapsed = (double)(a->now_mono_ns - a->progress.started_ns) * 1e-9;
    const char *blocked = commit_blocked(a->commit);
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(ADMIN_SCHEMA));
    json_object_set_new(o, "sweep", admin_text(span_str(a->sweep_name)));
    json_object_set_new(o, "state", json_string(state_text(t.state)));
    json_object_set_new(o, "blocked", blocked ? admin_text(span_str(blocked)) : json_null());
    json_object_set_new(o, "epoch", count(a->epoch));
    json_object_set_new(o, "pid", count((uint64_t)getpid()));
    json_object_set_new(o, "insecure", json_boolean(a->door->insecure));
    json_object_set_new(o, "listen", endpoints(a->door));
    json_object_set_new(o, "done", count(t.ended));
    json_object_set_new(o, "total", count(t.wanted));
    json_object_set_new(o, "failed", count(t.failed));
    json_object_set_new(o, "running", count(t.taken));
    json_object_set_new(o, "done_at_start", count(a->progress.ended_at_start));
    json_object_set_new(o, "workers", count(t.workers_live));
    json_object_set_new(o, "fleet", fleet(a));
    set_use(o, &t.use);
    json_object_set_new(o, "elapsed_s", json_real(elapsed));
    json_object_set_new(o, "rate_per_s", json_real(rate));
    if (a->plan)
        json_object_set_new(o, "sweeps", sweep_list(a));
    set_page(o, "models", a, ask, a->catalog->model_count, model_status);
    uint64_t left = t.wanted - t.ended, stuck = blocked_instances(json_object_get(o, "models"));
    json_object_set_new(o, "eta_s", eta(left > stuck ? left - stuck : 0, rate));
    json_object_set_new(o, "counters", counters(a, &t));
    json_object_set_new(o, "decisions", decisions(a));
    a->waiting = NULL;
    waiting_release(&waiting);
    return o;
}

/* ---- workers ---- */

/* The name of the key that a worker connected with; null: a Unix socket, no keys, or it is gone. */
static json_t *key_name(const struct admin *a, uint64_t session)
{
    const struct outbox_peer *peer = translate_peer(a->translate, session);
    return peer && peer->holder ? json_string(access_name(a->door->access, peer->holder))
                                : json_null();
}

static json_t *slot_status(const struct admin *a, uint32_t worker, uint32_t slot)
{
    struct core_slot_view v;
    core_slot_view(a->core, worker, slot, &v);
    char attempt[24];
    snprintf(attempt, sizeof(attempt), "%llx", (unsigned long long)v.attempt);
    json_t *o = json_object();
    json_object_set_new(o, "slot", count(slot));
    json_object_set_new(o, "state", json_string(slot_state_text((enum slot_state)v.state)));
    json_object_set_new(
        o, "model", v.model == UINT32_MAX ? json_null() : name_of(&a->catalog->models[v.model]));
    json_object_set_new(o, "gang", v.lead == UINT32_MAX ? json_null() : count(v.lead));
    json_object_set_new(o, "held", json_boolean(v.is_held));
    json_object_set_new(o, "attempt", v.attempt ? json_string(attempt) : json_null());
    json_object_set_new(o, "queued", count(v.queued));
    json_object_set_new(o, "gpus", count(v.gpus));
    json_object_set_new(o, "cpus", count(v.cpus));
    set_use(o, &v.use);
    return o;
}

static json_t *worker_status(const struct admin *a, uint32_t i)
{
    struct core_worker_view v;
    core_worker_view(a->core, i, &v);
    json_t *o = json_object();
    json_object_set_new(o, "name", admin_text(span_str(v.name)));
    json_object_set_new(o, "state",
                        json_string(!v.live      ? "lost"
                                    : v.draining ? "draining"
                                                 : "live"));
    json_object_set_new(o, "key", key_name(a, v.live ? v.session : 0));
    json_object_set_new(o, "drain_reason",
                        v.drain_reason ? admin_text(span_str(v.drain_reason)) : json_null());
    json_object_set_new(o, "left_s",
                        v.drain_mono_ns == INT64_MAX
                            ? json_null()
                            : json_real((double)(v.drain_mono_ns - a->now_mono_ns) * 1e-9));
    json_object_set_new(o, "heard_s", json_real((double)(a->now_mono_ns - v.heard_mono_ns) * 1e-9));
    json_object_set_new(o, "done", count(v.rows));
    json_object_set_new(o, "failed", count(v.failures));
    json_object_set_new(o, "unacked_bytes", count(v.unacked_bytes));
    json_t *slots = json_array();
    for (uint32_t k = 0; k < v.slot_count; k++)
        json_array_append_new(slots, slot_status(a, i, k));
    json_object_set_new(o, "slots", slots);
    return o;
}

static json_t *workers(struct admin *a, const json_t *ask)
{
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(ADMIN_SCHEMA));
    json_object_set_new(o, "insecure", json_boolean(a->door->insecure));
    set_page(o, "workers", a, ask, core_worker_count(a->core), worker_status);
    return o;
}

/* ---- failures ---- */

struct failure_list {
    const struct catalog *catalog;
    json_t *list;
    struct strike last;
};

static void add_failure(void *owner, const struct strike *s)
{
    struct failure_list *f = owner;
    uint32_t model = catalog_model_index(f->catalog, s->model);
    uint32_t task = catalog_task_index(f->catalog, s->task);
    f->last = *s;
    if (model == UINT32_MAX || task == UINT32_MAX)
        return; /* of an earlier form of the sweep */
    json_t *o = json_object();
    json_object_set_new(o, "model", name_of(&f->catalog->models[model]));
    json_object_set_new(o, "task", name_of(&f->catalog->tasks[task]));
    json_object_set_new(o, "instance", count(s->instance));
    json_object_set_new(o, "status", json_string(status_text(s->status)));
    json_object_set_new(o, "reason", admin_text(s->reason));
    json_array_append_new(f->list, o);
}

static uint32_t find_model(const struct admin *a, const char *name)
{
    for (uint32_t i = 0; name && i < a->catalog->model_count; i++)
        if (strcmp(a->catalog->models[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}

/* Where the next page begins: behind it. In the store's numbers, as an asker only hands it back. */
static json_t *place_json(const struct strike *s)
{
    return json_pack("{s:I,s:I,s:I}", "model", (json_int_t)s->model, "task", (json_int_t)s->task,
                     "instance", (json_int_t)s->instance);
}

static json_t *failures(struct admin *a, const json_t *ask)
{
    const char *name = json_string_value(json_object_get(ask, "model"));
    uint32_t model = find_model(a, name);
    if (name && model == UINT32_MAX)
        return admin_error("no model \"%s\" in this sweep", name);
    uint32_t max = u32_member(ask, "limit");
    if (max == 0 || max > FAILURES_MAX)
        max = FAILURES_MAX;
    const json_t *after = json_object_get(ask, "after");
    struct strike from = { .model = u32_member(after, "model"),
                           .task = u32_member(after, "task"),
                           .instance = u32_member(after, "instance") };
    struct failure_list f = { .catalog = a->catalog, .list = json_array() };
    struct errmsg msg = { 0 };
    size_t given = 0;
    err e = store_each_failure(a->store, name ? a->catalog->models[model].id : 0, from, max,
                               add_failure, &f, &given, &msg);
    if (e) {
        json_decref(f.list);
        return admin_error("%s", msg.text);
    }
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(ADMIN_SCHEMA));
    json_object_set_new(o, "failures", f.list);
    json_object_set_new(o, "next", given < max ? json_null() : place_json(&f.last));
    return o;
}

/* ---- orders ---- */

static json_t *done(void)
{
    return json_pack("{s:i,s:b}", "schema", ADMIN_SCHEMA, "ok", 1);
}

static json_t *order_model(struct admin *a, const json_t *ask, enum core_event_kind kind,
                           struct admin_order *order)
{
    const char *name = json_string_value(json_object_get(ask, "model"));
    uint32_t model = find_model(a, name);
    if (model == UINT32_MAX)
        return admin_error("no model \"%s\" in this sweep", name ? name : "");
    order->kind = ADMIN_STEP;
    order->event = (struct core_event){ .kind = kind, .now_mono_ns = a->now_mono_ns };
    order->event.as.order.model = model;
    return done();
}

static json_t *order_drain(struct admin *a, struct admin_order *order)
{
    order->kind = ADMIN_STEP;
    order->event = (struct core_event){ .kind = CORE_DRAIN, .now_mono_ns = a->now_mono_ns };
    return done();
}

static json_t *order_drain_worker(struct admin *a, const json_t *ask, struct arena *arena,
                                  struct admin_order *order)
{
    const char *name = json_string_value(json_object_get(ask, "worker"));
    for (uint32_t i = 0; name && i < core_worker_count(a->core); i++) {
        struct core_worker_view v;
        core_worker_view(a->core, i, &v);
        if (strcmp(v.name, name) != 0)
            continue;
        order->kind = ADMIN_STEP;
        order->event =
            (struct core_event){ .kind = CORE_DRAIN_WORKER, .now_mono_ns = a->now_mono_ns };
        order->event.as.order.worker = span_str(arena_strdup(arena, name));
        return done();
    }
    return admin_error("no worker \"%s\" has said hello", name ? name : "");
}

static json_t *answer(struct admin *a, const json_t *ask, struct arena *arena,
                      struct admin_order *order)
{
    const char *what = json_string_value(json_object_get(ask, "ask"));
    if (!what)
        return admin_error("expected {\"ask\": \"status\"} or another ask");
    order->is_durable = strcmp(what, "status") == 0 || strcmp(what, "failures") == 0;
    if (strcmp(what, "status") == 0)
        return sweep_status(a, ask);
    if (strcmp(what, "workers") == 0)
        return workers(a, ask);
    if (strcmp(what, "failures") == 0)
        return failures(a, ask);
    if (strcmp(what, "explain") == 0)
        return admin_explain(a, ask);
    if (strcmp(what, "drain") == 0)
        return order_drain(a, order);
    if (strcmp(what, "drain_worker") == 0)
        return order_drain_worker(a, ask, arena, order);
    if (strcmp(what, "pause") == 0)
        return order_model(a, ask, CORE_PAUSE_MODEL, order);
    if (strcmp(what, "resume") == 0)
        return order_model(a, ask, CORE_RESUME_MODEL, order);
    if (strcmp(what, "stop") == 0) {
        order->kind = ADMIN_STOP;
        return done();
    }
    return admin_error("unknown ask \"%s\"", what);
}

bool admin_answer(struct admin *a, struct span ask, struct arena *arena, struct buf *out,
                  struct admin_order *order)
{
    *order = (struct admin_order){ .kind = ADMIN_NOTHING };
    json_t *parsed = json_loadb((const char *)ask.data, ask.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *reply = json_is_object(parsed) ? answer(a, parsed, arena, order)
                                           : admin_error("an ask is one JSON object");
    char *text = json_dumps(reply, JSON_COMPACT | JSON_REAL_PRECISION(12));
    check(text);
    buf_append_str(out, text);
    free(text);
    bool ok = !json_object_get(reply, "error");
    json_decref(reply);
    json_decref(parsed);
    return ok;
}
