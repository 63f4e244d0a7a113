#include "common/heap.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

/* Four children each, and the order beside the pointers: a level is one line of the cache, and
 * nothing else is touched on the way. */
enum { CHILDREN = 4 };

struct heap_entry {
    int64_t key;
    uint64_t tie;
    struct heap_node *node;
};

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void put(struct heap *h, const struct heap_entry *entry, size_t index)
{
    h->entries[index] = *entry;
    entry->node->place = index + 1;
}

/* Both move a hole from `index` to where the entry belongs, and put it there. */
static void sift_up(struct heap *h, const struct heap_entry *entry, size_t index)
{
    while (index > 0 && before(entry, &h->entries[(index - 1) / CHILDREN])) {
        put(h, &h->entries[(index - 1) / CHILDREN], index);
        index = (index - 1) / CHILDREN;
    }
    put(h, entry, index);
}

static void sift_down(struct heap *h, const struct heap_entry *entry, size_t index)
{
    for (size_t child; (child = CHILDREN * index + 1) < h->count; index = child) {
        size_t end = child + CHILDREN < h->count ? child + CHILDREN : h->count;
        for (size_t i = child + 1; i < end; i++)
            if (before(&h->entries[i], &h->entries[child]))
                child = i;
        if (!before(&h->entries[child], entry))
            break;
        put(h, &h->entries[child], index);
    }
    put(h, entry, index);
}

static void settle(struct heap *h, struct heap_node *node, size_t index)
{
    struct heap_entry entry = { node->key, node->tie, node };
    if (index > 0 && before(&entry, &h->entries[(index - 1) / CHILDREN]))
        sift_up(h, &entry, index);
    else
        sift_down(h, &entry, index);
}

static void check_in(const struct heap *h, const struct heap_node *node)
{
    check(node->place > 0 && node->place <= h->count && heap_at(h, node->place - 1) == node);
}

void heap_push(struct heap *h, struct heap_node *node)
{
    check(node->place == 0);
    h->entries = xgrow(h->entries, &h->capacity, h->count + 1, sizeof(h->entries[0]));
    struct heap_entry entry = { node->key, node->tie, node };
    sift_up(h, &entry, h->count++);
}

struct heap_node *heap_at(const struct heap *h, size_t index)
{
    check(index < h->count);
    return h->entries[index].node;
}

struct heap_node *heap_top(const struct heap *h)
{
    return h->count > 0 ? h->entries[0].node : NULL;
}

struct heap_node *heap_pop(struct heap *h)
{
    struct heap_node *top = heap_top(h);
    if (top)
        heap_remove(h, top);
    return top;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    check_in(h, node);
    size_t index = node->place - 1;
    struct heap_node *last = h->entries[--h->count].node;
    node->place = 0;
    if (last != node)
        settle(h, last, index);
}

void heap_rekey(struct heap *h, struct heap_node *node, int64_t key)
{
    check_in(h, node);
    node->key = key;
    settle(h, node, node->place - 1);
}

void heap_shift(struct heap *h, int64_t by)
{
    for (size_t i = 0; i < h->count; i++)
        h->entries[i].key = h->entries[i].node->key += by;
}

void heap_release(struct heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->entries[i].node->place = 0;
    free(h->entries);
    *h = (struct heap){ 0 };
}
