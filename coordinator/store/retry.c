/* A failed row stays in its block, which is never changed: a record in TABLE_REOPENED says up to
 * which block rows of this instance are void. Bit, counts and failure go. */
#include "coordinator/store/retry.h"

#include <stdlib.h>

#include "common/mem.h"
#include "coordinator/store/cell.h"

struct reopening {
    uint32_t model, task, instance;
    struct store_failure failure; /* without its reason */
};

struct reopenings {
    struct reopening *items; /* in the order of their keys */
    size_t count, capacity;
};

static err read_failure(struct store_cursor *c, struct reopening *out)
{
    struct store_place place;
    if (!store_key_parse(TABLE_FAILURE, c->key, &place) ||
        !store_failure_decode(c->payload, &out->failure))
        return store_damaged(c->txn, TABLE_FAILURE, c->key, "cannot be read", c->msg);
    out->failure.reason = (struct span){ 0 };
    out->model = place.model;
    out->task = place.task;
    out->instance = (uint32_t)place.number;
    return OK;
}

/* Before anything is changed: a cursor must not walk what is being deleted. */
static err collect(struct store_txn *t, uint32_t model, uint32_t task, struct reopenings *out,
                   struct errmsg *msg)
{
    struct store_cursor c;
    struct store_key from = store_key_place(TABLE_FAILURE, model, model ? task : 0, 0);
    size_t prefix_len = model == 0 ? 0 : task == 0 ? STORE_MODEL_KEY_BYTES : STORE_CELL_KEY_BYTES;
    err e = store_cursor_open(&c, t, TABLE_FAILURE, &from, prefix_len, msg);
    while (!e && store_cursor_next(&c)) {
        struct reopening item = { 0 };
        e = read_failure(&c, &item);
        if (e || (task != 0 && item.task != task))
            continue;
        out->items = xgrow(out->items, &out->capacity, out->count + 1, sizeof(out->items[0]));
        out->items[out->count++] = item;
    }
    return store_cursor_close(&c, e);
}

/* The items of one cell, from `first` on. Moves *first behind them. */
static err reopen_cell(struct store_txn *t, const struct reopenings *all, size_t *first,
                       struct errmsg *msg)
{
    const struct reopening *item = &all->items[*first];
    uint32_t model = item->model, task = item->task;
    struct store_cell cell;
    err e = store_cell_begin(&cell, t, model, task, 0, msg);
    for (; !e && *first < all->count; ++*first) {
        item = &all->items[*first];
        if (item->model != model || item->task != task)
            break;
        e = store_cell_reopen(&cell, item->instance, &item->failure);
    }
    return e ? e : store_cell_end(&cell);
}

err store_retry(struct store_txn *t, uint32_t model, uint32_t task, struct errmsg *msg)
{
    struct reopenings all = { 0 };
    err e = collect(t, model, task, &all, msg);
    for (size_t i = 0; i < all.count && !e;)
        e = reopen_cell(t, &all, &i, msg);
    free(all.items);
    return e;
}
