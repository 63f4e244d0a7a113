/* How the report looks, to people and to programs. */
#include <stdio.h>

#include "common/text.h"
#include "coordinator/spec/plan_report.h"
#include "proto/definition/json_text.h"

enum { COUNT_BYTES = 32, NAME_COLUMNS_MIN = 8, REVISION_SHOWN = 12 };

/* ---- For people ---- */

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

/* "priority 60, at most 4 requests at once, at most 2 slots" */
static void put_rules(struct buf *out, const struct spec_rules *r)
{
    buf_printf(out, "priority %u", r->priority);
    if (r->concurrency > 0)
        buf_printf(out, ", at most %u requests at once", r->concurrency);
    if (r->max_replicas > 0)
        buf_printf(out, ", in at most %u slots", r->max_replicas);
    buf_append_str(out, "\n");
}

static void put_all_rules(struct buf *out, const struct plan_report *r)
{
    bool is_put = false;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct plan_report_model *m = &r->models[i];
        const struct spec_rules *rules = &m->model->spec->rules;
        bool is_plain = rules->priority == PRIORITY_DEFAULT && rules->concurrency == 0 &&
                        rules->max_replicas == 0;
        if (is_plain)
            continue;
        put_heading(out, &is_put, "rules");
        buf_append_str(out, "  ");
        buf_append_str(out, name_of(m));
        buf_append_str(out, ": ");
        put_rules(out, rules);
    }
}

/* Only against what is known of durations; a date would need a clock, which `muster status` has. */
static void put_deadline(struct buf *out, const struct plan_report *r)
{
    const struct yaml_deadline *d = &r->plan->spec->settings.deadline;
    char until[COUNT_BYTES], takes[COUNT_BYTES], late[COUNT_BYTES];
    if (d->kind != DEADLINE_AFTER)
        return;
    text_format_duration(until, sizeof(until), d->ms);
    buf_printf(out, "\ndeadline: %s after the start", until);
    if (r->slots > 0 && !r->total.jobs_are_bound) {
        int64_t takes_ms = (int64_t)(r->total.missing_ms / r->slots);
        text_format_duration(takes, sizeof(takes), takes_ms);
        buf_printf(out, "; what is missing takes about %s on %u slots", takes, r->slots);
        text_format_duration(late, sizeof(late), takes_ms - d->ms);
        if (takes_ms > d->ms)
            buf_printf(out, ": it will be late by %s", late);
    }
    buf_append_str(out, "\n");
}

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
    for (size_t i = 0; i < o->changed_count; i++) {
        buf_append_str(out, i == 0 ? ": " : ", ");
        text_append_safe(out, span_str(o->changed[i]));
    }
    buf_append_str(out, o->changed_count > 0 ? " changed\n" : "\n");
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

void plan_report_text(const struct plan_report *r, struct buf *out)
{
    buf_append_str(out, "sweep ");
    buf_append_str(out, r->plan->spec->name);
    buf_append_str(out, ": ");
    put_things(out, r->plan->model_count, "model");
    buf_append_str(out, ", ");
    put_things(out, r->plan->task_count, "task");
    buf_append_str(out, ", ");
    put_things(out, r->plan->cell_count, "pair");
    buf_append_str(out, "\n\n");
    put_table(out, r);
    put_obstacles(out, r);
    put_all_rules(out, r);
    put_deadline(out, r);
    put_gaps(out, r);
    put_all_outdated(out, r);
    if (r->total.jobs_are_bound) {
        buf_append_str(out, "\nJobs are made to last about a minute. Until it is measured how long "
                            "an instance takes,\nthey are counted as at most one for every ");
        put_things(out, PLAN_PROBE_INSTANCES, "instance");
        buf_append_str(out, ".\n");
    }
}

/* ---- For programs ---- */

static void key_counts(struct buf *out, const struct plan_counts *c)
{
    json_put_u64(out, "tasks", c->tasks);
    json_put_u64(out, "instances", c->instances);
    json_put_u64(out, "done", c->done);
    json_put_u64(out, "missing", c->missing);
    json_put_u64(out, "jobs", c->jobs);
    json_put_text(out, "jobs_basis", c->jobs_are_bound ? "at_most" : "durations");
}

static void put_outdated_json(struct buf *out, const struct plan_outdated *o)
{
    json_item(out);
    buf_append_byte(out, '{');
    json_put_text(out, "identity", o->identity);
    json_put_text(out, "revision", o->revision);
    json_put_u64(out, "results", o->results);
    json_put_words(out, "changed", o->changed, o->changed_count);
    buf_append_byte(out, '}');
}

static void put_gaps_json(struct buf *out, const struct plan_report_model *m)
{
    static const char *const names[PLAN_GAP_REASON_COUNT] = {
        [PLAN_GAP_TASKS] = "not_among_its_tasks",
        [PLAN_GAP_SCORER] = "no_scorer",
    };
    json_key(out, "left_out");
    buf_append_byte(out, '{');
    for (size_t reason = 0; reason < PLAN_GAP_REASON_COUNT; reason++)
        json_put_u64(out, names[reason], m->gaps[reason]);
    buf_append_byte(out, '}');
}

static void put_model_json(struct buf *out, const struct plan_report_model *m)
{
    char identity[DIGEST_HEX_BYTES];
    digest_hex(&m->model->identity, identity);
    json_item(out);
    buf_append_byte(out, '{');
    json_put_text(out, "name", name_of(m));
    json_put_text(out, "role", spec_role_text(m->model->spec->role));
    json_put_text(out, "identity", identity);
    json_put_text(out, "revision", m->model->revision);
    key_counts(out, &m->counts);
    json_put_text(out, "cannot_run", m->obstacle);
    put_gaps_json(out, m);
    json_key(out, "outdated");
    buf_append_byte(out, '[');
    for (const struct plan_outdated *o = m->outdated; o; o = o->next)
        put_outdated_json(out, o);
    buf_append_str(out, "]}");
}

void plan_report_json(const struct plan_report *r, struct buf *out)
{
    buf_append_byte(out, '{');
    json_put_text(out, "sweep", r->plan->spec->name);
    json_put_u64(out, "pairs", r->plan->cell_count);
    json_key(out, "models");
    buf_append_byte(out, '[');
    for (size_t i = 0; i < r->plan->model_count; i++)
        put_model_json(out, &r->models[i]);
    buf_append_byte(out, ']');
    json_key(out, "can_run");
    buf_append_byte(out, '{');
    key_counts(out, &r->total);
    buf_append_byte(out, '}');
    json_put_u64(out, "missing_but_cannot_run", r->blocked);
    buf_append_str(out, "}\n");
}
