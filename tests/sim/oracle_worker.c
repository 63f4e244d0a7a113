/* The oracle's account of what agents and hosts do. */
#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/disk.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle_private.h"

enum { ROW_BYTES_MAX = 256 };

bool oracle_is_guilty(const struct fate *f, uint64_t attempt, status code)
{
    for (size_t i = 0; i < f->guilt_count; i++)
        if (f->guilts[i].attempt == attempt && f->guilts[i].status == code)
            return true;
    return false;
}

/* ---- At the workers ---- */

void oracle_granted_here(struct world *w, const struct sim_worker *k, uint64_t attempt)
{
    struct seen_attempt *a = oracle_attempt(w, attempt);
    if (!a || strcmp(a->name, k->name) != 0)
        world_fail(w, "%s#%u gets attempt %llx, which is not its own", k->name, k->serial,
                   (unsigned long long)attempt);
    if (a->worker != 0 && a->worker != k->serial)
        world_fail(w, "attempt %llx is granted to two processes", (unsigned long long)attempt);
    a->worker = k->serial;
}

static void take_back(struct world *w, const struct sim_worker *k, uint64_t attempt, uint32_t from)
{
    struct seen_attempt *a = oracle_attempt(w, attempt);
    if (from > 0 && w->load.machines[k->machine].is_old)
        world_fail(w, "%s#%u is told of a part of attempt %llx, and knows no parts", k->name,
                   k->serial, (unsigned long long)attempt);
    if (!a || a->worker != k->serial)
        return;
    a->is_taken_back |= from <= a->first;
    if (from < a->told_from)
        a->told_from = from;
}

void oracle_told(struct world *w, const struct sim_worker *k, const struct msg *m)
{
    if (m->type == MSG_REVOKE)
        take_back(w, k, m->as.revoke.attempt, m->as.revoke.from);
    if (m->type != MSG_BEAT_REPLY)
        return;
    for (uint32_t i = 0; i < m->as.beat_reply.stale_count; i++)
        take_back(w, k, m->as.beat_reply.stale[i], 0);
}

static struct seen_attempt *attempt_at(struct world *w, const struct sim_worker *k, uint64_t id,
                                       const char *what)
{
    struct seen_attempt *a = oracle_attempt(w, id);
    if (!a || a->worker != k->serial)
        world_fail(w, "%s#%u %s of attempt %llx, which it does not have", k->name, k->serial, what,
                   (unsigned long long)id);
    return a;
}

static bool wants(const struct seen_attempt *a, uint32_t instance)
{
    return instance >= a->first && instance - a->first < a->kept &&
           !bitmap_get(&a->skip, instance - a->first);
}

static void check_asked(struct world *w, const struct sim_worker *k, struct seen_attempt *a,
                        uint32_t instance)
{
    if (!wants(a, instance) || bitmap_get(&a->rowed, instance - a->first))
        world_fail(w, "%s#%u runs instance %u of attempt %llx, which is not wanted, or done",
                   k->name, k->serial, instance, (unsigned long long)a->id);
    bool is_new = bitmap_set(&a->asked, instance - a->first);
    if (a->is_taken_back || k->is_told_to_go || (is_new && instance >= a->told_from))
        world_fail(w, "%s#%u starts instance %u of attempt %llx, which it should give back",
                   k->name, k->serial, instance, (unsigned long long)a->id);
}

void oracle_asked(struct world *w, const struct sim_worker *k, const struct agent_effect *e)
{
    struct seen_attempt *a = attempt_at(w, k, e->as.request.attempt, "runs an instance");
    for (uint32_t i = 0; i < e->as.request.count; i++)
        check_asked(w, k, a, e->as.request.instance + i);
    uint32_t model = catalog_model_index(&w->load.catalog, e->as.request.model);
    const struct sim_host *h = k->hosts[e->as.request.slot];
    if (model != a->model || e->as.request.slot != a->slot || !h || h->model != model)
        world_fail(w, "%s#%u asks the wrong host for attempt %llx", k->name, k->serial,
                   (unsigned long long)a->id);
}

void oracle_recorded(struct world *w, const struct sim_worker *k, uint64_t attempt, uint32_t task,
                     const struct result *row)
{
    struct seen_attempt *a = attempt_at(w, k, attempt, "records a row");
    if (task != a->task || !wants(a, row->instance) ||
        !bitmap_set(&a->rowed, row->instance - a->first))
        world_fail(w, "%s#%u records instance %u of attempt %llx twice, or unasked", k->name,
                   k->serial, row->instance, (unsigned long long)attempt);
    const struct fate *f = oracle_fate(w, a->model, a->task, row->instance);
    if (row->status != STATUS_OK && !status_is_final(row->status) &&
        !oracle_is_guilty(f, attempt, row->status))
        world_fail(w, "%s#%u blames instance %u/%u/%u for \"%s\", and it is innocent", k->name,
                   k->serial, a->model, a->task, row->instance, status_text(row->status));
}

/* A part of it goes back: as much as was asked for, and nothing that was started. */
static void check_part(struct world *w, const struct sim_worker *k, struct seen_attempt *a,
                       uint32_t from)
{
    trace(w, "agent: %s#%u gives back attempt %llx from instance %u on", k->name, k->serial,
          (unsigned long long)a->id, from);
    if (from <= a->first || from - a->first > a->kept)
        world_fail(w, "%s#%u gives back attempt %llx from instance %u on, which makes no sense",
                   k->name, k->serial, (unsigned long long)a->id, from);
    if (bitmap_next_set(&a->asked, from - a->first) < a->kept)
        world_fail(w, "%s#%u gives back what it has started of attempt %llx", k->name, k->serial,
                   (unsigned long long)a->id);
    if (from < a->told_from && !k->is_told_to_go)
        world_fail(w, "%s#%u gives back more of attempt %llx than it was told to", k->name,
                   k->serial, (unsigned long long)a->id);
    a->kept = from - a->first;
}

void oracle_ended(struct world *w, const struct sim_worker *k, const struct agent_effect *e)
{
    struct seen_attempt *a = attempt_at(w, k, e->as.ended.attempt, "ends");
    if (e->as.ended.from > 0) {
        check_part(w, k, a, e->as.ended.from);
        return;
    }
    uint32_t missing = a->kept - bitmap_count_range(&a->skip, 0, a->kept) - bitmap_count(&a->rowed);
    trace(w, "agent: %s#%u ends attempt %llx: %s", k->name, k->serial, (unsigned long long)a->id,
          ended_text(e->as.ended.reason));
    if (e->as.ended.reason == ENDED_DONE && missing > 0)
        world_fail(w, "%s#%u is done with attempt %llx, and %u rows are missing", k->name,
                   k->serial, (unsigned long long)a->id, missing);
}

void oracle_acked(struct world *w, const struct sim_worker *k, const struct sim_unacked *u)
{
    const struct seen_attempt *a = oracle_attempt(w, u->attempt);
    const struct fate *f = oracle_fate(w, a->model, u->task, u->instance);
    bool is_accounted = f->is_durable || !status_is_final(u->status);
    const struct disk_instance *d = &w->disk->instances[a->model][u->task][u->instance];
    if (!is_accounted || (f->is_durable && !d->is_ended))
        world_fail(w, "%s#%u was told that the row of %u/%u/%u is durable, and it is not", k->name,
                   k->serial, a->model, u->task, u->instance);
}

/* What a beat says that it holds: no less than what it would lose. */
void oracle_beats(struct world *w, const struct sim_worker *k, const struct msg_beat *beat)
{
    for (size_t i = 0; i < k->unacked_count; i++) {
        bool is_named = false;
        for (uint32_t n = 0; n < beat->attempt_count; n++)
            is_named |= beat->attempts[n].attempt == k->unacked[i].attempt;
        if (!is_named)
            world_fail(w,
                       "%s#%u has rows of attempt %llx that are not durable, and a beat does "
                       "not name it",
                       k->name, k->serial, (unsigned long long)k->unacked[i].attempt);
    }
}

/* More than the bound waits for its ack: nothing new is begun. Behind the last request of a step
 * there may be a row of another slot. */
static void check_bound(struct world *w, const struct sim_worker *k,
                        const struct agent_effects *effects)
{
    uint64_t kept = agent_unacked_bytes(k->agent);
    if (kept <= w->load.unacked_bytes_max + ROW_BYTES_MAX)
        return;
    for (size_t i = 0; i < effects->count; i++)
        if (effects->items[i].kind == AGENT_DO_REQUEST)
            world_fail(w, "%s#%u keeps %llu bytes and goes on asking", k->name, k->serial,
                       (unsigned long long)kept);
}

/* Rows that a living host has given are not thrown away. */
static void check_rows(struct world *w, const struct sim_worker *k, const struct agent_event *e,
                       const struct agent_effects *effects)
{
    const struct sim_host *h = e->kind == AGENT_ON_ROWS ? k->hosts[e->as.rows.slot] : NULL;
    if (!h || h->is_dead || h->is_killed || h->is_asked_to_go)
        return;
    uint32_t recorded = 0;
    for (size_t i = 0; i < effects->count; i++)
        if (effects->items[i].kind == AGENT_DO_RECORD)
            recorded += effects->items[i].as.record.count;
    if (recorded < e->as.rows.count)
        world_fail(w, "%s#%u throws away the row of instance %u", k->name, k->serial,
                   e->as.rows.rows->instance);
}

void oracle_heard(struct world *w, const struct sim_worker *k, const struct agent_event *e,
                  const struct agent_effects *effects)
{
    check_bound(w, k, effects);
    check_rows(w, k, e, effects);
}

/* ---- At the hosts ---- */

uint64_t oracle_run(struct world *w, const struct sim_worker *k, uint64_t attempt, uint32_t model,
                    uint32_t task, uint32_t instance)
{
    struct oracle *o = w->oracle;
    o->runs = xgrow(o->runs, &o->run_capacity, o->run_count + 1, sizeof(*o->runs));
    o->runs[o->run_count++] = (struct run){ attempt, k->serial, model, task, instance };
    return o->run_count;
}

void oracle_failed(struct world *w, uint64_t attempt, uint32_t model, uint32_t task,
                   uint32_t instance, status code)
{
    struct fate *f = oracle_fate(w, model, task, instance);
    f->guilts = xgrow(f->guilts, &f->guilt_capacity, f->guilt_count + 1, sizeof(*f->guilts));
    f->guilts[f->guilt_count++] = (struct guilt){ attempt, code };
}

bool oracle_may_fail(const struct world *w, uint32_t model, uint32_t task, uint32_t instance)
{
    const struct fate *f = oracle_fate(w, model, task, instance);
    return workload_nature(&w->load, model, task, instance) == NATURE_SOUND &&
           f->mishaps + 1 < w->load.strikes_max;
}

void oracle_will_fail(struct world *w, uint32_t model, uint32_t task, uint32_t instance)
{
    oracle_fate(w, model, task, instance)->mishaps++;
}
