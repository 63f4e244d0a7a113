/* Three culprits told apart: the instance, the model on a type of GPU, the worker.
 *
 * A failure accuses all three. An instance that failed in one place and is fine in another clears
 * itself, and counts against the place. A place that fails many times in a row, some of it wrongly,
 * is the culprit: a worker is drained, a model is paused on a type; and what they did to instances
 * is forgotten. An instance is given up only if it failed in different places, as far as there are
 * any.
 *
 * A model that is paused on a type is tried again there after a while, in one slot at a time: the
 * first that works ends the pause, and so does an operator. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

enum { FAILURES = 5, WRONGED = 2, RETRY_DOUBLINGS_MAX = 6, RETRY_S = 60 };

static uint32_t failures_max(const struct core *c)
{
    return c->config.culprit_failures > 0 ? c->config.culprit_failures : FAILURES;
}

/* ---- Places ---- */

/* Its first failure there; from_count: there is none. */
static uint32_t first_on_worker(const struct strike *s, uint32_t worker)
{
    uint32_t i = 0;
    while (i < s->from_count && s->from[i].worker != worker)
        i++;
    return i;
}

static uint32_t first_on_type(const struct strike *s, uint32_t type)
{
    uint32_t i = 0;
    while (i < s->from_count && s->from[i].type != type)
        i++;
    return i;
}

static bool was_on_worker(const struct strike *s, uint32_t worker)
{
    return first_on_worker(s, worker) < s->from_count;
}

static bool was_on_type(const struct strike *s, uint32_t type)
{
    return first_on_type(s, type) < s->from_count;
}

/* What it failed in is known of so many failures; beyond that only a new place is worth knowing,
 * and takes the room of the last one. */
static void add_place(struct strike *s, uint32_t worker, uint32_t type)
{
    bool is_new = !was_on_worker(s, worker) || !was_on_type(s, type);
    if (s->from_count < STRIKE_PLACES_MAX)
        s->from_count++;
    else if (!is_new)
        return;
    s->from[s->from_count - 1] = (struct strike_place){ worker, type };
}

bool slot_could_try(const struct core *c, const struct cell *cell, const struct slot *slot)
{
    if (worker_refuses(slot->worker, cell->model, cell->task))
        return false;
    const struct model *m = &c->models[cell->model];
    enum limit limit = limit_of(c, m, slot);
    return limit == LIMIT_NONE || limit == LIMIT_REPLICAS || limit == LIMIT_CONCURRENCY ||
           (limit == LIMIT_GANG && gang_sick_slots(slot, m) == 0);
}

/* Whether there is a worker on which it has not failed; and with new_type, a type. */
static bool is_place_left(const struct core *c, const struct strike *s, bool new_type)
{
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        if (!w->session || w->draining || was_on_worker(s, w->index))
            continue;
        for (uint32_t k = 0; k < w->slot_count; k++)
            if (!(new_type && was_on_type(s, w->slots[k].gpu_type)) &&
                slot_could_try(c, s->cell, &w->slots[k]))
                return true;
    }
    return false;
}

bool strike_is_conclusive(const struct core *c, const struct strike *s)
{
    bool several_workers = false, several_types = false;
    for (uint32_t i = 1; i < s->from_count; i++) {
        several_workers |= s->from[i].worker != s->from[0].worker;
        several_types |= s->from[i].type != s->from[0].type;
    }
    return (several_workers || !is_place_left(c, s, false)) &&
           (several_types || !is_place_left(c, s, true));
}

bool strike_avoids(const struct core *c, const struct strike *s, const struct slot *slot)
{
    if (!s->is_unresolved)
        return false;
    if (was_on_worker(s, slot->worker->index))
        return is_place_left(c, s, false);
    return was_on_type(s, slot->gpu_type) && is_place_left(c, s, true);
}

/* What failed as often as it may has to be tried elsewhere, or so many failed in a row that it is
 * time to know whose fault it is; and its holders are one worker, or of one type of the several
 * there are. */
bool model_needs_other_place(const struct core *c, const struct model *m)
{
    if (m->replicas == 0 || m->forming > 0)
        return false;
    if (m->unresolved == 0 && m->on[m->holders[0]->gpu_type].failures < failures_max(c))
        return false;
    uint32_t types = 0;
    for (uint32_t t = 0; t < c->gpu_type_count; t++)
        types += m->on[t].fits > 0;
    bool several_workers = false, several_types = types < 2;
    for (uint32_t i = 1; i < m->replicas && !(several_workers && several_types); i++) {
        several_workers |= m->holders[i]->worker != m->holders[0]->worker;
        several_types |= m->holders[i]->gpu_type != m->holders[0]->gpu_type;
    }
    return !(several_workers && several_types);
}

/* ---- Strikes withdrawn ---- */

static void withdraw(struct core *c, struct strike *s, uint32_t removed)
{
    s->count = s->count > removed ? s->count - removed : 0;
    strike_set_unresolved(c, s, false);
    c->strikes_withdrawn += removed;
    struct core_effect *effect = emit(c, EFFECT_STRIKE, 0);
    effect->as.strike.model = s->cell->model;
    effect->as.strike.task = s->cell->task;
    effect->as.strike.instance = s->instance;
    effect->as.strike.count = s->count;
    effect->as.strike.attempt = s->attempt;
    effect->as.strike.status = s->status;
    effect->as.strike.reason = span_str("withdrawn: it was not the instance");
}

/* Of this worker (model NULL), or of this model on this type. */
static void withdraw_all(struct core *c, uint32_t worker, const struct model *m, uint32_t type)
{
    for (struct list *n = c->strikes_open.next; n != &c->strikes_open; n = n->next) {
        struct strike *s = container_of(n, struct strike, in_all);
        uint32_t kept = 0, count = s->from_count;
        for (uint32_t i = 0; i < count; i++) {
            bool is_its = m ? &c->models[s->cell->model] == m && s->from[i].type == type
                            : s->from[i].worker == worker;
            if (!is_its)
                s->from[kept++] = s->from[i];
        }
        s->from_count = kept;
        if (kept < count)
            withdraw(c, s, count - kept);
    }
}

/* ---- A model on a type ---- */

static int64_t retry_ns(const struct core *c, const struct on_type *on)
{
    uint32_t doublings = on->pauses - 1;
    doublings = doublings < RETRY_DOUBLINGS_MAX ? doublings : RETRY_DOUBLINGS_MAX;
    int64_t first = c->config.retry_type_ns > 0 ? c->config.retry_type_ns : RETRY_S * 1000000000ll;
    return first << doublings;
}

static void give_back_on_type(struct core *c, const struct model *m, uint32_t type)
{
    for (size_t i = 0; i < m->cell_count; i++) {
        struct list *attempts = &c->cells[m->cells[i]]->attempts;
        for (struct list *n = attempts->next; n != attempts; n = n->next) {
            struct attempt *a = container_of(n, struct attempt, in_cell);
            if (!a->revoked && a->worker->session && a->worker->slots[a->slot].gpu_type == type)
                take_back(c, a);
        }
    }
}

static void pause_on_type(struct core *c, struct model *m, uint32_t type, char *why)
{
    struct on_type *on = &m->on[type];
    count_decision(c, DECISION_TYPE_PAUSED);
    on->pauses++;
    on->retry_ns = c->now_ns + retry_ns(c, on);
    c->resume_ns = on->retry_ns < c->resume_ns ? on->retry_ns : c->resume_ns;
    free(m->reason);
    m->reason = why;
    note_of_model(c, true, (uint32_t)(m - c->models),
                  "model_paused_on_type retry_s=%lld reason=\"%s\"",
                  (long long)(retry_ns(c, on) / 1000000000), why);
    withdraw_all(c, NONE, m, type);
    on->is_tried_again = false;
    give_back_on_type(c, m, type);
}

bool type_is_paused(const struct model *m, const struct slot *s)
{
    const struct on_type *on = &m->on[s->gpu_type];
    return on->pauses > 0 && (!on->is_tried_again || on->busy_slots > 0);
}

static bool others_are_fine(const struct core *c, const struct model *m, uint32_t type)
{
    for (size_t i = 0; i < c->model_count; i++)
        if (&c->models[i] != m && c->models[i].on[type].is_fine)
            return true;
    return false;
}

static const char *type_name(const struct core *c, uint32_t type)
{
    return *c->gpu_types[type] ? c->gpu_types[type] : "slots without a known GPU";
}

static void judge_type(struct core *c, struct model *m, uint32_t type)
{
    const struct on_type *on = &m->on[type];
    if ((on->pauses > 0 && !on->is_tried_again) || !others_are_fine(c, m, type))
        return; /* what was under way when it was paused still comes in */
    uint32_t starts_needed = on->is_tried_again ? 1 : NO_STARTS;
    if (on->failures >= failures_max(c) && on->wronged >= WRONGED)
        pause_on_type(
            c, m, type,
            xformat("on %s: %u failures in a row, and %u of the instances are fine elsewhere",
                    type_name(c, type), on->failures, on->wronged));
    else if (on->no_starts >= starts_needed && !on->is_started)
        pause_on_type(c, m, type,
                      xformat("on %s: it did not start on %u workers, and other models run there",
                              type_name(c, type), on->no_starts));
}

static void end_pause(struct core *c, struct model *m, uint32_t type)
{
    struct on_type *on = &m->on[type];
    if (on->pauses == 0)
        return;
    on->pauses = on->no_starts = on->failures = on->wronged = 0;
    on->is_tried_again = false;
    note_of_model(c, false, (uint32_t)(m - c->models), "model_resumed_on_type type=\"%s\"",
                  type_name(c, type));
    match_wake(c);
}

void culprit_resume(struct core *c, struct model *m)
{
    for (uint32_t type = 0; type < c->gpu_type_count; type++) {
        end_pause(c, m, type);
    }
}

/* From here on it is judged as if nothing had been, but one slot at a time has it until one is
 * fine. */
static void try_again(struct on_type *on)
{
    on->is_tried_again = true;
    on->failures = on->wronged = on->no_starts = 0;
}

void culprit_time(struct core *c)
{
    if (c->resume_ns > c->now_ns)
        return;
    c->resume_ns = INT64_MAX;
    for (size_t i = 0; i < c->model_count; i++)
        for (uint32_t type = 0; type < c->gpu_type_count; type++) {
            struct on_type *on = &c->models[i].on[type];
            if (on->pauses == 0 || on->is_tried_again)
                continue;
            if (on->retry_ns <= c->now_ns)
                try_again(on);
            else if (on->retry_ns < c->resume_ns)
                c->resume_ns = on->retry_ns;
        }
    match_wake(c);
}

/* ---- A worker ---- */

static uint32_t models_that_start_elsewhere(const struct core *c, const struct worker *w)
{
    uint32_t count = 0;
    for (size_t i = 0; i < w->refusal_count; i++) {
        const struct refusal *r = &w->refusals[i];
        uint32_t started_on = c->models[r->model].started_on;
        count += r->task == NONE && started_on != NONE && started_on != w->index;
    }
    return count;
}

static void drain_culprit(struct core *c, struct worker *w, char *why)
{
    note(c, true, "worker_is_at_fault worker=%s reason=\"%s\"", w->name, why);
    count_decision(c, DECISION_CULPRIT);
    withdraw_all(c, w->index, NULL, 0);
    w->failures_in_row = w->wronged = 0;
    worker_drain(c, w, why);
    free(why);
}

/* One model alone may fail on its type: if others of the type are fine with it, it is the worker.
 */
static bool is_alone_at_fault(const struct core *c, const struct worker *w, uint32_t type)
{
    return w->failed_models > 1 ||
           c->models[w->failed_model].on[type].failures < w->failures_in_row;
}

static void judge_worker(struct core *c, struct worker *w, uint32_t type)
{
    if (w->draining || !w->session)
        return;
    uint32_t models = models_that_start_elsewhere(c, w);
    if (w->failures_in_row >= failures_max(c) && w->wronged >= WRONGED &&
        is_alone_at_fault(c, w, type))
        drain_culprit(
            c, w,
            xformat("%u failures in a row here, and %u of the instances are fine elsewhere",
                    w->failures_in_row, w->wronged));
    else if (models >= NO_STARTS)
        drain_culprit(c, w, xformat("%u models that run elsewhere do not start here", models));
}

/* ---- What happens ---- */

void culprit_struck(struct core *c, struct worker *w, uint32_t type, struct strike *s)
{
    struct model *m = &c->models[s->cell->model];
    add_place(s, w->index, type);
    if (w->failures_in_row++ == 0) {
        w->failed_model = s->cell->model;
        w->failed_models = 1;
    } else if (w->failed_model != s->cell->model) {
        w->failed_models = 2; /* or more */
    }
    if (++m->on[type].failures == failures_max(c)) { /* it may need another place from now on */
        shortlist_forget(c);
        match_wake(c);
    }
    judge_type(c, m, type);
    judge_worker(c, w, type);
}

void culprit_fine(struct core *c, struct worker *w, uint32_t type, struct model *m)
{
    struct on_type *on = &m->on[type];
    w->failures_in_row = w->wronged = 0;
    on->failures = on->wronged = 0;
    on->is_fine = true;
    end_pause(c, m, type);
}

void culprit_cleared(struct core *c, const struct strike *s, const struct worker *by, uint32_t type)
{
    struct model *m = &c->models[s->cell->model];
    for (uint32_t i = 0; i < s->from_count; i++) {
        struct worker *w = c->workers[s->from[i].worker];
        uint32_t its = s->from[i].type;
        w->wronged += w != by && first_on_worker(s, w->index) == i;
        m->on[its].wronged += its != type && first_on_type(s, its) == i;
        judge_type(c, m, its);
        judge_worker(c, w, its);
    }
}

/* A worker that starts anew time after time counts once. */
static void count_no_start(struct on_type *on, uint32_t worker)
{
    for (uint32_t i = 0; i < on->no_starts; i++)
        if (on->not_started_on[i] == worker)
            return;
    if (on->no_starts < NO_STARTS)
        on->not_started_on[on->no_starts++] = worker;
}

void culprit_not_started(struct core *c, struct worker *w, uint32_t type, struct model *m)
{
    count_no_start(&m->on[type], w->index);
    judge_type(c, m, type);
    judge_worker(c, w, type);
}

void culprit_started(struct core *c, struct worker *w, uint32_t type, struct model *m)
{
    (void)c;
    m->on[type].is_started = true;
    m->on[type].no_starts = 0;
    m->started_on = w->index;
}
