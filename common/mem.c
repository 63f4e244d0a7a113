#include "common/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

enum { GROW_FIRST = 8 }; /* elements of an array that was empty */

static _Noreturn void out_of_memory(size_t bytes)
{
    (void)fprintf(stderr, "out of memory: %zu bytes were asked for\n", bytes);
    abort();
}

static size_t product(size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        out_of_memory(SIZE_MAX);
    return total;
}

void *xmalloc(size_t bytes)
{
    void *p = malloc(bytes > 0 ? bytes : 1); /* malloc(0) may be NULL */
    if (!p)
        out_of_memory(bytes);
    return p;
}

void *xcalloc(size_t count, size_t bytes)
{
    size_t total = product(count, bytes);
    void *p = calloc(total > 0 ? total : 1, 1);
    if (!p)
        out_of_memory(total);
    return p;
}

void *xrealloc(void *old, size_t bytes)
{
    void *p = realloc(old, bytes > 0 ? bytes : 1);
    if (!p)
        out_of_memory(bytes);
    return p;
}

void *xgrow(void *array, size_t *capacity, size_t needed, size_t element_bytes)
{
    if (needed <= *capacity)
        return array;
    size_t larger = *capacity > SIZE_MAX / 2 ? needed : *capacity * 2;
    if (larger < GROW_FIRST)
        larger = GROW_FIRST;
    if (larger < needed)
        larger = needed;
    void *grown = xrealloc(array, product(larger, element_bytes));
    *capacity = larger;
    return grown;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t bytes)
{
    size_t len = bytes > 0 ? strnlen(text, bytes) : 0; /* of an empty span there may be no text */
    char *copy = xmalloc(len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *xformat(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    check(len >= 0);
    return text;
}
