/* A batch as the writer sees it: operations in the order they were asked for, their bytes in one
 * growing buffer. */
#ifndef MUSTER_COORDINATOR_STORE_BATCH_H
#define MUSTER_COORDINATOR_STORE_BATCH_H

#include "common/buf.h"
#include "coordinator/store/store.h"

enum store_op_kind { OP_BLOCK, OP_STRIKE, OP_RETRY, OP_META };

struct store_op {
    enum store_op_kind kind;
    status status;        /* OP_STRIKE */
    uint32_t model, task; /* 0 in an OP_RETRY: all */
    uint32_t size;        /* OP_BLOCK: instances of the task */
    uint32_t instance;    /* OP_STRIKE */
    uint32_t count;       /* OP_STRIKE */
    uint64_t attempt;     /* OP_STRIKE */
    size_t at;            /* OP_BLOCK: the block; OP_STRIKE: the reason; OP_META: the name, */
    size_t name_len;      /* OP_META: its length with its NUL, then the value */
    size_t len;           /* of all of it */
    struct block block;   /* OP_BLOCK: decoded; see store_op_block */
    size_t answers_at;    /* OP_BLOCK, plain: where the answers begin in it */
};

struct store_batch {
    struct store_op *ops;
    size_t count, capacity;
    size_t rows;
    size_t retries;       /* of the ops */
    size_t decoded_bytes; /* of the blocks of all ops */
    struct buf bytes;
};

static inline struct span store_op_bytes(const struct store_batch *b, const struct store_op *op)
{
    return span_of(b->bytes.data + op->at, op->len);
}

/* The rows of an OP_BLOCK; borrows from the batch, which does not grow any more. */
static inline struct block store_op_block(const struct store_batch *b, const struct store_op *op)
{
    struct block block = op->block;
    if (!block.unpacked)
        block.answers = b->bytes.data + op->at + op->answers_at;
    return block;
}

#endif
