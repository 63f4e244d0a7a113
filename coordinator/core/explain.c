/* Why a model is where it is. */
#include "coordinator/core/explain_internal.h"
#include "coordinator/core/work_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/text.h"

const char *explain_reason_text(enum explain_reason reason)
{
    static const char *const texts[EXPLAIN_REASON_COUNT] = {
#define X(name, text) [name] = text,
        EXPLAIN_LIST(X)
#undef X
    };
    check((unsigned)reason < EXPLAIN_REASON_COUNT);
    return texts[reason];
}

const char *explain_name(const struct explain_names *names, const struct model *m,
                         const struct core *c)
{
    return names->model(names->owner, (uint32_t)(m - c->models));
}

void explain_put_ns(struct buf *out, double ns)
{
    char text[40];
    text_format_duration(text, sizeof(text), ns > 0 ? (int64_t)(ns * 1e-6) : 0);
    buf_append_str(out, text);
}

/* ---- How the slots stand to it ---- */

static bool is_held_for(const struct slot *s, uint32_t model)
{
    const struct gang *g = s->gang && !gang_is_forming(s->gang) ? s->gang->heir : s->gang;
    return g && g->model == model && gang_is_forming(g);
}

static void survey_slot(struct core *c, const struct model *m, const struct slot *s,
                        struct survey *out)
{
    enum limit limit = limit_of(c, m, s);
    double wait_ns = gang_wait_ns(c, s, m);
    out->slots++;
    out->limits[limit]++;
    bool is_held = is_held_for(s, (uint32_t)(m - c->models));
    bool is_nearer = !out->gang || wait_ns < out->gang_wait_ns;
    if (is_held || (wait_ns >= 0 && is_nearer && !out->is_gang_held)) {
        out->gang = s;
        out->gang_wait_ns = wait_ns;
        out->is_gang_held = is_held;
    }
    if (limit != LIMIT_NONE)
        return;
    out->outranked += model_is_outranked(c, m, s);
    out->usable = s;
}

/* The model, or each task of it that has something to give out. */
bool explain_is_refused(const struct core *c, const struct model *m, const struct worker *w)
{
    bool is_refused = w->refusal_count > 0;
    for (size_t i = 0; is_refused && i < m->cell_count; i++) {
        const struct cell *cell = c->cells[m->cells[i]];
        is_refused = cell_free_count(cell) == 0 || worker_refuses(w, cell->model, cell->task);
    }
    return is_refused && m->free_count > 0;
}

void explain_survey(struct core *c, const struct model *m, struct survey *out)
{
    *out = (struct survey){ 0 };
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        if (!w->session || w->draining)
            continue;
        out->workers++;
        double left_ns = w->drain_ns == INT64_MAX ? INFINITY : (double)(w->drain_ns - c->now_ns);
        out->longest_left_ns = left_ns > out->longest_left_ns ? left_ns : out->longest_left_ns;
        bool is_refused = explain_is_refused(c, m, w);
        out->refused += is_refused ? w->slot_count : 0;
        for (uint32_t k = 0; !is_refused && k < w->slot_count; k++)
            survey_slot(c, m, &w->slots[k], out);
    }
}

/* ---- What it needs ---- */

void explain_put_need(const struct core_need *need, struct buf *out)
{
    const char *between = "";
    if (need->gpus > 0) {
        buf_printf(out, "%" PRIu32 " GPU%s", need->gpus, explain_plural(need->gpus));
        if (need->gpu_memory_bytes > 0)
            buf_printf(out, " of %.4g GiB", (double)need->gpu_memory_bytes / (double)(1 << 30));
        for (size_t i = 0; i < need->gpu_type_count; i++)
            buf_printf(out, "%s%s", i ? " or " : " of type ", need->gpu_types[i]);
        between = ", ";
    }
    buf_printf(out, "%s%" PRIu32 " core%s", between, need->cpus, explain_plural(need->cpus));
    if (need->memory_bytes > 0)
        buf_printf(out, ", %.4g GiB", (double)need->memory_bytes / (double)(1 << 30));
}

/* What all slots of a worker have together, where one that is not limited limits none. */
static struct core_offer whole_of(const struct worker *w)
{
    struct core_offer sum = { .memory_bytes = w->slots[0].memory_bytes };
    for (uint32_t i = 0; i < w->slot_count; i++) {
        const struct slot *s = &w->slots[i];
        sum.gpus += s->gpus;
        sum.cpus += s->cpus;
        if (i > 0 && s->memory_bytes > 0 && sum.memory_bytes > 0)
            sum.memory_bytes += s->memory_bytes;
        else if (i > 0)
            sum.memory_bytes = 0;
    }
    return sum;
}

/* More of what is needed, in this order, is closer; beyond the need nothing counts but to tell two
 * apart that have enough. */
static bool is_closer(const struct core_need *need, const struct core_offer *a,
                      const struct core_offer *b)
{
    const uint64_t of_a = a->memory_bytes > 0 ? a->memory_bytes : UINT64_MAX;
    const uint64_t of_b = b->memory_bytes > 0 ? b->memory_bytes : UINT64_MAX;
    const uint64_t pairs[][3] = { { need->gpus, a->gpus, b->gpus },
                                  { need->memory_bytes, of_a, of_b },
                                  { need->cpus, a->cpus, b->cpus },
                                  { UINT64_MAX, a->gpus, b->gpus },
                                  { UINT64_MAX, a->cpus, b->cpus } };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint64_t most = pairs[i][0];
        uint64_t x = pairs[i][1] < most ? pairs[i][1] : most;
        uint64_t y = pairs[i][2] < most ? pairs[i][2] : most;
        if (x != y)
            return x > y;
    }
    return false;
}

void explain_put_memory(const struct core_need *need, uint64_t bytes, struct buf *out)
{
    if (need->memory_bytes > 0 && bytes > 0)
        buf_printf(out, ", %.4g GiB", (double)bytes / (double)(1 << 30));
}

/* The worker that comes closest. */
static void put_largest(const struct core *c, const struct core_need *need, struct buf *out)
{
    const struct worker *largest = NULL;
    struct core_offer most = { 0 };
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        if (!w->session || w->draining || w->slot_count == 0)
            continue;
        struct core_offer whole = whole_of(w);
        if (largest && !is_closer(need, &whole, &most))
            continue;
        largest = w;
        most = whole;
    }
    if (!largest)
        return;
    const struct slot *s = &largest->slots[0];
    buf_printf(out, "; the largest, %s, has %" PRIu32 " GPU%s", largest->name, most.gpus,
               explain_plural(most.gpus));
    if (most.gpus > 0 && s->gpu_memory_bytes > 0)
        buf_printf(out, " of %.4g GiB", (double)s->gpu_memory_bytes / (double)(1 << 30));
    if (most.gpus > 0 && c->gpu_types[s->gpu_type][0])
        buf_printf(out, " (%s)", c->gpu_types[s->gpu_type]);
    buf_printf(out, " and %" PRIu32 " core%s", most.cpus, explain_plural(most.cpus));
    explain_put_memory(need, most.memory_bytes, out);
    buf_printf(out, " in %" PRIu32 " slot%s", largest->slot_count,
               explain_plural(largest->slot_count));
    if (largest->slot_count > GANG_SLOTS_MAX)
        buf_printf(out, ", of which at most %d run a model together", GANG_SLOTS_MAX);
}

/* ---- The reasons ---- */

static enum explain_reason tell_gang(const struct model *m, const struct survey *s, struct buf *out)
{
    uint32_t slots[GANG_SLOTS_MAX];
    uint32_t count = s->gang ? gang_slots(s->gang, m, slots) : 0, idle = 0;
    uint32_t sick = count > 0 ? gang_sick_slots(s->gang, m) : 0;
    buf_append_str(out, "waits for a gang: it needs ");
    explain_put_need(&m->need, out);
    buf_append_str(out, " of one worker");
    if (count == 0)
        return EXPLAIN_GANG;
    const struct worker *w = s->gang->worker;
    for (uint32_t i = 0; i < count; i++)
        idle += w->slots[slots[i]].queued == 0 && w->slots[slots[i]].state != SLOT_SICK;
    buf_printf(out, "; of %" PRIu32 " slots of %s ", count, w->name);
    for (uint32_t i = 0; i < count; i++)
        buf_printf(out, "%s%" PRIu32, i ? "," : "(", slots[i]);
    buf_printf(out, ") %" PRIu32 " %s idle", idle, idle == 1 ? "is" : "are");
    if (m->forming > 0)
        buf_append_str(out, " and held for it");
    if (sick > 0) {
        buf_printf(out, ", %" PRIu32 " %s held by a process that cannot be killed", sick,
                   sick == 1 ? "is" : "are");
        return EXPLAIN_GANG;
    }
    buf_append_str(out, ", the others are busy for about ");
    explain_put_ns(out, s->gang_wait_ns);
    return EXPLAIN_GANG;
}

/* The one that would get the slot before m, by priority; NULL: none. */
static const struct model *first_by_priority(struct core *c, const struct model *m,
                                             const struct slot *s)
{
    const struct model *first = m;
    for (uint32_t i = 0; i < c->model_count; i++) {
        struct model *other = &c->models[i];
        if (other->rules.priority > first->rules.priority && model_has_work_for(c, other, s))
            first = other;
    }
    return first != m ? first : NULL;
}

static enum explain_reason tell_outranked(struct core *c, const struct explain_names *names,
                                          const struct model *m, const struct slot *s,
                                          struct buf *out)
{
    const struct model *first = first_by_priority(c, m, s);
    buf_append_str(out, "waits: ");
    if (first)
        buf_printf(out, "%s goes first by priority, and has %" PRIu64 " instances to go",
                   explain_name(names, first, c), first->free_count);
    else
        buf_append_str(out, "what goes first by priority was given out just now");
    return EXPLAIN_OUTRANKED;
}

static enum explain_reason tell_turn(struct core *c, const struct explain_names *names,
                                     const struct model *m, const struct survey *s, struct buf *out)
{
    if (explain_share_waits(c, names, m, s->usable, out))
        return EXPLAIN_SHARE;
    buf_printf(out,
               "waits its turn: %" PRIu32 " slot%s could run it and %s other work; it has about ",
               s->limits[LIMIT_NONE], explain_plural(s->limits[LIMIT_NONE]),
               s->limits[LIMIT_NONE] == 1 ? "has" : "have");
    explain_put_ns(out, model_remaining_ns(c, m));
    buf_append_str(out, " of work for one slot, and takes ");
    explain_put_ns(out, model_load_ns(c, m));
    buf_append_str(out, " to load");
    explain_put_share(c, names, m, out);
    return EXPLAIN_TURN;
}

void explain_put_cap(const struct model *m, enum limit limit, struct buf *out)
{
    if (limit == LIMIT_REPLICAS)
        buf_printf(out, "is capped: it has work on %" PRIu32 " slot%s and may have %" PRIu32,
                   m->busy_slots, explain_plural(m->busy_slots), m->rules.max_replicas);
    else
        buf_printf(out, "is capped: %" PRIu32 " of at most %" PRIu32 " requests are given out",
                   m->inflight, m->rules.concurrency);
}

static enum explain_reason tell_cap(const struct model *m, enum limit limit, struct buf *out)
{
    explain_put_cap(m, limit, out);
    return EXPLAIN_CAPPED;
}

static enum explain_reason tell_lifetime(const struct core *c, const struct model *m,
                                         const struct survey *s, struct buf *out)
{
    buf_append_str(out, "waits for a worker with more time: to load takes ");
    explain_put_ns(out, model_load_ns(c, m));
    buf_append_str(out, " and has to pay, but the longest that one has left is ");
    explain_put_ns(out, s->longest_left_ns);
    return EXPLAIN_LIFETIME;
}

static enum explain_reason tell_type(const struct core *c, const struct model *m, int64_t now_ns,
                                     struct buf *out)
{
    int64_t soonest_ns = INT64_MAX;
    buf_append_str(out, "waits: it fails on ");
    uint32_t told = 0;
    for (uint32_t type = 0; type < c->gpu_type_count; type++) {
        const struct on_type *on = &m->on[type];
        if (on->pauses == 0)
            continue;
        buf_printf(out, "%s%s", told++ ? ", " : "",
                   c->gpu_types[type][0] ? c->gpu_types[type] : "slots without a known GPU");
        soonest_ns = on->retry_ns < soonest_ns ? on->retry_ns : soonest_ns;
    }
    buf_append_str(out, ", and is tried again there in ");
    explain_put_ns(out, soonest_ns == INT64_MAX ? 0 : (double)(soonest_ns - now_ns));
    if (m->reason)
        buf_printf(out, "; %s", m->reason);
    return EXPLAIN_TYPE;
}

/* Nothing of it runs: what keeps it from most of the slots, in the order of what can be done. */
static enum explain_reason tell_waiting(struct core *c, const struct explain_names *names,
                                        const struct model *m, int64_t now_ns, struct buf *out)
{
    struct survey s;
    explain_survey(c, m, &s);
    if (s.workers == 0) {
        buf_append_str(out, "waits: no worker is connected that takes work");
        return EXPLAIN_NO_WORKER;
    }
    if (s.usable && s.outranked == s.limits[LIMIT_NONE])
        return tell_outranked(c, names, m, s.usable, out);
    if (m->forming > 0 || (!s.usable && s.limits[LIMIT_GANG] > 0))
        return tell_gang(m, &s, out);
    if (s.usable)
        return tell_turn(c, names, m, &s, out);
    if (s.limits[LIMIT_REPLICAS] > 0)
        return tell_cap(m, LIMIT_REPLICAS, out);
    if (s.limits[LIMIT_CONCURRENCY] > 0)
        return tell_cap(m, LIMIT_CONCURRENCY, out);
    if (s.limits[LIMIT_TYPE] > 0)
        return tell_type(c, m, now_ns, out);
    if (s.limits[LIMIT_LIFETIME] > 0)
        return tell_lifetime(c, m, &s, out);
    if (s.limits[LIMIT_SICK] > 0) {
        uint32_t slots = s.limits[LIMIT_SICK];
        buf_printf(out,
                   "waits: %" PRIu32 " slot%s that could run it %s held by a process that "
                   "cannot be killed",
                   slots, explain_plural(slots), slots == 1 ? "is" : "are");
        return EXPLAIN_SICK;
    }
    if (s.refused > 0) {
        buf_printf(out, "waits: %" PRIu32 " slot%s of workers that could run it refuse it%s%s",
                   s.refused, explain_plural(s.refused), m->reason ? "; the last, " : "",
                   m->reason ? m->reason : "");
        return EXPLAIN_REFUSED;
    }
    buf_append_str(out, "waits: it needs ");
    explain_put_need(&m->need, out);
    buf_append_str(out, " on one worker, and none has that");
    put_largest(c, &m->need, out);
    return EXPLAIN_TOO_LARGE;
}

/* Of all tasks of the model: instances that failed and wait; when the next is tried again. */
static uint64_t backoffs_of(const struct core *c, const struct model *m, int64_t *soonest_ns)
{
    uint64_t count = 0;
    *soonest_ns = INT64_MAX;
    for (size_t i = 0; i < c->backoffs.count; i++) {
        const struct strike *s =
            container_of_const(heap_at(&c->backoffs, i), struct strike, backoff);
        if (&c->models[s->cell->model] != m)
            continue;
        count++;
        *soonest_ns = s->backoff.key < *soonest_ns ? s->backoff.key : *soonest_ns;
    }
    return count;
}

static enum explain_reason tell_backoff(const struct core *c, const struct model *m, int64_t now_ns,
                                        struct buf *out)
{
    int64_t soonest_ns;
    uint64_t waiting = backoffs_of(c, m, &soonest_ns);
    buf_printf(out, "waits: %" PRIu64 " instance%s failed and will be tried again, the next in ",
               waiting, explain_plural(waiting));
    explain_put_ns(out, soonest_ns == INT64_MAX ? 0 : (double)(soonest_ns - now_ns));
    return EXPLAIN_BACKOFF;
}

/* "2 slots", "1 slot and 2 gangs" */
static void put_places(const struct model *m, struct buf *out)
{
    uint32_t gangs = 0;
    for (uint32_t i = 0; i < m->replicas; i++)
        gangs += m->holders[i]->queued > 0 && m->holders[i]->gang &&
                 !gang_is_forming(m->holders[i]->gang);
    uint32_t slots = m->busy_slots > gangs ? m->busy_slots - gangs : 0;
    if (slots > 0 || gangs == 0)
        buf_printf(out, "%" PRIu32 " slot%s", slots, explain_plural(slots));
    if (gangs > 0)
        buf_printf(out, "%s%" PRIu32 " gang%s", slots > 0 ? " and " : "", gangs,
                   explain_plural(gangs));
}

/* "runs on 2 slots: 3 of 100 instances done, 8 given out, 89 wait" */
static void put_counts(const struct core *c, const struct model *m, const char *does,
                       struct buf *out)
{
    int64_t soonest_ns;
    uint64_t failed = backoffs_of(c, m, &soonest_ns);
    buf_printf(out, "%s on ", does);
    put_places(m, out);
    buf_printf(
        out, ": %" PRIu64 " of %" PRIu64 " instances done, %" PRIu64 " given out, %" PRIu64 " wait",
        m->ended, m->wanted, m->taken_count - failed, m->free_count);
    if (failed > 0)
        buf_printf(out, ", %" PRIu64 " failed and wait to be tried again", failed);
}

static void put_load(const struct core *c, const struct model *m, struct buf *out)
{
    if (m->load_ns > 0) {
        buf_append_str(out, "; to load takes about ");
        explain_put_ns(out, model_load_ns(c, m));
    } else {
        buf_append_str(out, "; how long that takes is not known yet, so far ");
        explain_put_ns(out, m->load_started_ns > 0 ? (double)(c->now_ns - m->load_started_ns) : 0);
    }
}

static enum explain_reason tell_running(struct core *c, const struct explain_names *names,
                                        const struct model *m, struct buf *out)
{
    uint32_t loading = 0;
    for (uint32_t i = 0; i < m->replicas; i++)
        loading += m->holders[i]->queued > 0 && m->holders[i]->loading_ns > 0;
    bool only_loads = loading >= m->busy_slots;
    struct survey s;
    explain_survey(c, m, &s);
    enum limit cap = s.limits[LIMIT_REPLICAS] > 0      ? LIMIT_REPLICAS
                     : s.limits[LIMIT_CONCURRENCY] > 0 ? LIMIT_CONCURRENCY
                                                       : LIMIT_NONE;
    put_counts(c, m, only_loads ? "loads" : "runs", out);
    if (only_loads) {
        put_load(c, m, out);
        return EXPLAIN_LOADS;
    }
    buf_append_str(out, "; about ");
    explain_put_ns(out, model_remaining_ns(c, m) / (m->busy_slots ? m->busy_slots : 1));
    buf_append_str(out, " of work for these");
    if (m->free_count > 0)
        explain_put_share(c, names, m, out);
    if (m->free_count == 0 || cap == LIMIT_NONE)
        return EXPLAIN_RUNS;
    buf_append_str(out, "; it ");
    return tell_cap(m, cap, out);
}

static enum explain_reason tell_model(struct core *c, const struct explain_names *names,
                                      const struct model *m, int64_t now_ns, struct buf *out)
{
    if (m->ended == m->wanted) {
        buf_printf(out, "is done: %" PRIu64 " instance%s", m->ended, explain_plural(m->ended));
        return EXPLAIN_DONE;
    }
    if (m->paused) {
        buf_printf(out, "is paused, with %" PRIu64 " instances to go: muster resume lets it go on",
                   m->free_count);
        return EXPLAIN_PAUSED;
    }
    if (m->busy_slots > 0)
        return tell_running(c, names, m, out);
    if (c->stopping) {
        buf_printf(out,
                   "gets nothing more, with %" PRIu64 " instances to go: the sweep is being "
                   "stopped",
                   m->free_count);
        return EXPLAIN_STOPPING;
    }
    if (m->free_count == 0)
        return tell_backoff(c, m, now_ns, out);
    return tell_waiting(c, names, m, now_ns, out);
}

enum explain_reason explain_model(struct core *c, const struct explain_names *names, uint32_t model,
                                  int64_t now_mono_ns, struct buf *out)
{
    check(model < c->model_count);
    const struct model *m = &c->models[model];
    plan_make(c);
    buf_printf(out, "%s ", explain_name(names, m, c));
    enum explain_reason reason = tell_model(c, names, m, now_mono_ns, out);
    if (m->failed > 0)
        buf_printf(out, "; %" PRIu64 " failed for good (quarantined)", m->failed);
    return reason;
}
