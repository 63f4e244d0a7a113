/* A growable byte buffer. `struct buf b = { 0 };` is an empty one. */
#ifndef MUSTER_COMMON_BUF_H
#define MUSTER_COMMON_BUF_H

#include <stdarg.h>

#include "common/span.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t capacity;
};

void buf_grow(struct buf *b, size_t more);
static inline void buf_reserve(struct buf *b, size_t more) /* room for `more` bytes behind len */
{
    if (more > b->capacity - b->len)
        buf_grow(b, more);
}
void buf_append(struct buf *b, const void *data, size_t len);
void buf_append_span(struct buf *b, struct span s);
void buf_append_str(struct buf *b, const char *text); /* without its NUL */
void buf_append_byte(struct buf *b, uint8_t byte);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void buf_clear(struct buf *b);   /* len = 0, keeps the memory */
void buf_release(struct buf *b); /* frees; the buffer is empty again */
/* The text with a NUL behind it (not counted in len). Borrowed until the next change. */
const char *buf_cstr(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
    return (struct span){ b->data, b->len };
}

#endif
