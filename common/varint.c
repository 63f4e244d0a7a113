#include "common/varint.h"

static uint64_t fail(struct cursor *c)
{
    c->failed = true;
    c->at = c->end; /* whatever is asked next fails too */
    return 0;
}

uint64_t cursor_varint_long(struct cursor *c)
{
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

int64_t cursor_zigzag(struct cursor *c)
{
    uint64_t coded = cursor_varint(c);
    return (int64_t)((coded >> 1) ^ (coded & 1 ? UINT64_MAX : 0));
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
