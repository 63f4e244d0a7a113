#include "common/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    max_align_t data[];
};

/* Chunks double from the first to the last size: a small arena stays small, a large one costs few
 * allocations. */
enum { CHUNK_FIRST_BYTES = 4096 - sizeof(struct arena_chunk), CHUNK_LAST_BYTES = 1 << 20 };

static struct arena_chunk *add_chunk(struct arena *a, size_t bytes)
{
    size_t size = CHUNK_FIRST_BYTES;
    if (a->chunks)
        size = a->chunks->size < CHUNK_LAST_BYTES / 2 ? a->chunks->size * 2 : CHUNK_LAST_BYTES;
    if (size < bytes)
        size = bytes;
    check(size <= SIZE_MAX - sizeof(struct arena_chunk));
    struct arena_chunk *chunk = xmalloc(sizeof(*chunk) + size);
    *chunk = (struct arena_chunk){ .next = a->chunks, .size = size };
    a->chunks = chunk;
    return chunk;
}

static void *take(struct arena *a, size_t bytes)
{
    const size_t align = sizeof(max_align_t);
    check(bytes <= SIZE_MAX - align);
    bytes = (bytes + align - 1) / align * align;
    struct arena_chunk *chunk = a->chunks;
    if (!chunk || chunk->size - chunk->used < bytes)
        chunk = add_chunk(a, bytes);
    void *p = (char *)chunk->data + chunk->used;
    chunk->used += bytes;
    return p;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    return memset(take(a, bytes), 0, bytes);
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_strndup(a, text, strlen(text));
}

char *arena_strndup(struct arena *a, const char *text, size_t bytes)
{
    size_t len = strnlen(text, bytes);
    char *copy = take(a, len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void *arena_copy(struct arena *a, const void *data, size_t bytes)
{
    check(bytes < SIZE_MAX);
    char *copy = take(a, bytes + 1);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    copy[bytes] = '\0';
    return copy;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    check(len >= 0);
    char *text = take(a, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_clear(struct arena *a)
{
    if (!a->chunks)
        return;
    free_chunks(a->chunks->next);
    a->chunks->next = NULL;
    a->chunks->used = 0;
}

void arena_release(struct arena *a)
{
    free_chunks(a->chunks);
    a->chunks = NULL;
}
