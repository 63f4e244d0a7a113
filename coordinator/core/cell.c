/* The bits of a cell, and the counters that follow them. Nothing else moves an instance. */
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

static uint64_t cell_key(uint32_t model, uint32_t task)
{
    return ((uint64_t)model + 1) << 32 | task;
}

struct cell *cell_find(const struct core *c, uint32_t model, uint32_t task)
{
    return model == NONE || task == NONE ? NULL : map_find(&c->cell_of, cell_key(model, task));
}

void core_add_cell(struct core *c, uint32_t model, uint32_t task, const struct bitmap *wanted,
                   const struct bitmap *ended, uint32_t failed)
{
    check(model < c->model_count && task < c->task_count && !cell_find(c, model, task));
    uint32_t size = c->task_sizes[task];
    struct cell *cell = xcalloc(1, sizeof(*cell));
    *cell = (struct cell){ .model = model, .task = task, .size = size, .failed = failed };
    bitmap_copy(&cell->closed, ended);
    check(cell->closed.bits == size);
    list_init(&cell->attempts);
    if (wanted) {
        struct bitmap both;
        bitmap_copy(&both, wanted);
        cell->wanted = bitmap_count(&both);
        bitmap_andnot(&both, ended); /* wanted and still open */
        cell->ended = cell->wanted - bitmap_count(&both);
        bitmap_fill(&cell->closed);
        bitmap_andnot(&cell->closed, &both);
        bitmap_release(&both);
    } else {
        cell->wanted = size;
        cell->ended = bitmap_count(&cell->closed);
    }
    check(failed <= cell->ended);

    struct model *m = &c->models[model];
    m->cells = xgrow(m->cells, &m->cell_capacity, m->cell_count + 1, sizeof(*m->cells));
    cell->place = (uint32_t)m->cell_count;
    m->cells[m->cell_count++] = (uint32_t)c->cell_count;
    c->cells = xgrow(c->cells, &c->cell_capacity, c->cell_count + 1, sizeof(struct cell *));
    c->cells[c->cell_count++] = cell;
    map_put(&c->cell_of, cell_key(model, task), cell);

    uint32_t open = cell->wanted - cell->ended;
    m->wanted += cell->wanted;
    m->ended += cell->ended;
    m->failed += failed;
    m->free_count += open;
    c->wanted += cell->wanted;
    c->ended += cell->ended;
    c->failed += failed;
    c->free_count += open;
    model_settle(c, model);
    longest_update(c, cell);
}

uint32_t cell_free_count(const struct cell *cell)
{
    return cell->wanted - cell->ended - cell->taken_count;
}

void model_settle(struct core *c, uint32_t model)
{
    const struct model *m = &c->models[model];
    bool is_open = m->free_count > 0 && !m->paused;
    if (is_open && bitmap_set(&c->open_models, model))
        c->open_count++;
    else if (!is_open && bitmap_clear(&c->open_models, model))
        c->open_count--;
    else
        return;
    c->ranks_changed = true;
}

void cell_take(struct core *c, struct cell *cell, uint32_t first, uint32_t count)
{
    if (!cell->taken.words)
        bitmap_init(&cell->taken, cell->size);
    check(bitmap_count_range(&cell->closed, first, count) == 0);
    check(bitmap_count_range(&cell->taken, first, count) == 0);
    bitmap_set_range(&cell->taken, first, count);
    struct model *m = &c->models[cell->model];
    cell->taken_count += count;
    if (cell_free_count(cell) == 0)
        longest_update(c, cell);
    m->taken_count += count;
    c->free_count -= count;
    m->free_count -= count;
    if (m->free_count == 0)
        model_settle(c, cell->model);
}

static void untake_run(struct core *c, struct cell *cell, uint32_t first, uint32_t count)
{
    check(bitmap_count_range(&cell->taken, first, count) == count);
    bitmap_clear_range(&cell->taken, first, count);
    c->models[cell->model].taken_count -= count;
    cell->taken_count -= count;
    if (cell->taken_count == 0)
        bitmap_release(&cell->taken);
}

void cell_free_again(struct core *c, struct cell *cell, uint32_t instance)
{
    struct model *m = &c->models[cell->model];
    untake_run(c, cell, instance, 1);
    c->free_count++;
    if (m->free_count++ == 0)
        model_settle(c, cell->model);
    if (instance < cell->next)
        cell->next = instance;
    if (cell_free_count(cell) == 1)
        longest_update(c, cell);
    match_wake(c);
}

/* They are no longer taken, nor free. */
static void close_run(struct core *c, struct cell *cell, uint32_t first, uint32_t count)
{
    struct model *m = &c->models[cell->model];
    check(bitmap_count_range(&cell->closed, first, count) == 0);
    bitmap_set_range(&cell->closed, first, count);
    cell->ended += count;
    m->ended += count;
    c->ended += count;
    if (cell_free_count(cell) == 0 && heap_has(&cell->length))
        longest_update(c, cell);
    if (m->taken_count == 0 && m->free_count > 0)
        match_wake(c); /* a slot may have left it to those who had it, and they refuse the rest */
}

void cell_close_run(struct core *c, struct cell *cell, uint32_t first, uint32_t count)
{
    learn_closed(&c->models[cell->model], cell, count);
    untake_run(c, cell, first, count);
    close_run(c, cell, first, count);
}

void cell_close(struct core *c, struct cell *cell, uint32_t instance, bool failed)
{
    struct model *m = &c->models[cell->model];
    cell->failed += failed;
    m->failed += failed;
    c->failed += failed;
    if (cell_is_taken(cell, instance)) {
        cell_close_run(c, cell, instance, 1);
        return;
    }
    learn_closed(m, cell, 1);
    c->free_count--;
    if (--m->free_count == 0)
        model_settle(c, cell->model);
    close_run(c, cell, instance, 1);
}

void cell_destroy(struct cell *cell)
{
    bitmap_release(&cell->closed);
    bitmap_release(&cell->taken);
    free(cell);
}

void core_cell_counts(const struct core *c, uint32_t model, uint32_t task, uint32_t *wanted,
                      uint32_t *ended)
{
    const struct cell *cell = cell_find(c, model, task);
    *wanted = cell ? cell->wanted : 0;
    *ended = cell ? cell->ended : 0;
}

uint32_t core_cell_ended_of(const struct core *c, uint32_t model, uint32_t task,
                            const struct bitmap *some)
{
    const struct cell *cell = cell_find(c, model, task);
    uint32_t ended = 0;
    check(!cell || some->bits == cell->size);
    for (uint32_t i = bitmap_next_set(some, 0); cell && i < some->bits;
         i = bitmap_next_set(some, i + 1))
        ended += bitmap_get(&cell->closed, i);
    return ended;
}
