#include "coordinator/restore.h"

#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/learned.h"

enum { NS_PER_MS = 1000000 };

static uint64_t failures_in(const struct tally *tally)
{
    uint64_t failed = 0;
    for (int s = 0; s < STATUS_COUNT; s++)
        failed += s == STATUS_OK ? 0 : tally->count[s];
    return failed;
}

/* How many of the wanted instances ended with something else than OK. A sample may be smaller than
 * what is stored: then the tally says too much, and the blocks are asked. */
static err failed_of(struct store *store, uint32_t model, uint32_t task,
                     const struct bitmap *wanted, const struct bitmap *ended,
                     const struct tally *tally, uint32_t *out, struct errmsg *msg)
{
    uint64_t failed = failures_in(tally);
    if (failed > 0 && !bitmap_subset(ended, wanted)) {
        struct tally wanted_only;
        err e = store_recount(store, model, task, wanted->bits, wanted, &wanted_only, msg);
        if (e)
            return e;
        failed = failures_in(&wanted_only);
    }
    *out = (uint32_t)failed; /* at most the task's size */
    return OK;
}

/* Model time a stored row; 0: there is none. How many rows ran at once is not known of it, so it
 * tells the cells of a model apart, and no more. */
static double row_micros(const struct tally *tally)
{
    uint64_t rows = 0;
    for (int s = 0; s < STATUS_COUNT; s++)
        rows += tally->count[s];
    return rows ? (double)tally->micros / (double)rows : 0;
}

static err restore_cell(const struct plan *plan, size_t index, const struct catalog *catalog,
                        struct store *store, struct core *core, double *out_micros,
                        struct errmsg *msg)
{
    const struct plan_cell *cell = &plan->cells[index];
    const struct bitmap *wanted = plan_wanted(plan, index);
    uint32_t model = catalog->models[cell->model].id, task = catalog->tasks[cell->task].id;
    struct bitmap ended;
    struct tally tally;
    err e = store_load_cell(store, model, task, wanted->bits, &ended, &tally, msg);
    if (e)
        return e;
    uint32_t failed = 0;
    e = failed_of(store, model, task, wanted, &ended, &tally, &failed, msg);
    if (!e)
        core_add_cell(core, cell->model, cell->task, wanted, &ended, failed);
    *out_micros = row_micros(&tally);
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

static void set_rules(struct core *core, uint32_t model, const struct plan_rules *r,
                      uint32_t account)
{
    core_set_rules(core, model,
                   &(struct core_rules){ .priority = r->priority,
                                         .concurrency = r->concurrency,
                                         .max_replicas = r->max_replicas,
                                         .strikes_max = r->strikes,
                                         .account = account,
                                         .never_copied = r->never_copied });
}

static void add_axes(const struct plan *plan, const struct catalog *catalog, struct core *core)
{
    accounts_open(&catalog->accounts, core);
    for (uint32_t i = 0; i < plan->model_count; i++) {
        const struct spec_model *spec = plan->models[i].spec;
        const struct model_resources *r = &spec->definition.resources;
        core_add_model(core, &(struct core_need){ .gpus = r->gpus,
                                                  .cpus = r->cpus,
                                                  .memory_bytes = r->memory_bytes,
                                                  .gpu_memory_bytes = spec->gpus.memory_bytes,
                                                  .gpu_types = spec->gpus.types,
                                                  .gpu_type_count = spec->gpus.type_count });
        set_rules(core, i, &plan->models[i].rules, catalog->accounts.of_model[i]);
    }
    for (size_t i = 0; i < plan->task_count; i++)
        core_add_task(core, plan->tasks[i].task->size);
}

/* The mean over the model's cells that have results; 0: none has. */
static double mean_micros(const struct plan_model *m, const double *micros)
{
    double sum = 0;
    size_t known = 0;
    for (size_t i = m->first_cell; i < m->first_cell + m->cell_count; i++) {
        sum += micros[i];
        known += micros[i] > 0;
    }
    return known > 0 ? sum / (double)known : 0;
}

/* Of measured times alone: the sweep file does not say on which type its own are. */
static err expect_factors(uint32_t model, const struct catalog *catalog, struct store *store,
                          struct core *core, struct errmsg *msg)
{
    struct arena arena = { 0 };
    struct core_factor *factors;
    size_t count;
    err e = learned_load_factors(store, catalog->models[model].id, &arena, &factors, &count, msg);
    if (!e)
        core_expect_factors(core, model, factors, count);
    arena_release(&arena);
    return e;
}

/* What was measured before, else what the sweep file says. Cells differ as they did before. */
static err expect(const struct plan *plan, uint32_t model, const double *micros,
                  const struct catalog *catalog, struct store *store, struct core *core,
                  struct errmsg *msg)
{
    const struct plan_model *m = &plan->models[model];
    const struct spec_estimate *said = &m->spec->estimate;
    struct learned learned;
    err e = learned_load(store, catalog->models[model].id, &learned, msg);
    if (!e && learned.instance_ns > 0)
        e = expect_factors(model, catalog, store, core, msg);
    if (e)
        return e;
    if (learned.load_ns == 0)
        learned.load_ns = (uint64_t)said->load_ms * NS_PER_MS;
    if (learned.instance_ns == 0)
        learned.instance_ns = (uint64_t)said->instance_ms * NS_PER_MS;
    double instance_ns = (double)learned.instance_ns, mean = mean_micros(m, micros);
    core_expect_model(core, model, (int64_t)learned.load_ns, instance_ns);
    for (size_t i = m->first_cell; mean > 0 && i < m->first_cell + m->cell_count; i++)
        core_expect_cell(core, model, plan->cells[i].task, instance_ns * micros[i] / mean);
    return OK;
}

err restore_core(const struct plan *plan, const struct catalog *catalog, struct store *store,
                 const struct core_config *config, struct core **out, struct errmsg *msg)
{
    struct core *core = core_new(config);
    add_axes(plan, catalog, core);
    err e = OK;
    double *micros = xcalloc(plan->cell_count + 1, sizeof(*micros));
    for (size_t i = 0; !e && i < plan->cell_count; i++)
        e = restore_cell(plan, i, catalog, store, core, &micros[i], msg);
    for (uint32_t i = 0; !e && i < plan->model_count; i++)
        e = expect(plan, i, micros, catalog, store, core, msg);
    free(micros);
    struct strike_restorer restorer = { catalog, core };
    if (!e)
        e = store_each_strike(store, restore_strike, &restorer, msg);
    if (e)
        core_free(core);
    else
        *out = core;
    return e;
}
