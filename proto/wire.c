#include "proto/wire.h"

#include "common/limits.h"

/* What follows a type byte: `len` bytes of payload, or `items` nested values. */
struct shape {
    size_t len;
    uint32_t items;
    bool is_array;
};

static uint32_t big_endian(const uint8_t *at, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* The number of bytes of a length field that stands behind the type byte. */
static size_t length_field(uint8_t type)
{
    switch (type) {
    case 0xc4: /* bin 8 */
    case 0xd9: /* str 8 */ return 1;
    case 0xc5: /* bin 16 */
    case 0xda: /* str 16 */
    case 0xdc: /* array 16 */ return 2;
    case 0xc6: /* bin 32 */
    case 0xdb: /* str 32 */
    case 0xdd: /* array 32 */ return 4;
    default: return 0;
    }
}

/* The payload of a scalar of fixed width; -1 if the type is not one. */
static int fixed_width(uint8_t type)
{
    switch (type) {
    case 0xc0: /* nil */
    case 0xc2: /* false */
    case 0xc3: /* true */ return 0;
    case 0xcc: /* uint 8 */
    case 0xd0: /* int 8 */ return 1;
    case 0xcd: /* uint 16 */
    case 0xd1: /* int 16 */ return 2;
    case 0xca: /* float 32 */
    case 0xce: /* uint 32 */
    case 0xd2: /* int 32 */ return 4;
    case 0xcb: /* float 64 */
    case 0xcf: /* uint 64 */
    case 0xd3: /* int 64 */ return 8;
    default: return -1;
    }
}

/* Read one type byte and its length field at *at. False: not a type of ours, or cut short in it. */
static bool read_shape(const uint8_t **at, const uint8_t *end, struct shape *out)
{
    uint8_t type = *(*at)++;
    *out = (struct shape){ 0 };
    if (type <= 0x7f || type >= 0xe0) /* small integers */
        return true;
    if (type >= 0xa0 && type <= 0xbf) { /* short text */
        out->len = type & 0x1f;
        return true;
    }
    if (type >= 0x90 && type <= 0x9f) { /* short array */
        out->items = type & 0x0f;
        out->is_array = true;
        return true;
    }
    int width = fixed_width(type);
    if (width >= 0) {
        out->len = (size_t)width;
        return true;
    }
    size_t field = length_field(type);
    if (field == 0 || (size_t)(end - *at) < field)
        return false;
    uint32_t count = big_endian(*at, field);
    *at += field;
    out->is_array = type == 0xdc || type == 0xdd;
    if (out->is_array)
        out->items = count;
    else
        out->len = count;
    return true;
}

size_t wire_frame_bytes_max(enum msg_type type)
{
    bool is_large = type == MSG_HELLO || type == MSG_RESULTS || type == MSG_REPLY;
    return is_large ? MESSAGE_BYTES_MAX : CONTROL_BYTES_MAX;
}

err wire_scan(struct span bytes, const char *type, struct wire_body *out, struct errmsg *msg)
{
    const uint8_t *at = bytes.data, *end = bytes.data + bytes.len;
    uint64_t open[MESSAGE_DEPTH_MAX + 1] = { 1 }; /* values still to come at each depth */
    unsigned depth = 0;
    uint32_t nodes = 1;
    for (;; nodes++) {
        while (depth > 0 && open[depth] == 0)
            depth--;
        if (open[depth] == 0)
            break;
        open[depth]--;
        if (at == end)
            return err_say(msg, ERR_INVALID, "%s: the body is cut short", type);
        if (nodes > MESSAGE_NODES_MAX)
            return err_say(msg, ERR_INVALID, "%s: more than %d values", type, MESSAGE_NODES_MAX);
        struct shape shape;
        if (!read_shape(&at, end, &shape))
            return err_say(msg, ERR_INVALID, "%s: a MessagePack type that is not allowed", type);
        if (nodes == 1 && !shape.is_array)
            return err_say(msg, ERR_INVALID, "%s: the body is not an array", type);
        size_t left = (size_t)(end - at);
        if (shape.len > left || shape.items > left)
            return err_say(msg, ERR_INVALID, "%s: the body declares more than it holds", type);
        at += shape.len;
        if (!shape.is_array || shape.items == 0)
            continue;
        if (depth == MESSAGE_DEPTH_MAX)
            return err_say(msg, ERR_INVALID, "%s: nested deeper than %d", type, MESSAGE_DEPTH_MAX);
        open[++depth] = shape.items;
    }
    *out = (struct wire_body){ .len = (size_t)(at - bytes.data), .values = nodes - 1 };
    return OK;
}
