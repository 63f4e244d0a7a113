/* UTF-8, and text that is safe to show. Matching is in text_match.c, numbers in text_number.c. */
#include "common/text.h"

enum { UTF8_INVALID = 0 };

static const char REPLACEMENT[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* The bytes of the character at the start of s, and its code point; UTF8_INVALID if there is none:
 * a stray or missing continuation, an overlong form, a surrogate, or over U+10FFFF. */
static size_t decode(struct span s, uint32_t *code)
{
    uint8_t lead = s.data[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    size_t len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || s.len < len)
        return UTF8_INVALID;
    uint32_t c = lead & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s.data[i] & 0xC0) != 0x80)
            return UTF8_INVALID;
        c = c << 6 | (s.data[i] & 0x3Fu);
    }
    if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || c > 0x10FFFF)
        return UTF8_INVALID;
    if (c >= 0xD800 && c <= 0xDFFF)
        return UTF8_INVALID;
    *code = c;
    return len;
}

static struct span behind(struct span s, size_t len)
{
    return span_of(s.data + len, s.len - len);
}

bool text_is_utf8(struct span s)
{
    while (s.len > 0) {
        uint32_t code;
        size_t len = decode(s, &code);
        if (len == UTF8_INVALID)
            return false;
        s = behind(s, len);
    }
    return true;
}

/* A terminal or a pager would act on it instead of showing it: C0, DEL, C1, the line and paragraph
 * separators, and the controls that reorder text (Unicode's property Bidi_Control). */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

void text_append_safe(struct buf *out, struct span s)
{
    while (s.len > 0) {
        uint32_t code;
        size_t len = decode(s, &code);
        if (len == UTF8_INVALID) {
            buf_printf(out, "\\x%02X", s.data[0]);
            len = 1;
        } else if (!is_control(code)) {
            buf_append(out, s.data, len);
        } else if (code < 0x80) {
            buf_printf(out, "\\x%02X", (unsigned)code);
        } else {
            buf_printf(out, "\\u{%X}", (unsigned)code);
        }
        s = behind(s, len);
    }
}

struct span text_cut(struct span s, size_t bytes_max)
{
    size_t len = s.len < bytes_max ? s.len : bytes_max, least = len > 3 ? len - 3 : 0;
    while (len < s.len && len > least && (s.data[len] & 0xC0) == 0x80)
        len--;
    return span_of(s.data, len);
}

void text_append_utf8(struct buf *out, struct span s)
{
    while (s.len > 0) {
        uint32_t code;
        size_t len = decode(s, &code);
        if (len == UTF8_INVALID) {
            buf_append_str(out, REPLACEMENT);
            len = 1;
        } else {
            buf_append(out, s.data, len);
        }
        s = behind(s, len);
    }
}

void text_append_utf8_without_nul(struct buf *out, struct span s)
{
    const uint8_t *nul;
    while (s.len > 0 && (nul = memchr(s.data, '\0', s.len)) != NULL) {
        size_t len = (size_t)(nul - s.data);
        text_append_utf8(out, span_of(s.data, len));
        buf_append_str(out, REPLACEMENT);
        s = behind(s, len + 1);
    }
    text_append_utf8(out, s);
}
