#include "coordinator/store/batch.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/pack/pack.h"
#include "coordinator/store/store_key.h"

struct store_batch *store_batch_new(void)
{
    return xcalloc(1, sizeof(struct store_batch));
}

void store_batch_clear(struct store_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->ops[i].kind == OP_BLOCK)
            block_release(&b->ops[i].block);
    b->count = 0;
    b->rows = 0;
    b->retries = 0;
    b->decoded_bytes = 0;
    buf_clear(&b->bytes);
}

void store_batch_free(struct store_batch *b)
{
    if (!b)
        return;
    store_batch_clear(b);
    free(b->ops);
    buf_release(&b->bytes);
    free(b);
}

size_t store_batch_rows(const struct store_batch *b)
{
    return b->rows;
}

size_t store_batch_bytes(const struct store_batch *b)
{
    return b->bytes.len + b->decoded_bytes + b->count * sizeof(b->ops[0]);
}

bool store_batch_empty(const struct store_batch *b)
{
    return b->count == 0;
}

void store_batch_each_block(const struct store_batch *b, store_batch_block_f *each, void *owner)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->ops[i].kind == OP_BLOCK)
            each(owner, b->ops[i].model, b->ops[i].task, &b->ops[i].block);
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

/* Its columns, and what it was unpacked into. */
static size_t decoded_bytes(const struct block *block)
{
    size_t row = sizeof(*block->instance) + sizeof(*block->status) + sizeof(*block->micros) +
                 block->stat_count * sizeof(*block->stats) + sizeof(*block->answer_at) +
                 sizeof(*block->answer_len) + sizeof(*block->is_media);
    return block->rows * row + block->unpacked_len;
}

void store_batch_take(struct store_batch *b, uint32_t model, uint32_t task, uint32_t size,
                      struct span block, struct block *decoded)
{
    check(model > 0 && task > 0 && size > 0 && size <= TASK_INSTANCES_MAX);
    struct store_op *op = add(b, OP_BLOCK);
    op->model = model;
    op->task = task;
    op->size = size;
    op->block = *decoded;
    if (!decoded->unpacked)
        op->answers_at = (size_t)(decoded->answers - block.data);
    *decoded = (struct block){ 0 };
    append(b, op, block);
    b->rows += op->block.rows;
    b->decoded_bytes += decoded_bytes(&op->block);
}

void store_batch_block(struct store_batch *b, uint32_t model, uint32_t task, uint32_t size,
                       struct span block)
{
    struct block decoded;
    check(pack_decode(block, &decoded) == OK);
    store_batch_take(b, model, task, size, block, &decoded);
}

void store_batch_strike(struct store_batch *b, const struct strike *strike)
{
    check(strike->model > 0 && strike->task > 0);
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
    b->retries++;
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
