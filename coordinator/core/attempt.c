/* Attempts: granted, renewed, over. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <assert.h>
#include <stdlib.h>

static struct attempt *make(struct worker *w, uint32_t slot, struct cell *cell, uint32_t first,
                            uint32_t count, uint64_t id)
{
    check(count > 0 && first + count <= cell->size && slot < w->slot_count);
    struct attempt *a = xcalloc(1, sizeof(*a));
    *a = (struct attempt){
        .id = id, .cell = cell, .first = first, .count = count, .worker = w, .slot = slot
    };
    return a;
}

/* It is in its slot, and under a lease. */
static void enter(struct core *c, struct attempt *a)
{
    struct slot *s = &a->worker->slots[a->slot];
    check(a->open > 0);
    a->granted = a->open;
    if (list_empty(&s->attempts))
        a->started_ns = s->accounted_ns = c->now_ns;
    list_push_back(&s->attempts, &a->in_slot);
    s->queued++;
    limit_enter(c, s, a);
    slot_set_model(c, s, a->cell->model);
    map_put(&c->attempt_of, a->id, a);
    lease_renew(c, a);
    shortlist_forget(c);
}

struct attempt *attempt_new(struct core *c, struct worker *w, uint32_t slot, struct cell *cell,
                            uint32_t first, uint32_t count, uint64_t id, bool adopted)
{
    struct attempt *a = make(w, slot, cell, first, count, id);
    a->adopted = adopted;
    a->done_before = adopted ? NONE : 0;
    uint32_t end = first + count, run_end;
    for (uint32_t i = bitmap_next_clear(&cell->closed, first); i < end;
         i = bitmap_next_clear(&cell->closed, run_end)) {
        uint32_t closed = bitmap_next_set(&cell->closed, i);
        run_end = closed < end ? closed : end;
        cell_take(c, cell, i, run_end - i);
        a->open += run_end - i;
    }
    list_push_back(&cell->attempts, &a->in_cell);
    enter(c, a);
    return a;
}

struct attempt *attempt_new_copy(struct core *c, struct worker *w, uint32_t slot, struct cell *cell,
                                 uint32_t instance, uint64_t id)
{
    struct attempt *a = make(w, slot, cell, instance, 1, id);
    a->is_copy = true;
    a->open = 1;
    list_push_back(&c->copies, &a->in_cell);
    enter(c, a);
    return a;
}

enum { GRANTEES_KEPT = 1 << 16 };
static_assert(WORKERS_MAX <= UINT16_MAX + 1, "a grantee is the index of a worker");

uint64_t attempt_number(struct core *c, const struct worker *w)
{
    if (!c->grantees)
        c->grantees = xcalloc(GRANTEES_KEPT, sizeof(*c->grantees));
    uint64_t n = ++c->next_attempt;
    check(n <= UINT32_MAX); /* four billion grants: a new start begins a new epoch */
    c->grantees[n % GRANTEES_KEPT] = (uint16_t)w->index;
    return c->config.epoch << 32 | n;
}

bool attempt_was_given(const struct core *c, const struct worker *w, uint64_t id)
{
    uint64_t epoch = id >> 32, n = id & UINT32_MAX;
    if (epoch != c->config.epoch)
        return epoch > 0 && epoch < c->config.epoch && n > 0;
    return n > 0 && n <= c->next_attempt && c->next_attempt - n < GRANTEES_KEPT &&
           c->grantees[n % GRANTEES_KEPT] == w->index;
}

struct attempt *attempt_head(const struct worker *w, uint32_t slot)
{
    if (slot >= w->slot_count || list_empty(&w->slots[slot].attempts))
        return NULL;
    return container_of(list_first(&w->slots[slot].attempts), struct attempt, in_slot);
}

struct attempt *attempt_behind(const struct attempt *a)
{
    struct list *next = a->in_slot.next;
    bool is_last = next == &a->worker->slots[a->slot].attempts;
    return is_last ? attempt_head(a->worker, a->slot + 1)
                   : container_of(next, struct attempt, in_slot);
}

struct attempt *attempt_owner(const struct cell *cell, uint32_t instance)
{
    for (struct list *n = cell->attempts.next; n != &cell->attempts; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_cell);
        if (attempt_has(a, instance))
            return a;
    }
    return NULL;
}

/* The instances from `from` on that the attempt leaves open: those that somebody copies are now
 * that one's, those with a strike wait, the others are free. */
static void release_open(struct core *c, struct attempt *a, uint32_t from)
{
    struct cell *cell = a->cell;
    for (uint32_t i = from; a->open > 0 && i < a->first + a->count; i++) {
        if (!cell_is_taken(cell, i))
            continue;
        a->open--;
        struct strike *s = strike_find(c, cell, i);
        if (copy_takes_over(c, cell, i))
            continue;
        if (s && (s->attempt == a->id || a->took_over))
            strike_wait(c, s);
        else
            cell_free_again(c, cell, i);
    }
}

void attempt_cut(struct core *c, struct attempt *a, uint32_t from)
{
    a->is_being_split = false;
    if (from <= a->first || !attempt_has(a, from))
        return;
    uint32_t open = a->open;
    release_open(c, a, from);
    a->granted -= open - a->open;
    a->count = from - a->first;
    a->worker->slots[a->slot].waiting_ns = -1;
}

void attempt_end(struct core *c, struct attempt *a)
{
    struct slot *s = &a->worker->slots[a->slot];
    struct worker *w = a->worker;
    uint32_t slot = a->slot;
    if (a->is_copy)
        c->copied_ns += (double)(c->now_ns - a->started_ns);
    else
        release_open(c, a, a->first);
    check(a->is_copy || a->open == 0);
    copy_attempt_over(c, a);
    limit_leave(c, s, a);
    list_remove(&a->in_cell);
    list_remove(&a->in_slot);
    map_take(&c->attempt_of, a->id);
    free(a);
    s->queued--;
    if (s->is_overdue)
        match_wake(c); /* a gang may wait for it again */
    s->is_overdue = false;
    struct attempt *head = attempt_head(w, slot);
    if (head && head->started_ns == 0)
        head->started_ns = c->now_ns;
    if (s->gang)
        gang_slot_changed(c, s);
    match_slot_changed(c, w, slot);
}
