/* Memory of one lifetime: allocate many, free all at once. `struct arena a = { 0 };` is empty. */
#ifndef MUSTER_COMMON_ARENA_H
#define MUSTER_COMMON_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
};

void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t bytes); /* ends at a NUL */
/* All of the bytes, whatever they are; a NUL follows them. data may be NULL if there are none. */
void *arena_copy(struct arena *a, const void *data, size_t bytes);
char *arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_clear(struct arena *a);   /* frees all but one chunk, which is reused */
void arena_release(struct arena *a); /* frees everything */

#endif
