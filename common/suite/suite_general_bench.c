/* General-Bench, as it is published: nlp/<Task>/ and {image,video,audio,3d}/{comprehension,
 * generation}/<Task>/, each with an annotation and the files that it names.
 *
 * A task's metric and its specialist's score come from the suite's table of specialists, else the
 * metric from the annotation's own key `metric`. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/suite/general_bench.h"
#include "common/suite/suite_private.h"
#include "common/suite/task_table.h"

enum { HOST_LINE_SLACK = 4096 /* for what the host adds to a request: id, output file */ };

/* ---- finding the tasks ---- */

struct found {
    char *path; /* under the suite's folder */
    enum modality modality;
    enum paradigm paradigm;
};

struct finding {
    struct found *list;
    size_t count, capacity;
};

static void finding_release(struct finding *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->list[i].path);
    free(f->list);
}

/* Every folder in suite/parent is a task, but for hidden ones. No parent: no tasks. */
static err find_in(const char *suite, const char *parent, enum modality m, enum paradigm p,
                   struct finding *out, struct errmsg *msg)
{
    char *folder = file_join(suite, parent);
    DIR *dir = opendir(folder);
    err e = OK;
    if (!dir && errno != ENOENT)
        e = err_say(msg, ERR_IO, "%s: %s", folder, strerror(errno));
    for (struct dirent *entry; dir && !e && (entry = readdir(dir));) {
        char *path = xformat("%s/%s", parent, entry->d_name);
        char *whole = file_join(suite, path);
        bool is_task = entry->d_name[0] != '.' && file_is_dir(whole);
        free(whole);
        if (!is_task) {
            free(path);
            continue;
        }
        out->list = xgrow(out->list, &out->capacity, out->count + 1, sizeof(*out->list));
        out->list[out->count++] = (struct found){ path, m, p };
        if (out->count > TASKS_MAX)
            e = err_say(msg, ERR_LIMIT, "%s: more than %d tasks", suite, TASKS_MAX);
    }
    if (dir)
        closedir(dir);
    free(folder);
    return e;
}

static int compare_found(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static err find_tasks(const char *suite, struct finding *out, struct errmsg *msg)
{
    static const char *const modalities[] = {
#define X(name, text, folder) [name] = folder,
        MODALITY_LIST(X)
#undef X
    };
    static const char *const paradigms[] = {
#define X(name, text, folder) [name] = folder,
        PARADIGM_LIST(X)
#undef X
    };
    if (!file_is_dir(suite))
        return err_say(msg, ERR_NOT_FOUND, "%s: no such folder", suite);
    err e = find_in(suite, modalities[MODALITY_NLP], MODALITY_NLP, PARADIGM_NONE, out, msg);
    for (int m = MODALITY_IMAGE; m < MODALITY_COUNT; m++) {
        for (int p = PARADIGM_COMPREHENSION; p < PARADIGM_COUNT && !e; p++) {
            char *parent = xformat("%s/%s", modalities[m], paradigms[p]);
            e = find_in(suite, parent, (enum modality)m, (enum paradigm)p, out, msg);
            free(parent);
        }
    }
    if (out->count)
        qsort(out->list, out->count, sizeof(*out->list), compare_found);
    return e;
}

/* ---- one task ---- */

/* The digest of what is on disk now. */
static err digest_data(const char *folder, const struct task *task, const struct gb_annotation *a,
                       struct digest *out, struct errmsg *msg)
{
    struct gb_media media;
    struct errmsg why = { 0 };
    err e = gb_media_open(folder, a->path, task->modality, &media, msg);
    if (e)
        return e;
    struct digester *d = digester_new();
    suite_digest_task(d, task);
    digester_add(d, span_of(a->bytes.bytes, DIGEST_BYTES));
    for (size_t i = 0; i < json_array_size(a->items) && !e; i++)
        e = gb_media_digest(&media, json_array_get(a->items, i), d, &why);
    *out = digester_take(d);
    gb_media_close(&media);
    return e ? err_say(msg, e, "%s: %s", folder, why.text) : OK;
}

/* What the suite's tables say, and where they are. */
struct sota {
    const char *path; /* NULL: there is none */
    struct task_table table;
};

static err say_no_metric(const struct sota *sota, const struct task *task,
                         const struct gb_annotation *a, struct errmsg *msg)
{
    if (!sota->path)
        return err_say(msg, ERR_INVALID,
                       "%s: the task has no metric: give the suite a table of specialists ('sota', "
                       "or a sota.csv beside the data), or %s a key 'metric'",
                       task->path, a->path);
    return err_say(
        msg, ERR_INVALID,
        "%s: the task has no metric: %s has no row '%s' in %s that names one, and %s has "
        "no key 'metric'; add one of them",
        task->path, sota->path, task->name, sheet_name_of(task->modality, task->paradigm), a->path);
}

static err say_unknown_metric(const struct task *task, struct errmsg *msg)
{
    const char *near = metric_nearest(task->metric_name);
    return err_say(msg, ERR_INVALID, "%s: '%s' is no metric that muster knows%s%s%s", task->path,
                   task->metric_name, near ? "; is it '" : "", near ? near : "", near ? "'?" : "");
}

/* Name, metric and specialist: from the table's row if there is one, else from the annotation.
 * *row: its place in the table, or the number of rows. */
static err name_task(struct suite *s, const struct sota *sota, const struct gb_annotation *a,
                     struct task *task, size_t *out_row, struct errmsg *msg)
{
    const char *folder = strrchr(task->path, '/') + 1;
    const char *name = a->name && *a->name ? a->name : folder;
    const struct task_row *row =
        task_table_find(&sota->table, task->modality, task->paradigm, name);
    if (!row)
        row = task_table_find(&sota->table, task->modality, task->paradigm, folder);
    *out_row = row ? (size_t)(row - sota->table.rows) : sota->table.count;
    task->name = arena_strdup(&s->arena, row ? row->name : name);
    task->sota = row ? row->sota : NAN;
    const char *metric = row && row->metric ? row->metric : a->metric;
    err e = suite_check_name(task->name, a->path, msg);
    if (e)
        return e;
    if (!metric)
        return say_no_metric(sota, task, a, msg);
    task->metric_name = arena_strdup(&s->arena, metric);
    task->metric = gb_metric_of(task, a, &s->arena);
    return task->metric ? OK : say_unknown_metric(task, msg);
}

static err make_task(struct suite *s, const struct sota *sota, const struct found *found,
                     struct task *task, size_t *out_row, struct errmsg *msg)
{
    struct gb_annotation a;
    char *folder = file_join(s->config.path, found->path);
    err e = gb_annotation_load(folder, &a, msg);
    if (!e) {
        *task = (struct task){
            .path = arena_strdup(&s->arena, found->path),
            .modality = found->modality,
            .paradigm = found->paradigm,
            .scorer = suite_scorer_of(&s->config, found->path),
            .size = (uint32_t)json_array_size(a.items),
        };
        e = suite_check_name(strrchr(task->path, '/') + 1, folder, msg);
        if (!e)
            e = name_task(s, sota, &a, task, out_row, msg);
        if (!e)
            e = digest_data(folder, task, &a, &task->data, msg);
        gb_annotation_release(&a);
    }
    free(folder);
    return e;
}

/* ---- the suite ---- */

/* A task and where it belongs in the order of the suite: the table's rows, then the paths. */
struct placed {
    struct task task;
    size_t row;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return strcmp(x->task.path, y->task.path);
}

static err read_sota(struct suite *s, struct sota *out, struct errmsg *msg)
{
    *out = (struct sota){ .path = s->config.sota };
    if (!out->path) {
        char *own = file_join(s->config.path, "sota.csv");
        if (file_exists(own))
            out->path = arena_strdup(&s->arena, own);
        free(own);
    }
    return out->path ? task_table_read(out->path, &s->arena, &out->table, msg) : OK;
}

static err general_bench_open(struct suite *s, struct errmsg *msg)
{
    struct finding found = { 0 };
    struct placed *placed = NULL;
    struct sota sota;
    err e = find_tasks(s->config.path, &found, msg);
    if (!e)
        e = read_sota(s, &sota, msg);
    if (e)
        goto done;
    placed = xcalloc(found.count + 1, sizeof(*placed));
    for (size_t i = 0; i < found.count && !e; i++)
        e = make_task(s, &sota, &found.list[i], &placed[i].task, &placed[i].row, msg);
    if (e)
        goto done;
    qsort(placed, found.count, sizeof(*placed), compare_placed);
    s->tasks = arena_alloc(&s->arena, (found.count + 1) * sizeof(*s->tasks));
    s->task_count = found.count;
    for (size_t i = 0; i < found.count; i++)
        s->tasks[i] = placed[i].task;
done:
    free(placed);
    finding_release(&found);
    return e;
}

/* ---- the instances of one task ---- */

struct general_bench_data {
    struct task_data base;
    struct task task; /* texts copied into `kept` */
    struct gb_annotation annotation;
    struct gb_media media;
    struct arena kept;
    struct arena scratch; /* of the last instance */
    struct buf request;
};

static void general_bench_close(struct task_data *base)
{
    struct general_bench_data *d = container_of(base, struct general_bench_data, base);
    gb_annotation_release(&d->annotation);
    gb_media_close(&d->media);
    arena_release(&d->kept);
    arena_release(&d->scratch);
    buf_release(&d->request);
    free(d);
}

static json_t *make_request(const struct general_bench_data *d, json_t *input)
{
    json_t *request = json_object();
    int failed = json_object_set_new(request, "task", json_string(d->task.path));
    failed |= json_object_set_new(request, "type", json_string(d->annotation.type));
    failed |=
        json_object_set_new(request, "modality", json_string(modality_text(d->task.modality)));
    failed |=
        json_object_set_new(request, "paradigm", json_string(paradigm_text(d->task.paradigm)));
    failed |= json_object_set(request, "input", input);
    check(!failed); /* all are UTF-8: the path was checked, the type came from JSON */
    return request;
}

static err write_request(struct general_bench_data *d, json_t *input, struct errmsg *msg)
{
    json_t *request = make_request(d, input);
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    check(text);
    size_t len = strlen(text);
    buf_clear(&d->request);
    buf_append(&d->request, text, len);
    free(text);
    if (len <= HOST_LINE_BYTES_MAX - HOST_LINE_SLACK)
        return OK;
    return err_say(msg, ERR_INVALID, "input: %zu bytes; a request has at most %d", len,
                   HOST_LINE_BYTES_MAX - HOST_LINE_SLACK);
}

static err read_item(struct general_bench_data *d, const json_t *item, struct instance *out,
                     struct errmsg *msg)
{
    const struct gb_item g = { &d->task, d->annotation.type, &d->media, &d->scratch };
    json_t *input = NULL;
    struct span *references = NULL;
    if (!json_is_object(item))
        return err_say(msg, ERR_INVALID, "expected an object");
    err e = gb_instance_input(&g, item, &input, msg);
    if (e)
        return e;
    json_t *options = json_object_get(input, "options");
    out->option_count =
        d->task.metric->kind == METRIC_CHOICE ? (unsigned)json_array_size(options) : 0;
    e = write_request(d, input, msg);
    json_decref(input);
    if (!e)
        e = gb_instance_references(&g, item, &references, &out->reference_count, msg);
    out->references = references;
    out->request = buf_span(&d->request);
    return e;
}

static err general_bench_instance(struct task_data *base, uint32_t index, struct instance *out,
                                  struct errmsg *msg)
{
    struct general_bench_data *d = container_of(base, struct general_bench_data, base);
    struct errmsg why = { 0 };
    arena_clear(&d->scratch);
    const json_t *item = json_array_get(d->annotation.items, index);
    const char *id = gb_scalar_text(json_object_get(item, "id"), &d->scratch);
    out->id = id ? id : arena_format(&d->scratch, "%u", index);
    err e = read_item(d, item, out, &why);
    if (!e)
        return OK;
    const char *kept_id = out->id;
    *out = (struct instance){ .id = kept_id };
    return err_say(msg, e, "%s, instance %u (id %s): %s", d->annotation.path, index, kept_id,
                   why.text);
}

static void copy_task(const struct task *from, struct general_bench_data *d)
{
    d->task = *from;
    d->task.name = arena_strdup(&d->kept, from->name);
    d->task.path = arena_strdup(&d->kept, from->path);
    d->task.metric_name = arena_strdup(&d->kept, from->metric_name);
    d->task.scorer = from->scorer ? arena_strdup(&d->kept, from->scorer) : NULL;
}

static err general_bench_data_open(const struct suite_config *config, const struct task *task,
                                   struct task_data **out, struct errmsg *msg)
{
    struct general_bench_data *d = xcalloc(1, sizeof(*d));
    d->base = (struct task_data){ general_bench_instance, general_bench_close, task->size };
    d->media.folder_fd = -1;
    copy_task(task, d);
    struct digest now;
    char *folder = file_join(config->path, task->path);
    err e = gb_annotation_load(folder, &d->annotation, msg);
    if (!e)
        e = digest_data(folder, &d->task, &d->annotation, &now, msg);
    if (!e &&
        (!digest_equal(&now, &task->data) || json_array_size(d->annotation.items) != task->size))
        e = suite_stale(task, msg);
    if (!e) {
        d->task.metric = gb_metric_of(&d->task, &d->annotation, &d->kept);
        check(d->task.metric); /* the digest says that it is the name that suite_open knew */
        e = gb_media_open(folder, d->annotation.path, task->modality, &d->media, msg);
    }
    free(folder);
    if (e)
        general_bench_close(&d->base);
    else
        *out = &d->base;
    return e;
}

const struct suite_reader suite_general_bench = { "general-bench", general_bench_open,
                                                  general_bench_data_open };
