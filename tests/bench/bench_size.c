/* How small a store is, beside the least that its results could take.
 *
 *     bench_size STORE-FOLDER
 *
 * One line of JSON: results, blocks, and in bytes a result: pages in use (used); the blocks that
 * lie in them, as they are stored; the answers as they are; all answers of a (model, task) in one
 * piece as zstd -3 has them (answers_zstd); those and, in another piece, their columns (cells_zstd:
 * status, time, scores). The store may not be open elsewhere. bench_ingest runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include "common/check.h"
#include "common/mem.h"
#include "coordinator/store/store.h"

enum { LEVEL = 3 };

struct sizes {
    uint64_t results, answers, answers_packed, cells_packed;
};

/* The results of one (model, task). */
struct collected {
    struct block_builder builder;
    struct buf answers, columns;
    uint64_t results;
};

static void end_block(struct collected *c)
{
    struct buf bytes = { 0 };
    struct block block;
    block_builder_encode(&c->builder, &bytes);
    check(block_decode(buf_span(&bytes), &block) == OK);
    buf_append(&c->columns, bytes.data, (size_t)(block.answers - bytes.data));
    block_release(&block);
    buf_release(&bytes);
}

static bool collect(void *owner, const struct result *r)
{
    struct collected *c = owner;
    if (c->builder.count == BLOCK_ROWS_MAX ||
        block_builder_bytes(&c->builder) > BLOCK_BYTES_MAX - 2 * ANSWER_BYTES_MAX)
        end_block(c);
    block_builder_add(&c->builder, r);
    buf_append_span(&c->answers, r->answer);
    c->results++;
    return true;
}

static uint64_t packed_bytes(const struct buf *plain)
{
    size_t room = ZSTD_compressBound(plain->len);
    void *out = xmalloc(room);
    size_t len = ZSTD_compress(out, room, plain->data, plain->len, LEVEL);
    check(!ZSTD_isError(len));
    free(out);
    return len;
}

static void add_cell(struct store *s, uint32_t model, uint32_t task, struct sizes *sizes)
{
    struct collected c = { .results = 0 };
    struct errmsg msg = { "" };
    block_builder_init(&c.builder, 2); /* as scores have */
    if (store_each_result(s, model, task, collect, &c, &msg) != OK)
        fprintf(stderr, "bench_size: %s\n", msg.text);
    if (c.builder.count > 0)
        end_block(&c);
    if (c.results > 0) {
        sizes->results += c.results;
        sizes->answers += c.answers.len;
        uint64_t answers_packed = packed_bytes(&c.answers);
        sizes->answers_packed += answers_packed;
        sizes->cells_packed += answers_packed + packed_bytes(&c.columns);
    }
    block_builder_release(&c.builder);
    buf_release(&c.answers);
    buf_release(&c.columns);
}

static void ignore(void *owner, const char *sentence)
{
    (void)owner;
    fprintf(stderr, "bench_size: %s\n", sentence);
}

int main(int argc, char **argv)
{
    struct store *s;
    struct errmsg msg = { "" };
    struct store_config config = { .path = argc > 1 ? argv[1] : ".",
                                   .read_only = true,
                                   .allow_network_fs = true };
    struct fsck_summary summary = { 0 };
    if (store_open(&config, &s, &msg) != OK || store_fsck(s, ignore, NULL, &summary, &msg) != OK) {
        fprintf(stderr, "bench_size: %s\n", msg.text);
        return 1;
    }
    struct store_info info;
    struct sizes sizes = { 0 };
    store_info(s, &info);
    for (uint32_t model = 1; model <= info.model_count; model++)
        for (uint32_t task = 1; task <= info.task_count; task++)
            add_cell(s, model, task, &sizes);
    store_close(s);
    double n = sizes.results > 0 ? (double)sizes.results : 1;
    printf("{\"results\": %llu, \"blocks\": %llu, \"used\": %.2f, \"stored\": %.2f, "
           "\"answers\": %.2f, \"answers_zstd\": %.2f, \"cells_zstd\": %.2f}\n",
           (unsigned long long)sizes.results, (unsigned long long)summary.blocks,
           (double)summary.bytes / n, (double)summary.block_bytes / n, (double)sizes.answers / n,
           (double)sizes.answers_packed / n, (double)sizes.cells_packed / n);
    return 0;
}
