#include "coordinator/learned.h"

#include <stdio.h>

#include "common/varint.h"

enum { KEY_BYTES = 32 };

static void key_of(uint32_t model, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "learned/%u", model);
}

void learned_store(struct store_batch *b, uint32_t model, const struct learned *learned)
{
    char key[KEY_BYTES];
    struct buf value = { 0 };
    key_of(model, key);
    put_varint(&value, learned->load_ns);
    put_varint(&value, learned->instance_ns);
    store_batch_meta(b, key, buf_span(&value));
    buf_release(&value);
}

err learned_load(struct store *s, uint32_t model, struct learned *out, struct errmsg *msg)
{
    char key[KEY_BYTES];
    struct buf value = { 0 };
    *out = (struct learned){ 0 };
    key_of(model, key);
    struct errmsg nothing = { 0 }; /* not learned yet is no failure: nobody is told */
    err e = store_meta(s, key, &value, &nothing);
    if (e == OK) {
        struct cursor c = cursor_of(buf_span(&value));
        struct learned said = { .load_ns = cursor_varint(&c), .instance_ns = cursor_varint(&c) };
        if (!c.failed && said.load_ns < INT64_MAX && said.instance_ns < INT64_MAX)
            *out = said;
    }
    buf_release(&value);
    if (e == OK || e == ERR_NOT_FOUND)
        return OK;
    *msg = nothing;
    return e;
}
