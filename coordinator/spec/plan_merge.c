/* Several sweeps as one plan: each model, task and cell once. */
#include "coordinator/spec/plan_merge.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/map.h"
#include "common/mem.h"

/* A cell of one of the sweeps, under the indexes that it gets. */
struct piece {
    uint32_t model, task;
    const struct bitmap *wanted;
};

struct merger {
    struct plan *out;
    struct map models, tasks; /* identity -> index + 1 */
    struct piece *pieces;
    size_t piece_count;
};

static uint64_t identity_key(const struct digest *d)
{
    uint64_t key;
    memcpy(&key, d->bytes, sizeof(key));
    return key | 1;
}

/* ---- Models and tasks ---- */

static uint32_t smaller_cap(uint32_t a, uint32_t b)
{
    if (a == 0 || b == 0)
        return a + b; /* 0: no cap */
    return a < b ? a : b;
}

/* Whoever wants it more gets it sooner; every cap holds. */
static void join_rules(struct plan_rules *to, const struct plan_rules *from)
{
    to->priority = from->priority > to->priority ? from->priority : to->priority;
    to->strikes = from->strikes > to->strikes ? from->strikes : to->strikes;
    to->concurrency = smaller_cap(to->concurrency, from->concurrency);
    to->max_replicas = smaller_cap(to->max_replicas, from->max_replicas);
    to->never_copied |= from->never_copied;
}

static uint32_t enter_model(struct merger *m, const struct plan_model *model, size_t part)
{
    struct plan *out = m->out;
    uint64_t key = identity_key(&model->identity);
    uint32_t index = (uint32_t)(uintptr_t)map_find(&m->models, key);
    if (index > 0) {
        check(digest_equal(&out->models[index - 1].identity, &model->identity));
        join_rules(&out->models[index - 1].rules, &model->rules);
        return index - 1;
    }
    struct plan_model *copy = &out->models[out->model_count++];
    *copy = *model;
    copy->rules.part = part;
    copy->cell_count = copy->gap_count = 0;
    map_put(&m->models, key, (void *)(uintptr_t)out->model_count);
    return (uint32_t)out->model_count - 1;
}

static uint32_t enter_task(struct merger *m, const struct plan_task *task)
{
    struct plan *out = m->out;
    uint64_t key = identity_key(&task->identity);
    uint32_t index = (uint32_t)(uintptr_t)map_find(&m->tasks, key);
    if (index > 0) {
        check(digest_equal(&out->tasks[index - 1].identity, &task->identity));
        return index - 1;
    }
    out->tasks[out->task_count] = *task;
    out->tasks[out->task_count].wanted = (struct bitmap){ 0 }; /* each cell has its own */
    map_put(&m->tasks, key, (void *)(uintptr_t)++out->task_count);
    return (uint32_t)out->task_count - 1;
}

static void enter_part(struct merger *m, const struct plan *plan, size_t part)
{
    struct plan_part *p = &m->out->parts[part];
    struct arena *arena = &m->out->arena;
    p->plan = plan;
    p->models = arena_alloc(arena, (plan->model_count + 1) * sizeof(*p->models));
    p->tasks = arena_alloc(arena, (plan->task_count + 1) * sizeof(*p->tasks));
    for (size_t i = 0; i < plan->model_count; i++)
        p->models[i] = enter_model(m, &plan->models[i], part);
    for (size_t i = 0; i < plan->task_count; i++)
        p->tasks[i] = enter_task(m, &plan->tasks[i]);
    for (size_t i = 0; i < plan->cell_count; i++)
        m->pieces[m->piece_count++] =
            (struct piece){ p->models[plan->cells[i].model], p->tasks[plan->cells[i].task],
                            plan_wanted(plan, i) };
}

/* ---- Cells ---- */

static int by_place(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    return (x->task > y->task) - (x->task < y->task);
}

static const struct bitmap *both(struct plan *out, const struct bitmap *a, const struct bitmap *b)
{
    if (bitmap_subset(b, a))
        return a;
    if (bitmap_subset(a, b))
        return b;
    struct bitmap *all = &out->unions[out->union_count++];
    bitmap_copy(all, a);
    for (uint32_t i = bitmap_next_set(b, 0); i < b->bits; i = bitmap_next_set(b, i + 1))
        bitmap_set(all, i);
    return all;
}

static void join_cells(struct merger *m)
{
    struct plan *out = m->out;
    qsort(m->pieces, m->piece_count, sizeof(*m->pieces), by_place);
    out->cells = xcalloc(m->piece_count + 1, sizeof(*out->cells));
    out->unions = xcalloc(m->piece_count + 1, sizeof(*out->unions));
    const struct bitmap **wanted = arena_alloc(&out->arena, (m->piece_count + 1) * sizeof(*wanted));
    for (size_t i = 0; i < m->piece_count; i++) {
        const struct piece *p = &m->pieces[i];
        const struct plan_cell *last = &out->cells[out->cell_count - (out->cell_count > 0)];
        if (out->cell_count > 0 && last->model == p->model && last->task == p->task) {
            wanted[out->cell_count - 1] = both(out, wanted[out->cell_count - 1], p->wanted);
            continue;
        }
        struct plan_model *model = &out->models[p->model];
        if (model->cell_count++ == 0)
            model->first_cell = out->cell_count;
        wanted[out->cell_count] = p->wanted;
        out->cells[out->cell_count++] = (struct plan_cell){ p->model, p->task };
    }
    out->cell_wanted = wanted;
}

void plan_merge(const struct plan *plans, size_t count, struct plan *out)
{
    size_t models = 0, tasks = 0, cells = 0;
    for (size_t i = 0; i < count; i++) {
        models += plans[i].model_count;
        tasks += plans[i].task_count;
        cells += plans[i].cell_count;
    }
    *out = (struct plan){ .spec = plans[0].spec, .part_count = count };
    out->models = arena_alloc(&out->arena, (models + 1) * sizeof(*out->models));
    out->tasks = arena_alloc(&out->arena, (tasks + 1) * sizeof(*out->tasks));
    out->parts = arena_alloc(&out->arena, count * sizeof(*out->parts));
    struct merger m = { .out = out, .pieces = xcalloc(cells + 1, sizeof(*m.pieces)) };
    for (size_t i = 0; i < count; i++)
        enter_part(&m, &plans[i], i);
    join_cells(&m);
    map_release(&m.models);
    map_release(&m.tasks);
    free(m.pieces);
}
