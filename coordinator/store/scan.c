#include "coordinator/store/scan.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/pack/pack.h"
#include "coordinator/store/bundle.h"

err store_state_read(struct store_txn *t, uint32_t model, uint32_t task,
                     struct store_cell_state *out, struct errmsg *msg)
{
    struct store_key key = store_key_place(TABLE_TALLY, model, task, 0);
    struct store_cell_state state;
    struct span payload;
    err e = store_get(t, TABLE_TALLY, &key, &payload, msg);
    if (e)
        return e;
    if (!store_cell_state_decode(payload, &state))
        return store_damaged(t, TABLE_TALLY, store_key_span(&key), "cannot be read", msg);
    *out = state;
    return OK;
}

err store_state_agrees(struct store_txn *t, uint32_t model, uint32_t task,
                       const struct store_cell_state *state, uint64_t rows, struct errmsg *msg)
{
    struct store_key key = store_key_place(TABLE_TALLY, model, task, 0);
    if (rows == store_tally_rows(&state->tally))
        return OK;
    return store_damaged(t, TABLE_TALLY, store_key_span(&key), "disagrees with its results", msg);
}

err store_voids_read(struct store_txn *t, uint32_t model, uint32_t task, struct store_voids *out,
                     struct errmsg *msg)
{
    *out = (struct store_voids){ 0 };
    struct store_cursor c;
    struct store_key from = store_key_place(TABLE_REOPENED, model, task, 0);
    err e = store_cursor_open(&c, t, TABLE_REOPENED, &from, STORE_CELL_KEY_BYTES, msg);
    while (!e && store_cursor_next(&c)) {
        struct store_place place;
        uint64_t block;
        if (!store_key_parse(TABLE_REOPENED, c.key, &place) ||
            !store_reopened_decode(c.payload, &block)) {
            e = store_damaged(t, TABLE_REOPENED, c.key, "cannot be read", msg);
            break;
        }
        out->items = xgrow(out->items, &out->capacity, out->count + 1, sizeof(out->items[0]));
        out->items[out->count++] = (struct store_void){ (uint32_t)place.number, block };
    }
    e = store_cursor_close(&c, e);
    if (e)
        store_voids_release(out);
    return e;
}

void store_voids_release(struct store_voids *v)
{
    free(v->items);
    *v = (struct store_voids){ 0 };
}

const struct store_void *store_voids_find(const struct store_voids *v, uint32_t instance)
{
    size_t low = 0, high = v->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->items[middle].instance < instance)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->count && v->items[low].instance == instance ? &v->items[low] : NULL;
}

bool store_voids_has(const struct store_voids *v, uint32_t instance, uint64_t block)
{
    const struct store_void *found = store_voids_find(v, instance);
    return found && block <= found->block;
}

static err scan_block(struct store_cursor *c, uint32_t size, uint64_t number, struct span bytes,
                      store_scan_f *each, void *owner)
{
    struct block block;
    if (pack_decode(bytes, &block) != OK)
        return store_damaged(c->txn, TABLE_BLOCK, c->key, "cannot be read", c->msg);
    struct store_scanned scanned = { .number = number, .bytes = bytes, .block = &block };
    err e = OK;
    if (block.rows > 0 && block.instance[block.rows - 1] >= size)
        e = store_damaged(c->txn, TABLE_BLOCK, c->key, "has rows behind its task's end", c->msg);
    else
        e = each(owner, c, &scanned);
    block_release(&block);
    return e;
}

err store_scan_record(struct store_cursor *c, uint32_t size, store_scan_f *each, void *owner)
{
    struct store_place place;
    if (!store_key_parse(TABLE_BLOCK, c->key, &place))
        return store_damaged(c->txn, TABLE_BLOCK, c->key, "cannot be read", c->msg);
    struct store_bundle bundle = store_bundle_of(c->payload);
    struct span bytes;
    err e = OK;
    for (uint64_t number = place.number; !e && store_bundle_next(&bundle, &bytes); number++)
        e = scan_block(c, size, number, bytes, each, owner);
    return e;
}
