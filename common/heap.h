/* A binary min-heap of embedded nodes, ordered by (key, tie): equal keys come out in the order of
 * their ties, so iteration never depends on addresses. Each node knows its place, so any element
 * can be removed or moved in O(log n). */
#ifndef MUSTER_COMMON_HEAP_H
#define MUSTER_COMMON_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    uint64_t tie; /* unique in the heap: an id */
    size_t place; /* 1-based place in the heap; 0: not in one. Written by the heap alone */
};

struct heap {
    struct heap_node **nodes;
    size_t count, capacity;
};

void heap_push(struct heap *h, struct heap_node *node); /* node->place must be 0 */
struct heap_node *heap_top(const struct heap *h);       /* NULL: empty */
struct heap_node *heap_pop(struct heap *h);             /* NULL: empty */
void heap_remove(struct heap *h, struct heap_node *node);
void heap_rekey(struct heap *h, struct heap_node *node, int64_t key);
void heap_release(struct heap *h);

static inline bool heap_has(const struct heap_node *node)
{
    return node->place != 0;
}

#endif
