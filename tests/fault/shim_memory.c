/* Allocations that fail. Beside shim.c, because sanitizers have allocators of their own. */
#include "tests/fault/shim_private.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t bytes); /* NOLINT: glibc's own, for exactly this */
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);

static atomic_uint_fast64_t count, fails_at;
static atomic_bool is_sticky;

void shim_memory_set(uint64_t nth, bool sticky)
{
    fails_at = 0;
    count = 0;
    is_sticky = sticky;
    fails_at = nth;
}

uint64_t shim_memory_count(void)
{
    return count;
}

static bool fails(void)
{
    uint64_t now = ++count, at = fails_at;
    if (at == 0 || (is_sticky ? now < at : now != at))
        return false;
    shim_count_deed();
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t members, size_t bytes)
{
    return fails() ? NULL : __libc_calloc(members, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return fails() ? NULL : __libc_realloc(old, bytes);
}
