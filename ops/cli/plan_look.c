#include "ops/cli/plan_look.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "ops/cli/measured.h"

struct failed_count {
    const struct bitmap *wanted;
    uint32_t count;
};

static void count_wanted(void *owner, const struct strike *failure)
{
    struct failed_count *c = owner;
    c->count += bitmap_get(c->wanted, failure->instance) ? 1 : 0;
}

/* Of those that are wanted: an earlier form of the sweep may have asked for more. */
static uint32_t count_failed(struct store *store, uint32_t model, uint32_t task, uint64_t failed,
                             const struct bitmap *wanted)
{
    struct failed_count c = { .wanted = wanted };
    struct strike before = { .model = model, .task = task - 1, .instance = UINT32_MAX };
    size_t given = 0; /* fewer are for fsck to tell */
    (void)store_each_failure(store, model, before, failed, count_wanted, &c, &given, NULL);
    return c.count;
}

static void done_of(void *owner, const struct plan_model *m, const struct plan_task *t,
                    const struct bitmap *wanted, struct plan_done *out)
{
    struct store *store = owner;
    uint32_t model = store_find_model(store, &m->identity);
    uint32_t task = store_find_task(store, &t->identity);
    *out = (struct plan_done){ 0 };
    struct bitmap ended;
    struct tally tally;
    if (model == 0 || task == 0 ||
        store_load_cell(store, model, task, t->task->size, &ended, &tally, NULL))
        return; /* nothing there; a damaged cell is for fsck to tell */
    struct bitmap missing;
    bitmap_copy(&missing, wanted);
    bitmap_andnot(&missing, &ended);
    out->ended = bitmap_count(wanted) - bitmap_count(&missing);
    for (int s = 0; s < STATUS_COUNT; s++)
        out->rows += tally.count[s];
    out->micros = tally.micros;
    uint64_t failed = out->rows - tally.count[STATUS_OK];
    if (failed > 0)
        out->failed = count_failed(store, model, task, failed, wanted);
    bitmap_release(&missing);
    bitmap_release(&ended);
}

static void times_of(void *owner, const struct plan_model *m, struct plan_times *out)
{
    struct learned learned = measured_model(owner, m);
    *out = (struct plan_times){ .load_ms = (double)learned.load_ns * 1e-6,
                                .instance_ms = (double)learned.instance_ns * 1e-6 };
}

/* What the store calls back with, to be gone through when it is read no more. */
struct identities {
    struct {
        uint32_t id, size;
        struct digest digest;
        char *record;
    } * list;
    size_t count, capacity;
};

static void collect(void *owner, uint32_t id, const struct digest *digest, uint32_t size,
                    struct span record)
{
    struct identities *all = owner;
    all->list = xgrow(all->list, &all->capacity, all->count + 1, sizeof(*all->list));
    all->list[all->count].id = id;
    all->list[all->count].size = size;
    all->list[all->count].digest = *digest;
    all->list[all->count++].record = xstrndup((const char *)record.data, record.len);
}

static void release(struct identities *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->list[i].record);
    free(all->list);
}

static bool is_named(const char *record, const char *name)
{
    json_t *o = json_loads(record, 0, NULL);
    const char *found = json_string_value(json_object_get(o, "name"));
    bool is = found && strcmp(found, name) == 0;
    json_decref(o);
    return is;
}

static void earlier_of(void *owner, const char *model_name, plan_earlier_f *each, void *each_owner)
{
    struct identities all = { 0 };
    (void)store_each_model(owner, collect, &all, NULL); /* what is damaged is fsck's to tell */
    for (size_t i = 0; i < all.count; i++) {
        uint64_t results = 0;
        if (!is_named(all.list[i].record, model_name))
            continue;
        (void)store_count_results(owner, all.list[i].id, &results, NULL);
        each(each_owner, &(struct plan_earlier){ .identity = all.list[i].digest,
                                                 .record = span_str(all.list[i].record),
                                                 .results = results });
    }
    release(&all);
}

static void tasks_of(void *owner, plan_recorded_task_f *each, void *each_owner)
{
    struct identities all = { 0 };
    (void)store_each_task(owner, collect, &all, NULL); /* as above */
    for (size_t i = 0; i < all.count; i++)
        each(each_owner, &(struct plan_recorded_task){ .identity = all.list[i].digest,
                                                       .record = span_str(all.list[i].record),
                                                       .size = all.list[i].size });
    release(&all);
}

static uint64_t results_of(void *owner, const struct plan_model *m,
                           const struct plan_recorded_task *t)
{
    uint32_t model = store_find_model(owner, &m->identity);
    uint32_t task = store_find_task(owner, &t->identity);
    struct bitmap ended;
    struct tally tally;
    if (model == 0 || store_load_cell(owner, model, task, t->size, &ended, &tally, NULL))
        return 0; /* a damaged cell is for fsck to tell */
    bitmap_release(&ended);
    uint64_t rows = 0;
    for (int s = 0; s < STATUS_COUNT; s++)
        rows += tally.count[s];
    return rows;
}

struct plan_store plan_look(struct store *store)
{
    return (struct plan_store){ .owner = store,
                                .done = done_of,
                                .times = times_of,
                                .earlier = earlier_of,
                                .tasks = tasks_of,
                                .results = results_of };
}
