/* Working the report out. How it looks is in plan_print.c. */
#include "coordinator/spec/plan_report_private.h"

/* ---- Jobs ---- */

/* Jobs are sized by time: about PLAN_JOB_TARGET_MS each, at least one a cell. Before a duration is
 * known, by the size of a first attempt. */
static uint64_t jobs_of(uint64_t missing, const struct plan_done *done, bool *is_bound)
{
    if (missing == 0)
        return 0;
    if (done->rows == 0) {
        *is_bound = true;
        return (missing + PLAN_PROBE_INSTANCES - 1) / PLAN_PROBE_INSTANCES;
    }
    double ms = (double)missing * (double)done->micros / (double)done->rows / 1000;
    uint64_t jobs = (uint64_t)(ms / PLAN_JOB_TARGET_MS) + 1;
    return jobs < missing ? jobs : missing;
}

static void count_done(struct plan_counts *c, uint32_t wanted, const struct plan_done *done)
{
    uint64_t missing = wanted - (done->ended < wanted ? done->ended : wanted);
    c->tasks++;
    c->instances += wanted;
    c->done += wanted - missing;
    c->failed += done->failed;
    c->missing += missing;
    c->jobs += jobs_of(missing, done, &c->jobs_are_bound);
    if (done->rows == 0) {
        c->unmeasured += missing;
        return;
    }
    double instance_ms = (double)done->micros / (double)done->rows / 1000;
    c->missing_ms += (double)missing * instance_ms;
    c->timed_tasks++;
    c->timed_ms += instance_ms;
}

void plan_add_counts(struct plan_counts *to, const struct plan_counts *from)
{
    to->tasks += from->tasks;
    to->instances += from->instances;
    to->done += from->done;
    to->failed += from->failed;
    to->missing += from->missing;
    to->jobs += from->jobs;
    to->missing_ms += from->missing_ms;
    to->unmeasured += from->unmeasured;
    to->timed_tasks += from->timed_tasks;
    to->timed_ms += from->timed_ms;
    to->jobs_are_bound |= from->jobs_are_bound;
}

void plan_count_cell(const struct plan_question *ask, const struct plan_model *model,
                     const struct plan_task *task, const struct bitmap *wanted, uint32_t count,
                     struct plan_counts *out)
{
    struct plan_done done = { 0 };
    if (ask->store && ask->store->done)
        ask->store->done(ask->store->owner, model, task, wanted, &done);
    count_done(out, count, &done);
}

/* ---- The report ---- */

/* Measured, else as the sweep file expects them. */
static void find_times(const struct plan_question *ask, struct plan_report_model *m)
{
    const struct spec_estimate *said = &m->model->spec->estimate;
    if (ask->store && ask->store->times)
        ask->store->times(ask->store->owner, m->model, &m->times);
    if (m->times.load_ms <= 0)
        m->times.load_ms = (double)said->load_ms;
    if (m->times.instance_ms <= 0)
        m->times.instance_ms = (double)said->instance_ms;
}

/* A merged plan has none: its sweeps have. */
static void count_gaps(const struct plan *plan, size_t model, uint64_t *gaps)
{
    const struct plan_model *m = &plan->models[model];
    for (size_t i = 0; i < m->gap_count; i++)
        gaps[plan->gaps[m->first_gap + i].reason]++;
    for (size_t part = 0; part < plan->part_count; part++) {
        const struct plan_part *p = &plan->parts[part];
        for (size_t i = 0; i < p->plan->model_count; i++)
            if (p->models[i] == model)
                count_gaps(p->plan, i, gaps);
    }
}

static void report_model(struct plan_report *r, size_t index, const struct plan_question *ask)
{
    const struct plan *plan = r->plan;
    const struct plan_model *model = &plan->models[index];
    struct plan_report_model *m = &r->models[index];
    m->model = model;
    for (size_t i = model->first_cell; i < model->first_cell + model->cell_count; i++) {
        const struct bitmap *wanted = plan_wanted(plan, i);
        const struct plan_task *task = &plan->tasks[plan->cells[i].task];
        uint32_t count = plan->cell_wanted ? bitmap_count(wanted) : task->wanted_count;
        uint64_t missing_before = m->counts.missing;
        plan_count_cell(ask, model, task, wanted, count, &m->counts);
        r->tasks[plan->cells[i].task].missing += m->counts.missing - missing_before;
    }
    count_gaps(plan, index, m->gaps);
    plan_find_fits(r, m);
    find_times(ask, m);
    if (ask->store && ask->store->earlier)
        plan_list_earlier(r, m, ask->store);
    if (m->obstacle)
        r->blocked += m->counts.missing;
    else
        plan_add_counts(&r->total, &m->counts);
}

void plan_report_make(const struct plan *plan, const struct plan_question *ask,
                      struct plan_report *out)
{
    *out = (struct plan_report){ .plan = plan,
                                 .machines = ask->machines,
                                 .machine_count = ask->machine_count };
    for (size_t i = 0; i < ask->machine_count; i++)
        out->slots += plan_workers(&ask->machines[i]) * ask->machines[i].slots;
    out->models = arena_alloc(&out->arena, (plan->model_count + 1) * sizeof(*out->models));
    out->tasks = arena_alloc(&out->arena, (plan->task_count + 1) * sizeof(*out->tasks));
    for (size_t i = 0; i < plan->model_count; i++)
        report_model(out, i, ask);
    if (ask->store && ask->store->tasks)
        plan_find_changed_tasks(out, ask->store);
    plan_forecast(out, ask);
}

void plan_report_release(struct plan_report *r)
{
    arena_release(&r->arena);
    *r = (struct plan_report){ 0 };
}
