#include "coordinator/learned.h"

#include <stdio.h>

#include "common/varint.h"

enum { KEY_BYTES = 32, FACTORS_MAX = 64 };
static const double FACTOR_UNIT = 1e-6;

static void store_value(struct store_batch *b, const char *what, uint32_t model, struct buf *value)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof(key), "%s/%u", what, model);
    store_batch_meta(b, key, buf_span(value));
    buf_release(value);
}

/* Empty: it is not stored. */
static err load_value(struct store *s, const char *what, uint32_t model, struct buf *out,
                      struct errmsg *msg)
{
    char key[KEY_BYTES];
    struct errmsg said = { 0 }; /* not learned yet is no failure: nobody is told */
    snprintf(key, sizeof(key), "%s/%u", what, model);
    err e = store_meta(s, key, out, &said);
    if (e == OK || e == ERR_NOT_FOUND)
        return OK;
    *msg = said;
    return e;
}

void learned_store(struct store_batch *b, uint32_t model, const struct learned *learned)
{
    struct buf value = { 0 };
    put_varint(&value, learned->load_ns);
    put_varint(&value, learned->instance_ns);
    store_value(b, "learned", model, &value);
}

err learned_load(struct store *s, uint32_t model, struct learned *out, struct errmsg *msg)
{
    struct buf value = { 0 };
    *out = (struct learned){ 0 };
    err e = load_value(s, "learned", model, &value, msg);
    struct cursor c = cursor_of(buf_span(&value));
    uint64_t load_ns = cursor_varint(&c), instance_ns = cursor_varint(&c);
    if (!e && !c.failed && load_ns < INT64_MAX && instance_ns < INT64_MAX)
        *out = (struct learned){ load_ns, instance_ns };
    buf_release(&value);
    return e;
}

void learned_store_factors(struct store_batch *b, uint32_t model, const struct core_factor *factors,
                           size_t count)
{
    struct buf value = { 0 };
    for (size_t i = 0; i < count; i++) {
        put_varint(&value, (uint64_t)(factors[i].factor / FACTOR_UNIT + 0.5));
        put_varint(&value, factors[i].gpu_type.len);
        buf_append_span(&value, factors[i].gpu_type);
    }
    store_value(b, "factors", model, &value);
}

/* How many there are; 0: none that make sense. */
static size_t read_factors(struct span value, struct arena *arena, struct core_factor *out)
{
    struct cursor c = cursor_of(value);
    size_t count = 0;
    while (cursor_left(&c) > 0 && count < FACTORS_MAX) {
        double factor = FACTOR_UNIT * (double)cursor_varint(&c);
        uint64_t len = cursor_varint(&c);
        if (c.failed || factor <= 0 || len > cursor_left(&c))
            return 0;
        struct span name = cursor_bytes(&c, len);
        const char *copy = arena_strndup(arena, (const char *)name.data, len);
        out[count++] = (struct core_factor){ span_of(copy, len), factor };
    }
    return count;
}

err learned_load_factors(struct store *s, uint32_t model, struct arena *arena,
                         struct core_factor **out, size_t *out_count, struct errmsg *msg)
{
    struct buf value = { 0 };
    err e = load_value(s, "factors", model, &value, msg);
    *out = arena_alloc(arena, FACTORS_MAX * sizeof(**out));
    *out_count = e ? 0 : read_factors(buf_span(&value), arena, *out);
    buf_release(&value);
    return e;
}
