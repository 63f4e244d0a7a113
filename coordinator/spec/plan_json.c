/* How the report looks to programs. */
#include "common/text.h"
#include "coordinator/spec/plan_report_private.h"
#include "proto/definition/json_text.h"

static void key_counts(struct buf *out, const struct plan_counts *c)
{
    json_put_u64(out, "tasks", c->tasks);
    json_put_u64(out, "instances", c->instances);
    json_put_u64(out, "done", c->done);
    json_put_u64(out, "failed", c->failed);
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
    json_put_words(out, "changed", o->changed.keys, o->changed.count);
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

/* null: not known, or none */
static void put_seconds(struct buf *out, const char *key, double ms)
{
    json_key(out, key);
    if (ms < 0)
        buf_append_str(out, "null");
    else
        json_append_real(out, ms / 1000);
}

static void put_cap(struct buf *out, const char *key, uint64_t cap)
{
    json_key(out, key);
    if (cap == 0)
        buf_append_str(out, "null");
    else
        json_append_u64(out, cap);
}

static void put_rules_json(struct buf *out, const struct plan_report_model *m)
{
    const struct spec_rules *rules = &m->model->spec->rules;
    json_key(out, "rules");
    buf_append_byte(out, '{');
    json_put_u64(out, "priority", rules->priority);
    json_put_real(out, "weight", rules->weight);
    put_cap(out, "concurrency", m->model->rules.concurrency);
    put_cap(out, "max_replicas", m->model->rules.max_replicas);
    buf_append_byte(out, '}');
}

static void put_needs_json(struct buf *out, const struct plan_report_model *m)
{
    const struct model_resources *need = &m->model->spec->definition.resources;
    const struct spec_gpus *gpus = &m->model->spec->gpus;
    json_key(out, "needs");
    buf_append_byte(out, '{');
    json_put_u64(out, "gpus", need->gpus);
    json_put_u64(out, "cpus", need->cpus);
    put_cap(out, "memory_bytes", need->memory_bytes);
    put_cap(out, "gpu_memory_bytes", gpus->memory_bytes);
    json_put_words(out, "gpu_types", gpus->types, gpus->type_count);
    buf_append_byte(out, '}');
}

static void put_fits_json(struct buf *out, const struct plan_report *r,
                          const struct plan_report_model *m)
{
    json_key(out, "fits");
    buf_append_byte(out, '[');
    for (size_t i = 0; i < r->machine_count; i++) {
        const struct plan_machine *machine = &r->machines[i];
        json_item(out);
        buf_append_byte(out, '{');
        json_put_text(out, "group", machine->name);
        json_put_u64(out, "workers", plan_workers(machine));
        json_put_u64(out, "slots", machine->slots);
        put_cap(out, "slots_of_a_replica", m->fits[i].slots);
        json_put_text(out, "cannot_run", m->fits[i].obstacle);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

static void put_sweep_json(struct buf *out, const struct plan_report_sweep *s)
{
    const struct spec_share *share = &s->spec->settings.share;
    bool has_deadline = s->deadline_ms != INT64_MAX;
    double late_ms = s->ends_ms - (double)s->deadline_ms;
    json_item(out);
    buf_append_byte(out, '{');
    json_put_text(out, "name", s->spec->name);
    json_put_text(out, "user", share->user);
    json_put_real(out, "weight", share->weight);
    json_put_u64(out, "priority", share->priority);
    json_key(out, "fair_models");
    buf_append_str(out, share->fair_models ? "true" : "false");
    json_put_u64(out, "instances", s->counts.instances);
    json_put_u64(out, "missing", s->counts.missing);
    put_seconds(out, "takes_seconds", s->ends_ms);
    char at[TEXT_TIME_BYTES];
    text_format_time(at, s->deadline_wall_ms);
    json_put_text(out, "deadline_at", has_deadline ? at : NULL);
    json_key(out, "deadline_seconds"); /* negative: it is over */
    if (has_deadline)
        json_append_real(out, (double)s->deadline_ms / 1000);
    else
        buf_append_str(out, "null");
    put_seconds(out, "late_by_seconds",
                !has_deadline || s->ends_ms < 0 ? -1
                : late_ms > 0                   ? late_ms
                                                : 0);
    buf_append_byte(out, '}');
}

static void put_model_json(struct buf *out, const struct plan_report *r,
                           const struct plan_report_model *m)
{
    char identity[DIGEST_HEX_BYTES];
    digest_hex(&m->model->identity, identity);
    json_item(out);
    buf_append_byte(out, '{');
    json_put_text(out, "name", m->model->spec->definition.name);
    json_put_text(out, "role", spec_role_text(m->model->spec->role));
    json_put_text(out, "identity", identity);
    json_put_text(out, "revision", m->model->revision);
    key_counts(out, &m->counts);
    json_put_text(out, "cannot_run", m->obstacle);
    put_needs_json(out, m);
    put_fits_json(out, r, m);
    put_rules_json(out, m);
    put_seconds(out, "load_seconds", m->times.load_ms > 0 ? m->times.load_ms : -1);
    put_seconds(out, "instance_seconds", m->times.instance_ms > 0 ? m->times.instance_ms : -1);
    put_gaps_json(out, m);
    json_key(out, "outdated");
    buf_append_byte(out, '[');
    for (const struct plan_outdated *o = m->outdated; o; o = o->next)
        put_outdated_json(out, o);
    buf_append_str(out, "]}");
}

static void put_changed_tasks_json(struct buf *out, const struct plan_report *r)
{
    json_key(out, "changed_tasks");
    buf_append_byte(out, '[');
    for (size_t i = 0; i < r->plan->task_count; i++) {
        const struct plan_report_task *t = &r->tasks[i];
        if (t->results == 0)
            continue;
        json_item(out);
        buf_append_byte(out, '{');
        json_put_text(out, "suite", r->plan->tasks[i].suite->config.name);
        json_put_text(out, "task", r->plan->tasks[i].task->path);
        json_put_u64(out, "results", t->results);
        json_put_u64(out, "missing", t->missing);
        json_put_words(out, "changed", t->changed.keys, t->changed.count);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

void plan_report_json(const struct plan_report *r, struct buf *out)
{
    buf_append_byte(out, '{');
    json_put_text(out, "sweep", r->sweep_count == 1 ? r->plan->spec->name : NULL);
    json_put_u64(out, "pairs", r->plan->cell_count);
    json_key(out, "models");
    buf_append_byte(out, '[');
    for (size_t i = 0; i < r->plan->model_count; i++)
        put_model_json(out, r, &r->models[i]);
    buf_append_byte(out, ']');
    put_changed_tasks_json(out, r);
    json_key(out, "can_run");
    buf_append_byte(out, '{');
    key_counts(out, &r->total);
    buf_append_byte(out, '}');
    json_put_u64(out, "missing_but_cannot_run", r->blocked);
    put_cap(out, "slots", r->slots);
    json_key(out, "sweeps");
    buf_append_byte(out, '[');
    for (size_t i = 0; i < r->sweep_count; i++)
        put_sweep_json(out, &r->sweeps[i]);
    buf_append_str(out, "]}\n");
}
