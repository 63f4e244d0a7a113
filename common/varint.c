#include "common/varint.h"

static uint64_t fail(struct cursor *c)
{
    c->failed = true;
    c->at = c->end; /* whatever is asked next fails too */
    return 0;
}

static uint64_t load_u64(const uint8_t *at)
{
    uint64_t low = at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
    uint64_t high = at[4] | (uint64_t)at[5] << 8 | (uint64_t)at[6] << 16 | (uint64_t)at[7] << 24;
    return low | high << 32;
}

/* The seven bits of each byte, one behind the other. */
static uint64_t join_sevens(uint64_t bytes)
{
    uint64_t pairs =
        (bytes & UINT64_C(0x007F007F007F007F)) | (bytes & UINT64_C(0x7F007F007F007F00)) >> 1;
    uint64_t fours =
        (pairs & UINT64_C(0x00003FFF00003FFF)) | (pairs & UINT64_C(0x3FFF00003FFF0000)) >> 2;
    return (fours & UINT64_C(0x000000000FFFFFFF)) | (fours & UINT64_C(0x0FFFFFFF00000000)) >> 4;
}

uint64_t cursor_varint_long(struct cursor *c)
{
    if (cursor_left(c) >= 8) { /* scores of a result take five bytes: all of them at once */
        uint64_t bytes = load_u64(c->at), ends = ~bytes & UINT64_C(0x8080808080808080);
        if (ends) {
            unsigned last = (unsigned)__builtin_ctzll(ends) / 8;
            uint64_t used = bytes & (UINT64_MAX >> (56 - 8 * last));
            if (used >> 8 * last == 0)
                return fail(c); /* overlong: one number has one form */
            c->at += last + 1;
            return join_sevens(used);
        }
    }
    uint64_t value = 0;
    const uint8_t *at = c->at;
    for (unsigned shift = 0; at < c->end && shift < 64; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            break; /* over 64 bits */
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift > 0)
                break; /* overlong: one number has one form */
            c->at = at;
            return value;
        }
    }
    return fail(c);
}

uint8_t cursor_u8(struct cursor *c)
{
    if (c->at == c->end)
        return (uint8_t)fail(c);
    return *c->at++;
}

static uint64_t cursor_fixed(struct cursor *c, unsigned bytes)
{
    if (cursor_left(c) < bytes)
        return fail(c);
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)c->at[i] << (8 * i);
    c->at += bytes;
    return value;
}

uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)cursor_fixed(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
    return cursor_fixed(c, 8);
}

struct span cursor_bytes(struct cursor *c, size_t len)
{
    if (cursor_left(c) < len) {
        (void)fail(c);
        return (struct span){ c->at, 0 };
    }
    struct span s = { c->at, len };
    c->at += len;
    return s;
}

void put_varint(struct buf *b, uint64_t value)
{
    buf_reserve(b, VARINT_BYTES_MAX);
    b->len = (size_t)(varint_write(b->data + b->len, value) - b->data);
}

void put_zigzag(struct buf *b, int64_t value)
{
    put_varint(b, zigzag(value));
}

static void put_fixed(struct buf *b, uint64_t value, unsigned bytes)
{
    buf_reserve(b, bytes);
    for (unsigned i = 0; i < bytes; i++)
        b->data[b->len++] = (uint8_t)(value >> (8 * i));
}

void put_u32(struct buf *b, uint32_t value)
{
    put_fixed(b, value, 4);
}

void put_u64(struct buf *b, uint64_t value)
{
    put_fixed(b, value, 8);
}
