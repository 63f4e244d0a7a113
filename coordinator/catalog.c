#include "coordinator/catalog.h"

#include "common/check.h"

uint32_t catalog_model_index(const struct catalog *c, uint32_t id)
{
    uintptr_t place = (uintptr_t)map_find(&c->model_index, id);
    return (uint32_t)place - 1; /* absent: 0 - 1 */
}

uint32_t catalog_task_index(const struct catalog *c, uint32_t id)
{
    uintptr_t place = (uintptr_t)map_find(&c->task_index, id);
    return (uint32_t)place - 1;
}

static void name_all(const struct plan *plan, struct store_naming *out)
{
    for (size_t i = 0; i < plan->model_count; i++)
        out[i] = (struct store_naming){ .identity = plan->models[i].identity,
                                        .record = plan->models[i].record };
    for (size_t i = 0; i < plan->task_count; i++)
        out[plan->model_count + i] = (struct store_naming){ .is_task = true,
                                                            .identity = plan->tasks[i].identity,
                                                            .size = plan->tasks[i].task->size,
                                                            .record = plan->tasks[i].record };
}

/* Two sweeps may mean different models by one name. */
static const char *name_apart(const struct plan *plan, size_t index, struct catalog *c)
{
    const char *name = plan->models[index].spec->definition.name;
    for (size_t i = 0; i < index; i++)
        if (plan->part_count > 1 && strcmp(plan->models[i].spec->definition.name, name) == 0)
            return arena_format(&c->arena, "%s@%s", name,
                                plan_part_spec(plan, plan->models[index].rules.part)->name);
    return name;
}

static void enter_models(const struct plan *plan, const uint32_t *ids, struct catalog *c)
{
    c->model_count = (uint32_t)plan->model_count;
    c->models = arena_alloc(&c->arena, plan->model_count * sizeof(*c->models));
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct plan_model *m = &plan->models[i];
        c->models[i] = (struct catalog_entry){ .id = ids[i],
                                               .name = name_apart(plan, i, c),
                                               .definition = m->definition };
        map_put(&c->model_index, ids[i], (void *)(uintptr_t)(i + 1));
    }
}

static void enter_tasks(const struct plan *plan, const uint32_t *ids, struct catalog *c)
{
    c->task_count = (uint32_t)plan->task_count;
    c->tasks = arena_alloc(&c->arena, plan->task_count * sizeof(*c->tasks));
    c->task_sizes = arena_alloc(&c->arena, plan->task_count * sizeof(*c->task_sizes));
    c->task_stats = arena_alloc(&c->arena, plan->task_count * sizeof(*c->task_stats));
    for (size_t i = 0; i < plan->task_count; i++) {
        const struct plan_task *t = &plan->tasks[i];
        c->tasks[i] = (struct catalog_entry){ .id = ids[i],
                                              .name = t->task->path,
                                              .definition = t->definition };
        c->task_sizes[i] = t->task->size;
        c->task_stats[i] = t->task->metric->stat_count;
        map_put(&c->task_index, ids[i], (void *)(uintptr_t)(i + 1));
    }
}

err catalog_open(const struct plan *plan, struct store *store, struct catalog *out,
                 struct errmsg *msg)
{
    check(plan->model_count <= MODELS_MAX && plan->task_count <= TASKS_MAX);
    *out = (struct catalog){ 0 };
    size_t count = plan->model_count + plan->task_count;
    struct store_naming *namings = arena_alloc(&out->arena, count * sizeof(*namings));
    uint32_t *ids = arena_alloc(&out->arena, count * sizeof(*ids));
    name_all(plan, namings);
    err e = store_ids(store, namings, count, ids, msg);
    if (e) {
        catalog_release(out);
        return e;
    }
    struct store_info info;
    store_info(store, &info);
    out->store = info.uuid;
    enter_models(plan, ids, out);
    enter_tasks(plan, ids + plan->model_count, out);
    accounts_of(plan, &out->arena, &out->accounts);
    return OK;
}

void catalog_release(struct catalog *c)
{
    map_release(&c->model_index);
    map_release(&c->task_index);
    arena_release(&c->arena);
    *c = (struct catalog){ 0 };
}
