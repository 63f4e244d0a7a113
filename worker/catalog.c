#include "worker/catalog.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/digest.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"

struct definition {
    struct digest text; /* of its JSON */
    err error;          /* OK: one of the two is valid */
    struct errmsg why;
    struct definition *readable; /* the newest that is: this one, or one before; NULL: none was */
    union {
        struct model_definition model;
        struct task_definition task;
    } as;
    struct task_data *data; /* tasks: NULL: not open */
    struct list used;       /* tasks with open data: in catalog->open */
};

struct catalog {
    struct map models, tasks;
    struct arena arena; /* the definitions and all of their strings */
    struct list open;   /* most recently used first */
    size_t open_count, open_max;
};

struct catalog *catalog_new(size_t open_max)
{
    check(open_max > 0);
    struct catalog *c = xcalloc(1, sizeof *c);
    list_init(&c->open);
    c->open_max = open_max;
    return c;
}

static void catalog_close_data(struct catalog *c, struct definition *d)
{
    task_data_close(d->data);
    d->data = NULL;
    list_remove(&d->used);
    c->open_count--;
}

void catalog_free(struct catalog *c)
{
    if (!c)
        return;
    while (!list_empty(&c->open))
        catalog_close_data(c, container_of(list_first(&c->open), struct definition, used));
    map_release(&c->models);
    map_release(&c->tasks);
    arena_release(&c->arena);
    free(c);
}

/* A new entry, unless this very one is there: each session brings them all. */
static struct definition *catalog_add(struct catalog *c, struct map *map, uint32_t id,
                                      struct span json)
{
    struct digest text = digest_of(json);
    struct definition *before = map_find(map, id);
    if (before && digest_equal(&before->text, &text))
        return NULL;
    struct definition *d = arena_alloc(&c->arena, sizeof *d);
    d->text = text;
    d->readable = before ? before->readable : NULL;
    list_init(&d->used);
    map_put(map, id, d);
    return d;
}

static void definition_read(struct definition *d, err e)
{
    d->error = e;
    if (e == OK)
        d->readable = d;
}

/* What a host is started with: neither how long it may take, nor what its slots must have. */
static void append_start(const struct model_definition *m, struct buf *out)
{
    struct model_definition start = *m;
    start.timeout_ms = start.load_timeout_ms = 0;
    start.resources = (struct model_resources){ 0 };
    model_definition_encode(&start, out);
}

static bool starts_otherwise(const struct model_definition *a, const struct model_definition *b)
{
    struct buf one = { 0 }, other = { 0 };
    append_start(a, &one);
    append_start(b, &other);
    bool differs = !span_equal(buf_span(&one), buf_span(&other));
    buf_release(&one);
    buf_release(&other);
    return differs;
}

bool catalog_define_model(struct catalog *c, uint32_t id, struct span json)
{
    struct definition *d = catalog_add(c, &c->models, id, json);
    if (!d)
        return false;
    const struct definition *before = d->readable;
    definition_read(d, model_definition_decode(json, &c->arena, &d->as.model, &d->why));
    return before && d->error == OK && starts_otherwise(&before->as.model, &d->as.model);
}

void catalog_define_task(struct catalog *c, uint32_t id, struct span json)
{
    struct definition *d = catalog_add(c, &c->tasks, id, json);
    if (d)
        definition_read(d, task_definition_decode(json, &c->arena, &d->as.task, &d->why));
}

static err catalog_find(const struct map *map, const char *what, uint32_t id,
                        struct definition **out, struct errmsg *msg)
{
    struct definition *d = map_find(map, id);
    if (!d)
        return err_say(msg, ERR_NOT_FOUND, "%s %" PRIu32 " is not defined here", what, id);
    if (d->error)
        return err_say(msg, ERR_INVALID, "the definition of %s %" PRIu32 " cannot be read: %s",
                       what, id, d->why.text);
    *out = d;
    return OK;
}

err catalog_find_model(const struct catalog *c, uint32_t id, const struct model_definition **out,
                       struct errmsg *msg)
{
    struct definition *d = NULL;
    err e = catalog_find(&c->models, "model", id, &d, msg);
    if (e == OK)
        *out = &d->as.model;
    return e;
}

err catalog_find_task(const struct catalog *c, uint32_t id, const struct task_definition **out,
                      struct errmsg *msg)
{
    struct definition *d = NULL;
    err e = catalog_find(&c->tasks, "task", id, &d, msg);
    if (e == OK)
        *out = &d->as.task;
    return e;
}

static struct definition *catalog_get(const struct map *map, uint32_t id)
{
    struct definition *d = map_find(map, id);
    check(d && d->readable);
    return d->readable;
}

const struct model_definition *catalog_get_model(const struct catalog *c, uint32_t id)
{
    return &catalog_get(&c->models, id)->as.model;
}

const struct task_definition *catalog_get_task(const struct catalog *c, uint32_t id)
{
    return &catalog_get(&c->tasks, id)->as.task;
}

static err catalog_open_data(struct catalog *c, struct definition *d, struct errmsg *msg)
{
    err e = task_data_open(&d->as.task.suite, &d->as.task.task, &d->data, msg);
    if (e)
        return e == ERR_INVALID ? ERR_CORRUPT : e; /* INVALID is said of instances alone */
    if (c->open_count >= c->open_max)
        catalog_close_data(c, container_of(c->open.prev, struct definition, used));
    c->open_count++;
    return OK;
}

err catalog_data(struct catalog *c, uint32_t task, uint32_t first, uint32_t count,
                 struct task_data **out, struct errmsg *msg)
{
    struct definition *d = catalog_get(&c->tasks, task);
    if (count > d->as.task.task.size || first > d->as.task.task.size - count)
        return err_say(msg, ERR_LIMIT, "instances %" PRIu32 "+%" PRIu32 " of a task with %" PRIu32,
                       first, count, d->as.task.task.size);
    err e = d->data ? OK : catalog_open_data(c, d, msg);
    if (e)
        return e;
    list_remove(&d->used);
    list_push_front(&c->open, &d->used);
    *out = d->data;
    return OK;
}

err catalog_instance(struct catalog *c, uint32_t task, uint32_t index, struct instance *out,
                     struct errmsg *msg)
{
    struct task_data *data;
    err e = catalog_data(c, task, index, 1, &data, msg);
    return e ? e : task_data_instance(data, index, out, msg);
}
