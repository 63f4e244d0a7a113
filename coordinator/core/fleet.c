/* Workers, their sessions and slots. */
#include "common/text.h"
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

struct worker *worker_of_session(const struct core *c, uint64_t session)
{
    return session ? map_find(&c->session_of, session) : NULL;
}

static uint64_t name_hash(struct span name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.data[i]) * UINT64_C(0x100000001b3);
    return hash | 1; /* 0 is no id of a map */
}

struct worker *worker_by_name(const struct core *c, struct span name)
{
    struct worker *w = map_find(&c->worker_of, name_hash(name));
    while (w && !span_equal(span_str(w->name), name))
        w = w->same_hash;
    return w;
}

struct worker *worker_new(struct core *c, struct span name)
{
    struct worker *w = xcalloc(1, sizeof(*w));
    w->index = (uint32_t)c->worker_count;
    w->name = xstrndup((const char *)name.data, name.len);
    w->same_hash = map_find(&c->worker_of, name_hash(name));
    map_put(&c->worker_of, name_hash(name), w);
    c->workers =
        xgrow(c->workers, &c->worker_capacity, c->worker_count + 1, sizeof(struct worker *));
    c->workers[c->worker_count++] = w;
    return w;
}

static void hold_model(struct model *m, struct slot *s)
{
    m->holders = xgrow(m->holders, &m->holder_capacity, m->replicas + 1u, sizeof(struct slot *));
    s->holder = m->replicas;
    m->holders[m->replicas++] = s;
}

static void release_model(struct model *m, struct slot *s)
{
    struct slot *last = m->holders[--m->replicas];
    check(m->holders[s->holder] == s);
    m->holders[s->holder] = last;
    last->holder = s->holder;
}

void slot_set_leaving(struct core *c, struct slot *s, bool is_leaving)
{
    if (s->is_leaving != is_leaving)
        c->models[s->model].leaving += is_leaving ? 1u : -1u;
    s->is_leaving = is_leaving;
}

void slot_set_model(struct core *c, struct slot *s, uint32_t model)
{
    if (s->model == model)
        return;
    if (s->model != NONE) {
        slot_set_leaving(c, s, false);
        release_model(&c->models[s->model], s);
        match_wake(c); /* another slot may be worth loading it now */
    }
    shortlist_forget(c);
    s->loading_ns = model != NONE ? c->now_ns : 0;
    if (model != NONE && c->models[model].load_started_ns == 0)
        c->models[model].load_started_ns = c->now_ns;
    s->model = model;
    if (model != NONE)
        hold_model(&c->models[model], s);
}

void worker_lose(struct core *c, struct worker *w, const char *why)
{
    note(c, true, "worker_lost worker=%s session=%llx reason=\"%s\"", w->name,
         (unsigned long long)w->session, why);
    emit(c, EFFECT_GONE, w->session);
    map_take(&c->session_of, w->session);
    w->session = 0;
    c->live_slots -= w->slot_count;
    fits_count(c, w);
    heap_remove(&c->dues, &w->due);
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct slot *s = &w->slots[i];
        while (!list_empty(&s->attempts))
            attempt_end(c, container_of(list_first(&s->attempts), struct attempt, in_slot));
        slot_set_model(c, s, NONE);
        list_remove(&s->in_hungry);
    }
    gang_end_idle(c, w);
}

void worker_drain(struct core *c, struct worker *w, const char *reason)
{
    bool is_news = reason && (!w->drain_reason || strcmp(w->drain_reason, reason) != 0);
    if (is_news) {
        free(w->drain_reason);
        w->drain_reason = xstrdup(reason);
    }
    w->draining = true;
    fits_count(c, w);
    if (!w->session)
        return;
    if (is_news)
        emit(c, EFFECT_DRAIN, w->session)->as.drain.reason =
            arena_strdup(&c->out->arena, w->drain_reason);
    for (uint32_t i = 0; i < w->slot_count; i++)
        list_remove(&w->slots[i].in_hungry);
    gang_end_idle(c, w);
    match_wake(c); /* what waited for this worker has to look elsewhere */
}

bool worker_refuses(const struct worker *w, uint32_t model, uint32_t task)
{
    for (size_t i = 0; i < w->refusal_count; i++) {
        const struct refusal *r = &w->refusals[i];
        if (r->model == model && (r->task == NONE || r->task == task))
            return true;
    }
    return false;
}

void worker_refuse(struct core *c, struct worker *w, uint32_t model, uint32_t task,
                   struct span reason)
{
    struct model *m = &c->models[model];
    struct span shown = text_cut(reason, 400);
    free(m->reason);
    m->reason = xformat("on worker %s: %.*s", w->name, (int)shown.len, (const char *)shown.data);
    if (worker_refuses(w, model, task))
        return;
    count_decision(c, DECISION_REFUSED);
    w->refusals =
        xgrow(w->refusals, &w->refusal_capacity, w->refusal_count + 1, sizeof(*w->refusals));
    if (task == NONE)
        fits_refuse(c, w, model);
    w->refusals[w->refusal_count++] = (struct refusal){ model, task };
}

void worker_free(struct worker *w)
{
    free(w->name);
    free(w->drain_reason);
    gang_forget_groups(w);
    free(w->places);
    free(w->slots);
    free(w->refusals);
    free(w);
}

uint32_t core_worker_count(const struct core *c)
{
    return (uint32_t)c->worker_count;
}

void core_worker_view(const struct core *c, uint32_t worker, struct core_worker_view *out)
{
    const struct worker *w = c->workers[worker];
    *out = (struct core_worker_view){ .name = w->name,
                                      .session = w->session,
                                      .live = w->session != 0,
                                      .draining = w->draining,
                                      .heard_mono_ns = w->heard_ns,
                                      .drain_mono_ns = w->drain_ns,
                                      .drain_reason = w->draining ? w->drain_reason : NULL,
                                      .rows = w->rows,
                                      .failures = w->failures,
                                      .unacked_bytes = w->unacked_bytes,
                                      .slot_count = w->slot_count };
}

void core_slot_view(const struct core *c, uint32_t worker, uint32_t slot,
                    struct core_slot_view *out)
{
    const struct worker *w = c->workers[worker];
    check(slot < w->slot_count);
    const struct slot *s = &w->slots[slot];
    *out = (struct core_slot_view){
        .state = s->state, .model = s->model, .queued = s->queued, .gpus = s->gpus, .cpus = s->cpus
    };
    out->memory_bytes = s->memory_bytes;
    out->use = s->use;
    out->lead = s->gang ? s->gang->slots[0] : NONE;
    out->is_held = s->gang && gang_is_forming(s->gang);
    if (s->attempts.next != &s->attempts)
        out->attempt = container_of(s->attempts.next, struct attempt, in_slot)->id;
}
