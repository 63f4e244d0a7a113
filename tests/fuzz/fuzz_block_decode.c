/* Any bytes as a block: as they are, and with a right checksum behind them, since no fuzzer guesses
 * one. A block that is taken has one form: its content encodes to the same bytes. */
#include "tests/fuzz/fuzz.h"

#include "common/block.h"
#include "common/crc.h"
#include "common/varint.h"

/* The rows of every second bit; then the block is what a worker's duplicates leave of it. */
static void check_filter(const struct block *b, struct span bytes)
{
    struct buf same = { 0 }, half = { 0 };
    struct bitmap keep;
    bitmap_init(&keep, b->rows);
    bitmap_fill(&keep);
    block_filter(b, &keep, &same);
    check(span_equal(buf_span(&same), bytes));
    for (uint32_t i = 0; i < b->rows; i += 2)
        (void)bitmap_clear(&keep, i);
    block_filter(b, &keep, &half);
    struct block kept;
    check(block_decode(buf_span(&half), &kept) == OK);
    check(kept.rows == b->rows / 2 && kept.stat_count == b->stat_count);
    for (uint32_t i = 0; i < kept.rows; i++)
        check(kept.instance[i] == b->instance[2 * i + 1]);
    block_release(&kept);
    bitmap_release(&keep);
    buf_release(&same);
    buf_release(&half);
}

static void check_rows(const struct block *b)
{
    check(b->rows <= BLOCK_ROWS_MAX && b->stat_count <= STATS_MAX);
    size_t answer_bytes = 0;
    for (uint32_t i = 0; i < b->rows; i++) {
        struct result row;
        block_row(b, i, &row);
        check(row.status < STATUS_COUNT && row.answer.len <= ANSWER_BYTES_MAX);
        check(i == 0 || b->instance[i - 1] < row.instance);
        for (size_t k = 0; k < row.answer.len; k++)
            answer_bytes += row.answer.data[k] != 0; /* reads them all */
    }
    check(answer_bytes <= BLOCK_BYTES_MAX);
}

static void try_block(struct span bytes)
{
    struct block b;
    err e = block_decode(bytes, &b);
    check(e == OK || e == ERR_CORRUPT);
    if (e != OK)
        return;
    check_rows(&b);
    check_filter(&b, bytes);
    block_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf sealed = { 0 };
    try_block(span_of(data, size));
    buf_append(&sealed, data, size);
    put_u32(&sealed, crc32c(0, data, size));
    try_block(buf_span(&sealed));
    buf_release(&sealed);
    return 0;
}
