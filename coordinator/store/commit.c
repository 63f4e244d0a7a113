/* One batch, one transaction.
 *
 * Operations between two retries commute, but for one rule: a strike comes before the row that ends
 * it. So each such stretch writes its values and strikes first, then its blocks cell by cell: each
 * cell's counts, and each page of its bitmap, are read and written once. */
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "coordinator/store/batch.h"
#include "coordinator/store/bundle.h"
#include "coordinator/store/cell.h"
#include "coordinator/store/retry.h"
#include "coordinator/store/table.h"

static err put_meta(struct store_txn *t, const struct store_batch *b, const struct store_op *op,
                    struct errmsg *msg)
{
    struct span bytes = store_op_bytes(b, op);
    struct store_key key = store_key_meta((const char *)bytes.data);
    struct span value = span_of(bytes.data + op->name_len, bytes.len - op->name_len);
    return store_put(t, TABLE_META, &key, value, msg);
}

static err put_strike(struct store_txn *t, const struct store_batch *b, const struct store_op *op,
                      struct errmsg *msg)
{
    struct strike strike = {
        .count = op->count,
        .attempt = op->attempt,
        .status = op->status,
        .reason = store_reason_cut(store_op_bytes(b, op)),
    };
    check(op->model <= t->head.model_count && op->task <= t->head.task_count);
    struct buf *payload = &t->store->scratch;
    buf_clear(payload);
    store_strike_encode(&strike, payload);
    struct store_key key = store_key_place(TABLE_STRIKE, op->model, op->task, op->instance);
    return store_put(t, TABLE_STRIKE, &key, buf_span(payload), msg);
}

static int by_cell(const void *a, const void *b)
{
    const struct store_op *x = *(const struct store_op *const *)a;
    const struct store_op *y = *(const struct store_op *const *)b;
    if (x->model != y->model)
        return x->model < y->model ? -1 : 1;
    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return (x > y) - (x < y); /* in the order they came */
}

/* The blocks of one cell, from `first` on. Moves *first behind them. */
static err put_cell(struct store_txn *t, const struct store_batch *b,
                    const struct store_op *const *blocks, size_t count, size_t *first,
                    struct errmsg *msg)
{
    const struct store_op *op = blocks[*first];
    uint32_t model = op->model, task = op->task, size = op->size;
    struct store_cell cell;
    err e = store_cell_begin(&cell, t, model, task, size, msg);
    for (; !e && *first < count; ++*first) {
        op = blocks[*first];
        if (op->model != model || op->task != task)
            break;
        check(op->size == size);
        struct block block = store_op_block(b, op);
        e = store_cell_block(&cell, store_op_bytes(b, op), &block);
    }
    return e ? e : store_cell_end(&cell);
}

static err put_blocks(struct store_txn *t, const struct store_batch *b,
                      const struct store_op **blocks, size_t count, struct errmsg *msg)
{
    qsort(blocks, count, sizeof(blocks[0]), by_cell);
    err e = OK;
    for (size_t i = 0; i < count && !e;)
        e = put_cell(t, b, blocks, count, &i, msg);
    return e;
}

/* Operations [first, end), none of them a retry. `blocks` has room for all of them. */
static err apply_stretch(struct store_txn *t, const struct store_batch *b, size_t first, size_t end,
                         const struct store_op **blocks, struct errmsg *msg)
{
    size_t count = 0;
    err e = OK;
    for (size_t i = first; i < end && !e; i++) {
        const struct store_op *op = &b->ops[i];
        switch (op->kind) {
        case OP_META: e = put_meta(t, b, op, msg); break;
        case OP_STRIKE: e = put_strike(t, b, op, msg); break;
        case OP_BLOCK: blocks[count++] = op; break;
        case OP_RETRY: check(false);
        }
    }
    return e ? e : put_blocks(t, b, blocks, count, msg);
}

static err apply_batch(struct store_txn *t, void *context, struct errmsg *msg)
{
    const struct store_batch *b = context;
    const struct store_op **blocks = xmalloc(b->count * sizeof(blocks[0]));
    err e = OK;
    for (size_t first = 0; first < b->count && !e;) {
        size_t end = first;
        while (end < b->count && b->ops[end].kind != OP_RETRY)
            end++;
        e = apply_stretch(t, b, first, end, blocks, msg);
        if (!e && end < b->count)
            e = store_retry(t, b->ops[end].model, b->ops[end].task, msg);
        first = end + 1;
    }
    free(blocks);
    return e;
}

/* A sweep asks for a retry of each of its pairs. Where nothing failed it writes nothing: so many
 * change something at most. */
static err count_retries(struct store *s, const struct store_batch *b, uint64_t *out,
                         struct errmsg *msg)
{
    struct store_txn t;
    uint64_t failures;
    *out = 0;
    if (b->retries == 0)
        return OK;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    e = store_count(&t, TABLE_FAILURE, &failures, msg);
    store_read_end(&t);
    if (!e)
        *out = b->retries < failures + b->rows ? b->retries : failures + b->rows;
    return e;
}

/* What the batch may take at most, nearly always: the bytes, rounded to pages, and for each
 * operation the record that takes its block, and the paths of LMDB's trees that it copies. Set
 * aside, not used up. */
static uint64_t need_of(const struct store_batch *b, uint64_t retries)
{
    enum { BYTES_AN_OP = (16 << 10) + STORE_BUNDLE_BYTES_MAX };
    uint64_t ops = b->count - b->retries + retries;
    return STORE_NEED_SMALL + 2 * (uint64_t)b->bytes.len + ops * BYTES_AN_OP;
}

err store_commit(struct store *s, const struct store_batch *b, struct errmsg *msg)
{
    if (store_batch_empty(b))
        return OK;
    uint64_t retries;
    err e = count_retries(s, b, &retries, msg);
    return e ? e : store_write(s, need_of(b, retries), apply_batch, (void *)(uintptr_t)b, msg);
}
