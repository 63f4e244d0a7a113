/* Results that were recorded and no longer count: their model or task became another one. */
#include <jansson.h>
#include <string.h>

#include "common/map.h"
#include "coordinator/spec/plan_report_private.h"

/* ---- What differs ---- */

/* Once, however many former selves differ in it. */
static void add_change(struct plan_changes *c, const char *key)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->keys[i], key) == 0)
            return;
    if (c->count < PLAN_CHANGES_MAX)
        c->keys[c->count++] = key;
}

/* "precision", "decoding.temperature", "files.models/ocr.py". prefix: "" or "decoding." */
static void find_changes(struct plan_changes *c, struct arena *arena, const char *prefix,
                         json_t *was, json_t *is)
{
    const char *key;
    json_t *value;
    json_object_foreach(was, key, value)
    {
        json_t *now = json_object_get(is, key);
        const char *path = arena_format(arena, "%s%s", prefix, key);
        if (json_is_object(value) && json_is_object(now))
            find_changes(c, arena, arena_format(arena, "%s.", path), value, now);
        else if (!json_equal(value, now))
            add_change(c, path);
    }
    json_object_foreach(is, key, value)
    {
        if (!json_object_get(was, key))
            add_change(c, arena_format(arena, "%s%s", prefix, key));
    }
}

/* ---- Models ---- */

/* What is at hand while the store lists the identities of one name. */
struct listing {
    struct plan_report *report;
    struct plan_report_model *model;
    json_t *record; /* the present one */
};

static void on_earlier(void *owner, const struct plan_earlier *earlier)
{
    struct listing *l = owner;
    struct arena *arena = &l->report->arena;
    if (digest_equal(&earlier->identity, &l->model->model->identity) || earlier->results == 0)
        return;
    struct plan_outdated *o = arena_alloc(arena, sizeof(*o));
    digest_hex(&earlier->identity, o->identity);
    o->results = earlier->results;
    json_t *was = json_loadb((const char *)earlier->record.data, earlier->record.len, 0, NULL);
    const char *revision = json_string_value(json_object_get(was, "revision"));
    if (revision)
        o->revision = arena_strdup(arena, revision);
    if (was) /* else nobody can say */
        find_changes(&o->changed, arena, "", was, l->record);
    json_decref(was);
    struct plan_outdated **last = &l->model->outdated;
    while (*last)
        last = &(*last)->next;
    *last = o;
}

void plan_list_earlier(struct plan_report *r, struct plan_report_model *m,
                       const struct plan_store *store)
{
    struct span record = m->model->record;
    struct listing l = { r, m, json_loadb((const char *)record.data, record.len, 0, NULL) };
    store->earlier(store->owner, m->model->spec->definition.name, on_earlier, &l);
    json_decref(l.record);
}

/* ---- Tasks ---- */

struct task_search {
    struct plan_report *report;
    const struct plan_store *store;
    struct map places;  /* of suite and path: index of the plan's task + 1 */
    struct map present; /* the same of identities */
};

static uint64_t key_of(const struct digest *d)
{
    uint64_t key;
    memcpy(&key, d->bytes, sizeof(key));
    return key | 1;
}

static uint64_t place_key(const char *suite, const char *path)
{
    struct digester *d = digester_new();
    digester_add_str(d, suite);
    digester_add_str(d, path);
    struct digest digest = digester_take(d);
    return key_of(&digest);
}

static void enter_tasks(struct task_search *s)
{
    const struct plan *plan = s->report->plan;
    for (size_t i = 0; i < plan->task_count; i++) {
        const struct plan_task *t = &plan->tasks[i];
        void *place = (void *)(uintptr_t)(i + 1);
        map_put(&s->places, place_key(t->suite->config.name, t->task->path), place);
        map_put(&s->present, key_of(&t->identity), place);
    }
}

/* UINT32_MAX: the plan has no task of this suite and path. */
static uint32_t task_at(const struct task_search *s, const json_t *record)
{
    const char *suite = json_string_value(json_object_get(record, "suite"));
    const char *path = json_string_value(json_object_get(record, "path"));
    uintptr_t place = suite && path ? (uintptr_t)map_find(&s->places, place_key(suite, path)) : 0;
    return (uint32_t)place - 1; /* absent: 0 - 1 */
}

static uint64_t results_of(const struct task_search *s, const struct plan_recorded_task *task)
{
    const struct plan *plan = s->report->plan;
    uint64_t results = 0;
    for (size_t i = 0; i < plan->model_count; i++)
        results += s->store->results(s->store->owner, &plan->models[i], task);
    return results;
}

static void count_former(struct task_search *s, uint32_t index, json_t *was,
                         const struct plan_recorded_task *task)
{
    struct plan_report_task *t = &s->report->tasks[index];
    uint64_t results = results_of(s, task);
    if (results == 0)
        return;
    struct span record = s->report->plan->tasks[index].record;
    json_t *is = json_loadb((const char *)record.data, record.len, 0, NULL);
    find_changes(&t->changed, &s->report->arena, "", was, is);
    json_decref(is);
    s->report->changed_task_count += t->results == 0;
    t->results += results;
}

static void on_task(void *owner, const struct plan_recorded_task *task)
{
    struct task_search *s = owner;
    if (map_find(&s->present, key_of(&task->identity)))
        return;
    json_t *was = json_loadb((const char *)task->record.data, task->record.len, 0, NULL);
    uint32_t index = task_at(s, was);
    if (index != UINT32_MAX)
        count_former(s, index, was, task);
    json_decref(was);
}

void plan_find_changed_tasks(struct plan_report *r, const struct plan_store *store)
{
    struct task_search s = { .report = r, .store = store };
    enter_tasks(&s);
    store->tasks(store->owner, on_task, &s);
    map_release(&s.places);
    map_release(&s.present);
}
