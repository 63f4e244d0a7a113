#include "coordinator/admin/sweep_list.h"

#include "common/text.h"
#include "coordinator/admin/waiting.h"

/* What is known of one sweep. */
struct account_of_sweep {
    uint64_t done, total;
    uint32_t busy_slots;
    double open_ns; /* slot time of what is left */
    bool is_known;  /* of all of it */
};

/* A cell that several sweeps want may hold more than this one asks for. */
static uint32_t ended_of(const struct admin *a, uint32_t model, uint32_t task,
                         const struct plan_task *own)
{
    uint32_t wanted, ended;
    core_cell_counts(a->core, model, task, &wanted, &ended);
    if (wanted != own->wanted_count)
        ended = core_cell_ended_of(a->core, model, task, &own->wanted);
    return ended - waiting_in_cell(a->waiting, model, task, &own->wanted);
}

static void add_model(const struct admin *a, const struct plan *plan, size_t index,
                      const uint32_t *models, const uint32_t *tasks, struct account_of_sweep *out)
{
    const struct plan_model *m = &plan->models[index];
    uint32_t model = models ? models[index] : (uint32_t)index;
    struct core_model_view v;
    core_model_view(a->core, model, &v);
    /* Of one sweep alone the core has the sum: 100 models have 70,000 cells, and the loop waits. */
    uint64_t done = models ? 0 : v.ended - a->waiting->models[model].ended;
    uint64_t total = models ? 0 : v.wanted;
    for (size_t i = m->first_cell; models && i < m->first_cell + m->cell_count; i++) {
        uint32_t task = plan->cells[i].task;
        done += ended_of(a, model, tasks[task], &plan->tasks[task]);
        total += plan->tasks[task].wanted_count;
    }
    out->done += done;
    out->total += total;
    out->busy_slots += v.busy_slots;
    out->open_ns += (double)(total - done) * v.instance_ns;
    out->is_known &= total == done || v.instance_ns > 0;
}

static json_t *one_sweep(const struct admin *a, const struct plan *plan, size_t part)
{
    const struct plan_part *p = a->plan->part_count > 0 ? &a->plan->parts[part] : NULL;
    const struct spec_settings *settings = &plan->spec->settings;
    struct account_of_sweep s = { .is_known = true };
    for (size_t i = 0; i < plan->model_count; i++)
        add_model(a, plan, i, p ? p->models : NULL, p ? p->tasks : NULL, &s);
    bool is_timed = s.done == s.total || (s.is_known && s.busy_slots > 0);
    double left_s = s.busy_slots > 0 ? s.open_ns * 1e-9 / s.busy_slots : 0;
    json_t *o = json_pack("{s:s,s:s,s:f,s:I,s:I,s:I,s:I}", "name", plan->spec->name, "user",
                          settings->share.user, "weight", settings->share.weight, "priority",
                          (json_int_t)settings->share.priority, "done", (json_int_t)s.done, "total",
                          (json_int_t)s.total, "busy_slots", (json_int_t)s.busy_slots);
    json_object_set_new(o, "left_s", is_timed ? json_real(left_s) : json_null());
    const struct sweep_deadline *deadline = &a->deadlines[part];
    if (deadline->mono_ns == INT64_MAX)
        return o;
    char at[TEXT_TIME_BYTES];
    text_format_time(at, deadline->wall_ms);
    double until_s = (double)(deadline->mono_ns - a->now_mono_ns) * 1e-9;
    json_object_set_new(o, "deadline_at", json_string(at));
    json_object_set_new(o, "deadline_s", json_real(until_s));
    bool is_late = left_s > until_s && s.done < s.total;
    json_object_set_new(o, "late_by_s",
                        is_timed ? json_real(is_late ? left_s - until_s : 0) : json_null());
    return o;
}

json_t *sweep_list(const struct admin *a)
{
    json_t *list = json_array();
    size_t parts = a->plan->part_count;
    if (parts == 0)
        json_array_append_new(list, one_sweep(a, a->plan, 0));
    for (size_t i = 0; i < parts; i++)
        json_array_append_new(list, one_sweep(a, a->plan->parts[i].plan, i));
    return list;
}
