/* The tail: slots starve while others still have work in hand.
 *
 * Now and then the core looks for attempts that a starving slot would be through with sooner, its
 * load included, and takes back what their slots have not started: of each as much as lets its slot
 * and those who help it be through at the same time. A slot goes on with what it keeps. What comes
 * back is free, and is granted anew, in smaller parts. An instance that runs is never taken away,
 * and a slot that gave something back is spared until a result of its own is recorded: so each look
 * is paid for with progress. But a slot that is stuck gives back all that it has not started:
 * nobody knows for how long yet, and what it runs is worth a copy once it is all that it has. It
 * does so once: what it is given after that it keeps until a result. Where a host dies with several
 * instances its worker finds the one at fault, but not if they are taken away each time before. A
 * slot for which there is nothing to take back may copy what is slow elsewhere (copy.c). */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

enum { VICTIMS_MAX = 4096 }; /* a look; more are found by the next one */

static const double HELP_BEATS = 0.25; /* a helper has to save so many beats */

/* An attempt that keeps work from the starving, and those who are to help its slot with it. */
struct victim {
    struct attempt *attempt;
    double own;   /* instances that its slot has to run, those ahead of it included */
    double work;  /* the same, and what the loads of the helpers are worth */
    double speed; /* instances a ns that all of them run together */
    uint32_t helpers;
    uint32_t next_of_model;     /* that ends sooner; NONE: none */
    struct heap_node in_helped; /* with helpers; the key: less, the later it ends */
};

/* Those who starve are many, and so are the victims: most of these help no slot of a kind, and are
 * left behind once for all slots of it. */
struct look {
    struct victim victims[VICTIMS_MAX]; /* the last to end first */
    uint32_t count;
    uint32_t next_for[KINDS_MAX]; /* those before it have help, or no slot has it that has not their
                                     model */
    struct heap helped;           /* the last to end on top */
};

/* Until all of them are through. */
static double end_ns(const struct victim *v)
{
    return v->work / v->speed;
}

static double known_or_typical_ns(const struct core *c, const struct cell *cell, double ns)
{
    return ns > 0 ? ns : model_instance_ns(c, &c->models[cell->model]);
}

static double each_ns_of(const struct core *c, const struct attempt *a)
{
    return known_or_typical_ns(c, a->cell, attempt_instance_ns(c, a));
}

/* One instance of it at least is under way. */
static bool has_begun(const struct attempt *a)
{
    return attempt_head(a->worker, a->slot) == a && a->worker->slots[a->slot].state != SLOT_LOADING;
}

/* An instance that failed elsewhere was sent here on purpose: the slot that starves may be the very
 * one that must not have it, and it would come back here, to be taken away again, for ever. */
bool attempt_is_retry(const struct core *c, const struct attempt *a)
{
    return a->count == 1 && strike_find(c, a->cell, a->first);
}

/* It was given to a slot that is stuck, and has given back once. */
static bool is_kept(const struct attempt *a)
{
    const struct slot *s = &a->worker->slots[a->slot];
    return s->spared && s->last_asked > 0 && a->id > s->last_asked;
}

static bool may_be_taken(const struct core *c, const struct attempt *a)
{
    return !is_kept(a) && a->open > has_begun(a) && !a->revoked && !a->is_being_split &&
           !a->is_copy && !attempt_is_retry(c, a);
}

/* The slot's attempts, as far as there is something to gain. */
static void add_victims(const struct core *c, struct slot *s, struct look *look)
{
    double until_ns = slot_stuck_ns(c, s); /* it may well take as long again */
    if (s->spared && until_ns <= 0)
        return;
    for (struct list *n = s->attempts.next; n != &s->attempts && look->count < VICTIMS_MAX;
         n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_slot);
        double each_ns = each_ns_of(c, a), stays_ns = has_begun(a) ? each_ns : 0;
        until_ns += a->open * each_ns;
        if (!may_be_taken(c, a) || until_ns - stays_ns <= (double)c->config.beat_ns)
            continue;
        double own = (until_ns - 0.5 * stays_ns) / each_ns; /* half of what runs is over */
        look->victims[look->count++] =
            (struct victim){ .attempt = a, .own = own, .work = own, .speed = 1 / each_ns };
    }
}

static int by_end(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;
    double x_ns = end_ns(x), y_ns = end_ns(y);
    if (x_ns != y_ns)
        return x_ns > y_ns ? -1 : 1;
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
    for (size_t i = 0; i < c->worker_count; i++) {
        struct worker *w = c->workers[i];
        for (uint32_t k = 0; w->session && k < w->slot_count; k++)
            add_victims(c, &w->slots[k], look);
    }
    if (look->count > 1)
        qsort(look->victims, look->count, sizeof(look->victims[0]), by_end);
    chain_by_model(c, look);
}

/* Whether a slot that has to load the model first would be through sooner. */
static bool is_worth_a_load(const struct core *c, const struct victim *v)
{
    return model_is_worth_loading(c, &c->models[v->attempt->cell->model]) &&
           end_ns(v) > 2.0 * model_load_ns(c, &c->models[v->attempt->cell->model]) +
                           (double)c->config.beat_ns;
}

static struct victim with_help_of(const struct core *c, const struct slot *s,
                                  const struct victim *v, double load_ns)
{
    const struct cell *cell = v->attempt->cell;
    double each_ns = known_or_typical_ns(c, cell, slot_instance_ns(c, s, cell));
    struct victim with = *v;
    with.work += load_ns / each_ns;
    with.speed += 1 / each_ns;
    with.helpers++;
    return with;
}

/* Whether the slot could run the attempt's model, and they would be through sooner with it. */
static bool would_help(const struct core *c, const struct slot *s, const struct victim *v)
{
    const struct cell *cell = v->attempt->cell;
    const struct model *m = &c->models[cell->model];
    if (limit_of(c, m, s) != LIMIT_NONE || worker_refuses(s->worker, cell->model, cell->task))
        return false;
    if (s->model != cell->model && !is_worth_a_load(c, v))
        return false;
    double load_ns = s->model == cell->model ? 0 : model_load_ns(c, m);
    struct victim with = with_help_of(c, s, v, load_ns);
    return end_ns(v) - end_ns(&with) >= HELP_BEATS * (double)c->config.beat_ns &&
           end_ns(&with) > load_ns;
}

static void spare(struct slot *s)
{
    if (!s->spared)
        s->last_asked = 0;
    s->spared = true;
}

void take_back(struct core *c, struct attempt *a)
{
    a->revoked = true;
    spare(&a->worker->slots[a->slot]);
    c->taken_back++;
    count_decision(c, DECISION_TAKE_BACK);
    emit(c, EFFECT_REVOKE, a->worker->session)->as.revoke.attempt = a->id;
}

/* The same, of its own model. */
static uint32_t find_of_model(const struct core *c, const struct slot *s, const struct look *look)
{
    uint32_t i = s->model != NONE ? c->models[s->model].first_victim : NONE;
    while (i != NONE && (look->victims[i].helpers > 0 || !would_help(c, s, &look->victims[i])))
        i = look->victims[i].next_of_model;
    return i != NONE ? i : look->count;
}

/* What rules a victim out for a kind does so until the look is over: nothing of it gets better. */
static bool is_ruled_out(const struct core *c, const struct slot *s, const struct victim *v)
{
    return v->helpers > 0 || !is_worth_a_load(c, v) ||
           !kind_could_have(s, &c->models[v->attempt->cell->model]);
}

/* The first victim without help that the slot would help; look->count: none. */
static uint32_t find_for(const struct core *c, const struct slot *s, struct look *look)
{
    uint32_t *next = &look->next_for[s->kind], first_own = find_of_model(c, s, look);
    while (*next < look->count && is_ruled_out(c, s, &look->victims[*next]))
        ++*next;
    for (uint32_t i = *next; i < first_own; i++)
        if (look->victims[i].helpers == 0 && would_help(c, s, &look->victims[i]))
            return i;
    return first_own;
}

/* Of these and those that have help already, the one that ends last. NULL: there is none for it. */
static struct victim *choose_victim(const struct core *c, const struct slot *s, struct look *look)
{
    uint32_t i = find_for(c, s, look);
    struct victim *fresh = i < look->count ? &look->victims[i] : NULL;
    struct heap_node *top = heap_top(&look->helped);
    struct victim *helped = top ? container_of(top, struct victim, in_helped) : NULL;
    if (helped && (!fresh || end_ns(helped) > end_ns(fresh)) && would_help(c, s, helped))
        return helped;
    return fresh;
}

/* For this slot: true if there is something to take back. */
static bool help(const struct core *c, const struct slot *s, struct look *look)
{
    struct victim *v = choose_victim(c, s, look);
    if (!v)
        return false;
    uint32_t model = v->attempt->cell->model;
    *v = with_help_of(c, s, v, s->model == model ? 0 : model_load_ns(c, &c->models[model]));
    int64_t key = -(int64_t)end_ns(v);
    if (v->helpers > 1) {
        heap_rekey(&look->helped, &v->in_helped, key);
        return true;
    }
    v->in_helped = (struct heap_node){ .key = key, .tie = v->attempt->id };
    heap_push(&look->helped, &v->in_helped);
    return true;
}

/* It keeps what is before `from`, and what of the rest has started: which is that, only its worker
 * knows. */
static void split(struct core *c, struct attempt *a, uint32_t from)
{
    a->is_being_split = true;
    spare(&a->worker->slots[a->slot]);
    c->taken_back++;
    count_decision(c, DECISION_SPLIT);
    struct core_effect *effect = emit(c, EFFECT_REVOKE, a->worker->session);
    effect->as.revoke.attempt = a->id;
    effect->as.revoke.from = from;
}

/* The instance from which on so many open ones are the attempt's. */
static uint32_t last_open(const struct attempt *a, uint32_t count)
{
    uint32_t i = a->first + a->count;
    while (count > 0 && i > a->first)
        count -= cell_is_taken(a->cell, --i);
    return i;
}

/* What its slot will not be through with when the helpers are. Of one that is stuck all, and once:
 * it might be asked for a part of what it has started already again and again. */
static void take_part(struct core *c, const struct victim *v)
{
    struct attempt *a = v->attempt;
    double part = v->own - end_ns(v) / each_ns_of(c, a) + 0.5;
    uint32_t most = a->open - has_begun(a);
    uint32_t count = part < 1 ? 0 : part < most ? (uint32_t)part : most;
    if (count == 0)
        return;
    struct slot *s = &a->worker->slots[a->slot];
    bool is_stuck = slot_stuck_ns(c, s) > 0;
    if (count < a->open && a->worker->takes_cuts && !is_stuck)
        split(c, a, last_open(a, count));
    else
        take_back(c, a);
    if (is_stuck && s->last_asked == 0)
        s->last_asked = container_of(s->attempts.prev, struct attempt, in_slot)->id;
}

void tail_look(struct core *c)
{
    struct look *look = xcalloc(1, sizeof(*look)); /* large for a stack */
    find_victims(c, look);
    struct list *next;
    for (struct list *n = c->starving.next; n != &c->starving; n = next) {
        struct slot *s = container_of(n, struct slot, in_hungry);
        next = n->next; /* with a copy to run it does not starve any more */
        if (!help(c, s, look))
            copy_look(c, s);
    }
    for (uint32_t i = 0; i < look->count; i++)
        if (look->victims[i].helpers > 0)
            take_part(c, &look->victims[i]);
    heap_release(&look->helped);
    free(look);
}

void tail_arm(struct core *c)
{
    if (list_empty(&c->starving) || c->attempt_of.count == 0)
        c->tail_ns = INT64_MAX;
    else if (c->tail_ns == INT64_MAX)
        c->tail_ns = c->now_ns + c->config.beat_ns;
}
