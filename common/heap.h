/* A min-heap of embedded nodes, ordered by (key, tie): equal keys come out in the order of their
 * ties, so iteration never depends on addresses. Each node knows its place, so any element can be
 * removed or moved in O(log n). */
#ifndef MUSTER_COMMON_HEAP_H
#define MUSTER_COMMON_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;  /* set before it is pushed; then heap_rekey changes it, and nobody else */
    uint64_t tie; /* unique in the heap: an id */
    size_t place; /* 1-based place in the heap; 0: not in one. Written by the heap alone */
};

struct heap {
    struct heap_entry *entries;
    size_t count, capacity;
};

void heap_push(struct heap *h, struct heap_node *node); /* node->place must be 0 */
struct heap_node *heap_top(const struct heap *h);       /* NULL: empty */
struct heap_node *heap_pop(struct heap *h);             /* NULL: empty */
void heap_remove(struct heap *h, struct heap_node *node);
void heap_rekey(struct heap *h, struct heap_node *node, int64_t key);
void heap_shift(struct heap *h, int64_t by); /* all keys */
void heap_release(struct heap *h);
/* One of its nodes, for a walk over all in no particular order: index < h->count. */
struct heap_node *heap_at(const struct heap *h, size_t index);

static inline bool heap_has(const struct heap_node *node)
{
    return node->place != 0;
}

#endif
