/* From a planned sweep to what is simulated. */
#include "coordinator/simulate/from_plan.h"

static void add_cells(const struct plan *plan, const struct plan_model *m,
                      const struct work_measured *measured, struct work *out)
{
    double mean_factor = work_mean_factor(out->models[out->model_count - 1].timing.spread);
    for (size_t k = 0; k < m->cell_count; k++) {
        uint32_t task = plan->cells[m->first_cell + k].task;
        const struct plan_task *t = &plan->tasks[task];
        double mean_ns = measured ? measured->instance_ns(measured->owner, m, t) : 0;
        work_add_cell(out, task, t->wanted_count == t->task->size ? NULL : &t->wanted,
                      mean_ns / mean_factor);
    }
}

size_t work_from_plan(const struct plan *plan, const struct fleet *fleet,
                      const struct work_measured *measured, struct work *out)
{
    size_t blocked = 0;
    for (size_t i = 0; i < plan->task_count; i++)
        work_add_task(out, plan->tasks[i].task->size);
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct plan_model *m = &plan->models[i];
        const struct model_definition *d = &m->spec->definition;
        const struct spec_gpus *gpus = &m->spec->gpus;
        struct core_need need = { .gpus = d->resources.gpus,
                                  .cpus = d->resources.cpus,
                                  .memory_bytes = d->resources.memory_bytes,
                                  .gpu_memory_bytes = gpus->memory_bytes,
                                  .gpu_types = gpus->types,
                                  .gpu_type_count = gpus->type_count };
        struct cluster_timing timing = cluster_timing_of(fleet->cluster, d->name);
        double load_ns = measured ? measured->load_ns(measured->owner, m) : 0;
        timing.load_ns = load_ns > 0 ? (int64_t)load_ns : timing.load_ns;
        uint32_t added = work_add_model(out, d->name, &need, &timing);
        const struct spec_rules *rules = &m->spec->rules;
        out->models[added].rules = (struct core_rules){ .priority = (int32_t)rules->priority,
                                                        .concurrency = rules->concurrency,
                                                        .max_replicas = rules->max_replicas,
                                                        .never_copied = rules->never_copied };
        uint32_t width;
        if (fleet_fits_gang(fleet, &need, &width) == 0) {
            out->models[added].is_blocked = true;
            blocked++;
            continue;
        }
        add_cells(plan, m, measured, out);
    }
    return blocked;
}
