/* How the report looks to people. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/spec/plan_report_private.h"

enum {
    COUNT_BYTES = 32,
    NAME_COLUMNS_MIN = 8,
    REVISION_SHOWN = 12,
    UNMEASURED_NAMED = 3,
    TASKS_NAMED = 8
};

static const char *name_of(const struct plan_report_model *m)
{
    return m->model->spec->definition.name;
}

static void put_count(struct buf *out, uint64_t count)
{
    char text[COUNT_BYTES];
    text_format_count(text, sizeof(text), count);
    buf_append_str(out, text);
}

/* "7 tasks", "1 task" */
static void put_things(struct buf *out, uint64_t count, const char *thing)
{
    put_count(out, count);
    buf_printf(out, " %s%s", thing, count == 1 ? "" : "s");
}

static size_t name_columns(const struct plan_report *r)
{
    size_t columns = NAME_COLUMNS_MIN;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        size_t len = strlen(name_of(&r->models[i]));
        columns = len > columns ? len : columns;
    }
    return columns;
}

static void put_row(struct buf *out, size_t columns, const char *name, const struct plan_counts *c)
{
    char tasks[COUNT_BYTES], instances[COUNT_BYTES], done[COUNT_BYTES], missing[COUNT_BYTES];
    char jobs[COUNT_BYTES];
    text_format_count(tasks, sizeof(tasks), c->tasks);
    text_format_count(instances, sizeof(instances), c->instances);
    text_format_count(done, sizeof(done), c->done);
    text_format_count(missing, sizeof(missing), c->missing);
    text_format_count(jobs, sizeof(jobs), c->jobs);
    buf_printf(out, "%-*s %9s %13s %13s %13s %13s%s\n", (int)columns, name, tasks, instances, done,
               missing, jobs, c->jobs_are_bound ? " at most" : "");
}

static void put_table(struct buf *out, const struct plan_report *r)
{
    size_t columns = name_columns(r);
    buf_printf(out, "%-*s %9s %13s %13s %13s %13s\n", (int)columns, "model", "tasks", "instances",
               "done", "missing", "jobs");
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        put_row(out, columns, name_of(m), &m->counts);
    }
    put_row(out, columns, r->blocked > 0 ? "can run" : "total", &r->total);
}

/* Once, before the first line of its part. */
static void put_heading(struct buf *out, bool *is_put, const char *heading)
{
    if (!*is_put)
        buf_printf(out, "\n%s:\n", heading);
    *is_put = true;
}

static void put_failed(struct buf *out, const struct plan_report *r)
{
    bool is_put = false;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        if (m->counts.failed == 0)
            continue;
        put_heading(out, &is_put,
                    "failed for good (muster failures says why, muster run --retry-failures tries "
                    "again)");
        buf_printf(out, "  %s: ", name_of(m));
        put_count(out, m->counts.failed);
        buf_append_str(out, " of the ");
        put_count(out, m->counts.done);
        buf_append_str(out, " done\n");
    }
}

static void put_obstacles(struct buf *out, const struct plan_report *r)
{
    bool is_put = false;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        if (!m->obstacle)
            continue;
        put_heading(out, &is_put, "cannot run here");
        buf_append_str(out, "  ");
        buf_append_str(out, name_of(m));
        buf_printf(out, ": %s\n", m->obstacle);
    }
}

/* ---- Where it could run ---- */

static void put_kind(struct buf *out, const struct plan_machine *machine)
{
    if (!machine->name) {
        buf_append_str(out, "this machine");
        return;
    }
    text_append_safe(out, span_str(machine->name));
    buf_append_str(out, " (");
    put_things(out, plan_workers(machine), "worker");
    buf_append_str(out, " of ");
    put_things(out, machine->slots, "slot");
    buf_append_str(out, ")");
}

/* "4 slots together on A100 (10 workers of 8 slots); not on T4 (...): ..." */
static void put_fits(struct buf *out, const struct plan_report *r,
                     const struct plan_report_model *m)
{
    for (size_t i = 0; i < r->machine_count; i++) {
        const struct plan_fit *fit = &m->fits[i];
        buf_append_str(out, i > 0 ? "; " : "");
        if (fit->obstacle)
            buf_append_str(out, "not on ");
        else
            buf_printf(out, "%u slot%s on ", fit->slots, fit->slots == 1 ? "" : "s together");
        put_kind(out, &r->machines[i]);
        if (fit->obstacle)
            buf_printf(out, ": %s", fit->obstacle);
        else if (fit->is_for_memory)
            buf_printf(out, ", for its memory: a slot has %" PRIu64 " MiB",
                       r->machines[i].memory_bytes >> 20);
    }
    buf_append_byte(out, '\n');
}

/* One slot anywhere is nothing to tell; and what fits nowhere on one machine was told. */
static bool is_choosy(const struct plan_report *r, const struct plan_report_model *m)
{
    for (size_t i = 0; i < r->machine_count; i++)
        if (m->fits[i].slots != 1 && (r->machine_count > 1 || !m->obstacle))
            return true;
    return false;
}

static void put_all_fits(struct buf *out, const struct plan_report *r)
{
    bool is_put = false;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        if (!is_choosy(r, m))
            continue;
        put_heading(out, &is_put, "a replica takes");
        buf_printf(out, "  %s: ", name_of(m));
        put_fits(out, r, m);
    }
}

/* ---- What it may have ---- */

/* "priority 60, at most 4 requests at once, in at most 2 slots" */
static void put_rules(struct buf *out, const struct plan_report_model *m, bool is_fair)
{
    const struct plan_rules *rules = &m->model->rules;
    buf_printf(out, "priority %u", m->model->spec->rules.priority);
    if (is_fair)
        buf_printf(out, ", weight %.6g", m->model->spec->rules.weight);
    if (rules->concurrency > 0)
        buf_printf(out, ", at most %u requests at once", rules->concurrency);
    if (rules->max_replicas > 0)
        buf_printf(out, ", in at most %u slots", rules->max_replicas);
    buf_append_byte(out, '\n');
}

static void put_all_rules(struct buf *out, const struct plan_report *r)
{
    bool is_put = false;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        const struct plan_rules *rules = &m->model->rules;
        bool is_fair = plan_part_spec(r->plan, rules->part)->settings.share.fair_models;
        if (!is_fair && m->model->spec->rules.priority == PRIORITY_DEFAULT &&
            rules->concurrency == 0 && rules->max_replicas == 0)
            continue;
        put_heading(out, &is_put, "rules");
        buf_printf(out, "  %s: ", name_of(m));
        put_rules(out, m, is_fair);
    }
}

/* ---- When it would be done ---- */

static void put_duration(struct buf *out, int64_t ms)
{
    char text[COUNT_BYTES];
    text_format_duration(text, sizeof(text), ms < 0 ? -ms : ms);
    buf_append_str(out, text);
}

/* "how long it takes is not known yet: a, b, c and 4 more are not measured (`estimate` tells it)".
 * Another sweep may be the one of which that is not known. */
static void put_unmeasured(struct buf *out, const struct plan_report_sweep *s)
{
    size_t named = s->unmeasured_count < UNMEASURED_NAMED ? s->unmeasured_count : UNMEASURED_NAMED;
    size_t more = s->unmeasured_count - named;
    buf_append_str(out, "how long it takes is not known yet");
    for (size_t i = 0; i < named; i++)
        buf_printf(out, "%s%s",
                   i == 0                      ? ": "
                   : i + 1 < named || more > 0 ? ", "
                                               : " and ",
                   name_of(s->unmeasured[i]));
    if (more > 0) {
        buf_append_str(out, " and ");
        put_count(out, more);
        buf_append_str(out, " more");
    }
    if (named > 0)
        buf_printf(out, " %s not measured (`estimate` of a model tells it)",
                   s->unmeasured_count == 1 ? "is" : "are");
}

/* "done in about 2h 10m; the deadline is in 8h 00m (2031-05-01T18:00:00Z): in time" */
static void put_when(struct buf *out, const struct plan_report_sweep *s)
{
    if (s->ends_ms >= 0) {
        buf_append_str(out, "done in about ");
        put_duration(out, (int64_t)s->ends_ms);
    } else {
        put_unmeasured(out, s);
    }
    if (s->deadline_ms == INT64_MAX)
        return;
    buf_append_str(out, s->deadline_ms < 0 ? "; the deadline was " : "; the deadline is in ");
    put_duration(out, s->deadline_ms);
    char at[TEXT_TIME_BYTES];
    text_format_time(at, s->deadline_wall_ms);
    buf_printf(out, "%s (%s)", s->deadline_ms < 0 ? " ago" : "", at);
    if (s->ends_ms < 0)
        return;
    bool is_late = s->ends_ms > (double)s->deadline_ms;
    buf_append_str(out, is_late ? ": late by " : ": in time");
    if (is_late)
        put_duration(out, (int64_t)s->ends_ms - s->deadline_ms);
}

/* "  nightly: 200 of 500 instances missing; user ada, weight 2, priority 50; done in about ..." */
static void put_sweep(struct buf *out, const struct plan_report_sweep *s)
{
    const struct spec_share *share = &s->spec->settings.share;
    buf_printf(out, "  %s: ", s->spec->name);
    put_count(out, s->counts.missing);
    buf_append_str(out, " of ");
    put_things(out, s->counts.instances, "instance");
    buf_append_str(out, " missing; ");
    if (*share->user)
        buf_printf(out, "user %s, ", share->user);
    buf_printf(out, "weight %.6g, priority %u; ", share->weight, share->priority);
    put_when(out, s);
    buf_append_byte(out, '\n');
}

static void put_forecast(struct buf *out, const struct plan_report *r)
{
    const struct plan_report_sweep *only = &r->sweeps[0];
    if (r->sweep_count > 1) {
        buf_append_str(out, "\nsweeps, which share ");
        put_things(out, r->slots, "slot");
        buf_append_str(out, ":\n");
        for (size_t i = 0; i < r->sweep_count; i++)
            put_sweep(out, &r->sweeps[i]);
    } else if (only->counts.missing > 0 && (only->ends_ms >= 0 || only->deadline_ms != INT64_MAX)) {
        buf_append_str(out, "\nforecast for ");
        put_things(out, r->slots, "slot");
        buf_append_str(out, ": ");
        put_when(out, only);
        buf_append_byte(out, '\n');
    }
}

/* ---- What is left out ---- */

static void put_gaps(struct buf *out, const struct plan_report *r)
{
    bool is_put = false;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        for (size_t reason = 0; reason < PLAN_GAP_REASON_COUNT; reason++) {
            if (m->gaps[reason] == 0)
                continue;
            put_heading(out, &is_put, "left out");
            buf_append_str(out, "  ");
            buf_append_str(out, name_of(m));
            buf_append_str(out, ": ");
            put_things(out, m->gaps[reason], "task");
            buf_printf(out, ": %s\n", plan_gap_text((enum plan_gap_reason)reason));
        }
    }
}

/* ": decoding.temperature, revision changed", and the end of the line */
static void put_changes(struct buf *out, const struct plan_changes *c)
{
    for (size_t i = 0; i < c->count; i++) {
        buf_append_str(out, i == 0 ? ": " : ", ");
        text_append_safe(out, span_str(c->keys[i]));
    }
    buf_append_str(out, c->count > 0 ? " changed\n" : "\n");
}

/* "7 earlier results of x (revision 3f2a4c...) are kept but do not count: decoding changed" */
static void put_outdated(struct buf *out, const char *name, const struct plan_outdated *o)
{
    buf_append_str(out, "  ");
    put_things(out, o->results, "earlier result");
    buf_append_str(out, " of ");
    buf_append_str(out, name);
    if (o->revision) {
        buf_append_str(out, " (revision ");
        text_append_safe(out, span_of(o->revision, strnlen(o->revision, REVISION_SHOWN)));
        buf_append_str(out, strlen(o->revision) > REVISION_SHOWN ? "...)" : ")");
    }
    buf_append_str(out,
                   o->results == 1 ? " is kept but does not count" : " are kept but do not count");
    put_changes(out, &o->changed);
}

static void put_all_outdated(struct buf *out, const struct plan_report *r)
{
    bool is_put = false;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        for (const struct plan_outdated *o = m->outdated; o; o = o->next) {
            put_heading(out, &is_put, "changed models");
            put_outdated(out, name_of(m), o);
        }
    }
}

static void put_changed_tasks(struct buf *out, const struct plan_report *r)
{
    uint64_t results = 0, missing = 0;
    for (size_t i = 0; i < r->plan->task_count; i++) {
        results += r->tasks[i].results;
        missing += r->tasks[i].results > 0 ? r->tasks[i].missing : 0;
    }
    put_things(out, r->changed_task_count, "task");
    buf_append_str(out, " changed since ");
    put_things(out, results, "result");
    buf_append_str(out, r->changed_task_count == 1 ? " of it" : " of them");
    buf_append_str(out, results == 1 ? " was recorded, which is kept but does not count"
                                     : " were recorded, which are kept but do not count");
    if (missing > 0) {
        buf_append_str(out, "; ");
        put_things(out, missing, "instance");
        buf_append_str(out, missing == 1 ? " runs anew" : " run anew");
    }
    buf_append_str(out, ":\n");
}

/* "12 tasks changed since 620 results of them were recorded, ...", and what changed of the first.
 */
static void put_all_changed_tasks(struct buf *out, const struct plan_report *r)
{
    size_t named = 0;
    if (r->changed_task_count == 0)
        return;
    buf_append_byte(out, '\n');
    put_changed_tasks(out, r);
    for (size_t i = 0; i < r->plan->task_count && named < TASKS_NAMED; i++) {
        const struct plan_report_task *t = &r->tasks[i];
        if (t->results == 0)
            continue;
        named++;
        buf_append_str(out, "  ");
        text_append_safe(out, span_str(r->plan->tasks[i].task->path));
        put_changes(out, &t->changed);
    }
    if (named < r->changed_task_count) {
        buf_append_str(out, "  and ");
        put_count(out, r->changed_task_count - named);
        buf_append_str(out, " more\n");
    }
}

void plan_report_text(const struct plan_report *r, struct buf *out)
{
    for (size_t i = 0; i < r->sweep_count; i++)
        buf_printf(out, "%s%s",
                   i > 0                ? ", "
                   : r->sweep_count > 1 ? "sweeps "
                                        : "sweep ",
                   r->sweeps[i].spec->name);
    buf_append_str(out, ": ");
    put_things(out, r->plan->model_count, "model");
    buf_append_str(out, ", ");
    put_things(out, r->plan->task_count, "task");
    buf_append_str(out, ", ");
    put_things(out, r->plan->cell_count, "pair");
    buf_append_str(out, "\n\n");
    put_table(out, r);
    put_failed(out, r);
    put_obstacles(out, r);
    put_all_fits(out, r);
    put_all_rules(out, r);
    put_forecast(out, r);
    put_gaps(out, r);
    put_all_changed_tasks(out, r);
    put_all_outdated(out, r);
    if (r->total.jobs_are_bound) {
        buf_append_str(out, "\nJobs are made to last about a minute. Until it is measured how long "
                            "an instance takes,\nthey are counted as at most one for every ");
        put_things(out, PLAN_PROBE_INSTANCES, "instance");
        buf_append_str(out, ".\n");
    }
}
