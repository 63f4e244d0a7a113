/* An intrusive doubly linked list. The element embeds a struct list; list and node are the same
 * type. An unlinked node points to itself. Iterate by value:
 *     for (struct list *n = list_first(&l); n != &l; n = n->next) ... container_of(n, T, node) */
#ifndef MUSTER_COMMON_LIST_H
#define MUSTER_COMMON_LIST_H

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline struct list *list_first(struct list *l)
{
    /* In a loop that frees the first until none is left, clang's analyser does not see list_remove
     * give the list another first. */
    return l->next; /* NOLINT(clang-analyzer-unix.Malloc) */
}

static inline void list_insert_before(struct list *at, struct list *node)
{
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_push_back(struct list *l, struct list *node)
{
    list_insert_before(l, node);
}

static inline void list_push_front(struct list *l, struct list *node)
{
    list_insert_before(l->next, node);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
