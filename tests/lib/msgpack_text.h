/* MessagePack as text, for tests that say in one line what is on the wire:
 *
 *     [1, "text", #00ff, true, [2, -3], nil]     #: bytes in hex; numbers in their shortest form
 *
 * Packed here and not by the library that is being tested. */
#ifndef MUSTER_TESTS_LIB_MSGPACK_TEXT_H
#define MUSTER_TESTS_LIB_MSGPACK_TEXT_H

#include "tests/lib/test.h"

#include "common/buf.h"

static inline void pack_big_endian(struct buf *out, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        buf_append_byte(out, (uint8_t)(value >> (8 * bytes)));
}

static inline void pack_uint(struct buf *out, uint64_t value)
{
    if (value < 0x80) {
        buf_append_byte(out, (uint8_t)value);
        return;
    }
    unsigned log2_bytes = value <= UINT8_MAX    ? 0
                          : value <= UINT16_MAX ? 1
                          : value <= UINT32_MAX ? 2
                                                : 3;
    buf_append_byte(out, (uint8_t)(0xcc + log2_bytes));
    pack_big_endian(out, value, 1u << log2_bytes);
}

/* A text, bytes or an array: `tiny` with the length in it up to tiny_max, else type16 and 16 bits.
 */
static inline void pack_length(struct buf *out, size_t len, uint8_t tiny, size_t tiny_max,
                               uint8_t type16)
{
    assert_true(len <= UINT16_MAX);
    if (len <= tiny_max) {
        buf_append_byte(out, (uint8_t)(tiny | len));
        return;
    }
    buf_append_byte(out, type16);
    pack_big_endian(out, len, 2);
}

static inline const char *pack_value(struct buf *out, const char *at);

static inline const char *pack_list(struct buf *out, const char *at)
{
    struct buf items = { 0 };
    size_t count = 0;
    while (*(at += strspn(at, " ,")) != ']') {
        at = pack_value(&items, at);
        count++;
    }
    pack_length(out, count, 0x90, 15, 0xdc);
    buf_append_span(out, buf_span(&items));
    buf_release(&items);
    return at + 1;
}

static inline const char *pack_hex(struct buf *out, const char *at)
{
    size_t digits = strspn(at, "0123456789abcdef");
    buf_append_byte(out, 0xc5); /* the long form: any form may be read */
    pack_big_endian(out, digits / 2, 2);
    for (const char *end = at + digits; at < end; at += 2) {
        unsigned byte;
        assert_int_equal(sscanf(at, "%2x", &byte), 1);
        buf_append_byte(out, (uint8_t)byte);
    }
    return at;
}

static inline const char *pack_number(struct buf *out, const char *at)
{
    char *end;
    if (*at == '-') {
        buf_append_byte(out, 0xd3); /* int 64 */
        pack_big_endian(out, (uint64_t)strtoll(at, &end, 10), 8);
    } else {
        pack_uint(out, strtoull(at, &end, 10));
    }
    assert_ptr_not_equal(end, at);
    return end;
}

static inline const char *pack_value(struct buf *out, const char *at)
{
    static const struct {
        const char *word;
        uint8_t byte;
    } words[] = { { "nil", 0xc0 }, { "false", 0xc2 }, { "true", 0xc3 } };
    if (*at == '[')
        return pack_list(out, at + 1);
    if (*at == '#')
        return pack_hex(out, at + 1);
    if (*at == '"') {
        size_t len = strcspn(at + 1, "\"");
        pack_length(out, len, 0xa0, 31, 0xda);
        buf_append(out, at + 1, len);
        return at + len + 2;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(at, words[i].word, strlen(words[i].word)) != 0)
            continue;
        buf_append_byte(out, words[i].byte);
        return at + strlen(words[i].word);
    }
    return pack_number(out, at);
}

/* Appends all of the text. */
static inline void pack_text(struct buf *out, const char *text)
{
    assert_int_equal(*pack_value(out, text), '\0');
}

#endif
