/* Why something is where it is: which thing is meant, and what the core says of it. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/admin/admin_private.h"
#include "coordinator/core/explain.h"

enum { CANDIDATES_SHOWN = 8, SENTENCE_BYTES_MAX = 2000 };

enum thing_kind { THING_NONE, THING_MODEL, THING_TASK, THING_WORKER, THING_ATTEMPT };

struct thing {
    enum thing_kind kind;
    uint32_t model, task, worker; /* model UINT32_MAX: a task of all models */
    uint64_t attempt;
};

static const char *const kind_texts[] = { "nothing", "model", "task", "worker", "attempt" };

static const char *model_name(const void *owner, uint32_t model)
{
    return ((const struct catalog *)owner)->models[model].name;
}

static const char *task_name(const void *owner, uint32_t task)
{
    return ((const struct catalog *)owner)->tasks[task].name;
}

static const char *account_name(const void *owner, uint32_t account)
{
    return ((const struct catalog *)owner)->accounts.list[account - 1].name;
}

static const char *worker_name(const struct admin *a, uint32_t worker)
{
    struct core_worker_view v;
    core_worker_view(a->core, worker, &v);
    return v.name;
}

/* ---- Which thing is meant ---- */

/* All that may be meant, one after the other: models, then workers, then tasks. */
static uint32_t thing_count(const struct admin *a)
{
    return a->catalog->model_count + core_worker_count(a->core) + a->catalog->task_count;
}

static const char *thing_at(const struct admin *a, uint32_t i, struct thing *out)
{
    uint32_t models = a->catalog->model_count, workers = core_worker_count(a->core);
    *out = (struct thing){ .model = UINT32_MAX };
    if (i < models) {
        *out = (struct thing){ .kind = THING_MODEL, .model = i };
        return a->catalog->models[i].name;
    }
    if (i < models + workers) {
        out->kind = THING_WORKER;
        out->worker = i - models;
        return worker_name(a, out->worker);
    }
    out->kind = THING_TASK;
    out->task = i - models - workers;
    return a->catalog->tasks[out->task].name;
}

/* The task of this name, else the only one whose name begins so; UINT32_MAX: neither. */
static uint32_t task_of(const struct catalog *c, const char *name)
{
    uint32_t found = UINT32_MAX, count = 0;
    for (uint32_t t = 0; t < c->task_count; t++) {
        if (strcmp(c->tasks[t].name, name) == 0)
            return t;
        if (strncmp(c->tasks[t].name, name, strlen(name)) == 0) {
            found = t;
            count++;
        }
    }
    return count == 1 ? found : UINT32_MAX;
}

/* "MODEL/TASK": both may have "/" in them. */
static bool find_cell(const struct admin *a, const char *what, struct thing *out)
{
    for (uint32_t m = 0; m < a->catalog->model_count; m++) {
        const char *name = a->catalog->models[m].name;
        size_t len = strlen(name);
        if (strncmp(what, name, len) != 0 || what[len] != '/')
            continue;
        uint32_t task = task_of(a->catalog, what + len + 1);
        if (task == UINT32_MAX)
            continue;
        *out = (struct thing){ .kind = THING_TASK, .model = m, .task = task };
        return true;
    }
    return false;
}

/* As `muster workers` shows it: hexadecimal, with the epoch in the upper half. */
static bool find_attempt(const char *what, struct thing *out)
{
    char *end;
    size_t len = strlen(what);
    if (len < 9 || len > 16 || strspn(what, "0123456789abcdefABCDEF") != len)
        return false;
    *out = (struct thing){ .kind = THING_ATTEMPT, .attempt = strtoull(what, &end, 16) };
    return true;
}

/* The only thing whose name begins like this; else NULL and what it might be. */
static json_t *complete(const struct admin *a, const char *what, struct thing *out)
{
    struct buf some = { 0 };
    uint32_t found = 0, count = thing_count(a);
    const char **names = xcalloc(count + 1, sizeof(*names));
    for (uint32_t i = 0; i < count; i++) {
        struct thing thing;
        names[i] = thing_at(a, i, &thing);
        if (strncmp(names[i], what, strlen(what)) != 0)
            continue;
        *out = thing;
        if (found++ < CANDIDATES_SHOWN)
            buf_printf(&some, "%s%s", found > 1 ? ", " : "", names[i]);
    }
    json_t *problem = NULL;
    const char *near = found == 0 ? text_nearest(what, names, count) : NULL;
    if (found > 1)
        problem = admin_error("\"%s\" may be %s%s", what, buf_cstr(&some),
                              found > CANDIDATES_SHOWN ? ", ..." : "");
    else if (found == 0)
        problem =
            admin_error("no model, worker, task, MODEL/TASK or attempt \"%s\" here%s%s%s", what,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    free(names);
    buf_release(&some);
    return problem;
}

static json_t *find_thing(const struct admin *a, const char *what, struct thing *out)
{
    uint32_t count = thing_count(a);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(thing_at(a, i, out), what) == 0)
            return NULL;
    if (find_cell(a, what, out) || find_attempt(what, out))
        return NULL;
    return complete(a, what, out);
}

/* ---- The answer ---- */

static enum explain_reason explain(struct admin *a, const struct thing *thing, struct buf *out)
{
    const struct explain_names names = { a->catalog, model_name, task_name, account_name };
    switch (thing->kind) {
    case THING_MODEL: return explain_model(a->core, &names, thing->model, a->now_mono_ns, out);
    case THING_TASK:
        return explain_task(a->core, &names, thing->model, thing->task, a->now_mono_ns, out);
    case THING_WORKER: return explain_worker(a->core, &names, thing->worker, a->now_mono_ns, out);
    case THING_ATTEMPT:
        return explain_attempt(a->core, &names, thing->attempt, a->now_mono_ns, out);
    case THING_NONE: break;
    }
    check(!"a thing");
    return EXPLAIN_OVER;
}

json_t *admin_explain(struct admin *a, const json_t *ask)
{
    const char *what = json_string_value(json_object_get(ask, "what"));
    struct thing thing = { 0 };
    if (!what || !*what)
        return admin_error("expected {\"ask\": \"explain\", \"what\": \"a model, worker, ...\"}");
    json_t *problem = find_thing(a, what, &thing);
    if (problem)
        return problem;
    struct buf text = { 0 };
    enum explain_reason reason = explain(a, &thing, &text);
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(ADMIN_SCHEMA));
    json_object_set_new(o, "what", json_string(kind_texts[thing.kind]));
    json_object_set_new(o, "reason", json_string(explain_reason_text(reason)));
    json_object_set_new(o, "text", admin_text_within(buf_span(&text), SENTENCE_BYTES_MAX));
    buf_release(&text);
    return o;
}
