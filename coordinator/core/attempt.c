/* Attempts: granted, renewed, over. */
#include "coordinator/core/internal.h"

#include <stdlib.h>

struct attempt *attempt_new(struct core *c, struct worker *w, uint32_t slot, struct cell *cell,
                            uint32_t first, uint32_t count, uint64_t id)
{
    check(count > 0 && first + count <= cell->size && slot < w->slot_count);
    struct attempt *a = xcalloc(1, sizeof(*a));
    struct slot *s = &w->slots[slot];
    *a = (struct attempt){
        .id = id, .cell = cell, .first = first, .count = count, .worker = w, .slot = slot
    };
    for (uint32_t i = first; i < first + count; i++) {
        if (bitmap_get(&cell->closed, i))
            continue;
        cell_take(c, cell, i);
        a->open++;
    }
    check(a->open > 0);
    a->granted = a->open;
    if (list_empty(&s->attempts))
        a->started_ns = c->now_ns;
    list_push_back(&cell->attempts, &a->in_cell);
    list_push_back(&s->attempts, &a->in_slot);
    s->queued++;
    slot_set_model(c, s, cell->model);
    map_put(&c->attempt_of, id, a);
    a->lease.key = c->now_ns + c->config.lease_ns;
    a->lease.tie = id;
    heap_push(&c->leases, &a->lease);
    return a;
}

void attempt_renew(struct core *c, struct attempt *a)
{
    heap_rekey(&c->leases, &a->lease, c->now_ns + c->config.lease_ns);
}

struct attempt *attempt_owner(const struct cell *cell, uint32_t instance)
{
    for (struct list *n = cell->attempts.next; n != &cell->attempts; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_cell);
        if (instance >= a->first && instance - a->first < a->count)
            return a;
    }
    return NULL;
}

/* The instances that the attempt leaves open: those with a strike wait, the others are free. */
static void release_open(struct core *c, struct attempt *a)
{
    struct cell *cell = a->cell;
    for (uint32_t i = a->first; a->open > 0; i++) {
        check(i < a->first + a->count);
        if (!cell_is_taken(cell, i))
            continue;
        a->open--;
        struct strike *s = strike_find(c, cell, i);
        if (s && s->attempt == a->id)
            strike_wait(c, s);
        else
            cell_free_again(c, cell, i);
    }
}

void attempt_end(struct core *c, struct attempt *a)
{
    struct slot *s = &a->worker->slots[a->slot];
    struct worker *w = a->worker;
    uint32_t slot = a->slot;
    release_open(c, a);
    list_remove(&a->in_cell);
    list_remove(&a->in_slot);
    heap_remove(&c->leases, &a->lease);
    map_take(&c->attempt_of, a->id);
    free(a);
    s->queued--;
    if (!list_empty(&s->attempts)) {
        struct attempt *head = container_of(list_first(&s->attempts), struct attempt, in_slot);
        if (head->started_ns == 0)
            head->started_ns = c->now_ns;
    }
    match_slot_changed(c, w, slot);
}
