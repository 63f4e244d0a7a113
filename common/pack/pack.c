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
    LEVEL_QUICK = -1, /* it has no entropy coding: letters without a repetition stay as long */
    LEVEL_WELL = 3,
    LONG_ROW_BYTES = 128, /* nobody makes them so fast that level 3 is too slow */
    SAMPLE = 8,           /* the share of a block that is tried before all of it */
    SAMPLE_BYTES_MIN = 512
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

static int level_of(enum pack_effort effort, struct span block)
{
    struct cursor c = cursor_of(block);
    (void)cursor_u32(&c); /* magic */
    uint64_t rows = cursor_varint(&c);
    return effort == PACK_WELL || block.len > rows * LONG_ROW_BYTES ? LEVEL_WELL : LEVEL_QUICK;
}

static void compress(struct packer *p, int level, struct span plain)
{
    struct buf *out = &p->packed;
    buf_reserve(out, ZSTD_compressBound(plain.len));
    size_t len = ZSTD_compressCCtx(p->context, out->data + out->len, out->capacity - out->len,
                                   plain.data, plain.len, level);
    check(!ZSTD_isError(len)); /* there is room for any outcome */
    out->len += len;
}

static bool is_gain(size_t packed, size_t plain)
{
    return packed <= plain - plain / GAIN;
}

/* Whether it is worth trying at all: what it ends with are answers, most of a block that has any.
 */
static bool sample_gains(struct packer *p, int level, struct span block)
{
    size_t len = block.len / SAMPLE;
    if (level == LEVEL_WELL || len < SAMPLE_BYTES_MIN)
        return true;
    buf_clear(&p->packed);
    compress(p, level, span_of(block.data + block.len - len, len));
    return is_gain(p->packed.len, len);
}

void pack_block(struct packer *p, enum pack_effort effort, struct buf *block)
{
    check(block->len <= BLOCK_BYTES_MAX);
    int level = level_of(effort, buf_span(block));
    if (block->len < PLAIN_BYTES_MIN || !sample_gains(p, level, buf_span(block)))
        return;
    struct buf *out = &p->packed;
    buf_clear(out);
    put_u32(out, PACK_MAGIC);
    put_varint(out, block->len);
    compress(p, level, buf_span(block));
    if (!is_gain(out->len, block->len))
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
    if (e) {
        free(plain);
        return e;
    }
    out->unpacked = plain;
    out->unpacked_len = len;
    return OK;
}
