/* When each sweep would be done, about: its slot time, shared out as the scheduler does, by
 * priority, then by weight between users and between the sweeps of a user, as if work were a
 * liquid. What is not known: failures, slots that wait for each other, loads of more than one
 * replica. */
#include "coordinator/spec/plan_report_private.h"

#include <math.h>
#include <string.h>

/* ---- The work of a sweep ---- */

/* Slots that a replica takes, the fewest anywhere. */
static uint32_t width_of(const struct plan_report *r, const struct plan_report_model *m)
{
    uint32_t least = 0;
    for (size_t i = 0; i < r->machine_count; i++)
        if (m->fits[i].slots > 0 && (least == 0 || m->fits[i].slots < least))
            least = m->fits[i].slots;
    return least > 0 ? least : 1;
}

/* A replica's time for what is missing, without its load; -1: not known. What was recorded is time
 * of the model, which may answer several requests at once: `times` says what a slot takes. */
static double replica_ms(const struct plan_report_model *m, const struct plan_counts *counts)
{
    double instance_ms = m->times.instance_ms;
    if (instance_ms <= 0)
        return counts->unmeasured > 0 ? -1 : counts->missing_ms;
    double mean_ms = counts->timed_tasks > 0 ? counts->timed_ms / (double)counts->timed_tasks : 0;
    double scale = mean_ms > 0 ? instance_ms / mean_ms : 1;
    return counts->missing_ms * scale + (double)counts->unmeasured * instance_ms;
}

static void add_model(const struct plan_report *r, const struct plan_report_model *m,
                      const struct plan_counts *counts, struct plan_report_sweep *s)
{
    if (m->obstacle)
        return;
    plan_add_counts(&s->counts, counts);
    double ms = replica_ms(m, counts), load_ms = m->times.load_ms;
    if (counts->missing == 0)
        return;
    if (ms < 0)
        s->unmeasured[s->unmeasured_count++] = m;
    if (ms < 0 || m->replicas_max == 0) {
        s->ends_ms = -1;
        return;
    }
    double alone_ms = load_ms + ms / m->replicas_max;
    s->work_ms += (ms + load_ms) * width_of(r, m);
    s->least_ms = alone_ms > s->least_ms ? alone_ms : s->least_ms;
}

static void find_deadline(const struct plan_question *ask, size_t part, struct plan_report_sweep *s)
{
    const struct yaml_deadline *d = &s->spec->settings.deadline;
    int64_t submitted = ask->submitted_wall_ms ? ask->submitted_wall_ms[part] : 0;
    int64_t from = submitted > 0 ? submitted : ask->now_wall_ms;
    s->deadline_ms = INT64_MAX;
    if (d->kind == DEADLINE_NONE)
        return;
    s->deadline_wall_ms = d->kind == DEADLINE_AFTER ? from + d->ms : d->ms;
    s->deadline_ms = s->deadline_wall_ms - ask->now_wall_ms;
}

static void survey_part(struct plan_report *r, size_t part, const struct plan_question *ask)
{
    const struct plan_part *p = &r->plan->parts[part];
    struct plan_report_sweep *s = &r->sweeps[part];
    for (size_t i = 0; i < p->plan->model_count; i++) {
        const struct plan_model *m = &p->plan->models[i];
        struct plan_counts counts = { 0 };
        for (size_t k = m->first_cell; k < m->first_cell + m->cell_count; k++) {
            const struct plan_task *task = &p->plan->tasks[p->plan->cells[k].task];
            plan_count_cell(ask, m, task, &task->wanted, task->wanted_count, &counts);
        }
        add_model(r, &r->models[p->models[i]], &counts, s);
    }
}

/* ---- Shares ---- */

static const struct spec_share *share_of(const struct plan_report_sweep *s)
{
    return &s->spec->settings.share;
}

static bool same_user(const struct plan_report_sweep *a, const struct plan_report_sweep *b)
{
    return *share_of(a)->user && strcmp(share_of(a)->user, share_of(b)->user) == 0;
}

/* A sweep while the work is poured out. */
struct vessel {
    struct plan_report_sweep *sweep;
    double left_ms; /* of slot time */
    double rate;    /* slots that work for it; 0: it waits, or is done */
};

static void mark_working(struct vessel *vessels, size_t count)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < count; i++)
        if (vessels[i].left_ms > 0 && share_of(vessels[i].sweep)->priority > highest)
            highest = share_of(vessels[i].sweep)->priority;
    for (size_t i = 0; i < count; i++)
        vessels[i].rate =
            vessels[i].left_ms > 0 && share_of(vessels[i].sweep)->priority == highest ? 1 : 0;
}

/* Of those of its user that work: a user counts 1 among users, and a sweep of nobody its weight. */
static double mates_weight(const struct vessel *vessels, size_t count, size_t i)
{
    double weight = 0;
    for (size_t k = 0; k < count; k++)
        if (vessels[k].rate > 0 && (k == i || same_user(vessels[k].sweep, vessels[i].sweep)))
            weight += share_of(vessels[k].sweep)->weight;
    return weight;
}

static void share_out(struct vessel *vessels, size_t count, double slots)
{
    double all = 0;
    for (size_t i = 0; i < count; i++) {
        const struct spec_share *share = share_of(vessels[i].sweep);
        if (vessels[i].rate > 0)
            all += *share->user ? share->weight / mates_weight(vessels, count, i) : share->weight;
    }
    for (size_t i = 0; i < count; i++) {
        const struct spec_share *share = share_of(vessels[i].sweep);
        double mates = *share->user ? mates_weight(vessels, count, i) : 1;
        if (vessels[i].rate > 0)
            vessels[i].rate = slots * share->weight / mates / all;
    }
}

/* Until the next sweep is done; those of the highest priority work meanwhile. False: all are. */
static bool pour(struct vessel *vessels, size_t count, double slots, double *now_ms)
{
    double step_ms = INFINITY;
    mark_working(vessels, count);
    share_out(vessels, count, slots);
    for (size_t i = 0; i < count; i++)
        if (vessels[i].rate > 0)
            step_ms = fmin(step_ms, vessels[i].left_ms / vessels[i].rate);
    if (isinf(step_ms))
        return false;
    *now_ms += step_ms;
    for (size_t i = 0; i < count; i++) {
        struct vessel *v = &vessels[i];
        if (v->rate <= 0)
            continue;
        bool is_over = v->left_ms / v->rate <= step_ms * (1 + 1e-9);
        v->left_ms = is_over ? 0 : v->left_ms - step_ms * v->rate;
        if (is_over)
            v->sweep->ends_ms = fmax(*now_ms, v->sweep->least_ms);
    }
    return true;
}

static bool is_known(const struct plan_report *r)
{
    for (size_t i = 0; i < r->sweep_count; i++)
        if (r->sweeps[i].ends_ms < 0)
            return false; /* it delays all others by nobody knows how much */
    return r->slots > 0;
}

static void find_ends(struct plan_report *r)
{
    bool known = is_known(r);
    struct vessel *vessels = arena_alloc(&r->arena, r->sweep_count * sizeof(*vessels));
    double now_ms = 0;
    for (size_t i = 0; i < r->sweep_count; i++) {
        vessels[i] = (struct vessel){ .sweep = &r->sweeps[i], .left_ms = r->sweeps[i].work_ms };
        r->sweeps[i].ends_ms = known ? 0 : -1;
    }
    while (known && pour(vessels, r->sweep_count, r->slots, &now_ms))
        continue;
}

void plan_forecast(struct plan_report *r, const struct plan_question *ask)
{
    const struct plan *plan = r->plan;
    r->sweep_count = plan->part_count > 0 ? plan->part_count : 1;
    r->sweeps = arena_alloc(&r->arena, r->sweep_count * sizeof(*r->sweeps));
    for (size_t i = 0; i < r->sweep_count; i++) {
        const struct spec *spec = plan_part_spec(plan, i);
        r->sweeps[i] = (struct plan_report_sweep){
            .spec = spec,
            .unmeasured =
                arena_alloc(&r->arena, plan->model_count * sizeof(struct plan_report_model *)),
        };
        find_deadline(ask, i, &r->sweeps[i]);
        if (plan->part_count > 0)
            survey_part(r, i, ask);
    }
    for (size_t i = 0; i < plan->model_count && plan->part_count == 0; i++)
        add_model(r, &r->models[i], &r->models[i].counts, &r->sweeps[0]);
    find_ends(r);
}
