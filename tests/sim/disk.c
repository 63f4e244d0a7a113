#include "tests/sim/disk.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/pack/pack.h"

void disk_init(struct world *w)
{
    w->disk = xcalloc(1, sizeof(*w->disk));
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++)
            w->disk->instances[m][t] = xcalloc(w->load.tasks[t].size, sizeof(struct disk_instance));
}

void disk_release(struct world *w)
{
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++)
            free(w->disk->instances[m][t]);
    free(w->disk);
}

uint64_t disk_open(struct world *w)
{
    if (w->disk->epoch == 0 || !is_planted(w, PLANT_EPOCH_SAME))
        w->disk->epoch++;
    return w->disk->epoch;
}

static void apply_block(struct world *w, const struct store_op *op, struct span bytes)
{
    struct block block;
    uint32_t model = catalog_model_index(&w->load.catalog, op->model);
    uint32_t task = catalog_task_index(&w->load.catalog, op->task);
    if (model == UINT32_MAX || task == UINT32_MAX || pack_decode(bytes, &block) != OK)
        world_fail(w, "a block in a batch is damaged, or of an unknown model or task");
    for (uint32_t row = 0; row < block.rows; row++) {
        uint32_t i = block.instance[row];
        if (i >= op->size)
            world_fail(w, "recorded: instance %u of a task of %u", i, op->size);
        struct disk_instance *at = &w->disk->instances[model][task][i];
        if (at->is_ended)
            world_fail(w, "recorded twice: instance %u/%u/%u", model, task, i);
        *at = (struct disk_instance){ .is_ended = true, .status = block.status[row] };
        for (uint32_t k = 0; k < block.stat_count; k++)
            at->stats[k] = block.stats[row * block.stat_count + k];
    }
    block_release(&block);
}

static void apply_strike(struct world *w, const struct store_op *op)
{
    uint32_t model = catalog_model_index(&w->load.catalog, op->model);
    uint32_t task = catalog_task_index(&w->load.catalog, op->task);
    struct disk_instance *at = &w->disk->instances[model][task][op->instance];
    if (at->is_ended)
        return; /* the row of the same batch comes after it in the store as well */
    at->strikes = op->count;
    at->attempt = op->attempt;
}

void disk_apply(struct world *w, const struct store_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->ops[i].kind == OP_STRIKE)
            apply_strike(w, &batch->ops[i]);
    for (size_t i = 0; i < batch->count; i++)
        if (batch->ops[i].kind == OP_BLOCK)
            apply_block(w, &batch->ops[i], store_op_bytes(batch, &batch->ops[i]));
}

static void restore_cell(struct world *w, struct core *core, uint32_t model, uint32_t task)
{
    const struct sim_task *t = &w->load.tasks[task];
    const struct disk_instance *all = w->disk->instances[model][task];
    struct bitmap ended;
    uint32_t failed = 0;
    bitmap_init(&ended, t->size);
    bool forget = is_planted(w, PLANT_ROW_FORGOTTEN);
    for (uint32_t i = 0; i < t->size; i++) {
        if (!all[i].is_ended)
            continue;
        if (forget && all[i].status == STATUS_OK) {
            forget = false;
            continue;
        }
        bitmap_set(&ended, i);
        failed += all[i].status != STATUS_OK;
    }
    if (is_planted(w, PLANT_FAILURES_FORGOTTEN))
        failed = 0;
    core_add_cell(core, model, task, &t->wanted, &ended, failed);
    bitmap_release(&ended);
}

static void restore_strikes(const struct world *w, struct core *core, uint32_t model, uint32_t task)
{
    const struct disk_instance *all = w->disk->instances[model][task];
    for (uint32_t i = 0; i < w->load.tasks[task].size; i++)
        if (all[i].strikes > 0 && !is_planted(w, PLANT_STRIKES_FORGOTTEN))
            core_add_strike(core, model, task, i,
                            all[i].strikes + is_planted(w, PLANT_STRIKES_RAISED), all[i].attempt);
}

struct core *disk_restore(struct world *w, const struct core_config *config)
{
    const struct workload *l = &w->load;
    struct core *core = core_new(config);
    for (uint32_t i = 0; i < l->account_count; i++)
        core_add_account(core, l->accounts[i].parent, l->accounts[i].weight);
    for (uint32_t m = 0; m < l->model_count; m++) {
        core_add_model(core, &(struct core_need){ .gpus = l->models[m].gpus,
                                                  .cpus = 1,
                                                  .memory_bytes = l->models[m].memory_bytes });
        core_set_rules(core, m, &l->models[m].rules);
    }
    for (uint32_t t = 0; t < l->task_count; t++)
        core_add_task(core, l->tasks[t].size);
    for (uint32_t m = 0; m < l->model_count; m++)
        for (uint32_t t = 0; t < l->task_count; t++) {
            if (!l->cells[m][t])
                continue;
            restore_cell(w, core, m, t);
            restore_strikes(w, core, m, t);
        }
    return core;
}

struct cell_report {
    uint64_t count[STATUS_COUNT];
    int64_t stats[STATS_MAX];
};

static void add_row(struct cell_report *r, uint8_t status_of, const int64_t *stats)
{
    r->count[status_of]++;
    for (int k = 0; status_of == STATUS_OK && k < STATS_MAX; k++)
        r->stats[k] += stats[k];
}

static void add_expected(const struct world *w, struct cell_report *r, uint32_t m, uint32_t t,
                         uint32_t i)
{
    int64_t stats[STATS_MAX] = { 0 };
    for (uint32_t k = 0; k < w->load.tasks[t].stat_count; k++)
        stats[k] = workload_stat(&w->load, m, t, i, k);
    add_row(r, (uint8_t)workload_status(&w->load, m, t, i), stats);
}

static struct digest report(const struct world *w, bool is_expected)
{
    struct digester *d = digester_new();
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++) {
            struct cell_report r = { 0 };
            for (uint32_t i = 0; w->load.cells[m][t] && i < w->load.tasks[t].size; i++) {
                const struct disk_instance *at = &w->disk->instances[m][t][i];
                if (is_expected && bitmap_get(&w->load.tasks[t].wanted, i))
                    add_expected(w, &r, m, t, i);
                else if (!is_expected && at->is_ended)
                    add_row(&r, at->status, at->stats);
            }
            digester_add(d, span_of(&r, sizeof(r)));
        }
    return digester_take(d);
}

struct digest disk_report(const struct world *w)
{
    return report(w, false);
}

struct digest disk_report_expected(const struct world *w)
{
    return report(w, true);
}
