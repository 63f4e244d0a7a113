/* The oracle's account of sessions, grants and leases. */
#include "common/check.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/oracle_private.h"

static void *keep(struct world *w, size_t bytes)
{
    return arena_alloc(&w->arena, bytes);
}

struct seen_attempt *oracle_attempt(const struct world *w, uint64_t id)
{
    return id ? map_find(&w->oracle->attempts, id) : NULL;
}

int64_t oracle_clock(const struct world *w)
{
    return w->now;
}

bool oracle_is_live(const struct world *w, const struct seen_attempt *a)
{
    return a && !a->is_dead && oracle_clock(w) < a->live_until;
}

static struct seen_worker *worker_named(struct world *w, struct span name)
{
    for (uint32_t i = 0; i < SIM_MACHINES_MAX; i++)
        if (w->oracle->workers[i].name && span_equal(span_str(w->oracle->workers[i].name), name))
            return &w->oracle->workers[i];
    return NULL;
}

static struct seen_worker *worker_new(struct world *w, struct span name)
{
    for (uint32_t i = 0; i < SIM_MACHINES_MAX; i++) {
        struct seen_worker *s = &w->oracle->workers[i];
        if (s->name)
            continue;
        s->name = arena_strndup(&w->arena, (const char *)name.data, name.len);
        return s;
    }
    world_fail(w, "more workers than machines");
}

/* Attempts are walked by id: ids of an epoch are dense. */
typedef void attempt_f(struct world *w, struct seen_attempt *a, void *owner);
static void each_attempt(struct world *w, attempt_f *each, void *owner)
{
    for (uint64_t e = 1; e <= w->oracle->epoch; e++)
        for (uint64_t n = 1;; n++) {
            struct seen_attempt *a = map_find(&w->oracle->attempts, e << 32 | n);
            if (!a)
                break;
            each(w, a, owner);
        }
}

static void bury(struct world *w, struct seen_attempt *a, void *owner)
{
    const char *name = owner;
    if (!name || strcmp(a->name, name) == 0)
        a->is_dead = true;
    (void)w;
}

void oracle_restarted(struct world *w, uint64_t epoch)
{
    struct oracle *o = w->oracle;
    if (epoch <= o->epoch)
        trace(w, "oracle: epoch %llu again", (unsigned long long)epoch);
    o->epoch = epoch;
    o->is_draining = false;
    memset(o->is_paused, 0, sizeof(o->is_paused));
    memset(o->workers, 0, sizeof(o->workers));
    map_release(&o->sessions);
    each_attempt(w, bury, NULL);
    o->emitted = o->durable;
    o->failed = 0;
    memset(o->emitted_in, 0, sizeof(o->emitted_in));
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++)
            for (uint32_t i = 0; i < w->load.tasks[t].size; i++) {
                struct fate *f = &o->fates[m][t][i];
                f->is_emitted = f->is_durable;
                f->emitted = f->durable;
                f->holder = f->copier = 0;
                f->struck_at = 0;
                o->failed += f->is_durable && f->status != STATUS_OK;
                o->emitted_in[m][t] += f->is_durable;
            }
}

/* ---- Before a step ---- */

static void before_reliable(struct world *w, const struct core_event *e, uint64_t seq,
                            struct oracle_step *about)
{
    struct seen_session *s = e->session ? map_find(&w->oracle->sessions, e->session) : NULL;
    if (!s)
        return;
    about->is_reliable = true;
    about->is_in_order = seq == s->expected_seq;
    about->is_repetition = seq < s->expected_seq;
    if (about->is_in_order)
        s->expected_seq++;
}

static void before_hello(struct world *w, const struct core_event *e)
{
    struct oracle *o = w->oracle;
    struct seen_worker *k = worker_named(w, e->as.hello.name);
    if (!k)
        k = worker_new(w, e->as.hello.name);
    struct seen_session *s = keep(w, sizeof(*s));
    *s = (struct seen_session){ .expected_seq = e->as.hello.next_seq, .worker = k };
    o->greeted = s;
}

void oracle_before(struct world *w, const struct core_event *e, struct oracle_step *about)
{
    *about = (struct oracle_step){ 0 };
    w->oracle->greeted = NULL;
    switch (e->kind) {
    case CORE_HELLO: before_hello(w, e); break;
    case CORE_RESULTS: before_reliable(w, e, e->as.results.seq, about); break;
    case CORE_ENDED: before_reliable(w, e, e->as.ended.seq, about); break;
    case CORE_DRAIN: w->oracle->is_draining = true; break;
    case CORE_DRAIN_WORKER: {
        struct seen_worker *k = worker_named(w, e->as.order.worker);
        if (k)
            k->is_draining = true;
        break;
    }
    case CORE_BEAT: {
        struct seen_session *s = e->session ? map_find(&w->oracle->sessions, e->session) : NULL;
        if (s && e->as.beat.beat->draining)
            s->worker->is_draining = true;
        break;
    }
    case CORE_PAUSE_MODEL: w->oracle->is_paused[e->as.order.model] = true; break;
    case CORE_RESUME_MODEL: w->oracle->is_paused[e->as.order.model] = false; break;
    case CORE_TIME:
    case CORE_HOST:
    case CORE_GOODBYE: break;
    }
}

/* ---- After a step ---- */

static const struct core_held *find_held(const struct core_event *e, uint64_t attempt)
{
    for (uint32_t i = 0; i < e->as.hello.held_count; i++)
        if (e->as.hello.held[i].attempt == attempt)
            return &e->as.hello.held[i];
    return NULL;
}

/* A part of it is anybody's again. */
static void let_go(struct world *w, struct seen_attempt *a, uint32_t leased)
{
    for (uint32_t i = leased; i < a->leased; i++) {
        struct fate *f = oracle_fate(w, a->model, a->task, a->first + i);
        f->holder = f->holder == a->id ? f->copier : f->holder;
        f->copier = f->copier == a->id || f->copier == f->holder ? 0 : f->copier;
    }
    a->leased = leased < a->leased ? leased : a->leased;
}

/* Leases that a hello does not name are cut short; those that it names may live again. */
static void regard_held(struct world *w, struct seen_attempt *a, void *owner)
{
    const struct core_event *e = owner;
    if (!span_equal(span_str(a->name), e->as.hello.name))
        return;
    int64_t soon = oracle_clock(w) + 2 * w->load.beat_ns;
    const struct core_held *held = find_held(e, a->id);
    if (!held) {
        if (a->live_until > soon)
            a->live_until = soon;
    } else if (!oracle_is_live(w, a)) { /* taken up again, or not: the next beat tells */
        a->is_dead = false;
        a->live_until = 0;
        let_go(w, a, held->count);
    }
}

static void welcomed(struct world *w, const struct core_event *e, const struct core_effect *effect)
{
    struct oracle *o = w->oracle;
    struct seen_session *s = o->greeted;
    if (!s || effect->session <= o->last_session)
        world_fail(w, "session %llx is given twice", (unsigned long long)effect->session);
    o->last_session = effect->session;
    struct seen_worker *k = s->worker;
    if (memcmp(k->id, e->as.hello.worker_id, WORKER_ID_BYTES) != 0) {
        each_attempt(w, bury, (void *)(uintptr_t)k->name); /* another process: nothing holds */
        memcpy(k->id, e->as.hello.worker_id, WORKER_ID_BYTES);
        k->is_draining = false;
    }
    k->ends_at = e->as.hello.lifetime_ms
                     ? oracle_clock(w) + (int64_t)e->as.hello.lifetime_ms * SIM_MS
                     : INT64_MAX;
    each_attempt(w, regard_held, (void *)(uintptr_t)e);
    s->id = k->session = effect->session;
    map_put(&o->sessions, s->id, s);
}

static void gone(struct world *w, const struct core_event *e, const struct core_effect *effect)
{
    struct seen_session *s = map_find(&w->oracle->sessions, effect->session);
    if (!s)
        world_fail(w, "session %llx is over twice", (unsigned long long)effect->session);
    map_take(&w->oracle->sessions, effect->session);
    s->worker->session = 0;
    bool goes_on =
        e->kind == CORE_HELLO && memcmp(s->worker->id, e->as.hello.worker_id, WORKER_ID_BYTES) == 0;
    if (!goes_on)
        each_attempt(w, bury, (void *)(uintptr_t)s->worker->name);
}

static bool in_skip(const struct seen_attempt *a, uint32_t instance)
{
    return bitmap_get(&a->skip, instance - a->first);
}

static const struct seen_attempt *live(const struct world *w, uint64_t id)
{
    const struct seen_attempt *a = oracle_attempt(w, id);
    return a && oracle_is_live(w, a) ? a : NULL;
}

/* The two that may have an instance: of them one at most was not granted as a copy. A copy holds it
 * alone where the other is over. */
static bool take_instance(const struct world *w, struct fate *f, const struct seen_attempt *a)
{
    if (f->holder == a->id || f->copier == a->id)
        return true;
    const struct seen_attempt *holder = live(w, f->holder), *copier = live(w, f->copier);
    if (!a->is_copy && ((holder && !holder->is_copy) || (copier && !copier->is_copy)))
        return false;
    if (!holder) {
        f->holder = a->id;
        return true;
    }
    if (copier || !(a->is_copy || holder->is_copy))
        return false;
    f->copier = a->id;
    return true;
}

/* Each open instance of it is held by nobody else, but for a copy. */
static void take_hold(struct world *w, const struct seen_attempt *a)
{
    for (uint32_t i = a->first; i < a->first + a->leased; i++) {
        struct fate *f = oracle_fate(w, a->model, a->task, i);
        if (f->is_emitted || in_skip(a, i) || take_instance(w, f, a))
            continue;
        world_fail(w, "two leases on instance %u/%u/%u: attempts %llx and %llx", a->model, a->task,
                   i, (unsigned long long)f->holder, (unsigned long long)a->id);
    }
}

/* Who failed waits, longer each time, and then goes alone. */
static void check_retry(struct world *w, const struct seen_attempt *a, uint32_t instance)
{
    const struct fate *f = oracle_fate(w, a->model, a->task, instance);
    if (f->emitted.count == 0)
        return;
    if (a->count - bitmap_count(&a->skip) != 1)
        world_fail(w, "instance %u/%u/%u, which has a strike, does not go alone", a->model, a->task,
                   instance);
    int64_t wait = w->load.backoff_ns << (f->emitted.count - 1);
    if (f->struck_at > 0 && w->now < f->struck_at + wait)
        world_fail(w, "instance %u/%u/%u is granted before its backoff is over", a->model, a->task,
                   instance);
}

static void read_skip(struct world *w, struct seen_attempt *a, struct span skip)
{
    bitmap_init(&a->skip, a->count);
    bitmap_init(&a->asked, a->count);
    bitmap_init(&a->rowed, a->count);
    a->leased = a->kept = a->count;
    a->told_from = UINT32_MAX;
    bool any = false;
    for (uint32_t i = 0; i < a->count; i++) {
        bool is_out = skip.len > 0 && (skip.data[i / 8] >> (i % 8) & 1);
        const struct fate *f = oracle_fate(w, a->model, a->task, a->first + i);
        bool is_wanted = bitmap_get(&w->load.tasks[a->task].wanted, a->first + i);
        if (is_out != (f->is_emitted || !is_wanted))
            world_fail(w, "attempt %llx: instance %u is %s", (unsigned long long)a->id,
                       a->first + i, is_out ? "left out, and open" : "granted, and not open");
        if (is_out)
            bitmap_set(&a->skip, i);
        any |= !is_out;
    }
    if (!any)
        world_fail(w, "attempt %llx has no open instance", (unsigned long long)a->id);
}

/* What the model has elsewhere, in attempts of this incarnation that surely live. */
struct in_use {
    const struct seen_attempt *by;
    uint64_t places[SIM_MACHINES_MAX * SIM_SLOTS_MAX]; /* slots that were counted */
    uint32_t slots, requests;
};

static void add_in_use(struct world *w, struct seen_attempt *a, void *owner)
{
    struct in_use *u = owner;
    if (a->model != u->by->model || a->id >> 32 != w->oracle->epoch || !oracle_is_live(w, a))
        return;
    if (a->slot == u->by->slot && strcmp(a->name, u->by->name) == 0)
        return;
    uint64_t place = (uint64_t)(a->name[0]) << 8 | a->slot; /* names differ in their first letter */
    for (uint32_t i = 0; i < u->slots; i++)
        if (u->places[i] == place)
            return;
    u->places[u->slots++] = place;
    u->requests += a->at_once;
}

static void check_caps(struct world *w, const struct seen_attempt *a)
{
    const struct core_rules *rules = &w->load.models[a->model].rules;
    if (rules->concurrency == 0 && rules->max_replicas == 0)
        return;
    struct in_use u = { .by = a };
    each_attempt(w, add_in_use, &u);
    if (rules->max_replicas > 0 && u.slots + 1 > rules->max_replicas)
        world_fail(w, "model %u works in %u slots and gets another; it may have %u", a->model,
                   u.slots, rules->max_replicas);
    if (rules->concurrency == 0)
        return;
    if (a->at_once == 0 || u.requests + a->at_once > rules->concurrency)
        world_fail(w, "model %u gets %u requests beside %u; it may have %u", a->model, a->at_once,
                   u.requests, rules->concurrency);
}

/* The slot, with its gang, has what a replica of the model needs. */
static void check_fit(struct world *w, const struct seen_session *s, const struct core_effect *e)
{
    const struct sim_machine *m = &w->load.machines[fleet_machine(s->worker->name)];
    const struct sim_model *model = &w->load.models[e->as.grant.model];
    uint32_t needed = model->gpus;
    uint32_t slots = 1 + e->as.grant.member_count;
    bool are_there = e->as.grant.slot < m->slot_count;
    for (uint32_t i = 0; i < e->as.grant.member_count; i++)
        are_there &= e->as.grant.members[i] < m->slot_count;
    if (!are_there || needed > slots * m->gpus)
        world_fail(w, "attempt %llx needs %u GPUs; %u slots of %s, slot %u first, have %u",
                   (unsigned long long)e->as.grant.attempt, needed, slots, s->worker->name,
                   e->as.grant.slot, are_there ? slots * m->gpus : 0);
    if (m->memory_bytes > 0 && model->memory_bytes > slots * m->memory_bytes)
        world_fail(w, "attempt %llx needs %llu bytes; %u slots of %s have %llu",
                   (unsigned long long)e->as.grant.attempt, (unsigned long long)model->memory_bytes,
                   slots, s->worker->name, (unsigned long long)(slots * m->memory_bytes));
}

static void granted(struct world *w, const struct core_effect *e)
{
    struct oracle *o = w->oracle;
    uint64_t id = e->as.grant.attempt;
    struct seen_session *s = map_find(&o->sessions, e->session);
    trace(w, "core: %s %llx: %u/%u [%u,+%u) to slot %u of %s",
          e->as.grant.is_copy ? "gives a copy," : "grants", (unsigned long long)id,
          e->as.grant.model, e->as.grant.task, e->as.grant.first, e->as.grant.count,
          e->as.grant.slot, s ? s->worker->name : "?");
    if (!s)
        world_fail(w, "a grant to a session that is over");
    if (id <= o->last_attempt || id >> 32 != o->epoch)
        world_fail(w, "attempt id %llx is not new", (unsigned long long)id);
    if (s->worker->is_draining || o->is_draining)
        world_fail(w, "a grant to worker %s, which is draining", s->worker->name);
    if (oracle_clock(w) >= s->worker->ends_at)
        world_fail(w, "a grant to worker %s, whose time is over", s->worker->name);
    if (o->is_paused[e->as.grant.model])
        world_fail(w, "a grant of model %u, which is paused", e->as.grant.model);
    if (e->as.grant.count == 0 ||
        e->as.grant.first + e->as.grant.count > w->load.tasks[e->as.grant.task].size)
        world_fail(w, "attempt %llx goes beyond its task", (unsigned long long)id);
    check_fit(w, s, e);
    o->last_attempt = id;
    struct seen_attempt *a = keep(w, sizeof(*a));
    *a = (struct seen_attempt){ .id = id,
                                .model = e->as.grant.model,
                                .task = e->as.grant.task,
                                .first = e->as.grant.first,
                                .count = e->as.grant.count,
                                .slot = e->as.grant.slot,
                                .at_once = e->as.grant.inflight_max,
                                .is_copy = e->as.grant.is_copy,
                                .name = s->worker->name,
                                .session = e->session,
                                .live_until = oracle_clock(w) + w->load.lease_ns };
    if (a->is_copy && w->load.models[a->model].rules.never_copied)
        world_fail(w, "a copy of model %u, which must have none", a->model);
    read_skip(w, a, e->as.grant.skip);
    check_caps(w, a);
    map_put(&o->attempts, id, a);
    take_hold(w, a);
    for (uint32_t i = a->first; i < a->first + a->count; i++)
        if (!in_skip(a, i))
            check_retry(w, a, i);
}

/* Of the attempts that a beat names, those that are not stale are leased from here on. */
static void beat_answered(struct world *w, const struct core_event *e,
                          const struct core_effect *effect)
{
    const struct msg_beat *beat = e->as.beat.beat;
    for (uint32_t i = 0; i < beat->attempt_count; i++) {
        struct seen_attempt *a = oracle_attempt(w, beat->attempts[i].attempt);
        if (!a)
            world_fail(w, "a beat names attempt %llx, which nobody granted",
                       (unsigned long long)beat->attempts[i].attempt);
        bool is_stale = false;
        for (uint32_t k = 0; k < effect->as.beat_reply.count; k++)
            is_stale |= effect->as.beat_reply.stale[k] == a->id;
        if (is_stale && oracle_is_live(w, a))
            world_fail(w, "attempt %llx is called stale while its lease lasts",
                       (unsigned long long)a->id);
        a->is_dead = is_stale;
        if (is_stale)
            continue;
        a->live_until = oracle_clock(w) + w->load.lease_ns;
        take_hold(w, a);
    }
}

static void after_ended(struct world *w, const struct core_event *e,
                        const struct oracle_step *about)
{
    struct seen_attempt *a = oracle_attempt(w, e->as.ended.attempt);
    if (!a || !about->is_in_order)
        return;
    if (e->as.ended.from > 0)
        let_go(w, a, e->as.ended.from - a->first);
    else
        a->is_dead = true;
}

static void drained(struct world *w, const struct core_effect *effect)
{
    struct seen_session *s = map_find(&w->oracle->sessions, effect->session);
    if (!s)
        world_fail(w, "the word to drain goes to a session that is over");
    s->worker->is_draining = true;
}

void oracle_after(struct world *w, const struct core_event *e, const struct oracle_step *about,
                  const struct core_effects *effects)
{
    if (e->kind == CORE_ENDED)
        after_ended(w, e, about);
    for (size_t i = 0; i < effects->count; i++) {
        const struct core_effect *effect = &effects->items[i];
        world_mix(w, effect->kind, effect->session);
        switch (effect->kind) {
        case EFFECT_WELCOME: welcomed(w, e, effect); break;
        case EFFECT_GONE: gone(w, e, effect); break;
        case EFFECT_GRANT: granted(w, effect); break;
        case EFFECT_BEAT_REPLY: beat_answered(w, e, effect); break;
        case EFFECT_DRAIN: drained(w, effect); break;
        case EFFECT_RECORD:
        case EFFECT_STRIKE:
        case EFFECT_LEARNED:
        case EFFECT_REJECT:
        case EFFECT_REVOKE:
        case EFFECT_ACK:
        case EFFECT_NOTE: break;
        }
    }
}
