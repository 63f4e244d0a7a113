/* Any bytes as a packed block. What is taken packs and decodes to the same rows again. */
#include "tests/fuzz/fuzz.h"

#include "common/pack/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block b, again;
    err e = pack_decode(span_of(data, size), &b);
    check(e == OK || e == ERR_CORRUPT);
    if (e)
        return 0;
    struct bitmap all;
    struct buf bytes = { 0 };
    struct packer *p = packer_new();
    bitmap_init(&all, b.rows);
    bitmap_fill(&all);
    block_filter(&b, &all, &bytes);
    pack_block(p, PACK_QUICKLY, &bytes);
    check(pack_decode(buf_span(&bytes), &again) == OK);
    check(again.rows == b.rows && again.stat_count == b.stat_count);
    for (uint32_t i = 0; i < b.rows; i++) {
        struct result x, y;
        block_row(&b, i, &x);
        block_row(&again, i, &y);
        check(x.instance == y.instance && span_equal(x.answer, y.answer));
    }
    block_release(&again);
    block_release(&b);
    bitmap_release(&all);
    buf_release(&bytes);
    packer_free(p);
    return 0;
}
