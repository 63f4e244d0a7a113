#include <stdlib.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/suite/general_bench.h"

/* annotation.json, annotation_v2.json, json/annotation.json, or the folder's own name; the first
 * that is there. Data sets differ. NULL: none. The caller frees. */
static char *find_annotation(const char *folder)
{
    static const char *const names[] = { "annotation.json", "annotation_v2.json",
                                         "json/annotation.json" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = file_join(folder, names[i]);
        if (file_exists(path))
            return path;
        free(path);
    }
    const char *slash = strrchr(folder, '/');
    char *path = xformat("%s/%s.json", folder, slash ? slash + 1 : folder);
    if (file_exists(path))
        return path;
    free(path);
    return NULL;
}

static err parse(struct span text, struct gb_annotation *a, struct errmsg *msg)
{
    static const uint8_t mark[] = { 0xef, 0xbb, 0xbf }; /* that some editors put first */
    if (text.len >= sizeof(mark) && memcmp(text.data, mark, sizeof(mark)) == 0)
        text = span_of(text.data + sizeof(mark), text.len - sizeof(mark));
    json_error_t error;
    a->root = json_loadb((const char *)text.data, text.len, JSON_ALLOW_NUL, &error);
    if (a->root)
        return OK;
    return err_say(msg, ERR_INVALID, "%s, line %d, column %d: %s", a->path, error.line,
                   error.column, error.text);
}

static err read_text(const struct gb_annotation *a, const char *key, const char **out,
                     struct errmsg *msg)
{
    const json_t *value = json_object_get(a->root, key);
    *out = json_string_value(value);
    if (!value || json_is_null(value) || *out)
        return OK;
    return err_say(msg, ERR_INVALID, "%s: '%s' must be text", a->path, key);
}

static err read_fields(struct gb_annotation *a, struct errmsg *msg)
{
    a->items = json_object_get(a->root, "data");
    if (!json_is_array(a->items))
        return err_say(msg, ERR_INVALID, "%s: expected an object with a list 'data'", a->path);
    size_t count = json_array_size(a->items);
    if (count == 0 || count > TASK_INSTANCES_MAX)
        return err_say(msg, ERR_INVALID, "%s: 'data' has %zu items; a task has 1 to %d", a->path,
                       count, TASK_INSTANCES_MAX);
    err e = read_text(a, "task", &a->name, msg);
    if (!e)
        e = read_text(a, "type", &a->type, msg);
    if (!e)
        e = read_text(a, "metric", &a->metric, msg);
    a->type = a->type ? a->type : "";
    return e;
}

err gb_annotation_load(const char *folder, struct gb_annotation *out, struct errmsg *msg)
{
    *out = (struct gb_annotation){ .path = find_annotation(folder) };
    if (!out->path)
        return err_say(msg, ERR_NOT_FOUND,
                       "%s: the task has no annotation; expected annotation.json, "
                       "annotation_v2.json, json/annotation.json or a .json of the folder's name",
                       folder);
    struct buf text = { 0 };
    err e = file_read(out->path, ANNOTATION_BYTES_MAX, &text, msg);
    if (!e) {
        out->bytes = digest_of(buf_span(&text));
        e = parse(buf_span(&text), out, msg);
    }
    buf_release(&text);
    if (!e)
        e = read_fields(out, msg);
    if (e)
        gb_annotation_release(out);
    return e;
}

void gb_annotation_release(struct gb_annotation *a)
{
    json_decref(a->root);
    free(a->path);
    *a = (struct gb_annotation){ 0 };
}
