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
    struct attempt *attempt;
    double gain_ns; /* until its slot would start the last of it */
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
static size_t add_victims(const struct core *c, struct slot *s, struct victim *out, size_t count)
{
    double ahead_ns = 0;
    if (s->spared)
        return count;
    for (struct list *n = s->attempts.next; n != &s->attempts && count < VICTIMS_MAX; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_slot);
        double rest_ns = a->open * attempt_instance_ns(c, a);
        double gain_ns = ahead_ns + rest_ns;
        if (n == s->attempts.next && s->state != SLOT_LOADING)
            gain_ns -= attempt_instance_ns(c, a); /* one instance of the head runs, and stays */
        ahead_ns += rest_ns;
        if (!a->revoked && !a->is_copy && !attempt_is_retry(c, a) &&
            gain_ns > (double)c->config.beat_ns)
            out[count++] = (struct victim){ a, gain_ns };
    }
    return count;
}

static int by_gain(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;
    if (x->gain_ns != y->gain_ns)
        return x->gain_ns > y->gain_ns ? -1 : 1;
    return (x->attempt->id > y->attempt->id) - (x->attempt->id < y->attempt->id);
}

static size_t find_victims(const struct core *c, struct victim *out)
{
    size_t count = 0;
    for (size_t i = 0; i < c->worker_count; i++) {
        struct worker *w = c->workers[i];
        for (uint32_t k = 0; w->session && k < w->slot_count; k++)
            count = add_victims(c, &w->slots[k], out, count);
    }
    if (count > 1)
        qsort(out, count, sizeof(*out), by_gain);
    return count;
}

/* Whether the slot could run the attempt's model, and would be through sooner. */
static bool would_help(const struct core *c, const struct slot *s, const struct victim *v)
{
    const struct cell *cell = v->attempt->cell;
    const struct model *m = &c->models[cell->model];
    if (limit_of(c, m, s) != LIMIT_NONE || worker_refuses(s->worker, cell->model, cell->task))
        return false;
    if (s->model == cell->model)
        return true;
    return model_is_worth_loading(c, m) &&
           v->gain_ns > 2.0 * load_ns_of(c, v->attempt) + (double)c->config.beat_ns;
}

void take_back(struct core *c, struct attempt *a)
{
    a->revoked = true;
    a->worker->slots[a->slot].spared = true;
    c->taken_back++;
    count_decision(c, DECISION_TAKE_BACK);
    emit(c, EFFECT_REVOKE, a->worker->session)->as.revoke.attempt = a->id;
}

/* For this slot: true if there was something to take back. */
static bool take_back_for(struct core *c, const struct slot *s, struct victim *victims,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!victims[i].attempt || !would_help(c, s, &victims[i]))
            continue;
        take_back(c, victims[i].attempt);
        victims[i].attempt = NULL; /* one helper an attempt and look */
        return true;
    }
    return false;
}

void tail_look(struct core *c)
{
    struct victim victims[VICTIMS_MAX];
    size_t count = find_victims(c, victims);
    struct list *next;
    for (struct list *n = c->starving.next; n != &c->starving; n = next) {
        struct slot *s = container_of(n, struct slot, in_hungry);
        next = n->next; /* with a copy to run it does not starve any more */
        if (!take_back_for(c, s, victims, count))
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
