/* What the coordinator reads at its start and for reports. */
#include "common/check.h"
#include "coordinator/store/scan.h"
#include "coordinator/store/table.h"

static void copy_page(struct bitmap *ended, uint64_t page, struct span bytes)
{
    const uint64_t first_word = page * (STORE_PAGE_BYTES / 8);
    for (size_t i = 0; i < bytes.len; i++)
        ended->words[first_word + i / 8] |= (uint64_t)bytes.data[i] << (8 * (i % 8));
}

static err load_pages(struct store_txn *t, uint32_t model, uint32_t task, struct bitmap *ended,
                      struct errmsg *msg)
{
    struct store_cursor c;
    struct store_key from = store_key_place(TABLE_DONE, model, task, 0);
    err e = store_cursor_open(&c, t, TABLE_DONE, &from, STORE_CELL_KEY_BYTES, msg);
    while (!e && store_cursor_next(&c)) {
        struct store_place place;
        if (!store_key_parse(TABLE_DONE, c.key, &place) || c.payload.len == 0 ||
            c.payload.len != store_page_bytes(ended->bits, place.number))
            e = store_damaged(t, TABLE_DONE, c.key, "has another length than its task", msg);
        else
            copy_page(ended, place.number, c.payload);
    }
    return store_cursor_close(&c, e);
}

/* Of a cell that is expected to have `size` instances. */
static err load_state(struct store_txn *t, uint32_t model, uint32_t task, uint32_t size,
                      struct store_cell_state *out, struct errmsg *msg)
{
    *out = (struct store_cell_state){ .size = size };
    err e = store_state_read(t, model, task, out, msg);
    if (e == ERR_NOT_FOUND)
        return OK;
    if (!e && out->size != size)
        e = err_say(msg, ERR_INVALID,
                    "%s: task %u has results of %u instances, and is now said to have %u",
                    t->store->data_path, task, out->size, size);
    return e;
}

static err load_cell(struct store_txn *t, uint32_t model, uint32_t task, struct bitmap *ended,
                     struct tally *tally, struct errmsg *msg)
{
    struct store_cell_state state;
    err e = load_state(t, model, task, ended->bits, &state, msg);
    if (!e)
        e = load_pages(t, model, task, ended, msg);
    if (!e)
        e = store_state_agrees(t, model, task, &state, bitmap_count(ended), msg);
    if (!e)
        *tally = state.tally;
    return e;
}

err store_load_cell(struct store *s, uint32_t model, uint32_t task, uint32_t size,
                    struct bitmap *ended, struct tally *tally, struct errmsg *msg)
{
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    bitmap_init(ended, size);
    e = load_cell(&t, model, task, ended, tally, msg);
    store_read_end(&t);
    if (e)
        bitmap_release(ended);
    return e;
}

struct recount {
    const struct bitmap *wanted; /* NULL: all */
    struct bitmap seen;
    struct store_voids voids;
    struct tally tally;
};

static err recount_block(void *owner, struct store_cursor *c, const struct store_scanned *scanned)
{
    struct recount *r = owner;
    const struct block *block = scanned->block;
    for (uint32_t row = 0; row < block->rows; row++) {
        uint32_t instance = block->instance[row];
        if (store_voids_has(&r->voids, instance, scanned->number))
            continue;
        if (!bitmap_set(&r->seen, instance))
            return store_damaged(c->txn, TABLE_BLOCK, c->key, "records an instance again", c->msg);
        if (!r->wanted || bitmap_get(r->wanted, instance))
            store_tally_add(&r->tally, block, row);
    }
    return OK;
}

static err recount_cell(struct store_txn *t, uint32_t model, uint32_t task, struct recount *r,
                        struct errmsg *msg)
{
    struct store_cell_state state;
    struct store_cursor c;
    struct store_key from = store_key_place(TABLE_BLOCK, model, task, 0);
    err e = load_state(t, model, task, r->seen.bits, &state, msg);
    if (!e)
        e = store_voids_read(t, model, task, &r->voids, msg);
    if (!e)
        e = store_cursor_open(&c, t, TABLE_BLOCK, &from, STORE_CELL_KEY_BYTES, msg);
    if (e)
        return e;
    while (!e && store_cursor_next(&c))
        e = store_scan_record(&c, r->seen.bits, recount_block, r);
    e = store_cursor_close(&c, e);
    return e ? e : store_state_agrees(t, model, task, &state, bitmap_count(&r->seen), msg);
}

err store_recount(struct store *s, uint32_t model, uint32_t task, uint32_t size,
                  const struct bitmap *wanted, struct tally *tally, struct errmsg *msg)
{
    check(!wanted || wanted->bits == size);
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    struct recount r = { .wanted = wanted };
    bitmap_init(&r.seen, size);
    e = recount_cell(&t, model, task, &r, msg);
    store_read_end(&t);
    store_voids_release(&r.voids);
    bitmap_release(&r.seen);
    if (!e)
        *tally = r.tally;
    return e;
}

static err count_results(struct store_txn *t, uint32_t model, uint64_t *out, struct errmsg *msg)
{
    struct store_cursor c;
    struct store_key from = store_key_place(TABLE_TALLY, model, 0, 0);
    err e = store_cursor_open(&c, t, TABLE_TALLY, &from, STORE_MODEL_KEY_BYTES, msg);
    while (!e && store_cursor_next(&c)) {
        struct store_cell_state state;
        if (!store_cell_state_decode(c.payload, &state))
            e = store_damaged(t, TABLE_TALLY, c.key, "cannot be read", msg);
        else
            *out += store_tally_rows(&state.tally);
    }
    return store_cursor_close(&c, e);
}

err store_count_results(struct store *s, uint32_t model, uint64_t *out, struct errmsg *msg)
{
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    *out = 0;
    e = count_results(&t, model, out, msg);
    store_read_end(&t);
    return e;
}
