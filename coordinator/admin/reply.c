/* What answers are made of. */
#include <stdarg.h>
#include <string.h>

#include "common/text.h"
#include "coordinator/admin/admin_private.h"

enum {
    TEXT_BYTES_MAX = 400, /* of a reason or name: enough for a person, and a page stays small */
    PAGE_BYTES_MAX = 512 << 10 /* of a list: with its last element below a message's size */
};

json_t *admin_text_within(struct span text, size_t bytes_max)
{
    struct buf out = { 0 };
    if (text.len > bytes_max)
        text.len = bytes_max;
    text_append_utf8_without_nul(&out, text);
    json_t *s = json_stringn(buf_cstr(&out), out.len);
    buf_release(&out);
    return s;
}

json_t *admin_text(struct span text)
{
    return admin_text_within(text, TEXT_BYTES_MAX);
}

json_t *admin_name(const struct catalog_entry *entry)
{
    return admin_text(span_str(entry->name));
}

json_t *admin_error(const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    json_t *o = json_pack("{s:o}", "error", admin_text(buf_span(&text)));
    buf_release(&text);
    return o;
}

json_t *admin_count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

uint32_t admin_u32(const json_t *o, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(o, key));
    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

void admin_set_page(json_t *o, const char *key, struct admin *a, const json_t *ask,
                    uint32_t count_all, json_t *(*element)(const struct admin *a, uint32_t i))
{
    json_t *list = json_array();
    size_t bytes = 0;
    uint32_t i = admin_u32(ask, "from");
    for (; i < count_all && bytes < PAGE_BYTES_MAX; i++) {
        json_t *one = element(a, i);
        bytes += json_dumpb(one, NULL, 0, JSON_COMPACT) + 1;
        json_array_append_new(list, one);
    }
    json_object_set_new(o, key, list);
    json_object_set_new(o, "next", i < count_all ? json_integer(i) : json_null());
}

void admin_set_use(json_t *o, const struct msg_use *use)
{
    json_object_set_new(o, "busy_ns", admin_count(use->busy_ns));
    json_object_set_new(o, "load_ns", admin_count(use->load_ns));
    json_object_set_new(o, "idle_ns", admin_count(use->idle_ns));
}

uint32_t admin_find_model(const struct admin *a, const char *name)
{
    for (uint32_t i = 0; name && i < a->catalog->model_count; i++)
        if (strcmp(a->catalog->models[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}
