/* Strikes: failures of an instance that may be tried again. */
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

enum { BACKOFF_DOUBLINGS_MAX = 6 };

/* How long what failed like this may take to pass, in first backoffs. */
static int64_t patience(status st)
{
    switch (st) {
    case STATUS_OOM: return 8;     /* the memory is with a neighbour that has to end first */
    case STATUS_TIMEOUT: return 4; /* something was overloaded */
    case STATUS_ERROR: return 2;   /* a service that declines for now */
    case STATUS_OK:
    case STATUS_CRASH: /* a new host starts in the meantime anyway */
    case STATUS_PROTOCOL:
    case STATUS_TOO_LONG:
    case STATUS_REFUSED:
    case STATUS_INVALID:
    case STATUS_SCORER:
    case STATUS_COUNT: break;
    }
    return 1;
}

static uint64_t strike_key(const struct cell *cell, uint32_t instance)
{
    /* models < 2^14, tasks < 2^17, instances <= 2^24 (limits.h): the parts do not overlap */
    return ((uint64_t)cell->model << 42 | (uint64_t)cell->task << 25 | instance) + 1;
}

struct strike *strike_find(const struct core *c, const struct cell *cell, uint32_t instance)
{
    return c->strike_of.count ? map_find(&c->strike_of, strike_key(cell, instance)) : NULL;
}

struct strike *strike_add(struct core *c, struct cell *cell, uint32_t instance)
{
    struct strike *s = strike_find(c, cell, instance);
    if (!s) {
        s = xcalloc(1, sizeof(*s));
        *s = (struct strike){ .cell = cell, .instance = instance, .worker = NONE };
        map_put(&c->strike_of, strike_key(cell, instance), s);
        list_push_back(&c->strikes_open, &s->in_all);
    }
    s->count++;
    return s;
}

void strike_set_unresolved(struct core *c, struct strike *s, bool is_unresolved)
{
    if (s->is_unresolved == is_unresolved)
        return;
    s->is_unresolved = is_unresolved;
    struct model *m = &c->models[s->cell->model];
    m->unresolved = is_unresolved ? m->unresolved + 1 : m->unresolved - 1;
    shortlist_forget(c);
}

void strike_end(struct core *c, struct cell *cell, uint32_t instance)
{
    struct strike *s =
        c->strike_of.count ? map_take(&c->strike_of, strike_key(cell, instance)) : NULL;
    if (!s)
        return;
    if (heap_has(&s->backoff))
        heap_remove(&c->backoffs, &s->backoff);
    strike_set_unresolved(c, s, false);
    list_remove(&s->in_all);
    free(s);
}

void core_add_strike(struct core *c, uint32_t model, uint32_t task, uint32_t instance,
                     uint32_t count, uint64_t attempt)
{
    struct cell *cell = cell_find(c, model, task);
    if (!cell || instance >= cell->size || bitmap_get(&cell->closed, instance))
        return;
    struct strike *s = strike_add(c, cell, instance);
    s->count = count;
    s->attempt = attempt;
}

void strike_wait(struct core *c, struct strike *s)
{
    uint32_t doublings = s->count > 0 ? s->count - 1 : 0; /* 0: all were withdrawn */
    doublings = doublings < BACKOFF_DOUBLINGS_MAX ? doublings : BACKOFF_DOUBLINGS_MAX;
    int64_t wait = patience(s->status) * c->config.backoff_ns << doublings;
    wait += (int64_t)(rng_unit(&c->rng) * 0.5 *
                      (double)wait); /* so that they do not all return at once */
    s->backoff.key = c->now_ns + wait;
    s->backoff.tie = strike_key(s->cell, s->instance);
    heap_push(&c->backoffs, &s->backoff);
}

void strike_ready(struct core *c)
{
    struct heap_node *top;
    while ((top = heap_top(&c->backoffs)) && top->key <= c->now_ns) {
        heap_pop(&c->backoffs);
        struct strike *s = container_of(top, struct strike, backoff);
        cell_free_again(c, s->cell, s->instance);
    }
}
