/* Variable-length integers (LEB128, at most 10 bytes; signed ones zigzag-coded) and a bounded
 * reading cursor. A cursor never reads behind its end: the first bad read sets `failed`, and every
 * later read gives 0, so that a decoder checks once at the end. */
#ifndef MUSTER_COMMON_VARINT_H
#define MUSTER_COMMON_VARINT_H

#include "common/buf.h"

enum { VARINT_BYTES_MAX = 10 };

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static inline struct cursor cursor_of(struct span s)
{
    return (struct cursor){ s.data, s.data + s.len, false };
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

uint64_t cursor_varint_long(struct cursor *c);         /* of more bytes than one, or none: */
static inline uint64_t cursor_varint(struct cursor *c) /* refuses overlong forms, over 64 bits */
{
    if (c->at < c->end && *c->at < 0x80)
        return *c->at++; /* most numbers are small */
    return cursor_varint_long(c);
}

static inline int64_t cursor_zigzag(struct cursor *c)
{
    uint64_t coded = cursor_varint(c);
    return (int64_t)((coded >> 1) ^ (coded & 1 ? UINT64_MAX : 0));
}
uint8_t cursor_u8(struct cursor *c);
uint32_t cursor_u32(struct cursor *c); /* little endian, fixed width */
uint64_t cursor_u64(struct cursor *c);
struct span cursor_bytes(struct cursor *c, size_t len);

/* Without a buffer, for hot paths: write to a place with VARINT_BYTES_MAX bytes of room and return
 * the place behind; how many bytes that takes; a signed number as the unsigned one written. */
static inline uint8_t *varint_write(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline size_t varint_bytes(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return (bits + 6) / 7;
}

static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

void put_varint(struct buf *b, uint64_t value);
void put_zigzag(struct buf *b, int64_t value);
void put_u32(struct buf *b, uint32_t value);
void put_u64(struct buf *b, uint64_t value);

#endif
