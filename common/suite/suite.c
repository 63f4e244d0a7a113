#include "common/suite/suite.h"

#include <stdlib.h>

#include "common/bitmap.h"
#include "common/check.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/suite/suite_private.h"
#include "common/text.h"

static const struct suite_reader *const readers[] = { &suite_general_bench, &suite_synthetic };

enum { READER_COUNT = sizeof(readers) / sizeof(readers[0]) };

const char *modality_text(enum modality m)
{
    static const char *const texts[] = {
#define X(name, text, folder) [name] = text,
        MODALITY_LIST(X)
#undef X
    };
    check(m < MODALITY_COUNT);
    return texts[m];
}

const char *paradigm_text(enum paradigm p)
{
    static const char *const texts[] = {
#define X(name, text, folder) [name] = text,
        PARADIGM_LIST(X)
#undef X
    };
    check(p < PARADIGM_COUNT);
    return texts[p];
}

const char *sheet_name_of(enum modality m, enum paradigm p)
{
    static const char *const names[MODALITY_COUNT][PARADIGM_COUNT] = {
        [MODALITY_NLP] = { "NLP", "NLP", "NLP" },
#define SHEETS(text) { text, text "-Comprehension", text "-Generation" }
        [MODALITY_IMAGE] = SHEETS("Image"),       [MODALITY_VIDEO] = SHEETS("Video"),
        [MODALITY_AUDIO] = SHEETS("Audio"),       [MODALITY_3D] = SHEETS("3D"),
#undef SHEETS
    };
    check(m < MODALITY_COUNT && p < PARADIGM_COUNT);
    return names[m][p];
}

const char *suite_scorer_of(const struct suite_config *config, const char *task_path)
{
    for (size_t i = 0; i < config->scorer_count; i++) {
        if (text_glob(config->scorer_globs[i], task_path))
            return config->scorers[i];
    }
    return NULL;
}

err suite_check_name(const char *name, const char *where, struct errmsg *msg)
{
    size_t len = strlen(name);
    bool fine = len > 0 && len <= NAME_BYTES_MAX && text_is_utf8(span_of(name, len));
    for (size_t i = 0; i < len; i++)
        fine = fine && (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
    if (fine)
        return OK;
    return err_say(msg, ERR_INVALID,
                   "%s: a task's name must be 1 to %d bytes of UTF-8 without control characters; "
                   "this one has %zu bytes",
                   where, NAME_BYTES_MAX, len);
}

void suite_digest_task(struct digester *d, const struct task *task)
{
    digester_add_str(d, sheet_name_of(task->modality, task->paradigm));
    digester_add_str(d, task->metric_name);
    digester_add_str(d, task->scorer ? task->scorer : "");
}

err suite_stale(const struct task *task, struct errmsg *msg)
{
    return err_say(msg, ERR_STALE,
                   "%s: the data on this machine are not those that the sweep was planned with; "
                   "make them the same, or submit the sweep again",
                   task->path);
}

static int compare_names(const void *a, const void *b)
{
    const struct task *x = *(const struct task *const *)a, *y = *(const struct task *const *)b;
    int order =
        strcmp(sheet_name_of(x->modality, x->paradigm), sheet_name_of(y->modality, y->paradigm));
    return order ? order : strcmp(x->name, y->name);
}

static int compare_paths(const void *a, const void *b)
{
    const struct task *x = *(const struct task *const *)a, *y = *(const struct task *const *)b;
    return strcmp(x->path, y->path);
}

/* Both a name (in its sheet) and a path must tell a task from all others. */
static err check_unique(const struct suite *s, struct errmsg *msg)
{
    const struct task **sorted = xcalloc(s->task_count + 1, sizeof(struct task *));
    for (size_t i = 0; i < s->task_count; i++)
        sorted[i] = &s->tasks[i];
    err e = OK;
    qsort(sorted, s->task_count, sizeof(struct task *), compare_names);
    for (size_t i = 1; i < s->task_count && !e; i++) {
        const struct task *x = sorted[i - 1], *y = sorted[i];
        if (compare_names(&x, &y) == 0)
            e = err_say(msg, ERR_INVALID,
                        "suite '%s': '%s' and '%s' are both the task '%s' of %s; names must differ",
                        s->config.name, x->path, y->path, x->name,
                        sheet_name_of(x->modality, x->paradigm));
    }
    qsort(sorted, s->task_count, sizeof(struct task *), compare_paths);
    for (size_t i = 1; i < s->task_count && !e; i++) {
        const struct task *x = sorted[i - 1], *y = sorted[i];
        if (compare_paths(&x, &y) == 0)
            e = err_say(msg, ERR_INVALID,
                        "suite '%s': the tasks '%s' and '%s' both have the path '%s'",
                        s->config.name, x->name, y->name, x->path);
    }
    free(sorted);
    return e;
}

static const struct suite_reader *find_reader(const char *kind, struct errmsg *msg)
{
    struct buf known = { 0 };
    for (size_t i = 0; i < READER_COUNT; i++) {
        if (strcmp(readers[i]->kind, kind) == 0) {
            buf_release(&known);
            return readers[i];
        }
        buf_printf(&known, "%s%s", i ? ", " : "", readers[i]->kind);
    }
    (void)err_say(msg, ERR_INVALID, "'%s' is no kind of suite; the kinds are %s", kind,
                  buf_cstr(&known)); /* NULL says it */
    buf_release(&known);
    return NULL;
}

static void copy_config(const struct suite_config *from, struct suite *s)
{
    struct arena *a = &s->arena;
    const char **globs = arena_alloc(a, (from->scorer_count + 1) * sizeof(*globs));
    const char **scorers = arena_alloc(a, (from->scorer_count + 1) * sizeof(*scorers));
    for (size_t i = 0; i < from->scorer_count; i++) {
        globs[i] = arena_strdup(a, from->scorer_globs[i]);
        scorers[i] = arena_strdup(a, from->scorers[i]);
    }
    s->config = (struct suite_config){
        .name = arena_strdup(a, from->name),
        .kind = arena_strdup(a, from->kind),
        .path = arena_strdup(a, from->path),
        .sota = from->sota ? arena_strdup(a, from->sota) : NULL,
        .scorer_globs = globs,
        .scorers = scorers,
        .scorer_count = from->scorer_count,
    };
}

err suite_open(const struct suite_config *config, struct suite *out, struct errmsg *msg)
{
    *out = (struct suite){ 0 };
    const struct suite_reader *reader = find_reader(config->kind, msg);
    if (!reader)
        return ERR_INVALID;
    copy_config(config, out);
    err e = reader->open(out, msg);
    if (!e && out->task_count == 0)
        e = err_say(msg, ERR_INVALID, "suite '%s': '%s' holds no task", config->name, config->path);
    if (!e)
        e = check_unique(out, msg);
    if (e)
        suite_release(out);
    return e;
}

void suite_release(struct suite *s)
{
    arena_release(&s->arena);
    *s = (struct suite){ 0 };
}

err task_data_open(const struct suite_config *config, const struct task *task,
                   struct task_data **out, struct errmsg *msg)
{
    *out = NULL;
    const struct suite_reader *reader = find_reader(config->kind, msg);
    return reader ? reader->data_open(config, task, out, msg) : ERR_INVALID;
}

void task_data_close(struct task_data *d)
{
    if (d)
        d->close(d);
}

err task_data_instance(struct task_data *d, uint32_t index, struct instance *out,
                       struct errmsg *msg)
{
    check(index < d->size);
    *out = (struct instance){ 0 };
    return d->instance(d, index, out, msg);
}

/* The draw of an instance, and its index to break ties. */
struct draw {
    uint64_t value;
    uint32_t index;
};

static bool draw_less(const struct draw *a, const struct draw *b)
{
    return a->value != b->value ? a->value < b->value : a->index < b->index;
}

/* Restore the max-heap below `at`. */
static void sift_down(struct draw *heap, size_t count, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && draw_less(&heap[child], &heap[child + 1]))
            child++;
        if (!draw_less(&heap[at], &heap[child]))
            return;
        struct draw swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

static uint64_t digest_half(const struct digest *d, size_t half)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++)
        value = value << 8 | d->bytes[half * 8 + i];
    return value;
}

/* A heap of the `limit` smallest so far; what is smaller than its largest takes that one's place.
 */
void task_sample(const struct task *task, uint32_t limit, uint64_t seed, struct bitmap *wanted)
{
    bitmap_init(wanted, task->size);
    if (limit == 0 || limit >= task->size) {
        bitmap_fill(wanted);
        return;
    }
    const uint64_t high = digest_half(&task->data, 0), low = digest_half(&task->data, 1);
    struct draw *heap = xcalloc(limit, sizeof(*heap));
    for (uint32_t i = 0; i < task->size; i++) {
        struct draw draw = { rng_mix(seed, high, low, i), i };
        if (i < limit) {
            heap[i] = draw;
            for (size_t at = limit / 2; i + 1 == limit && at > 0; at--)
                sift_down(heap, limit, at - 1);
        } else if (draw_less(&draw, &heap[0])) {
            heap[0] = draw;
            sift_down(heap, limit, 0);
        }
    }
    for (uint32_t i = 0; i < limit; i++)
        (void)bitmap_set(wanted, heap[i].index); /* all differ */
    free(heap);
}
