#include "coordinator/submission.h"

#include <stdio.h>

#include "common/varint.h"

enum { KEY_BYTES = sizeof("sweep/") + DIGEST_HEX_BYTES };
static const uint64_t WALL_MS_MAX = 1ull << 45; /* a thousand years */

/* Of its digest: a sweep's name may be as long as a whole key. */
static void key_of(const char *sweep, char key[KEY_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    struct digest digest = digest_of(span_str(sweep));
    digest_hex(&digest, hex);
    snprintf(key, KEY_BYTES, "sweep/%s", hex);
}

void submission_store(struct store_batch *b, const char *sweep, const struct submission *submission)
{
    char key[KEY_BYTES];
    struct buf value = { 0 };
    key_of(sweep, key);
    put_varint(&value, (uint64_t)submission->submitted_wall_ms);
    put_varint(&value, submission->is_over);
    put_varint(&value, submission->is_one_of_several);
    store_batch_meta(b, key, buf_span(&value));
    buf_release(&value);
}

static void read_value(struct span value, struct submission *out)
{
    struct cursor c = cursor_of(value);
    uint64_t wall_ms = cursor_varint(&c), is_over = cursor_varint(&c),
             of_several = cursor_varint(&c);
    if (!c.failed && wall_ms <= WALL_MS_MAX)
        *out = (struct submission){ (int64_t)wall_ms, is_over != 0, of_several != 0 };
}

err submission_load(struct store *s, const char *sweep, struct submission *out, struct errmsg *msg)
{
    char key[KEY_BYTES];
    struct buf value = { 0 };
    struct errmsg said = { 0 }; /* that it is new is no failure: nobody is told */
    *out = (struct submission){ 0 };
    key_of(sweep, key);
    err e = store_meta(s, key, &value, &said);
    if (e == OK)
        read_value(buf_span(&value), out);
    buf_release(&value);
    if (e == OK || e == ERR_NOT_FOUND)
        return OK;
    if (msg)
        *msg = said;
    return e;
}
