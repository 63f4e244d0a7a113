/* What failed for good, by pages. */
#include "coordinator/admin/admin_private.h"

enum { FAILURES_MAX = 200 };

struct failure_list {
    const struct catalog *catalog;
    const struct plan *plan; /* NULL: not known, all are told */
    json_t *list;
    struct strike last;
};

/* An earlier form of the sweep may have asked for more instances. */
static bool is_wanted(const struct failure_list *f, uint32_t model, uint32_t task,
                      uint32_t instance)
{
    const struct bitmap *wanted = f->plan ? plan_wanted_of(f->plan, model, task) : NULL;
    return !f->plan || (wanted && bitmap_get(wanted, instance));
}

static void add_failure(void *owner, const struct strike *s)
{
    struct failure_list *f = owner;
    uint32_t model = catalog_model_index(f->catalog, s->model);
    uint32_t task = catalog_task_index(f->catalog, s->task);
    f->last = *s;
    if (model == UINT32_MAX || task == UINT32_MAX || !is_wanted(f, model, task, s->instance))
        return;
    json_t *o = json_object();
    json_object_set_new(o, "model", admin_name(&f->catalog->models[model]));
    json_object_set_new(o, "task", admin_name(&f->catalog->tasks[task]));
    json_object_set_new(o, "instance", admin_count(s->instance));
    json_object_set_new(o, "status", json_string(status_text(s->status)));
    json_object_set_new(o, "reason", admin_text(s->reason));
    json_array_append_new(f->list, o);
}

/* Where the next page begins: behind it. In the store's numbers, as an asker only hands it back. */
static json_t *place_json(const struct strike *s)
{
    return json_pack("{s:I,s:I,s:I}", "model", (json_int_t)s->model, "task", (json_int_t)s->task,
                     "instance", (json_int_t)s->instance);
}

json_t *admin_failures(struct admin *a, const json_t *ask)
{
    const char *name = json_string_value(json_object_get(ask, "model"));
    uint32_t model = admin_find_model(a, name);
    if (name && model == UINT32_MAX)
        return admin_error("no model \"%s\" in this sweep", name);
    uint32_t max = admin_u32(ask, "limit");
    if (max == 0 || max > FAILURES_MAX)
        max = FAILURES_MAX;
    const json_t *after = json_object_get(ask, "after");
    struct strike from = { .model = admin_u32(after, "model"),
                           .task = admin_u32(after, "task"),
                           .instance = admin_u32(after, "instance") };
    struct failure_list f = { .catalog = a->catalog, .plan = a->plan, .list = json_array() };
    struct errmsg msg = { 0 };
    size_t given = 0;
    err e = store_each_failure(a->store, name ? a->catalog->models[model].id : 0, from, max,
                               add_failure, &f, &given, &msg);
    if (e) {
        json_decref(f.list);
        return admin_error("%s", msg.text);
    }
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(ADMIN_SCHEMA));
    json_object_set_new(o, "failures", f.list);
    json_object_set_new(o, "next", given < max ? json_null() : place_json(&f.last));
    return o;
}
