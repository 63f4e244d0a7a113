/* The tail: slots starve while others still have work in hand.
 *
 * Now and then the core looks for attempts that a starving slot would be through with sooner, its
 * load included, and takes back what their slots have not started: first what waits behind another
 * attempt, then the rest of what runs. What comes back is free, and is granted anew, in smaller
 * parts. An instance that runs is never taken away, and a slot that gave something back is spared
 * until a result of its own is recorded: so each look is paid for with progress. A slot for which
 * there is nothing to take back may run a copy of what is slow elsewhere (copy.c). */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

enum { VICTIMS_MAX = 4096 }; /* a look; more are found by the next one */

/* An attempt that keeps work from the starving, and for how long. */
struct victim {
    struct attempt *attempt; /* NULL: it had to give */
    double gain_ns;          /* until its slot would start the last of it */
    uint32_t next_of_model;  /* with less to gain; NONE: none */
};

/* Those who starve are many, and so are the victims: most of these help no slot of a kind, and are
 * left behind once for all slots of it. */
struct look {
    struct victim victims[VICTIMS_MAX]; /* most to gain first */
    uint32_t count;
    uint32_t next_for[KINDS_MAX]; /* those before it help no slot that has not their model */
};

static double load_ns_of(const struct core *c, const struct attempt *a)
{
    return model_load_ns(c, &c->models[a->cell->model]);
}

/* An instance that failed elsewhere was sent here on purpose: the slot that starves may be the very
 * one that must not have it, and it would come back here, to be taken away again, for ever. */
bool attempt_is_retry(const struct core *c, const struct attempt *a)
{
    return a->count == 1 && strike_find(c, a->cell, a->first);
}

/* The slot's attempts from its last one to the head, as far as there is something to gain. */
static void add_victims(const struct core *c, struct slot *s, struct look *look)
{
    double ahead_ns = 0;
    if (s->spared)
        return;
    for (struct list *n = s->attempts.next; n != &s->attempts && look->count < VICTIMS_MAX;
         n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_slot);
        double rest_ns = a->open * attempt_instance_ns(c, a);
        double gain_ns = ahead_ns + rest_ns;
        if (n == s->attempts.next && s->state != SLOT_LOADING)
            gain_ns -= attempt_instance_ns(c, a); /* one instance of the head runs, and stays */
        ahead_ns += rest_ns;
        if (!a->revoked && !a->is_copy && !attempt_is_retry(c, a) &&
            gain_ns > (double)c->config.beat_ns)
            look->victims[look->count++] = (struct victim){ a, gain_ns, NONE };
    }
}

static int by_gain(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;
    if (x->gain_ns != y->gain_ns)
        return x->gain_ns > y->gain_ns ? -1 : 1;
    return (x->attempt->id > y->attempt->id) - (x->attempt->id < y->attempt->id);
}

static void chain_by_model(struct core *c, struct look *look)
{
    for (size_t i = 0; i < c->model_count; i++)
        c->models[i].first_victim = NONE;
    for (uint32_t i = look->count; i-- > 0;) {
        struct model *m = &c->models[look->victims[i].attempt->cell->model];
        look->victims[i].next_of_model = m->first_victim;
        m->first_victim = i;
    }
}

static void find_victims(struct core *c, struct look *look)
{
    look->count = 0;
    memset(look->next_for, 0, sizeof(look->next_for));
    for (size_t i = 0; i < c->worker_count; i++) {
        struct worker *w = c->workers[i];
        for (uint32_t k = 0; w->session && k < w->slot_count; k++)
            add_victims(c, &w->slots[k], look);
    }
    if (look->count > 1)
        qsort(look->victims, look->count, sizeof(look->victims[0]), by_gain);
    chain_by_model(c, look);
}

/* Whether a slot that has to load the model first would be through sooner. */
static bool is_worth_a_load(const struct core *c, const struct victim *v)
{
    return model_is_worth_loading(c, &c->models[v->attempt->cell->model]) &&
           v->gain_ns > 2.0 * load_ns_of(c, v->attempt) + (double)c->config.beat_ns;
}

/* Whether the slot could run the attempt's model, and would be through sooner. */
static bool would_help(const struct core *c, const struct slot *s, const struct victim *v)
{
    const struct cell *cell = v->attempt->cell;
    const struct model *m = &c->models[cell->model];
    if (limit_of(c, m, s) != LIMIT_NONE || worker_refuses(s->worker, cell->model, cell->task))
        return false;
    return s->model == cell->model || is_worth_a_load(c, v);
}

void take_back(struct core *c, struct attempt *a)
{
    a->revoked = true;
    a->worker->slots[a->slot].spared = true;
    c->taken_back++;
    count_decision(c, DECISION_TAKE_BACK);
    emit(c, EFFECT_REVOKE, a->worker->session)->as.revoke.attempt = a->id;
}

/* The first victim of its own model that would help the slot; look->count: none. */
static uint32_t find_of_model(const struct core *c, const struct slot *s, const struct look *look)
{
    uint32_t i = s->model != NONE ? c->models[s->model].first_victim : NONE;
    while (i != NONE && !(look->victims[i].attempt && would_help(c, s, &look->victims[i])))
        i = look->victims[i].next_of_model;
    return i != NONE ? i : look->count;
}

/* What rules a victim out for a kind does so until the look is over: nothing of it gets better. */
static bool is_ruled_out(const struct core *c, const struct slot *s, const struct victim *v)
{
    return !v->attempt || !is_worth_a_load(c, v) ||
           !kind_could_have(c, s, &c->models[v->attempt->cell->model]);
}

/* The first victim that would help the slot; look->count: none. */
static uint32_t find_for(const struct core *c, const struct slot *s, struct look *look)
{
    uint32_t *next = &look->next_for[s->kind], first_own = find_of_model(c, s, look);
    while (*next < look->count && is_ruled_out(c, s, &look->victims[*next]))
        ++*next;
    for (uint32_t i = *next; i < first_own; i++)
        if (look->victims[i].attempt && would_help(c, s, &look->victims[i]))
            return i;
    return first_own;
}

/* For this slot: true if there was something to take back. */
static bool take_back_for(struct core *c, const struct slot *s, struct look *look)
{
    uint32_t i = find_for(c, s, look);
    if (i == look->count)
        return false;
    take_back(c, look->victims[i].attempt);
    look->victims[i].attempt = NULL; /* one helper an attempt and look */
    return true;
}

void tail_look(struct core *c)
{
    struct look look;
    find_victims(c, &look);
    struct list *next;
    for (struct list *n = c->starving.next; n != &c->starving; n = next) {
        struct slot *s = container_of(n, struct slot, in_hungry);
        next = n->next; /* with a copy to run it does not starve any more */
        if (!take_back_for(c, s, &look))
            copy_look(c, s);
    }
}

void tail_arm(struct core *c)
{
    if (list_empty(&c->starving) || c->attempt_of.count == 0)
        c->tail_ns = INT64_MAX;
    else if (c->tail_ns == INT64_MAX)
        c->tail_ns = c->now_ns + c->config.beat_ns;
}
