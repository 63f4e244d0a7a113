/* What operators order. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

enum { LAST_BEATS = 3 }; /* without a sign, once the sweep is being stopped */

/* Whoever orders a stop waits for it: a worker that died just before does not keep its whole lease.
 * One that lives is heard again before. */
static void hasten(struct core *c, struct worker *w)
{
    if (w->session)
        worker_hasten(c, w, c->now_ns + LAST_BEATS * c->config.beat_ns);
}

static void drain(struct core *c)
{
    if (c->stopping)
        return;
    c->stopping = true;
    for (size_t i = 0; i < c->worker_count; i++) {
        worker_drain(c, c->workers[i], "the sweep is being stopped");
        hasten(c, c->workers[i]);
    }
}

static void pause_model(struct core *c, uint32_t model)
{
    c->models[model].paused = true;
    model_settle(c, model);
    plan_forget(c);
    gang_end_forming(c, model);
    for (size_t i = 0; i < c->models[model].cell_count; i++) {
        struct list *attempts = &c->cells[c->models[model].cells[i]]->attempts;
        for (struct list *n = list_first(attempts); n != attempts; n = n->next) {
            struct attempt *a = container_of(n, struct attempt, in_cell);
            if (a->revoked || !a->worker->session)
                continue;
            a->revoked = true;
            emit(c, EFFECT_REVOKE, a->worker->session)->as.revoke.attempt = a->id;
        }
    }
}

void on_order(struct core *c, const struct core_event *e)
{
    struct worker *w;
    switch (e->kind) {
    case CORE_DRAIN: drain(c); return;
    case CORE_DRAIN_WORKER:
        w = worker_by_name(c, e->as.order.worker);
        if (w)
            worker_drain(c, w, "an operator asked for it");
        return;
    case CORE_PAUSE_MODEL:
        check(e->as.order.model < c->model_count);
        pause_model(c, e->as.order.model);
        return;
    case CORE_RESUME_MODEL:
        check(e->as.order.model < c->model_count);
        c->models[e->as.order.model].paused = false;
        culprit_resume(c, &c->models[e->as.order.model]);
        model_settle(c, e->as.order.model);
        plan_forget(c);
        match_wake(c);
        return;
    case CORE_TIME:
    case CORE_HELLO:
    case CORE_BEAT:
    case CORE_RESULTS:
    case CORE_ENDED:
    case CORE_HOST:
    case CORE_GOODBYE: break;
    }
    check(!"an order");
}
