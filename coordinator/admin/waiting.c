#include "coordinator/admin/waiting.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

struct collecting {
    const struct catalog *catalog;
    struct waiting *into;
};

static void add_block(void *owner, uint32_t model, uint32_t task, const struct block *block)
{
    struct collecting *c = owner;
    struct waiting *w = c->into;
    uint32_t index = catalog_model_index(c->catalog, model);
    struct waiting_count here = { .ended = block->rows };
    for (uint32_t i = 0; i < block->rows; i++)
        here.failed += block->status[i] != STATUS_OK;
    w->models[index].ended += here.ended;
    w->models[index].failed += here.failed;
    w->all.ended += here.ended;
    w->all.failed += here.failed;
    w->blocks = xgrow(w->blocks, &w->capacity, w->count + 1, sizeof(*w->blocks));
    w->blocks[w->count++] =
        (struct waiting_block){ index, catalog_task_index(c->catalog, task), block };
}

static int by_cell(const void *a, const void *b)
{
    const struct waiting_block *x = a, *y = b;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    return (x->task > y->task) - (x->task < y->task);
}

void waiting_collect(const struct admin *a, struct waiting *out)
{
    *out = (struct waiting){ .models = xcalloc(a->catalog->model_count, sizeof(*out->models)) };
    struct collecting c = { a->catalog, out };
    commit_each_block(a->commit, add_block, &c);
    if (out->count > 0)
        qsort(out->blocks, out->count, sizeof(*out->blocks), by_cell);
}

void waiting_release(struct waiting *w)
{
    free(w->models);
    free(w->blocks);
    *w = (struct waiting){ 0 };
}

/* The first block that does not come before this cell's. */
static size_t first_of(const struct waiting *w, const struct waiting_block *cell)
{
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_cell(&w->blocks[middle], cell) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t waiting_in_cell(const struct waiting *w, uint32_t model, uint32_t task,
                         const struct bitmap *some)
{
    if (w->models[model].ended == 0)
        return 0;
    struct waiting_block cell = { .model = model, .task = task };
    uint32_t rows = 0;
    for (size_t i = first_of(w, &cell); i < w->count && by_cell(&w->blocks[i], &cell) == 0; i++)
        for (uint32_t row = 0; row < w->blocks[i].block->rows; row++)
            rows += bitmap_get(some, w->blocks[i].block->instance[row]);
    return rows;
}
