/* Any bytes as what stands behind a key of the store, as from a damaged file. The first byte says
 * in which table; the rest is a payload, and besides that a whole sealed record. A payload that is
 * taken has one meaning: encoded again it decodes to the same. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/store/bundle.h"
#include "coordinator/store/record.h"

/* Decode, encode, decode, encode: the two encodings are the same. Spans borrow from `once`. */
#define CHECK_STABLE(type, decode, encode)                                                         \
    do {                                                                                           \
        type record, back;                                                                         \
        struct buf once = { 0 }, twice = { 0 };                                                    \
        if (decode(payload, &record)) {                                                            \
            encode(&record, &once);                                                                \
            check(decode(buf_span(&once), &back));                                                 \
            encode(&back, &twice);                                                                 \
            check(span_equal(buf_span(&once), buf_span(&twice)));                                  \
        }                                                                                          \
        buf_release(&once);                                                                        \
        buf_release(&twice);                                                                       \
    } while (0)

static void try_reopened(struct span payload)
{
    uint64_t block, back;
    struct buf once = { 0 };
    if (store_reopened_decode(payload, &block)) {
        store_reopened_encode(block, &once);
        check(store_reopened_decode(buf_span(&once), &back) && back == block);
    }
    buf_release(&once);
}

/* Whatever it is, it comes apart in blocks that lie in it. What blocks are: fuzz_pack_decode. */
static void try_bundle(struct span payload)
{
    struct store_bundle b = store_bundle_of(payload);
    struct span block;
    size_t bytes = 0;
    for (; store_bundle_next(&b, &block); bytes += block.len)
        check(block.data >= payload.data && block.len <= payload.len - bytes);
}

static void try_payload(enum store_table table, struct span payload)
{
    switch (table) {
    case TABLE_META: CHECK_STABLE(struct store_head, store_head_decode, store_head_encode); return;
    case TABLE_MODEL:
    case TABLE_TASK:
        CHECK_STABLE(struct store_identity, store_identity_decode, store_identity_encode);
        return;
    case TABLE_TALLY:
        CHECK_STABLE(struct store_cell_state, store_cell_state_decode, store_cell_state_encode);
        return;
    case TABLE_FAILURE:
        CHECK_STABLE(struct store_failure, store_failure_decode, store_failure_encode);
        return;
    case TABLE_STRIKE:
        CHECK_STABLE(struct strike, store_strike_decode, store_strike_encode);
        return;
    case TABLE_REOPENED: try_reopened(payload); return;
    case TABLE_BLOCK: try_bundle(payload); return;
    case TABLE_DONE: /* bits */
    case TABLE_COUNT: break;
    }
}

/* Sealed here it opens; as it came it hardly ever does, and never reads behind its end. */
static void try_seal(enum store_table table, struct span bytes)
{
    static const uint8_t key[] = { 0, 0, 0, 1, 0, 0, 0, 2 };
    struct span of_key = span_of(key, sizeof(key)), payload;
    err e = store_record_open(table, of_key, bytes, &payload);
    check(e == OK || e == ERR_CORRUPT || e == ERR_UNSUPPORTED);
    uint8_t *sealed = xmalloc(STORE_SEAL_BYTES + bytes.len);
    store_record_seal(table, of_key, bytes, sealed);
    check(store_record_open(table, of_key, span_of(sealed, STORE_SEAL_BYTES + bytes.len),
                            &payload) == OK);
    check(span_equal(payload, bytes));
    free(sealed);
}

static void try_key(enum store_table table, struct span bytes)
{
    struct store_place place;
    char text[STORE_KEY_TEXT_BYTES];
    store_key_text(table, bytes, text);
    check(memchr(text, '\0', sizeof(text)));
    if (table < TABLE_BLOCK || !store_key_parse(table, bytes, &place))
        return;
    struct store_key key = store_key_place(table, place.model, place.task, place.number);
    check(span_equal(store_key_span(&key), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum store_table table = (enum store_table)(data[0] % 16 % TABLE_COUNT);
    struct span rest = span_of(data + 1, size - 1);
    try_payload(table, rest);
    try_seal(table, rest);
    try_key(table, rest);
    return 0;
}
