/* Deadlines: of silent workers, and of leases.
 *
 * Every message of a worker puts off its loss, and every beat the end of most of its leases. So the
 * times stand in the worker and in its attempts, and only the worker has a node in the heap, under
 * a key that is never later than any of them. A key that has passed says "look", not "over": what
 * was put off meanwhile gives the worker its next key. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/work_internal.h"

void worker_due_by(struct core *c, struct worker *w, int64_t when_ns)
{
    if (when_ns < w->due.key)
        heap_rekey(&c->dues, &w->due, when_ns);
}

void worker_heard(struct core *c, struct worker *w)
{
    w->heard_ns = c->now_ns;
    w->lost_ns = c->now_ns + c->config.lease_ns;
    if (heap_has(&w->due))
        return;
    w->due.key = w->lost_ns;
    w->due.tie = w->index + 1;
    heap_push(&c->dues, &w->due);
}

void worker_hasten(struct core *c, struct worker *w, int64_t lost_ns)
{
    if (lost_ns < w->lost_ns)
        w->lost_ns = lost_ns;
    worker_due_by(c, w, w->lost_ns);
}

void lease_until(struct core *c, struct attempt *a, int64_t end_ns)
{
    a->lease_end_ns = end_ns;
    worker_due_by(c, a->worker, end_ns);
}

void lease_renew(struct core *c, struct attempt *a)
{
    lease_until(c, a, c->now_ns + c->config.lease_ns);
}

/* Without its leases. */
static int64_t first_due_ns(const struct worker *w)
{
    return !w->draining && w->drain_ns < w->lost_ns ? w->drain_ns : w->lost_ns;
}

static void drain_if_due(struct core *c, struct worker *w)
{
    if (!w->draining && w->drain_ns <= c->now_ns)
        worker_drain(c, w, "its time is nearly over");
}

/* Ends what is over of a worker that lives, and finds out when to look again. */
static void look(struct core *c, struct worker *w)
{
    int64_t soonest_ns = first_due_ns(w);
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct list *attempts = &w->slots[i].attempts;
        for (struct list *n = list_first(attempts), *next; n != attempts; n = next) {
            struct attempt *a = container_of(n, struct attempt, in_slot);
            next = n->next;
            if (a->lease_end_ns > c->now_ns) {
                soonest_ns = a->lease_end_ns < soonest_ns ? a->lease_end_ns : soonest_ns;
                continue;
            }
            c->leases_expired++;
            count_decision(c, DECISION_EXPIRED);
            note(c, true, "lease_expired attempt=%llx worker=%s slot=%u", (unsigned long long)a->id,
                 w->name, a->slot);
            attempt_end(c, a);
        }
    }
    heap_rekey(&c->dues, &w->due, soonest_ns);
}

void lease_renew_all(struct core *c)
{
    for (size_t i = 0; i < c->worker_count; i++) {
        struct worker *w = c->workers[i];
        if (!w->session)
            continue;
        w->lost_ns = c->now_ns + c->config.lease_ns;
        drain_if_due(c, w);
        for (uint32_t k = 0; k < w->slot_count; k++) {
            struct list *attempts = &w->slots[k].attempts;
            for (struct list *n = list_first(attempts); n != attempts; n = n->next)
                lease_renew(c, container_of(n, struct attempt, in_slot));
        }
        heap_rekey(&c->dues, &w->due, first_due_ns(w));
    }
}

void lease_expire(struct core *c)
{
    struct heap_node *top;
    while ((top = heap_top(&c->dues)) && top->key <= c->now_ns) {
        struct worker *w = container_of(top, struct worker, due);
        if (w->lost_ns <= c->now_ns) {
            worker_lose(c, w, "not heard for a lease's time");
            continue;
        }
        drain_if_due(c, w);
        look(c, w);
    }
}
