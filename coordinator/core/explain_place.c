/* Why a task, a worker or an attempt is where it is. */
#include "coordinator/core/explain_internal.h"
#include "coordinator/core/work_internal.h"

#include <inttypes.h>

/* ---- A task ---- */

static uint32_t waiting_in(const struct core *c, const struct cell *cell)
{
    uint32_t waiting = 0;
    for (size_t i = 0; i < c->backoffs.count; i++)
        waiting +=
            container_of_const(heap_at(&c->backoffs, i), struct strike, backoff)->cell == cell;
    return waiting;
}

static enum explain_reason explain_cell(struct core *c, const struct explain_names *names,
                                        const struct cell *cell, int64_t now_ns, struct buf *out)
{
    uint32_t waiting = waiting_in(c, cell);
    buf_printf(out,
               "%s with %s: %" PRIu32 " of %" PRIu32 " instances done, %" PRIu32 " of them failed "
               "for good (quarantined), %" PRIu32 " given out, %" PRIu32 " wait to be tried again, "
               "%" PRIu32 " not started",
               names->task(names->owner, cell->task), names->model(names->owner, cell->model),
               cell->ended, cell->wanted, cell->failed, cell->taken_count - waiting, waiting,
               cell_free_count(cell));
    if (cell->ended == cell->wanted)
        return EXPLAIN_DONE;
    buf_append_str(out, "; ");
    return explain_model(c, names, cell->model, now_ns, out);
}

static enum explain_reason explain_all_cells(struct core *c, const struct explain_names *names,
                                             uint32_t task, struct buf *out)
{
    uint64_t wanted = 0, ended = 0, failed = 0, taken = 0;
    uint32_t models = 0, complete = 0;
    for (size_t i = 0; i < c->cell_count; i++) {
        const struct cell *cell = c->cells[i];
        if (cell->task != task)
            continue;
        models++;
        complete += cell->ended == cell->wanted;
        wanted += cell->wanted;
        ended += cell->ended;
        failed += cell->failed;
        taken += cell->taken_count;
    }
    buf_printf(out,
               "%s is done by %" PRIu32 " of %" PRIu32 " models: %" PRIu64 " of %" PRIu64
               " instances, %" PRIu64 " of them failed for good (quarantined); %" PRIu64
               " are given out",
               names->task(names->owner, task), complete, models, ended, wanted, failed, taken);
    return ended == wanted ? EXPLAIN_DONE : taken > 0 ? EXPLAIN_RUNS : EXPLAIN_TURN;
}

enum explain_reason explain_task(struct core *c, const struct explain_names *names, uint32_t model,
                                 uint32_t task, int64_t now_mono_ns, struct buf *out)
{
    if (model == NONE)
        return explain_all_cells(c, names, task, out);
    const struct cell *cell = cell_find(c, model, task);
    if (cell)
        return explain_cell(c, names, cell, now_mono_ns, out);
    buf_printf(out, "%s is not to be done by %s in this sweep", names->task(names->owner, task),
               names->model(names->owner, model));
    return EXPLAIN_DONE;
}

/* ---- A worker ---- */

/* What its slots do. */
struct tally {
    uint32_t busy, loading, members, held, sick, idle;
    const struct slot *an_idle_one;
    const struct gang *forming;
};

static struct tally tally_of(const struct worker *w)
{
    struct tally t = { 0 };
    for (uint32_t k = 0; k < w->slot_count; k++) {
        const struct slot *s = &w->slots[k];
        bool is_forming = s->gang && gang_is_forming(s->gang);
        t.forming = is_forming ? s->gang : t.forming;
        if (s->state == SLOT_SICK)
            t.sick++;
        else if (s->queued > 0 && s->loading_ns > 0)
            t.loading++;
        else if (s->queued > 0)
            t.busy++;
        else if (is_forming)
            t.held++;
        else if (slot_is_held(s))
            t.members++;
        else {
            t.idle++;
            t.an_idle_one = s;
        }
    }
    return t;
}

static void put_limit(const struct core *c, const struct model *m, const struct slot *s,
                      enum limit limit, struct buf *out)
{
    if (limit == LIMIT_REPLICAS || limit == LIMIT_CONCURRENCY) {
        buf_append_str(out, "it ");
        explain_put_cap(m, limit, out);
        return;
    }
    buf_append_str(out, limit_text(limit));
    if (limit == LIMIT_SIZE) {
        buf_append_str(out, ": ");
        explain_put_need(&m->need, out);
        buf_printf(out, "; it has %" PRIu32 " GPU%s and %" PRIu32 " core%s", s->gpus,
                   explain_plural(s->gpus), s->cpus, explain_plural(s->cpus));
        explain_put_memory(&m->need, s->memory_bytes, out);
    } else if (limit == LIMIT_LIFETIME) {
        buf_append_str(out, ": ");
        explain_put_ns(out, model_load_ns(c, m));
        buf_append_str(out, " to load, and ");
        explain_put_ns(out, (double)(s->worker->drain_ns - c->now_ns));
        buf_append_str(out, " are left");
    }
}

/* The model with the most work left; those that no such slot could run, only if there are no
 * others. NULL: all work is given out. */
static const struct model *most_wanted(const struct core *c, const struct slot *s)
{
    const struct model *most = NULL;
    bool most_fits = false;
    for (uint32_t i = 0; i < c->model_count; i++) {
        const struct model *m = &c->models[i];
        bool fits = slot_fits(s, m) || gang_could(s, m);
        if (m->free_count == 0 || (most && most_fits && !fits))
            continue;
        if (most && most_fits == fits && m->free_count <= most->free_count)
            continue;
        most = m;
        most_fits = fits;
    }
    return most;
}

/* What keeps the work that is left from this slot. */
static void put_why_idle(struct core *c, const struct explain_names *names, const struct slot *s,
                         struct buf *out)
{
    const struct model *most = most_wanted(c, s);
    if (!most) {
        buf_append_str(out, "all that is left is given out");
        return;
    }
    enum limit limit = limit_of(c, most, s);
    buf_printf(out, "of %s, with %" PRIu64 " instances to go, ", explain_name(names, most, c),
               most->free_count);
    if (explain_is_refused(c, most, s->worker))
        buf_append_str(out, "it was found that it cannot run here");
    else if (limit != LIMIT_NONE)
        put_limit(c, most, s, limit, out);
    else if (!model_is_worth_loading(c, most))
        buf_append_str(out, "others will be through before it were loaded here");
    else
        buf_append_str(out, "something will be granted with the next event");
}

static enum explain_reason tell_live(struct core *c, const struct explain_names *names,
                                     const struct worker *w, int64_t now_ns, struct buf *out)
{
    struct tally t = tally_of(w);
    bool works = t.busy + t.loading + t.members > 0;
    buf_printf(out, "%s %s: of %" PRIu32 " slot%s %" PRIu32 " run%s", w->name,
               works ? "works" : "is idle", w->slot_count, explain_plural(w->slot_count), t.busy,
               t.busy == 1 ? "s" : "");
    if (t.loading > 0)
        buf_printf(out, ", %" PRIu32 " load%s", t.loading, t.loading == 1 ? "s" : "");
    if (t.members > 0)
        buf_printf(out, ", %" PRIu32 " belong%s to a gang that runs", t.members,
                   t.members == 1 ? "s" : "");
    if (t.sick > 0)
        buf_printf(out, ", %" PRIu32 " %s sick (a process that cannot be killed)", t.sick,
                   t.sick == 1 ? "is" : "are");
    if (t.held > 0) {
        buf_printf(out, ", %" PRIu32 " %s held for a gang of %s, for about ", t.held,
                   t.held == 1 ? "is" : "are", names->model(names->owner, t.forming->model));
        explain_put_ns(out, (double)(t.forming->until_ns - now_ns));
    }
    if (t.idle > 0) {
        buf_printf(out, ", %" PRIu32 " %s idle: ", t.idle, t.idle == 1 ? "is" : "are");
        put_why_idle(c, names, t.an_idle_one, out);
    }
    return works ? EXPLAIN_WORKS : EXPLAIN_IDLE;
}

enum explain_reason explain_worker(struct core *c, const struct explain_names *names,
                                   uint32_t worker, int64_t now_mono_ns, struct buf *out)
{
    check(worker < c->worker_count);
    const struct worker *w = c->workers[worker];
    uint32_t attempts = 0;
    for (uint32_t k = 0; k < w->slot_count; k++)
        attempts += w->slots[k].queued;
    if (!w->session) {
        buf_printf(out, "%s is not connected: last heard ", w->name);
        explain_put_ns(out, (double)(now_mono_ns - w->heard_ns));
        buf_append_str(out, " ago; what it had was given to others");
        return EXPLAIN_LOST;
    }
    if (w->draining) {
        buf_printf(out, "%s drains, since %s: %" PRIu32 " attempt%s %s still there", w->name,
                   w->drain_reason ? w->drain_reason : "it says so", attempts,
                   explain_plural(attempts), attempts == 1 ? "is" : "are");
        return EXPLAIN_DRAINS;
    }
    plan_make(c);
    return tell_live(c, names, w, now_mono_ns, out);
}

/* ---- An attempt ---- */

enum explain_reason explain_attempt(struct core *c, const struct explain_names *names,
                                    uint64_t attempt, int64_t now_mono_ns, struct buf *out)
{
    const struct attempt *a = map_find(&c->attempt_of, attempt);
    if (!a) {
        buf_printf(out,
                   "attempt %" PRIx64 " is over, or was never granted: nobody holds a lease "
                   "on it",
                   attempt);
        return EXPLAIN_OVER;
    }
    const struct slot *s = &a->worker->slots[a->slot];
    bool is_head = attempt_head(a->worker, a->slot) == a, loads = is_head && s->loading_ns > 0;
    uint32_t ahead = 0;
    for (const struct attempt *b = attempt_head(a->worker, a->slot); b != a; b = attempt_behind(b))
        ahead++;
    buf_printf(
        out, "attempt %" PRIx64 " (%" PRIu32 " instances of %s with %s) %s slot %" PRIu32 " of %s",
        a->id, a->granted, names->task(names->owner, a->cell->task),
        names->model(names->owner, a->cell->model),
        loads     ? "waits for its model to load on"
        : is_head ? "runs on"
                  : "waits on",
        a->slot, a->worker->name);
    if (ahead > 0)
        buf_printf(out, " behind %" PRIu32 " other%s", ahead, explain_plural(ahead));
    if (slot_leads(s, a->cell->model))
        buf_printf(out, " and %" PRIu32 " others of its gang", s->gang->count - 1);
    buf_printf(out, ": %" PRIu32 " recorded%s; its lease ends in ", a->granted - a->open,
               a->revoked          ? ", the rest was taken back"
               : a->is_being_split ? ", a part of the rest is asked back"
                                   : "");
    explain_put_ns(out, (double)(a->lease_end_ns - now_mono_ns));
    if (a->worker->draining)
        buf_append_str(out, "; the worker drains, and gets nothing behind it");
    return loads ? EXPLAIN_LOADS : is_head ? EXPLAIN_RUNS : EXPLAIN_QUEUED;
}
