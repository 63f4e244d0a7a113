#include "proto/fields.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/limits.h"
#include "common/text.h"

enum { PLACE_BYTES = 64, EXPECTED_BYTES = 96 };

static const msgpack_object nothing = { .type = MSGPACK_OBJECT_NIL };

struct fields fields_of(struct reading *reading, const msgpack_object *array)
{
    return (struct fields){ .reading = reading,
                            .items = array->via.array.ptr,
                            .count = array->via.array.size };
}

/* "worker_name", "slots[3]" or "slots[3].gpus"; name NULL: the list or record itself. */
static void format_place(const struct fields *f, const char *name, char out[PLACE_BYTES])
{
    const char *list = f->list ? f->list : "", *dot = f->list && name ? "." : "";
    if (f->is_record)
        (void)snprintf(out, PLACE_BYTES, "%s[%" PRIu32 "]%s%s", list, f->row, dot,
                       name ? name : "");
    else
        (void)snprintf(out, PLACE_BYTES, "%s%s%s", list, dot, name ? name : "");
}

void fields_refuse(struct fields *f, const char *name, const char *expected, ...)
{
    struct reading *r = f->reading;
    if (r->failed)
        return;
    r->failed = true;
    char place[PLACE_BYTES], what[EXPECTED_BYTES];
    format_place(f, name, place);
    va_list args;
    va_start(args, expected);
    (void)vsnprintf(what, sizeof(what), expected, args);
    va_end(args);
    (void)err_say(r->msg, ERR_INVALID, "%s: %s%sexpected %s", r->type, place, *place ? ": " : "",
                  what);
}

/* The next field, which is `nothing` once something was wrong. */
static const msgpack_object *take(struct fields *f, const char *name)
{
    if (f->reading->failed)
        return &nothing;
    if (f->next == f->count) {
        fields_refuse(f, name, "one more field");
        return &nothing;
    }
    return &f->items[f->next++];
}

uint64_t take_uint(struct fields *f, const char *name, uint64_t max)
{
    const msgpack_object *o = take(f, name);
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= max)
        return o->via.u64;
    fields_refuse(f, name, "a whole number up to %" PRIu64, max);
    return 0;
}

uint32_t take_u32(struct fields *f, const char *name, uint32_t max)
{
    return (uint32_t)take_uint(f, name, max);
}

bool take_bool(struct fields *f, const char *name)
{
    const msgpack_object *o = take(f, name);
    if (o->type == MSGPACK_OBJECT_BOOLEAN)
        return o->via.boolean;
    fields_refuse(f, name, "true or false");
    return false;
}

struct span take_text(struct fields *f, const char *name, size_t bytes_max)
{
    const msgpack_object *o = take(f, name);
    if (o->type == MSGPACK_OBJECT_STR && o->via.str.size <= bytes_max)
        return span_of(o->via.str.ptr, o->via.str.size);
    fields_refuse(f, name, "text of at most %zu bytes", bytes_max);
    return span_of(NULL, 0);
}

struct span take_bytes(struct fields *f, const char *name, size_t bytes_max)
{
    const msgpack_object *o = take(f, name);
    if (o->type == MSGPACK_OBJECT_BIN && o->via.bin.size <= bytes_max)
        return span_of(o->via.bin.ptr, o->via.bin.size);
    fields_refuse(f, name, "at most %zu bytes", bytes_max);
    return span_of(NULL, 0);
}

static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    return false;
}

struct span take_name(struct fields *f, const char *name)
{
    struct span text = take_text(f, name, NAME_BYTES_MAX);
    if (text_is_utf8(text) && !has_control(text))
        return text;
    fields_refuse(f, name, "UTF-8 without control characters");
    return span_of(NULL, 0);
}

struct fields take_list(struct fields *f, const char *name, uint32_t items_max)
{
    const msgpack_object *o = take(f, name);
    struct fields list = { .reading = f->reading, .list = name };
    if (o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size <= items_max) {
        list.items = o->via.array.ptr;
        list.count = o->via.array.size;
        return list;
    }
    fields_refuse(f, name, "a list of at most %" PRIu32, items_max);
    return list;
}

struct fields take_record(struct fields *list)
{
    struct fields record = {
        .reading = list->reading, .list = list->list, .is_record = true, .row = list->next
    };
    const msgpack_object *o = take(list, NULL);
    if (o->type == MSGPACK_OBJECT_ARRAY) {
        record.items = o->via.array.ptr;
        record.count = o->via.array.size;
        return record;
    }
    fields_refuse(&record, NULL, "a record");
    return record;
}

bool fields_left(const struct fields *f)
{
    return !f->reading->failed && f->next < f->count;
}

void fields_end(struct fields *f)
{
    if (f->next < f->count)
        fields_refuse(f, NULL, "%" PRIu32 " field%s, not %" PRIu32, f->next,
                      f->next == 1 ? "" : "s", f->count);
}
