/* Deadlines. */
#include "coordinator/core/internal.h"

/* A coordinator that stood still (stopped, suspended, a slow disk) has not listened either: nobody
 * is late because of that. */
static const int64_t LAG_NS = 1000000000;

static void forgive(struct core *c)
{
    int64_t until = c->now_ns + c->config.lease_ns;
    note(c, true, "clock_jump ms=%lld leases=%zu",
         (long long)(c->now_ns - c->expected_ns) / 1000000, c->leases.count);
    for (size_t i = 0; i < c->worker_count; i++) {
        struct worker *w = c->workers[i];
        if (!w->session)
            continue;
        heap_rekey(&c->silences, &w->silence, until);
        for (uint32_t k = 0; k < w->slot_count; k++) {
            struct list *attempts = &w->slots[k].attempts;
            for (struct list *n = list_first(attempts); n != attempts; n = n->next)
                attempt_renew(c, container_of(n, struct attempt, in_slot));
        }
    }
}

void on_time(struct core *c)
{
    if (c->expected_ns != INT64_MAX && c->now_ns - c->expected_ns > LAG_NS) {
        forgive(c);
        strike_ready(c);
        c->tail_ns = INT64_MAX; /* what is known of progress is old; armed again after the step */
        return;
    }
    struct heap_node *top;
    while ((top = heap_top(&c->silences)) && top->key <= c->now_ns)
        worker_lose(c, container_of(top, struct worker, silence), "not heard for a lease's time");
    while ((top = heap_top(&c->leases)) && top->key <= c->now_ns) {
        struct attempt *a = container_of(top, struct attempt, lease);
        c->leases_expired++;
        note(c, true, "lease_expired attempt=%llx worker=%s slot=%u", (unsigned long long)a->id,
             a->worker->name, a->slot);
        attempt_end(c, a);
    }
    strike_ready(c);
    if (c->tail_ns <= c->now_ns) {
        c->tail_ns = INT64_MAX; /* armed again after the step, if somebody still starves */
        tail_look(c);
    }
}
