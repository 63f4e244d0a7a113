#include "ops/cli/stored_failures.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/map.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "coordinator/spec/plan.h"
#include "coordinator/store/store.h"
#include "ops/cli/common.h"

enum { PAGE = 1000 };

struct reading {
    const struct plan *plan;
    const char *model;        /* NULL: all */
    struct map models, tasks; /* the store's id -> index in the plan + 1 */
    struct strike last;       /* seen; its reason is not valid any more */
    size_t max;
    json_t *list;
};

static void find_ids(struct reading *r, struct store *store)
{
    for (size_t i = 0; i < r->plan->model_count; i++) {
        uint32_t id = store_find_model(store, &r->plan->models[i].identity);
        if (id)
            map_put(&r->models, id, (void *)(uintptr_t)(i + 1));
    }
    for (size_t i = 0; i < r->plan->task_count; i++) {
        uint32_t id = store_find_task(store, &r->plan->tasks[i].identity);
        if (id)
            map_put(&r->tasks, id, (void *)(uintptr_t)(i + 1));
    }
}

static json_t *reason_of(const struct strike *s)
{
    struct buf safe = { 0 };
    text_append_utf8_without_nul(&safe, s->reason);
    json_t *text = json_string(buf_cstr(&safe));
    buf_release(&safe);
    return text;
}

static void add(void *owner, const struct strike *s)
{
    struct reading *r = owner;
    uintptr_t model = (uintptr_t)map_find(&r->models, s->model);
    uintptr_t task = (uintptr_t)map_find(&r->tasks, s->task);
    r->last = *s;
    if (!model || !task || json_array_size(r->list) == r->max)
        return; /* of an earlier form of the sweep; or enough */
    const struct bitmap *wanted = plan_wanted_of(r->plan, (uint32_t)model - 1, (uint32_t)task - 1);
    if (!wanted || !bitmap_get(wanted, s->instance))
        return; /* that earlier form asked for more */
    const char *name = r->plan->models[model - 1].spec->definition.name;
    if (r->model && strcmp(name, r->model) != 0)
        return;
    json_t *o = json_pack("{s:s,s:s,s:I,s:s,s:o}", "model", name, "task",
                          r->plan->tasks[task - 1].task->path, "instance", (json_int_t)s->instance,
                          "status", status_text(s->status), "reason", reason_of(s));
    json_array_append_new(r->list, o);
}

static err read_all(struct reading *r, struct store *store, struct errmsg *msg)
{
    size_t given = PAGE;
    err e = OK;
    find_ids(r, store);
    while (!e && given == PAGE && json_array_size(r->list) < r->max)
        e = store_each_failure(store, 0, r->last, PAGE, add, r, &given, msg);
    map_release(&r->models);
    map_release(&r->tasks);
    return e;
}

static bool has_model(const struct spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->model_count; i++)
        if (strcmp(spec->models[i].definition.name, name) == 0)
            return true;
    return false;
}

static int read_store(struct reading *r, const char *state)
{
    char *path = file_join(state, "store");
    struct store_config config = { .path = path, .read_only = true, .allow_network_fs = true };
    struct store *store = NULL;
    struct errmsg msg = { 0 };
    err e = store_open(&config, &store, &msg);
    if (!e)
        e = read_all(r, store, &msg);
    if (store)
        store_close(store);
    free(path);
    if (!e)
        return 0;
    return say_error("failures", e == ERR_NOT_FOUND ? EXIT_BAD_INPUT : EXIT_STORE_FAILED, "%s",
                     msg.text);
}

int stored_failures(const char *sweep_file, const char *state, const char *model, size_t max,
                    json_t *list)
{
    struct spec spec;
    struct plan plan;
    int code = open_sweep(sweep_file, &spec, &plan);
    if (code)
        return code;
    struct reading r = { .plan = &plan, .model = model, .max = max, .list = list };
    if (model && !has_model(&spec, model))
        code = say_error("failures", EXIT_BAD_INPUT, "no model \"%s\" in this sweep", model);
    else
        code = read_store(&r, state);
    plan_release(&plan);
    spec_release(&spec);
    return code;
}
