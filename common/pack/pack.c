#include "common/pack/pack.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/varint.h"

enum {
    PACK_MAGIC = 0x314B504D, /* "MPK1", little endian */
    PLAIN_BYTES_MIN = 64,    /* a smaller one gains nothing */
    GAIN_QUICK = 8,          /* packed only if an eighth of it goes, */
    GAIN_WELL = 16,          /* or a sixteenth: whoever has time to pack has time to unpack */
    LEVEL_QUICK = -1, /* it has no entropy coding: letters without a repetition stay as long */
    LEVEL_WELL = 3,
    LONG_ROW_BYTES = 128,  /* nobody makes them so fast that level 3 is too slow */
    APART_BYTES_MIN = 256, /* answers that pay for a table of codes of their own */
    SAMPLE = 8,            /* the share of a block that is tried before all of it */
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

/* There is room for any outcome. */
static void reserve(struct buf *out, size_t plain_len)
{
    buf_reserve(out, ZSTD_compressBound(plain_len));
}

static void compress(struct packer *p, int level, struct span plain)
{
    struct buf *out = &p->packed;
    reserve(out, plain.len);
    size_t len = ZSTD_compressCCtx(p->context, out->data + out->len, out->capacity - out->len,
                                   plain.data, plain.len, level);
    check(!ZSTD_isError(len));
    out->len += len;
}

/* The answers of a plain block, as they lie in it. */
static struct span answers_of(struct span block)
{
    struct block b;
    check(block_decode(block, &b) == OK); /* it was just made */
    size_t len = b.rows > 0 ? (size_t)b.answer_at[b.rows - 1] + b.answer_len[b.rows - 1] : 0;
    struct span answers = span_of(b.answers, len);
    block_release(&b);
    return answers;
}

/* One frame, too, but zstd begins anew with its table of codes where a part ends: numbers, text and
 * a checksum have few bytes in common, and each would lengthen the codes of the others. */
static void compress_apart(struct packer *p, struct span block, struct span answers)
{
    const uint8_t *end = block.data + block.len, *answers_end = answers.data + answers.len;
    const struct span parts[] = { span_of(block.data, (size_t)(answers.data - block.data)), answers,
                                  span_of(answers_end, (size_t)(end - answers_end)) };
    const size_t count = sizeof(parts) / sizeof(parts[0]);
    struct buf *out = &p->packed;
    reserve(out, block.len);
    ZSTD_CCtx_reset(p->context, ZSTD_reset_session_only);
    ZSTD_CCtx_setParameter(p->context, ZSTD_c_compressionLevel, LEVEL_WELL);
    ZSTD_CCtx_setPledgedSrcSize(p->context, block.len);
    ZSTD_outBuffer to = { .dst = out->data, .size = out->capacity, .pos = out->len };
    for (size_t i = 0; i < count; i++) {
        ZSTD_inBuffer from = { .src = parts[i].data, .size = parts[i].len };
        ZSTD_EndDirective then = i + 1 < count ? ZSTD_e_flush : ZSTD_e_end;
        check(ZSTD_compressStream2(p->context, &to, &from, then) == 0); /* all of it is out */
    }
    out->len = to.pos;
}

static void compress_block(struct packer *p, int level, struct span block)
{
    struct span answers = level == LEVEL_WELL ? answers_of(block) : (struct span){ 0 };
    if (answers.len >= APART_BYTES_MIN)
        compress_apart(p, block, answers);
    else
        compress(p, level, block);
}

static bool is_gain(int level, size_t packed, size_t plain)
{
    return packed <= plain - plain / (level == LEVEL_WELL ? GAIN_WELL : GAIN_QUICK);
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
    return is_gain(level, p->packed.len, len);
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
    compress_block(p, level, buf_span(block));
    if (!is_gain(level, out->len, block->len))
        return;
    buf_clear(block);
    buf_append_span(block, buf_span(out));
}

static bool is_packed(struct span bytes)
{
    struct cursor c = cursor_of(bytes);
    return cursor_u32(&c) == PACK_MAGIC;
}

static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts;

static void context_end(void *context)
{
    ZSTD_freeDCtx(context);
}

static void contexts_begin(void)
{
    check(pthread_key_create(&contexts, context_end) == 0);
}

/* One a thread, until it ends: to make one (160 KB) takes longer than to unpack a small block. */
static ZSTD_DCtx *context_of_thread(void)
{
    check(pthread_once(&contexts_once, contexts_begin) == 0);
    ZSTD_DCtx *context = pthread_getspecific(contexts);
    if (!context) {
        context = ZSTD_createDCtx();
        check(context); /* else out of memory */
        check(pthread_setspecific(contexts, context) == 0);
    }
    return context;
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
    if (ZSTD_decompressDCtx(context_of_thread(), plain, len, frame.data, frame.len) != len) {
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
