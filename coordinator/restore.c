#include "coordinator/restore.h"

static uint64_t failures_in(const struct tally *tally)
{
    uint64_t failed = 0;
    for (int s = 0; s < STATUS_COUNT; s++)
        failed += s == STATUS_OK ? 0 : tally->count[s];
    return failed;
}

/* How many of the wanted instances ended with something else than OK. A sample may be smaller than
 * what is stored: then the tally says too much, and the blocks are asked. */
static err failed_of(struct store *store, uint32_t model, uint32_t task, const struct plan_task *t,
                     const struct bitmap *ended, const struct tally *tally, uint32_t *out,
                     struct errmsg *msg)
{
    uint64_t failed = failures_in(tally);
    if (failed > 0 && !bitmap_subset(ended, &t->wanted)) {
        struct tally wanted_only;
        err e = store_recount(store, model, task, t->task->size, &t->wanted, &wanted_only, msg);
        if (e)
            return e;
        failed = failures_in(&wanted_only);
    }
    *out = (uint32_t)failed; /* at most the task's size */
    return OK;
}

static err restore_cell(const struct plan *plan, const struct plan_cell *cell,
                        const struct catalog *catalog, struct store *store, struct core *core,
                        struct errmsg *msg)
{
    const struct plan_task *t = &plan->tasks[cell->task];
    uint32_t model = catalog->models[cell->model].id, task = catalog->tasks[cell->task].id;
    struct bitmap ended;
    struct tally tally;
    err e = store_load_cell(store, model, task, t->task->size, &ended, &tally, msg);
    if (e)
        return e;
    uint32_t failed = 0;
    e = failed_of(store, model, task, t, &ended, &tally, &failed, msg);
    if (!e)
        core_add_cell(core, cell->model, cell->task, &t->wanted, &ended, failed);
    bitmap_release(&ended);
    return e;
}

struct strike_restorer {
    const struct catalog *catalog;
    struct core *core;
};

static void restore_strike(void *owner, const struct strike *s)
{
    const struct strike_restorer *r = owner;
    core_add_strike(r->core, catalog_model_index(r->catalog, s->model),
                    catalog_task_index(r->catalog, s->task), s->instance, s->count, s->attempt);
}

static void add_axes(const struct plan *plan, struct core *core)
{
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct spec_model *spec = plan->models[i].spec;
        const struct model_resources *r = &spec->definition.resources;
        core_add_model(core, &(struct core_need){ .gpus = r->gpus,
                                                  .cpus = r->cpus,
                                                  .memory_bytes = r->memory_bytes,
                                                  .gpu_memory_bytes = spec->gpus.memory_bytes,
                                                  .gpu_types = spec->gpus.types,
                                                  .gpu_type_count = spec->gpus.type_count });
    }
    for (size_t i = 0; i < plan->task_count; i++)
        core_add_task(core, plan->tasks[i].task->size);
}

err restore_core(const struct plan *plan, const struct catalog *catalog, struct store *store,
                 const struct core_config *config, struct core **out, struct errmsg *msg)
{
    struct core *core = core_new(config);
    add_axes(plan, core);
    err e = OK;
    for (size_t i = 0; !e && i < plan->cell_count; i++)
        e = restore_cell(plan, &plan->cells[i], catalog, store, core, msg);
    struct strike_restorer restorer = { catalog, core };
    if (!e)
        e = store_each_strike(store, restore_strike, &restorer, msg);
    if (e)
        core_free(core);
    else
        *out = core;
    return e;
}
