/* What keeps a model from a slot that is large enough for it: caps on the model, and the end of the
 * worker's time. One place says so, for those who choose, for the tail, and for people. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <math.h>

/* A load has to be followed by so many times as much work, or by all that there is: else it is not
 * worth what it takes. */
static const double LOAD_PAYS = 1;
/* Before its end a worker is drained: what runs may end. Workers do the same by themselves. */
static const int64_t END_MARGIN_NS = 60000000000;

const char *limit_text(enum limit limit)
{
    static const char *const texts[] = {
#define X(name, text) [name] = text,
        LIMIT_LIST(X)
#undef X
    };
    return texts[limit];
}

void core_set_rules(struct core *c, uint32_t model, const struct core_rules *rules)
{
    check(model < c->model_count);
    c->models[model].rules = *rules;
    c->ranks_changed = true;
    c->has_priorities = false;
    for (size_t i = 1; i < c->model_count; i++)
        c->has_priorities |= c->models[i].rules.priority != c->models[0].rules.priority;
}

/* ---- Caps ---- */

/* The first attempt of the model in this slot, other than this one; NULL: there is none. */
static struct attempt *sibling(const struct core *c, const struct slot *s, const struct model *m,
                               const struct attempt *except)
{
    const struct list *end = &s->attempts;
    const struct list *skip = except ? &except->in_slot : end;
    for (struct list *n = s->attempts.next; n != end; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_slot);
        if (n != skip && &c->models[a->cell->model] == m)
            return a;
    }
    return NULL;
}

uint32_t limit_replicas(const struct model *m)
{
    uint32_t most = m->fits;
    if (m->rules.max_replicas > 0 && m->rules.max_replicas < most)
        most = m->rules.max_replicas;
    if (m->rules.concurrency > 0 && m->rules.concurrency < most)
        most = m->rules.concurrency;
    return most;
}

/* Requests that one more slot may have at once: what each would have if all slots had the same. */
static uint32_t fair_inflight(const struct core *c, const struct model *m)
{
    uint64_t slots = c->live_slots;
    if (m->rules.max_replicas > 0 && slots > m->rules.max_replicas)
        slots = m->rules.max_replicas;
    uint32_t fair = slots > 0 ? (uint32_t)((m->rules.concurrency + slots - 1) / slots) : 1;
    uint32_t left = m->inflight < m->rules.concurrency ? m->rules.concurrency - m->inflight : 0;
    return fair < left ? fair : left;
}

void limit_enter(struct core *c, const struct slot *s, struct attempt *a)
{
    struct model *m = &c->models[a->cell->model];
    const struct attempt *other = sibling(c, s, m, a);
    m->adopted += a->adopted;
    share_enter(c, s, a, other);
    if (other) {
        a->inflight_max = other->inflight_max;
        return;
    }
    c->ranks_changed |= m->busy_slots++ == 0;
    m->on[s->gpu_type].busy_slots++;
    if (m->rules.concurrency == 0 || a->adopted)
        return;
    a->inflight_max = fair_inflight(c, m);
    check(a->inflight_max > 0); /* limit_of */
    m->inflight += a->inflight_max;
}

void limit_leave(struct core *c, const struct slot *s, const struct attempt *a)
{
    struct model *m = &c->models[a->cell->model];
    bool is_last = !sibling(c, s, m, a);
    m->adopted -= a->adopted;
    share_leave(c, a, is_last);
    if (is_last) {
        c->ranks_changed |= --m->busy_slots == 0;
        m->on[s->gpu_type].busy_slots--;
        m->inflight -= a->inflight_max;
    }
    bool is_capped = m->rules.concurrency > 0 || m->rules.max_replicas > 0;
    if ((is_capped || m->on[s->gpu_type].pauses > 0) && m->free_count > 0)
        match_wake(c); /* somebody else may have it now */
}

/* For this slot, and so many others that have nothing of it. With attempts that were adopted there
 * may be more than the caps allow: then nobody gets more. */
static enum limit cap_of(const struct core *c, const struct model *m, const struct slot *s,
                         uint32_t others)
{
    const struct core_rules *rules = &m->rules;
    if (rules->concurrency == 0 && rules->max_replicas == 0)
        return LIMIT_NONE;
    if (rules->concurrency > 0 && m->adopted > 0)
        return LIMIT_CONCURRENCY; /* nobody knows how many requests these have open */
    uint32_t new_here = m->forming + others + (sibling(c, s, m, NULL) ? 0 : 1);
    if (rules->max_replicas > 0 && m->busy_slots + new_here > rules->max_replicas)
        return LIMIT_REPLICAS;
    if (rules->concurrency > 0 && m->inflight + new_here > rules->concurrency)
        return LIMIT_CONCURRENCY;
    return LIMIT_NONE;
}

static uint32_t left_of(uint32_t cap, uint32_t taken)
{
    return cap == 0 ? UINT32_MAX : cap > taken ? cap - taken : 0;
}

uint32_t limit_newcomers(const struct model *m)
{
    if (m->paused || (m->rules.concurrency > 0 && m->adopted > 0))
        return 0;
    uint32_t replicas = left_of(m->rules.max_replicas, m->busy_slots + m->forming);
    uint32_t requests = left_of(m->rules.concurrency, m->inflight + m->forming);
    return replicas < requests ? replicas : requests;
}

bool limit_keeps_others(const struct core *c, const struct model *m, const struct slot *s)
{
    return cap_of(c, m, s, 1) != LIMIT_NONE;
}

/* ---- The end of a worker's time ---- */

/* Until the worker ends, less what its slot has in hand, and the load if it needs one. */
static double time_left_ns(const struct core *c, const struct model *m, const struct slot *s)
{
    if (s->worker->drain_ns == INT64_MAX)
        return INFINITY;
    double left = (double)(s->worker->drain_ns - c->now_ns);
    const struct list *end = &s->attempts;
    for (struct list *n = s->attempts.next; n != end; n = n->next) {
        const struct attempt *a = container_of(n, struct attempt, in_slot);
        double ns = slot_instance_ns(c, s, a->cell);
        left -= a->open * (ns > 0 ? ns : model_instance_ns(c, m));
    }
    bool is_loaded = s->model != NONE && &c->models[s->model] == m && s->state != SLOT_LOADING;
    return is_loaded ? left : left - model_load_ns(c, m);
}

/* So much work of the model is worth its load in the slot. */
static double worth_a_load_ns(const struct core *c, const struct model *m, const struct slot *s)
{
    double all_ns = model_remaining_ns(c, m) * slot_factor(s, m);
    double pays_ns = LOAD_PAYS * model_load_ns(c, m);
    return all_ns < pays_ns ? all_ns : pays_ns;
}

uint32_t limit_instances(const struct core *c, const struct slot *s, const struct cell *cell,
                         uint32_t count)
{
    if (s->worker->drain_ns == INT64_MAX)
        return count;
    const struct model *m = &c->models[cell->model];
    double ns = slot_instance_ns(c, s, cell);
    double fit = time_left_ns(c, m, s) / (ns > 0 ? ns : model_instance_ns(c, m));
    return fit < 1 ? 0 : fit < count ? (uint32_t)fit : count;
}

void limit_end_at(struct core *c, struct worker *w, uint64_t lifetime_ms, bool is_new)
{
    if (lifetime_ms == 0) {
        w->drain_ns = INT64_MAX;
        return;
    }
    int64_t left_ns = (int64_t)lifetime_ms * 1000000; /* bounded by proto/ */
    if (is_new)
        w->margin_ns = left_ns / 10 < END_MARGIN_NS ? left_ns / 10 : END_MARGIN_NS;
    w->drain_ns = c->now_ns + left_ns - w->margin_ns;
    worker_due_by(c, w, w->drain_ns);
}

/* ---- All of them ---- */

enum limit limit_of(const struct core *c, const struct model *m, const struct slot *s)
{
    if (m->paused)
        return LIMIT_PAUSED;
    if (!slot_could_run(c, s, m))
        return gang_could(s, m) ? LIMIT_GANG : LIMIT_SIZE;
    if (s->state == SLOT_SICK)
        return LIMIT_SICK;
    if (type_is_paused(m, s))
        return LIMIT_TYPE;
    bool is_here = s->model != NONE && &c->models[s->model] == m;
    double left_ns = time_left_ns(c, m, s);
    if (left_ns < INFINITY && left_ns < (is_here ? 0 : worth_a_load_ns(c, m, s)))
        return LIMIT_LIFETIME;
    return cap_of(c, m, s, 0);
}
