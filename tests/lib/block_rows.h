/* Made-up results, for tests of blocks. */
#ifndef MUSTER_TESTS_LIB_BLOCK_ROWS_H
#define MUSTER_TESTS_LIB_BLOCK_ROWS_H

#include "tests/lib/test.h"

#include "common/block.h"
#include "common/rng.h"

/* Rows of a made-up task: mostly OK, answers of all lengths, instances with gaps, in any order. */
struct rows {
    struct result *at;
    uint32_t count;
    uint8_t stat_count;
    uint8_t text[2000]; /* answers point into it */
};

static inline void rows_make(struct rng *rng, uint32_t count, uint8_t stat_count, struct rows *out)
{
    *out = (struct rows){ .count = count, .stat_count = stat_count };
    out->at = calloc(count + 1, sizeof(out->at[0]));
    bool all_ok = rng_below(rng, 3) == 0;
    for (size_t i = 0; i < sizeof(out->text); i++)
        out->text[i] = (uint8_t)rng_u64(rng);
    uint32_t instance = (uint32_t)rng_below(rng, 1000);
    for (uint32_t i = 0; i < count; i++) {
        struct result *r = &out->at[i];
        bool ok = all_ok || rng_below(rng, 10) > 0;
        r->instance = instance;
        r->status = ok ? STATUS_OK : (status)(1 + rng_below(rng, STATUS_COUNT - 1));
        r->micros = (uint32_t)(rng_u64(rng) >> (32 + rng_below(rng, 32)));
        r->is_media = rng_below(rng, 10) == 0;
        for (unsigned k = 0; ok && k < stat_count; k++)
            r->stats[k] = (int64_t)(rng_u64(rng) << rng_below(rng, 64)) >> rng_below(rng, 64);
        r->answer.len = (size_t)rng_below(rng, rng_below(rng, 20) == 0 ? 1000 : 30);
        r->answer.data = out->text + rng_below(rng, sizeof(out->text) - 1000);
        instance += 1 + (uint32_t)(rng_below(rng, 4) == 0 ? rng_below(rng, 300) : 0);
    }
}

static inline void rows_encode(const struct rows *rows, struct buf *out)
{
    struct block_builder builder;
    block_builder_init(&builder, rows->stat_count);
    for (uint32_t i = 0; i < rows->count; i++)
        block_builder_add(&builder, &rows->at[i]);
    size_t before = out->len, expected = block_builder_bytes(&builder);
    block_builder_encode(&builder, out);
    assert_in_range(out->len - before, 1, expected);
    assert_int_equal(builder.count, 0);
    assert_in_range(block_builder_bytes(&builder), 1, 20); /* as when it was new */
    block_builder_release(&builder);
}

#endif
