#include "coordinator/store/batch.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/varint.h"
#include "coordinator/store/store_key.h"

struct store_batch *store_batch_new(void)
{
    return xcalloc(1, sizeof(struct store_batch));
}

void store_batch_clear(struct store_batch *b)
{
    b->count = 0;
    b->rows = 0;
    buf_clear(&b->bytes);
}

void store_batch_free(struct store_batch *b)
{
    if (!b)
        return;
    free(b->ops);
    buf_release(&b->bytes);
    free(b);
}

size_t store_batch_rows(const struct store_batch *b)
{
    return b->rows;
}

bool store_batch_empty(const struct store_batch *b)
{
    return b->count == 0;
}

static struct store_op *add(struct store_batch *b, enum store_op_kind kind)
{
    b->ops = xgrow(b->ops, &b->capacity, b->count + 1, sizeof(b->ops[0]));
    struct store_op *op = &b->ops[b->count++];
    *op = (struct store_op){ .kind = kind, .at = b->bytes.len };
    return op;
}

static void append(struct store_batch *b, struct store_op *op, struct span bytes)
{
    buf_append_span(&b->bytes, bytes);
    op->len += bytes.len;
}

/* What the head of a block says (common/block.h); the commit checks the whole. */
static size_t rows_of(struct span block)
{
    struct cursor c = cursor_of(block);
    (void)cursor_u32(&c); /* magic */
    uint64_t rows = cursor_varint(&c);
    check(!c.failed && rows <= BLOCK_ROWS_MAX);
    return (size_t)rows;
}

void store_batch_block(struct store_batch *b, uint32_t model, uint32_t task, uint32_t size,
                       struct span block)
{
    check(model > 0 && task > 0 && size > 0 && size <= TASK_INSTANCES_MAX);
    struct store_op *op = add(b, OP_BLOCK);
    op->model = model;
    op->task = task;
    op->size = size;
    append(b, op, block);
    b->rows += rows_of(block);
}

void store_batch_strike(struct store_batch *b, const struct strike *strike)
{
    check(strike->model > 0 && strike->task > 0 && strike->count > 0);
    struct store_op *op = add(b, OP_STRIKE);
    op->model = strike->model;
    op->task = strike->task;
    op->instance = strike->instance;
    op->count = strike->count;
    op->attempt = strike->attempt;
    op->status = strike->status;
    append(b, op, strike->reason);
}

void store_batch_retry(struct store_batch *b, uint32_t model, uint32_t task)
{
    struct store_op *op = add(b, OP_RETRY);
    op->model = model;
    op->task = task;
}

void store_batch_meta(struct store_batch *b, const char *key, struct span value)
{
    size_t name_len = strlen(key);
    check(name_len > 0 && name_len <= STORE_KEY_BYTES_MAX);
    struct store_op *op = add(b, OP_META);
    op->name_len = name_len + 1;
    append(b, op, span_of(key, op->name_len));
    append(b, op, value);
}
