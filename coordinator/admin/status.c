/* How far it is, and at what pace. */
#include <unistd.h>

#include "common/check.h"
#include "coordinator/admin/admin_private.h"
#include "coordinator/admin/sweep_list.h"
#include "coordinator/admin/waiting.h"

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
    json_object_set_new(o, "name", admin_name(&a->catalog->models[i]));
    json_object_set_new(o, "done", admin_count(v.ended));
    json_object_set_new(o, "total", admin_count(v.wanted));
    json_object_set_new(o, "failed", admin_count(v.failed));
    json_object_set_new(o, "running", admin_count(v.taken));
    json_object_set_new(o, "replicas", admin_count(v.replicas));
    json_object_set_new(o, "busy_slots", admin_count(v.busy_slots));
    json_object_set_new(o, "loading_slots", admin_count(v.loading));
    json_object_set_new(o, "requests_at_once", v.inflight ? admin_count(v.inflight) : json_null());
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

static json_t *counters(const struct admin *a, const struct core_totals *t)
{
    const struct commit_counters *c = commit_counters(a->commit);
    json_t *o = json_object();
    json_object_set_new(o, "attempts_granted", admin_count(t->attempts_granted));
    json_object_set_new(o, "rows_accepted", admin_count(t->rows_accepted));
    json_object_set_new(o, "rows_duplicate", admin_count(t->rows_duplicate));
    json_object_set_new(o, "rows_late", admin_count(t->rows_late));
    json_object_set_new(o, "nondeterministic", admin_count(t->nondeterministic));
    json_object_set_new(o, "strikes", admin_count(t->strikes));
    json_object_set_new(o, "strikes_withdrawn", admin_count(t->strikes_withdrawn));
    json_object_set_new(o, "leases_expired", admin_count(t->leases_expired));
    json_object_set_new(o, "messages_refused", admin_count(a->door->messages_refused));
    json_object_set_new(o, "connections_refused", admin_count(a->door->connections_refused));
    json_object_set_new(o, "handshakes_failed", admin_count(a->door->handshakes_failed));
    json_object_set_new(o, "commits", admin_count(c->commits));
    json_object_set_new(o, "commit_us_last", admin_count(c->last_us));
    json_object_set_new(o, "commit_us_max", admin_count(c->max_us));
    json_object_set_new(o, "ack_us_p50", admin_count(histogram_share(&c->ack_us, 0.5)));
    json_object_set_new(o, "ack_us_p99", admin_count(histogram_share(&c->ack_us, 0.99)));
    return o;
}

static json_t *decisions(const struct admin *a)
{
    json_t *o = json_object();
    for (int d = 0; d < DECISION_COUNT; d++)
        json_object_set_new(o, core_decision_text((enum decision)d),
                            admin_count(core_decisions(a->core, (enum decision)d)));
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

/* What the core counts would be ahead of it, and looks of both kinds together a rate below 0. */
void admin_sample(struct admin *a, int64_t now_mono_ns)
{
    uint64_t recorded = commit_counters(a->commit)->rows;
    progress_sample(&a->progress, now_mono_ns, a->progress.ended_at_start + recorded);
}

static json_t *fleet(const struct admin *a)
{
    struct core_fleet_view v;
    core_fleet_view(a->core, &v);
    json_t *o = json_object();
    json_object_set_new(o, "slots", admin_count(v.slots));
    json_object_set_new(o, "busy_slots", admin_count(v.busy_slots));
    json_object_set_new(o, "loading_slots", admin_count(v.loading_slots));
    json_object_set_new(o, "gpus", admin_count(v.gpus));
    json_object_set_new(o, "busy_gpus", admin_count(v.busy_gpus));
    json_object_set_new(o, "loading_gpus", admin_count(v.loading_gpus));
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

json_t *admin_status(struct admin *a, const json_t *ask)
{
    struct core_totals t;
    struct waiting waiting;
    waiting_collect(a, &waiting);
    a->waiting = &waiting;
    durable_totals(a, &t);
    admin_sample(a, a->now_mono_ns);
    double rate = progress_rate(&a->progress);
    double elapsed = (double)(a->now_mono_ns - a->progress.started_ns) * 1e-9;
    const char *blocked = commit_blocked(a->commit);
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(ADMIN_SCHEMA));
    json_object_set_new(o, "sweep", admin_text(span_str(a->sweep_name)));
    json_object_set_new(o, "state", json_string(state_text(t.state)));
    json_object_set_new(o, "blocked", blocked ? admin_text(span_str(blocked)) : json_null());
    json_object_set_new(o, "epoch", admin_count(a->epoch));
    json_object_set_new(o, "pid", admin_count((uint64_t)getpid()));
    json_object_set_new(o, "insecure", json_boolean(a->door->insecure));
    json_object_set_new(o, "listen", endpoints(a->door));
    json_object_set_new(o, "done", admin_count(t.ended));
    json_object_set_new(o, "total", admin_count(t.wanted));
    json_object_set_new(o, "failed", admin_count(t.failed));
    json_object_set_new(o, "running", admin_count(t.taken));
    json_object_set_new(o, "done_at_start", admin_count(a->progress.ended_at_start));
    json_object_set_new(o, "workers", admin_count(t.workers_live));
    json_object_set_new(o, "fleet", fleet(a));
    admin_set_use(o, &t.use);
    json_object_set_new(o, "elapsed_s", json_real(elapsed));
    json_object_set_new(o, "rate_per_s", json_real(rate));
    if (a->plan)
        json_object_set_new(o, "sweeps", sweep_list(a));
    admin_set_page(o, "models", a, ask, a->catalog->model_count, model_status);
    uint64_t left = t.wanted - t.ended, stuck = blocked_instances(json_object_get(o, "models"));
    json_object_set_new(o, "eta_s", eta(left > stuck ? left - stuck : 0, rate));
    json_object_set_new(o, "counters", counters(a, &t));
    json_object_set_new(o, "decisions", decisions(a));
    a->waiting = NULL;
    waiting_release(&waiting);
    return o;
}
