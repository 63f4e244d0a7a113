/* Priorities: of the models that have work for a slot only those of the highest priority get it.
 *
 * What runs is not interrupted; but work that waits in slots for its turn, or has not started, is
 * taken back when work of a higher priority could have the slots. */
#include "coordinator/core/policy_internal.h"

bool model_is_outranked(struct core *c, const struct model *m, const struct slot *s)
{
    if (!c->has_priorities)
        return false;
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1)) {
        struct model *other = &c->models[i];
        if (other->rules.priority > m->rules.priority && model_has_work_for(c, other, s))
            return true;
    }
    return false;
}

/* Slots that this work may be worth: as many as it would keep busy for an attempt. */
static double slots_wanted(const struct core *c, const struct model *m)
{
    double slots =
        (double)m->free_count * model_instance_ns(c, m) / (double)c->config.job_target_ns + 1;
    return slots < (double)m->free_count ? slots : (double)m->free_count;
}

/* Whether all that the slot has is of lower priorities. *is_coming: and was taken back already. */
static bool is_outranked_slot(const struct core *c, const struct slot *s, const struct model *m,
                              bool *is_coming)
{
    *is_coming = true;
    const struct list *end = &s->attempts;
    for (struct list *n = s->attempts.next; n != end; n = n->next) {
        const struct attempt *a = container_of(n, struct attempt, in_slot);
        if (c->models[a->cell->model].rules.priority >= m->rules.priority)
            return false;
        *is_coming &= a->revoked;
    }
    return s->queued > 0;
}

static void take_slot_back(struct core *c, struct slot *s)
{
    for (struct list *n = s->attempts.next; n != &s->attempts; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_slot);
        if (!a->revoked && !attempt_is_retry(c, a))
            take_back(c, a);
    }
}

static void make_room(struct core *c, struct model *m)
{
    double wanted = slots_wanted(c, m);
    for (size_t i = 0; i < c->worker_count && wanted > 0; i++) {
        struct worker *w = c->workers[i];
        for (uint32_t k = 0; w->session && !w->draining && k < w->slot_count && wanted > 0; k++) {
            struct slot *s = &w->slots[k];
            bool is_coming;
            if (!is_outranked_slot(c, s, m, &is_coming) || !model_has_work_for(c, m, s))
                continue;
            wanted -= 1;
            if (!is_coming)
                take_slot_back(c, s);
        }
    }
}

void outrank_look(struct core *c)
{
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1))
        make_room(c, &c->models[i]);
}

/* Whether some free work is of a higher priority than some that was granted. */
static bool any_outranked(const struct core *c)
{
    int64_t highest_open = INT64_MIN, lowest_taken = INT64_MAX;
    for (uint32_t i = 0; i < c->model_count; i++) {
        const struct model *m = &c->models[i];
        if (m->free_count > 0 && !m->paused && m->rules.priority > highest_open)
            highest_open = m->rules.priority;
        if (m->busy_slots > 0 && m->rules.priority < lowest_taken)
            lowest_taken = m->rules.priority;
    }
    return highest_open > lowest_taken;
}

void outrank_check(const struct core *c)
{
    check(!c->has_priorities || c->ranks_changed || c->is_outranked == any_outranked(c));
}

void outrank_arm(struct core *c)
{
    if (c->has_priorities && c->ranks_changed)
        c->is_outranked = any_outranked(c);
    c->ranks_changed = false;
    if (!c->has_priorities || c->stopping || !c->is_outranked)
        c->outrank_ns = INT64_MAX;
    else if (c->outrank_ns == INT64_MAX)
        c->outrank_ns = c->now_ns + c->config.beat_ns;
}
