#include "common/pack/pack.h"

#include <stdlib.h>
#include <zstd.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/varint.h"

enum {
    PACK_MAGIC = 0x314B504D, /* "MPK1", little endian */
    PLAIN_BYTES_MIN = 64,    /* a smaller one gains nothing */
    GAIN = 8,                /* packed only if an eighth of it goes */
    /* Short answers come from fast models, whose blocks must not wait for the compressor: level -1
     * takes 20 to 40 ns a row. Long ones take their models so long that level 3 is free. */
    LEVEL_FAST = -1,
    LEVEL_LONG = 3,
    LONG_ROW_BYTES = 128
};

struct packer {
    ZSTD_CCtx *context;
    struct buf packed;
};

struct packer *packer_new(void)
{
    struct packer *p = xcalloc(1, sizeof *p);
    p->context = ZSTD_createCCtx();
    check(p->context); /* else out of memory */
    return p;
}

void packer_free(struct packer *p)
{
    if (!p)
        return;
    ZSTD_freeCCtx(p->context);
    buf_release(&p->packed);
    free(p);
}

static int level_of(struct span block)
{
    struct cursor c = cursor_of(block);
    (void)cursor_u32(&c); /* magic */
    uint64_t rows = cursor_varint(&c);
    return block.len > rows * LONG_ROW_BYTES ? LEVEL_LONG : LEVEL_FAST;
}

void pack_block(struct packer *p, struct buf *block)
{
    check(block->len <= BLOCK_BYTES_MAX);
    if (block->len < PLAIN_BYTES_MIN)
        return;
    struct buf *out = &p->packed;
    buf_clear(out);
    put_u32(out, PACK_MAGIC);
    put_varint(out, block->len);
    buf_reserve(out, ZSTD_compressBound(block->len));
    size_t len = ZSTD_compressCCtx(p->context, out->data + out->len, out->capacity - out->len,
                                   block->data, block->len, level_of(buf_span(block)));
    check(!ZSTD_isError(len)); /* there is room for any outcome */
    out->len += len;
    if (out->len > block->len - block->len / GAIN)
        return;
    buf_clear(block);
    buf_append_span(block, buf_span(out));
}

static bool is_packed(struct span bytes)
{
    struct cursor c = cursor_of(bytes);
    return cursor_u32(&c) == PACK_MAGIC;
}

/* NULL: damaged. */
static uint8_t *unpack(struct span bytes, size_t *out_len)
{
    struct cursor c = cursor_of(bytes);
    (void)cursor_u32(&c);
    uint64_t len = cursor_varint(&c);
    struct span frame = cursor_bytes(&c, cursor_left(&c));
    if (c.failed || len == 0 || len > BLOCK_BYTES_MAX ||
        ZSTD_getFrameContentSize(frame.data, frame.len) != len)
        return NULL;
    uint8_t *plain = xmalloc(len);
    if (ZSTD_decompress(plain, len, frame.data, frame.len) != len) {
        free(plain);
        return NULL;
    }
    *out_len = len;
    return plain;
}

err pack_decode(struct span bytes, struct block *out)
{
    *out = (struct block){ 0 };
    if (!is_packed(bytes))
        return block_decode(bytes, out);
    size_t len;
    uint8_t *plain = unpack(bytes, &len);
    if (!plain)
        return ERR_CORRUPT;
    err e = block_decode(span_of(plain, len), out);
    if (e)
        free(plain);
    else
        out->unpacked = plain;
    return e;
}
