#include "coordinator/store/cell.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "coordinator/store/bundle.h"
#include "coordinator/store/scan.h"

#define NO_PAGE UINT64_MAX

static err damaged(struct store_cell *c, enum store_table table, const struct store_key *key,
                   const char *what)
{
    return store_damaged(c->txn, table, store_key_span(key), what, c->msg);
}

static struct store_key key_of(const struct store_cell *c, enum store_table table, uint64_t number)
{
    return store_key_place(table, c->model, c->task, number);
}

static struct buf *scratch(struct store_cell *c)
{
    buf_clear(&c->txn->store->scratch);
    return &c->txn->store->scratch;
}

err store_cell_begin(struct store_cell *c, struct store_txn *t, uint32_t model, uint32_t task,
                     uint32_t size, struct errmsg *msg)
{
    check(model > 0 && model <= t->head.model_count && task > 0 && task <= t->head.task_count);
    c->txn = t;
    c->msg = msg;
    c->model = model;
    c->task = task;
    c->state = (struct store_cell_state){ .size = size };
    c->page = NO_PAGE;
    c->page_changed = false;
    c->looked = false;
    c->record = 0;
    c->record_changed = false;
    buf_clear(&t->store->bundle);
    err e = store_state_read(t, model, task, &c->state, msg);
    struct store_key key = key_of(c, TABLE_TALLY, 0);
    if (e == ERR_NOT_FOUND)
        return size > 0 ? OK : damaged(c, TABLE_TALLY, &key, "is missing");
    check(e || size == 0 || size == c->state.size);
    return e;
}

static err flush_page(struct store_cell *c)
{
    if (!c->page_changed)
        return OK;
    c->page_changed = false;
    struct store_key key = key_of(c, TABLE_DONE, c->page);
    struct span bits = span_of(c->bits, store_page_bytes(c->state.size, c->page));
    return store_put(c->txn, TABLE_DONE, &key, bits, c->msg);
}

/* Have the page with this instance in c->bits. */
static err load_page(struct store_cell *c, uint32_t instance)
{
    uint64_t page = instance / STORE_PAGE_INSTANCES;
    if (page == c->page)
        return OK;
    err e = flush_page(c);
    if (e)
        return e;
    c->page = page;
    struct store_key key = key_of(c, TABLE_DONE, page);
    struct span payload;
    e = store_get(c->txn, TABLE_DONE, &key, &payload, c->msg);
    if (e == ERR_NOT_FOUND) {
        memset(c->bits, 0, sizeof(c->bits));
        return OK;
    }
    if (e)
        return e;
    if (payload.len != store_page_bytes(c->state.size, page))
        return damaged(c, TABLE_DONE, &key, "has another length than its task");
    memcpy(c->bits, payload.data, payload.len);
    return OK;
}

static uint8_t *byte_of(struct store_cell *c, uint32_t instance, uint8_t *out_mask)
{
    uint32_t bit = instance % STORE_PAGE_INSTANCES;
    *out_mask = (uint8_t)(1u << bit % 8);
    return &c->bits[bit / 8];
}

err store_cell_ended(struct store_cell *c, uint32_t instance, bool *out)
{
    uint8_t mask;
    err e = load_page(c, instance);
    if (!e)
        *out = (*byte_of(c, instance, &mask) & mask) != 0;
    return e;
}

static err mark_rows(struct store_cell *c, const struct block *block)
{
    for (uint32_t row = 0; row < block->rows; row++) {
        uint32_t instance = block->instance[row];
        if (instance / STORE_PAGE_INSTANCES != c->page) {
            err e = load_page(c, instance);
            if (e)
                return e;
        }
        uint8_t mask, *byte = byte_of(c, instance, &mask);
        check(!(*byte & mask)); /* recorded before */
        *byte |= mask;
        c->page_changed = true;
        store_tally_add(&c->state.tally, block, row);
    }
    return OK;
}

static err put_failures(struct store_cell *c, const struct block *block)
{
    err e = OK;
    for (uint32_t row = 0; row < block->rows && !e; row++) {
        if (block->status[row] == STATUS_OK)
            continue;
        struct span reason =
            span_of(block->answers + block->answer_at[row], block->answer_len[row]);
        struct store_failure failure = {
            .status = (status)block->status[row],
            .micros = block->micros[row],
            .block = c->state.blocks,
            .reason = store_reason_cut(reason),
        };
        struct buf *payload = scratch(c);
        store_failure_encode(&failure, payload);
        struct store_key key = key_of(c, TABLE_FAILURE, block->instance[row]);
        e = store_put(c->txn, TABLE_FAILURE, &key, buf_span(payload), c->msg);
    }
    return e;
}

/* `instance` is not behind the block's last one. */
static bool has_instance(const struct block *block, uint64_t instance)
{
    uint32_t low = 0, high = block->rows - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (block->instance[middle] < instance)
            low = middle + 1;
        else
            high = middle;
    }
    return block->instance[low] == instance;
}

/* The first strike at or behind `from` that the block ends. ERR_NOT_FOUND: there is none. */
static err next_ended_strike(struct store_cell *c, const struct block *block,
                             struct store_key *from)
{
    struct store_cursor cursor;
    uint32_t last = block->instance[block->rows - 1];
    err e = store_cursor_open(&cursor, c->txn, TABLE_STRIKE, from, STORE_CELL_KEY_BYTES, c->msg);
    bool found = false;
    while (!e && !found && store_cursor_next(&cursor)) {
        struct store_place place;
        if (!store_key_parse(TABLE_STRIKE, cursor.key, &place)) {
            e = store_damaged(c->txn, TABLE_STRIKE, cursor.key, "has an odd key", c->msg);
            break;
        }
        if (place.number > last)
            break;
        found = has_instance(block, place.number);
        *from = key_of(c, TABLE_STRIKE, place.number);
    }
    e = store_cursor_close(&cursor, e);
    return e ? e : found ? OK : ERR_NOT_FOUND;
}

static err end_strikes(struct store_cell *c, const struct block *block)
{
    uint64_t strikes;
    err e = store_count(c->txn, TABLE_STRIKE, &strikes, c->msg);
    if (e || strikes == 0)
        return e; /* nearly always */
    struct store_key key = key_of(c, TABLE_STRIKE, block->instance[0]);
    while (!(e = next_ended_strike(c, block, &key))) {
        e = store_delete(c->txn, TABLE_STRIKE, &key, c->msg);
        if (e)
            return e;
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static err flush_record(struct store_cell *c)
{
    struct buf *bundle = &c->txn->store->bundle;
    struct store_key key = key_of(c, TABLE_BLOCK, c->record);
    err e = OK;
    if (c->record_changed)
        e = store_put(c->txn, TABLE_BLOCK, &key, buf_span(bundle), c->msg);
    c->record_changed = false;
    buf_clear(bundle);
    return e;
}

/* Have the newest record in the bundle, if it may take more blocks. It must end with the newest
 * block. */
static err load_record(struct store_cell *c)
{
    struct store_key next = key_of(c, TABLE_BLOCK, c->state.blocks + 1);
    struct span key, payload, block;
    struct store_place place;
    err e = store_get_last(c->txn, TABLE_BLOCK, &next, STORE_CELL_KEY_BYTES, STORE_BUNDLE_BYTES_MAX,
                           &key, &payload, c->msg);
    if (e)
        return e == ERR_NOT_FOUND ? OK : e;
    if (!store_key_parse(TABLE_BLOCK, key, &place))
        return store_damaged(c->txn, TABLE_BLOCK, key, "has an odd key", c->msg);
    uint64_t behind = place.number;
    struct store_bundle bundle = store_bundle_of(payload);
    while (store_bundle_next(&bundle, &block))
        behind++;
    if (behind != c->state.blocks + 1)
        return store_damaged(c->txn, TABLE_BLOCK, key, "does not end with the newest block",
                             c->msg);
    buf_append_span(&c->txn->store->bundle, payload);
    c->record = place.number;
    return OK;
}

/* As the newest one, into the newest record or a new one. */
static err put_block(struct store_cell *c, struct span bytes)
{
    struct buf *bundle = &c->txn->store->bundle;
    err e = c->looked ? OK : load_record(c);
    c->looked = true;
    if (!e && !store_bundle_takes(bundle, bytes))
        e = flush_record(c);
    if (e)
        return e;
    c->state.blocks++;
    store_chain_add(&c->state.chain, bytes);
    if (!store_bundle_takes(bundle, bytes)) { /* not even an empty one: it is a record alone */
        struct store_key key = key_of(c, TABLE_BLOCK, c->state.blocks);
        return store_put(c->txn, TABLE_BLOCK, &key, bytes, c->msg);
    }
    if (bundle->len == 0)
        c->record = c->state.blocks;
    c->record_changed = true;
    store_bundle_add(bundle, bytes);
    return OK;
}

err store_cell_block(struct store_cell *c, struct span bytes, const struct block *block)
{
    if (block->rows == 0)
        return OK;
    check(block->instance[block->rows - 1] < c->state.size);
    err e = put_block(c, bytes);
    if (!e)
        e = mark_rows(c, block);
    if (!e)
        e = put_failures(c, block);
    return e ? e : end_strikes(c, block);
}

static err put_reopened(struct store_cell *c, uint32_t instance, uint64_t block)
{
    struct buf *payload = scratch(c);
    store_reopened_encode(block, payload);
    struct store_key key = key_of(c, TABLE_REOPENED, instance);
    return store_put(c->txn, TABLE_REOPENED, &key, buf_span(payload), c->msg);
}

err store_cell_reopen(struct store_cell *c, uint32_t instance, const struct store_failure *failure)
{
    struct store_key key = key_of(c, TABLE_FAILURE, instance);
    struct tally *tally = &c->state.tally;
    bool ended = false;
    if (instance >= c->state.size)
        return damaged(c, TABLE_FAILURE, &key, "is behind its task's end");
    err e = store_cell_ended(c, instance, &ended);
    if (e)
        return e;
    if (!ended || tally->count[failure->status] == 0 || tally->micros < failure->micros)
        return damaged(c, TABLE_FAILURE, &key, "is not counted");
    uint8_t mask, *byte = byte_of(c, instance, &mask);
    *byte &= (uint8_t)~mask;
    c->page_changed = true;
    tally->count[failure->status]--;
    tally->micros -= failure->micros;
    e = store_delete(c->txn, TABLE_FAILURE, &key, c->msg);
    return e ? e : put_reopened(c, instance, failure->block);
}

err store_cell_end(struct store_cell *c)
{
    err e = flush_record(c);
    if (!e)
        e = flush_page(c);
    if (e)
        return e;
    struct buf *payload = scratch(c);
    store_cell_state_encode(&c->state, payload);
    struct store_key key = key_of(c, TABLE_TALLY, 0);
    return store_put(c->txn, TABLE_TALLY, &key, buf_span(payload), c->msg);
}
