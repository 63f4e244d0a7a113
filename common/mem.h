/* Memory. Running out ends the process (the store restores us), so no result is NULL.
 * Sizes that come from outside meet a limit (limits.h) before they come here. */
#ifndef MUSTER_COMMON_MEM_H
#define MUSTER_COMMON_MEM_H

#include <stddef.h>

void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes); /* zeroed; overflow ends the process */
void *xrealloc(void *old, size_t bytes);
/* Grow an array to hold at least `needed` elements, doubling; returns the new array and updates
 * *capacity. */
void *xgrow(void *array, size_t *capacity, size_t needed, size_t element_bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t bytes);
char *xformat(const char *format, ...) __attribute__((format(printf, 1, 2))); /* caller frees */

#endif
