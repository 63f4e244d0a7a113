/* Suites without data: a table says which tasks there are and how many instances each has. For
 * simulated models, which report a score themselves: a sweep of the real size on any machine. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/suite/suite_private.h"
#include "common/suite/task_table.h"

static const char *folder_of(enum modality m)
{
    static const char *const folders[] = {
#define X(name, text, folder) [name] = folder "/",
        MODALITY_LIST(X)
#undef X
    };
    return folders[m];
}

static const char *subfolder_of(enum paradigm p)
{
    static const char *const folders[] = { [PARADIGM_NONE] = "",
                                           [PARADIGM_COMPREHENSION] = "comprehension/",
                                           [PARADIGM_GENERATION] = "generation/" };
    return folders[p];
}

static const char *path_of(const struct task_row *row, struct arena *arena)
{
    char *path = arena_format(arena, "%s%s%s", folder_of(row->modality),
                              subfolder_of(row->paradigm), row->bare);
    char *name = path + strlen(path) - strlen(row->bare);
    for (char *c = name; *c; c++)
        *c = *c == '/' ? '-' : *c;
    return path;
}

static struct digest digest_of_task(const struct task *task)
{
    struct digester *d = digester_new();
    suite_digest_task(d, task);
    digester_add_str(d, task->path);
    digester_add_u64(d, task->size);
    return digester_take(d);
}

/* Of the specialist: from the suite's own table, unless the sweep file names another one. */
static double sota_of(const struct suite *s, const struct task_row *row,
                      const struct task_table *specialists)
{
    if (s->config.sota)
        row = task_table_find(specialists, row->modality, row->paradigm, row->name);
    return row ? row->sota : NAN;
}

static err make_task(struct suite *s, const struct task_row *row,
                     const struct task_table *specialists, struct errmsg *msg)
{
    if (!row->metric || !row->instances)
        return err_say(msg, ERR_INVALID, "%s: the task '%s' has no %s", row->where, row->name,
                       row->metric ? "instances" : "metric");
    const struct metric *named = metric_find(row->metric);
    if (!named) {
        const char *near = metric_nearest(row->metric);
        return err_say(msg, ERR_INVALID, "%s: '%s' is no metric that muster knows%s%s%s",
                       row->where, row->metric, near ? "; is it '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    struct metric *metric = arena_alloc(&s->arena, sizeof(*metric));
    *metric = metric_as_scored(named);
    struct task *task = &s->tasks[s->task_count++];
    *task = (struct task){
        .name = row->name,
        .path = path_of(row, &s->arena),
        .modality = row->modality,
        .paradigm = row->paradigm,
        .metric_name = row->metric,
        .metric = metric,
        .sota = sota_of(s, row, specialists),
        .size = row->instances,
    };
    task->scorer = suite_scorer_of(&s->config, task->path);
    task->data = digest_of_task(task);
    return OK;
}

static err synthetic_open(struct suite *s, struct errmsg *msg)
{
    struct task_table table, specialists = { 0 };
    err e = task_table_read(s->config.path, &s->arena, &table, msg);
    if (!e && s->config.sota)
        e = task_table_read(s->config.sota, &s->arena, &specialists, msg);
    if (e)
        return e;
    s->tasks = arena_alloc(&s->arena, (table.count + 1) * sizeof(*s->tasks));
    for (size_t i = 0; i < table.count && !e; i++)
        e = make_task(s, &table.rows[i], &specialists, msg);
    return e;
}

/* A request differs from the next one in a number alone, so only that is written. */
struct synthetic_data {
    struct task_data base;
    struct buf request; /* up to the number; then the number and the tail */
    size_t head_len;
    char id[16];
};

static const char request_tail[] = "\"}}";

/* A task's path as the inside of a JSON string: names have no control characters. */
static void append_escaped(struct buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)*c);
    }
}

static err synthetic_instance(struct task_data *base, uint32_t index, struct instance *out,
                              struct errmsg *msg)
{
    (void)msg; /* there is nothing that could be wrong */
    struct synthetic_data *d = container_of(base, struct synthetic_data, base);
    char *digit = d->id + sizeof(d->id) - 1; /* its NUL */
    uint32_t left = index;
    do {
        *--digit = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    d->request.len = d->head_len;
    buf_append(&d->request, digit, (size_t)(d->id + sizeof(d->id) - 1 - digit));
    buf_append(&d->request, request_tail, sizeof(request_tail) - 1);
    out->id = digit;
    out->request = buf_span(&d->request);
    return OK;
}

static void synthetic_close(struct task_data *base)
{
    struct synthetic_data *d = container_of(base, struct synthetic_data, base);
    buf_release(&d->request);
    free(d);
}

/* There are no data that could have changed: what the task is says all of it, and its table is not
 * read again, nor needed where it is run. */
static err synthetic_data_open(const struct suite_config *config, const struct task *task,
                               struct task_data **out, struct errmsg *msg)
{
    (void)config;
    struct digest now = digest_of_task(task);
    if (!digest_equal(&now, &task->data))
        return suite_stale(task, msg);
    struct synthetic_data *d = xcalloc(1, sizeof(*d));
    d->base = (struct task_data){ synthetic_instance, synthetic_close, task->size };
    buf_append_str(&d->request, "{\"task\":\"");
    append_escaped(&d->request, task->path);
    buf_printf(&d->request,
               "\",\"type\":\"synthetic\",\"modality\":\"%s\",\"paradigm\":\"%s\","
               "\"input\":{\"question\":\"",
               modality_text(task->modality), paradigm_text(task->paradigm));
    d->head_len = d->request.len;
    *out = &d->base;
    return OK;
}

const struct suite_reader suite_synthetic = { "synthetic", synthetic_open, synthetic_data_open };
