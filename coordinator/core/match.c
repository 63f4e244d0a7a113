/* Who is served when: a slot that could take more is `hungry`; match_all serves the hungry in turn,
 * first one attempt each, then one waiting behind it. A slot for which there is nothing is
 * `starving`, or `wanting` if it has work in hand, until work becomes free again; an idle one that
 * waits for a gang is `held` until then, and gets what is through before the wait is over. choose.c
 * says what a slot gets, carve.c how much. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

/* ---- Who waits for work ---- */

/* Many are only granted while they are short: what the worker holds, and as much again that has
 * ended and is not durable yet, stays within what a hello can name. */
uint32_t match_queue_max(const struct worker *w)
{
    uint32_t share = HELD_MAX / 2 / w->slot_count;
    return share < 2 ? 2 : share < SLOT_ATTEMPTS_MAX ? share : SLOT_ATTEMPTS_MAX;
}

/* A long queue is refilled once half of it is through: by many at a time, not one by one. */
static bool slot_has_plenty(const struct slot *s)
{
    enum { FEW = 8 };
    return s->queued >= FEW && s->queued > match_queue_max(s->worker) / 2;
}

void match_slot_changed(struct core *c, struct worker *w, uint32_t slot)
{
    struct slot *s = &w->slots[slot];
    list_remove(&s->in_hungry);
    s->waiting_ns = -1;
    if (w->session && !w->draining && !c->stopping && !slot_has_plenty(s))
        list_push_back(&c->hungry, &s->in_hungry);
}

static void move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *n = list_first(from);
        list_remove(n);
        list_push_back(to, n);
    }
}

void match_wake(struct core *c)
{
    if (c->open_count == 0)
        return; /* what opens a model wakes them again */
    move_all(&c->starving, &c->hungry);
    move_all(&c->wanting, &c->hungry);
    move_all(&c->held, &c->hungry);
}

static void put_to_rest(struct core *c, struct slot *s)
{
    s->waiting_ns = -1;
    list_push_back(s->queued == 0 ? &c->starving : &c->wanting, &s->in_hungry);
}

/* What is open of an attempt, in this slot. */
static double attempt_open_ns(const struct core *c, const struct slot *s, const struct attempt *a)
{
    double ns = slot_instance_ns(c, s, a->cell);
    return a->open * (ns > 0 ? ns : model_instance_ns(c, &c->models[a->cell->model]));
}

/* Of all but the head: counted once a turn of the slot, then kept up by each grant. */
static double slot_waiting_ns(const struct core *c, struct slot *s)
{
    if (s->waiting_ns >= 0)
        return s->waiting_ns;
    s->waiting_ns = 0;
    struct list *head = list_first(&s->attempts);
    for (struct list *n = head->next; n != &s->attempts; n = n->next)
        s->waiting_ns += attempt_open_ns(c, s, container_of(n, struct attempt, in_slot));
    return s->waiting_ns;
}

/* Enough in hand: one attempt runs, and what waits behind it lasts for a while. */
static bool slot_is_sated(const struct core *c, struct slot *s)
{
    if (s->queued < 2)
        return false;
    return s->queued >= match_queue_max(s->worker) ||
           slot_waiting_ns(c, s) >= (double)c->config.beat_ns;
}

/* ---- The grant ---- */

static struct span skip_bits(struct core *c, const struct cell *cell, uint32_t first,
                             uint32_t count)
{
    uint32_t closed = bitmap_count_range(&cell->closed, first, count);
    if (closed == 0)
        return span_of(NULL, 0);
    size_t bytes = (count + 7u) / 8;
    uint8_t *bits = arena_alloc(&c->out->arena, bytes);
    for (uint32_t i = 0; i < count; i++)
        if (bitmap_get(&cell->closed, first + i))
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
    return span_of(bits, bytes);
}

/* The lead grants for its gang, whose members have to be left alone from now on. */
static void name_members(struct core *c, struct gang *g, struct core_effect *effect)
{
    check(g && g->count > 0);
    uint32_t count = g->count - 1;
    effect->as.grant.members = arena_alloc(&c->out->arena, count * sizeof(uint32_t));
    effect->as.grant.member_count = count;
    memcpy(effect->as.grant.members, g->slots + 1, count * sizeof(uint32_t));
    gang_close(g);
}

static struct core_effect *send_grant(struct core *c, const struct attempt *a, struct span skip)
{
    struct core_effect *effect = emit(c, EFFECT_GRANT, a->worker->session);
    effect->as.grant.attempt = a->id;
    effect->as.grant.slot = a->slot;
    effect->as.grant.model = a->cell->model;
    effect->as.grant.task = a->cell->task;
    effect->as.grant.first = a->first;
    effect->as.grant.count = a->count;
    effect->as.grant.skip = skip;
    effect->as.grant.is_copy = a->is_copy;
    effect->as.grant.inflight_max = a->inflight_max;
    return effect;
}

void grant_copy(struct core *c, struct slot *s, struct cell *cell, uint32_t instance)
{
    struct worker *w = s->worker;
    uint32_t slot = (uint32_t)(s - w->slots);
    count_decision(c, DECISION_COPY);
    const struct attempt *a = attempt_new_copy(c, w, slot, cell, instance, attempt_number(c, w));
    send_grant(c, a, span_of(NULL, 0));
    match_slot_changed(c, w, slot);
}

static void grant(struct core *c, struct slot *s, struct cell *cell, uint32_t first, uint32_t count,
                  enum decision why)
{
    struct worker *w = s->worker;
    uint64_t id = attempt_number(c, w);
    uint32_t slot = (uint32_t)(s - w->slots);
    struct span skip = skip_bits(c, cell, first, count);
    count_decision(c, why);
    if (count == 1 && strike_find(c, cell, first))
        count_decision(c, DECISION_RETRY);
    const struct attempt *a = attempt_new(c, w, slot, cell, first, count, id, false);
    if (s->waiting_ns >= 0)
        s->waiting_ns += attempt_open_ns(c, s, a);
    struct core_effect *effect = send_grant(c, a, skip);
    if (slot_leads(s, cell->model))
        name_members(c, s->gang, effect);
}

static bool waits_for_gang(const struct slot *s)
{
    return s->gang && gang_is_forming(s->gang);
}

static enum decision stay_or_backfill(const struct slot *s)
{
    return waits_for_gang(s) ? DECISION_BACKFILL : DECISION_STAY;
}

/* Who waits for a gang is about to leave anyway. */
static bool stays(struct core *c, struct slot *s)
{
    return waits_for_gang(s) || !choose_leaves(c, s);
}

/* Idle slots that have the model of some free work come first: nobody should load a model for work
 * that another one could start at once. */
static void serve_holders(struct core *c)
{
    struct list served;
    list_init(&served);
    while (!list_empty(&c->hungry)) {
        struct slot *s = container_of(list_first(&c->hungry), struct slot, in_hungry);
        list_remove(&s->in_hungry);
        list_push_back(&served, &s->in_hungry);
        uint32_t first, count;
        struct cell *cell =
            s->queued == 0 && stays(c, s) ? choose_loaded(c, s, &first, &count) : NULL;
        if (cell)
            grant(c, s, cell, first, count, stay_or_backfill(s));
    }
    move_all(&served, &c->hungry);
}

enum outcome {
    SERVED,
    FOUND_NOTHING,
    HELD,     /* a gang has it, or waits for what it has in hand */
    WAITS,    /* idle, for the other slots of a gang: nothing is through before they are */
    POSTPONED /* it would have to wait for other slots of a gang, or others come first */
};

/* A gang with this slot is what is most worth loading. */
static enum outcome serve_gang(struct core *c, struct slot *s, struct cell *cell, uint32_t first,
                               uint32_t count, bool may_wait)
{
    double wait_ns;
    bool may_form = gang_may_form(c, s, &c->models[cell->model], &wait_ns);
    check(may_form);
    if (wait_ns > 0 && !may_wait) {
        count_decision(c, DECISION_GANG_POSTPONED);
        return POSTPONED;
    }
    struct gang *g = gang_form(c, s, cell->model);
    if (gang_is_forming(g))
        return HELD;
    grant(c, gang_lead(g), cell, first, count, DECISION_GANG);
    match_slot_changed(c, g->worker, g->slots[0]);
    return HELD;
}

static enum outcome serve_another(struct core *c, struct slot *s, bool may_wait)
{
    uint32_t first, count;
    struct cell *cell = choose_another(c, s, &first, &count);
    if (!cell) {
        count_decision(c, DECISION_NOTHING);
        return FOUND_NOTHING;
    }
    if (!slot_fits(s, &c->models[cell->model]))
        return serve_gang(c, s, cell, first, count, may_wait);
    if (s->gang)
        gang_end(c, s->gang); /* which has nothing to do */
    grant(c, s, cell, first, count, DECISION_LOAD);
    return SERVED;
}

static bool serve_loaded(struct core *c, struct slot *s)
{
    uint32_t first, count;
    struct cell *cell = choose_loaded(c, s, &first, &count);
    if (cell)
        grant(c, s, cell, first, count, stay_or_backfill(s));
    return cell != NULL;
}

/* One attempt more. Another model can wait until the slot is free to load it. */
static enum outcome serve(struct core *c, struct slot *s, bool may_wait)
{
    if (slot_is_held(s))
        return HELD;
    if (waits_for_gang(s))
        return serve_loaded(c, s) ? SERVED : WAITS;
    if (c->open_count == 0)
        return FOUND_NOTHING;
    bool leaves = choose_leaves(c, s);
    if (!leaves && serve_loaded(c, s))
        return SERVED;
    if (s->queued > 0)
        return FOUND_NOTHING;
    enum outcome outcome = serve_another(c, s, may_wait);
    if (outcome == FOUND_NOTHING && leaves) {
        if (!may_wait && should_let_others_try(c, s))
            return POSTPONED;
        if (serve_loaded(c, s))
            return SERVED;
    }
    if (leaves && outcome == SERVED)
        count_decision(c, DECISION_LEAVE);
    return outcome;
}

static void find_nothing(struct core *c, struct slot *s)
{
    list_remove(&s->in_hungry);
    put_to_rest(c, s);
    if (s->gang && s->queued == 0 && gang_lead(s->gang) == s)
        gang_open(c, s->gang);
}

/* may_wait: whether a gang may hold slots back until others are free too. */
static void serve_all(struct core *c, bool may_wait)
{
    struct list postponed;
    list_init(&postponed);
    while (!list_empty(&c->hungry)) {
        struct slot *s = container_of(list_first(&c->hungry), struct slot, in_hungry);
        list_remove(&s->in_hungry);
        if (slot_is_sated(c, s)) {
            s->waiting_ns = -1;
            continue; /* it comes back when an attempt of it ends */
        }
        switch (serve(c, s, may_wait)) {
        case SERVED:
            list_remove(&s->in_hungry); /* the end of a gang put it there already */
            list_push_back(&c->hungry, &s->in_hungry);
            break;
        case FOUND_NOTHING: find_nothing(c, s); break;
        case POSTPONED: list_push_back(&postponed, &s->in_hungry); break;
        case WAITS: list_push_back(&c->held, &s->in_hungry); break;
        case HELD: break;
        }
    }
    move_all(&postponed, &c->hungry);
}

/* Nobody waits for slots while the same gang could start at once on others. */
void match_all(struct core *c)
{
    if (c->stopping || list_empty(&c->hungry))
        return;
    if (c->open_count > 0)
        serve_holders(c);
    serve_all(c, false);
    serve_all(c, true);
}
