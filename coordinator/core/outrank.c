/* Priorities: of the models that have work for a slot only those of the highest priority get it.
 *
 * What runs is not interrupted; but work that waits in slots for its turn, or has not started, is
 * taken back when work of a higher priority could have the slots. */
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <math.h>
#include <stdlib.h>

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

/* ---- The look ---- */

/* A slot that has work, and all of it is of a lower priority than some free work. */
struct outranked {
    struct slot *slot;
    int32_t priority; /* the highest of what it has */
    uint8_t kind;     /* the slot's */
    bool is_plain;    /* slots of its kind are all the same to a model, and this one is like them */
    bool has_unstarted; /* something that could be taken back */
};

/* Models and slots are many: whatever follows from the kind of a slot is asked once a model. */
struct look {
    struct outranked *slots; /* as they lie in the fleet */
    size_t count, odd;       /* of them, those that are not plain */
    size_t unstarted;        /* and those that have some */
    int32_t lowest;          /* of their priorities */
};

/* What slots of a kind are to a model, a bit each. */
struct kinds {
    uint64_t fit;    /* it could have them */
    uint64_t asked;  /* some of them, maybe */
    uint32_t widest; /* the most that a replica takes of any; 1: nobody knows, it is loaded only */
};

static int32_t highest_open(const struct core *c)
{
    int32_t highest = INT32_MIN;
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1))
        if (c->models[i].rules.priority > highest)
            highest = c->models[i].rules.priority;
    return highest;
}

static bool is_plain(const struct core *c, const struct slot *s, int32_t priority)
{
    bool is_over = s->model != NONE && c->models[s->model].rules.priority > priority;
    return !is_over && !s->gang && s->state != SLOT_SICK && s->kind < KINDS_MAX - 1 &&
           s->worker->refusal_count == 0 && s->worker->drain_ns == INT64_MAX;
}

static struct outranked survey_slot(const struct core *c, struct slot *s)
{
    struct outranked o = { .slot = s, .priority = INT32_MIN, .kind = (uint8_t)s->kind };
    for (struct list *n = s->attempts.next; n != &s->attempts; n = n->next) {
        const struct attempt *a = container_of(n, struct attempt, in_slot);
        int32_t priority = c->models[a->cell->model].rules.priority;
        o.priority = priority > o.priority ? priority : o.priority;
        o.has_unstarted |= !a->revoked && !attempt_is_retry(c, a);
    }
    o.is_plain = is_plain(c, s, o.priority);
    return o;
}

static void survey(struct core *c, struct look *look)
{
    int32_t highest = highest_open(c);
    look->slots = xcalloc(c->live_slots + 1, sizeof(*look->slots));
    look->lowest = INT32_MAX;
    for (size_t i = 0; i < c->worker_count; i++) {
        struct worker *w = c->workers[i];
        for (uint32_t k = 0; w->session && !w->draining && k < w->slot_count; k++) {
            struct outranked o = survey_slot(c, &w->slots[k]);
            if (w->slots[k].queued == 0 || o.priority >= highest)
                continue;
            look->slots[look->count++] = o;
            look->unstarted += o.has_unstarted;
            look->odd += !o.is_plain;
            look->lowest = o.priority < look->lowest ? o.priority : look->lowest;
        }
    }
}

static struct kinds kinds_for(const struct core *c, const struct model *m)
{
    struct kinds kinds = { 0, 0, 1 };
    if (!model_is_worth_loading(c, m))
        return kinds; /* but where it is loaded already, and such slots are not plain */
    bool may_avoid = c->strike_of.count >= m->free_count; /* all may be what failed somewhere */
    for (uint32_t i = 0; i < c->kind_count; i++) {
        uint32_t width = kind_width(c, i, m);
        kinds.widest = width > kinds.widest ? width : kinds.widest;
        kinds.fit |= (uint64_t)(width == 1) << i;
        kinds.asked |= (uint64_t)(width > 1 || (width > 0 && may_avoid)) << i;
    }
    return kinds;
}

/* Slots that this work may be worth: as many as it would keep busy for an attempt, and as many as
 * its caps leave room for. */
static double slots_wanted(const struct core *c, const struct model *m, const struct kinds *kinds)
{
    double slots =
        (double)m->free_count * model_instance_ns(c, m) / (double)c->config.job_target_ns + 1;
    slots = fmin(slots, (double)m->free_count);
    return fmin(slots, (double)limit_newcomers(m) * kinds->widest);
}

/* The same as model_has_work_for, of an outranked slot. */
static bool wants(struct core *c, struct model *m, const struct kinds *kinds,
                  const struct outranked *o)
{
    uint64_t kind = UINT64_C(1) << o->kind;
    if (!o->is_plain || (kinds->asked & kind))
        return model_has_work_for(c, m, o->slot);
    return kinds->fit & kind;
}

static void take_slot_back(struct core *c, struct look *look, struct outranked *o)
{
    for (struct list *n = o->slot->attempts.next; n != &o->slot->attempts; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_slot);
        if (!a->revoked && !attempt_is_retry(c, a))
            take_back(c, a);
    }
    o->has_unstarted = false;
    look->unstarted--;
}

static void make_room(struct core *c, struct look *look, struct model *m)
{
    if (m->rules.priority <= look->lowest || limit_newcomers(m) == 0)
        return;
    struct kinds kinds = kinds_for(c, m);
    double wanted = slots_wanted(c, m, &kinds);
    if (kinds.fit == 0 && kinds.asked == 0 && look->odd == 0)
        return;
    for (size_t i = 0; i < look->count && wanted > 0 && look->unstarted > 0; i++) {
        struct outranked *o = &look->slots[i];
        if (o->priority >= m->rules.priority || !wants(c, m, &kinds, o))
            continue;
        wanted -= 1;
        if (o->has_unstarted)
            take_slot_back(c, look, o);
    }
}

void outrank_look(struct core *c)
{
    struct look look = { 0 };
    survey(c, &look);
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count && look.unstarted > 0;
         i = bitmap_next_set(&c->open_models, i + 1))
        make_room(c, &look, &c->models[i]);
    free(look.slots);
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
