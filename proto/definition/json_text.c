#include "proto/definition/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/text.h"

/* Whether something stands before the next member or item on its level. */
static bool is_first(const struct buf *out)
{
    uint8_t last = out->len > 0 ? out->data[out->len - 1] : '[';
    return last == '{' || last == '[';
}

void json_item(struct buf *out)
{
    if (!is_first(out))
        buf_append_byte(out, ',');
}

void json_key(struct buf *out, const char *key)
{
    json_item(out);
    json_append_text(out, key);
    buf_append_byte(out, ':');
}

static void append_character(struct buf *out, uint8_t c)
{
    if (c == '"' || c == '\\') {
        buf_append_byte(out, '\\');
        buf_append_byte(out, c);
    } else if (c == '\n') {
        buf_append_str(out, "\\n");
    } else if (c == '\t') {
        buf_append_str(out, "\\t");
    } else if (c < 0x20 || c == 0x7F) {
        buf_printf(out, "\\u%04x", c);
    } else {
        buf_append_byte(out, c);
    }
}

static void append_quoted(struct buf *out, struct span text)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++)
        append_character(out, text.data[i]);
    buf_append_byte(out, '"');
}

void json_append_text(struct buf *out, const char *text)
{
    if (!text) {
        buf_append_str(out, "null");
        return;
    }
    struct span raw = span_str(text);
    if (text_is_utf8(raw)) {
        append_quoted(out, raw);
        return;
    }
    struct buf clean = { 0 };
    text_append_utf8(&clean, raw);
    append_quoted(out, buf_span(&clean));
    buf_release(&clean);
}

void json_append_real(struct buf *out, double value)
{
    if (!isfinite(value)) {
        buf_append_str(out, "null");
        return;
    }
    char digits[32];
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof(digits), "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    buf_append_str(out, digits);
    if (!strpbrk(digits, ".e"))
        buf_append_str(out, ".0");
}

void json_append_u64(struct buf *out, uint64_t value)
{
    buf_printf(out, "%" PRIu64, value);
}

void json_append_words(struct buf *out, const char *const *words, size_t count)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        json_item(out);
        json_append_text(out, words[i]);
    }
    buf_append_byte(out, ']');
}

void json_put_text(struct buf *out, const char *key, const char *text)
{
    json_key(out, key);
    json_append_text(out, text);
}

void json_put_real(struct buf *out, const char *key, double value)
{
    json_key(out, key);
    json_append_real(out, value);
}

void json_put_u64(struct buf *out, const char *key, uint64_t value)
{
    json_key(out, key);
    json_append_u64(out, value);
}

void json_put_words(struct buf *out, const char *key, const char *const *words, size_t count)
{
    json_key(out, key);
    json_append_words(out, words, count);
}
