#include "common/heap.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static struct heap_node *at(const struct heap *h, size_t place)
{
    return h->nodes[place - 1];
}

static void put(struct heap *h, struct heap_node *node, size_t place)
{
    h->nodes[place - 1] = node;
    node->place = place;
}

/* Both move a hole from `place` to where `node` belongs, and put it there. */
static void sift_up(struct heap *h, struct heap_node *node, size_t place)
{
    while (place > 1 && before(node, at(h, place / 2))) {
        put(h, at(h, place / 2), place);
        place /= 2;
    }
    put(h, node, place);
}

static void sift_down(struct heap *h, struct heap_node *node, size_t place)
{
    for (size_t child; (child = 2 * place) <= h->count; place = child) {
        if (child < h->count && before(at(h, child + 1), at(h, child)))
            child++;
        if (!before(at(h, child), node))
            break;
        put(h, at(h, child), place);
    }
    put(h, node, place);
}

static void settle(struct heap *h, struct heap_node *node, size_t place)
{
    if (place > 1 && before(node, at(h, place / 2)))
        sift_up(h, node, place);
    else
        sift_down(h, node, place);
}

static void check_in(const struct heap *h, const struct heap_node *node)
{
    check(node->place > 0 && node->place <= h->count && at(h, node->place) == node);
}

void heap_push(struct heap *h, struct heap_node *node)
{
    check(node->place == 0);
    h->nodes = xgrow(h->nodes, &h->capacity, h->count + 1, sizeof(struct heap_node *));
    h->count++;
    sift_up(h, node, h->count);
}

struct heap_node *heap_top(const struct heap *h)
{
    return h->count > 0 ? at(h, 1) : NULL;
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
    size_t place = node->place;
    struct heap_node *last = at(h, h->count);
    h->count--;
    node->place = 0;
    if (last != node)
        settle(h, last, place);
}

void heap_rekey(struct heap *h, struct heap_node *node, int64_t key)
{
    check_in(h, node);
    node->key = key;
    settle(h, node, node->place);
}

void heap_release(struct heap *h)
{
    for (size_t place = 1; place <= h->count; place++)
        at(h, place)->place = 0;
    free(h->nodes);
    *h = (struct heap){ 0 };
}
