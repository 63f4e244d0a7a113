/* Assertions that stay on in every build: a broken invariant ends the process, restart is the
 * recovery path. Use err (err.h) for anything that the outside can cause. */
#ifndef MUSTER_COMMON_CHECK_H
#define MUSTER_COMMON_CHECK_H

#include <stddef.h>

_Noreturn void check_failed(const char *condition, const char *file, int line);

#define check(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))

/* The struct that embeds `member` at `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define container_of_const(ptr, type, member)                                                      \
    ((const type *)(const void *)((const char *)(ptr)-offsetof(type, member)))

#endif
