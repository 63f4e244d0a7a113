/* Several sweeps as one plan: each model, task and cell once. */
#include "coordinator/spec/plan_merge.h"

#include <inttypes.h>
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
    struct problems *problems;
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

/* ---- What sweeps must agree upon ---- */

/* X(name, key): what a model has that is no part of its identity and all its slots share, by the
 * key of the sweep file. */
#define NEED_LIST(X)                                                                               \
    X(NEED_TIMEOUT, "timeout")                                                                     \
    X(NEED_LOAD_TIMEOUT, "load_timeout")                                                           \
    X(NEED_GPUS, "resources.gpus")                                                                 \
    X(NEED_CPUS, "resources.cpus")                                                                 \
    X(NEED_MEMORY, "resources.memory")                                                             \
    X(NEED_GPU_MEMORY, "resources.gpu_memory")                                                     \
    X(NEED_GPU_TYPES, "resources.gpu_types")

enum need {
#define X(name, key) name,
    NEED_LIST(X)
#undef X
        NEED_COUNT
};

static const char *const need_keys[NEED_COUNT] = {
#define X(name, key) [name] = key,
    NEED_LIST(X)
#undef X
};

/* Exactly, and as the sweep file takes it. */
static void put_ms(struct buf *out, int64_t ms)
{
    buf_printf(out, ms % 1000 == 0 ? "%" PRId64 "s" : "%" PRId64 "ms",
               ms % 1000 == 0 ? ms / 1000 : ms);
}

static void put_bytes(struct buf *out, uint64_t bytes)
{
    if (bytes == 0)
        buf_append_str(out, "not given");
    else if (bytes % (1 << 20) == 0)
        buf_printf(out, "%" PRIu64 "MiB", bytes >> 20);
    else
        buf_printf(out, "%" PRIu64, bytes);
}

static void put_types(struct buf *out, const struct spec_gpus *gpus)
{
    buf_append_str(out, gpus->type_count == 0 ? "not given" : "[");
    for (size_t i = 0; i < gpus->type_count; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", gpus->types[i]);
    buf_append_str(out, gpus->type_count == 0 ? "" : "]");
}

static void put_need(struct buf *out, const struct spec_model *m, enum need need)
{
    const struct model_definition *d = &m->definition;
    buf_clear(out);
    switch (need) {
    case NEED_TIMEOUT: put_ms(out, d->timeout_ms); break;
    case NEED_LOAD_TIMEOUT: put_ms(out, d->load_timeout_ms); break;
    case NEED_GPUS: buf_printf(out, "%u", d->resources.gpus); break;
    case NEED_CPUS: buf_printf(out, "%u", d->resources.cpus); break;
    case NEED_MEMORY: put_bytes(out, d->resources.memory_bytes); break;
    case NEED_GPU_MEMORY: put_bytes(out, m->gpus.memory_bytes); break;
    case NEED_GPU_TYPES: put_types(out, &m->gpus); break;
    case NEED_COUNT: break;
    }
}

/* `here` is of a later file than `first`. */
static void must_agree(struct merger *m, const struct plan_model *first, const struct spec *sweep,
                       const struct spec_model *here)
{
    const struct spec *first_sweep = plan_part_spec(m->out, first->rules.part);
    struct buf one = { 0 }, other = { 0 };
    for (int need = 0; need < NEED_COUNT; need++) {
        put_need(&one, first->spec, (enum need)need);
        put_need(&other, here, (enum need)need);
        if (strcmp(buf_cstr(&one), buf_cstr(&other)) == 0)
            continue;
        problems_add(m->problems, here->line,
                     "%s:%u: models[%zu]: %s of %s is %s, and %s at %s:%u; sweeps of one run share "
                     "the model, so give it the same in both%s, or run one after the other",
                     sweep->path, here->line, (size_t)(here - sweep->models), need_keys[need],
                     here->definition.name, buf_cstr(&other), buf_cstr(&one), first_sweep->path,
                     first->spec->line,
                     need == NEED_TIMEOUT ? " (or in both settings, where models have none)" : "");
    }
    buf_release(&one);
    buf_release(&other);
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
        must_agree(m, &out->models[index - 1], out->parts[part].plan->spec, model->spec);
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

err plan_merge(const struct plan *plans, size_t count, struct plan *out, struct problems *problems)
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
    struct merger m = { .out = out,
                        .problems = problems,
                        .pieces = xcalloc(cells + 1, sizeof(*m.pieces)) };
    for (size_t i = 0; i < count; i++)
        enter_part(&m, &plans[i], i);
    join_cells(&m);
    map_release(&m.models);
    map_release(&m.tasks);
    free(m.pieces);
    return problems_any(problems) ? ERR_INVALID : OK;
}
