/* Speculation: at the very end, a slot that has nothing else to do runs a copy of an instance that
 * takes long on another slot; the first result counts.
 *
 * A copy is an attempt of one instance under a lease of its own, beside the one that has the
 * instance taken: at most one copy an instance. It takes nothing and accuses nobody; if the other
 * attempt ends without a result, the copy takes its place. What copies cost is bounded by a share
 * of all slot time so far. The answers of the two are compared: they differ where a model is not
 * deterministic, which its owner may want to know. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <math.h>
#include <stdlib.h>

/* An instance is slow if it takes so many times its kind, and some beats: news of it is as old. */
static const double SLOW_TIMES = 2;
enum { SLOW_BEATS = 2 };

struct attempt *copy_of(const struct core *c, const struct cell *cell, uint32_t instance)
{
    const struct list *end = &c->copies;
    for (struct list *n = c->copies.next; n != end; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_cell);
        if (a->cell == cell && a->first == instance)
            return a;
    }
    return NULL;
}

bool copy_takes_over(struct core *c, struct cell *cell, uint32_t instance)
{
    struct attempt *copy = copy_of(c, cell, instance);
    if (!copy || copy->revoked)
        return false;
    copy->is_copy = false;
    copy->took_over = true;
    list_remove(&copy->in_cell);
    list_push_back(&cell->attempts, &copy->in_cell);
    return true;
}

/* The instance is closed: its copy has nothing more to do, and need not begin if it has not. */
void copy_closed(struct core *c, const struct cell *cell, uint32_t instance,
                 const struct attempt *winner)
{
    struct attempt *copy = copy_of(c, cell, instance);
    if (!copy)
        return;
    copy->open = 0;
    if (copy == winner || copy->revoked)
        return;
    copy->revoked = true;
    emit(c, EFFECT_REVOKE, copy->worker->session)->as.revoke.attempt = copy->id;
}

/* ---- First and second answers ---- */

/* An instance that was given to two. */
struct race {
    const struct cell *cell;
    uint32_t instance;
    uint32_t answer; /* of the first, if it is won: the digest of what was recorded */
    uint64_t winner; /* its attempt */
    bool is_won;
    struct list in_all;
};

enum { RACES_MAX = 256 };

static struct race *race_find(const struct core *c, const struct cell *cell, uint32_t instance)
{
    const struct list *end = &c->races;
    for (struct list *n = c->races.next; n != end; n = n->next) {
        struct race *r = container_of(n, struct race, in_all);
        if (r->cell == cell && r->instance == instance)
            return r;
    }
    return NULL;
}

static void race_end(struct core *c, struct race *r)
{
    list_remove(&r->in_all);
    c->race_count--;
    free(r);
}

void copy_answered(struct core *c, const struct cell *cell, uint32_t instance, uint64_t attempt,
                   uint32_t answer)
{
    struct race *r = race_find(c, cell, instance);
    if (!r)
        return;
    if (r->is_won) {
        c->nondeterministic += r->answer != answer;
        race_end(c, r);
        return;
    }
    r->is_won = true;
    r->winner = attempt;
    r->answer = answer;
}

/* Whether the instance is in the range of an attempt other than this one. */
static bool is_elsewhere(const struct core *c, const struct attempt *a, uint32_t instance)
{
    const struct list *end = &a->cell->attempts;
    const struct attempt *copy = copy_of(c, a->cell, instance);
    bool is_found = copy && copy != a;
    for (struct list *n = a->cell->attempts.next; n != end && !is_found; n = n->next) {
        const struct attempt *other = container_of(n, struct attempt, in_cell);
        is_found = other != a && attempt_has(other, instance);
    }
    return is_found;
}

void copy_attempt_over(struct core *c, const struct attempt *a)
{
    struct list *next;
    for (struct list *n = c->races.next; n != &c->races; n = next) {
        struct race *r = container_of(n, struct race, in_all);
        next = n->next;
        if (r->cell == a->cell && attempt_has(a, r->instance) && r->is_won &&
            (r->winner != a->id || !is_elsewhere(c, a, r->instance)))
            race_end(c, r); /* no second answer comes */
    }
}

void copy_free_races(struct core *c)
{
    while (!list_empty(&c->races))
        race_end(c, container_of(list_first(&c->races), struct race, in_all));
}

bool core_compares_answers(const struct core *c)
{
    return c->races.next != &c->races;
}

static void race_begin(struct core *c, const struct cell *cell, uint32_t instance)
{
    if (race_find(c, cell, instance))
        return; /* an earlier copy came to nothing */
    struct race *r = xcalloc(1, sizeof(*r));
    *r = (struct race){ .cell = cell, .instance = instance };
    list_push_back(&c->races, &r->in_all);
    if (++c->race_count > RACES_MAX) /* the second answer of the oldest never came */
        race_end(c, container_of(list_first(&c->races), struct race, in_all));
}

/* ---- Which instance is worth a copy ---- */

/* What copies have taken, those that run included. */
static double spent_on_copies_ns(const struct core *c)
{
    double ns = c->copied_ns;
    const struct list *end = &c->copies;
    for (struct list *n = c->copies.next; n != end; n = n->next)
        ns += (double)(c->now_ns - container_of(n, struct attempt, in_cell)->started_ns);
    return ns;
}

/* The instance of it that began first, and has no copy. Nothing that failed is run by two. */
static bool first_alone(const struct core *c, const struct attempt *a, uint32_t *out)
{
    for (uint32_t i = a->first; i < a->first + a->count; i++) {
        if (!cell_is_taken(a->cell, i))
            continue;
        *out = i;
        return !copy_of(c, a->cell, i) && !strike_find(c, a->cell, i);
    }
    return false;
}

/* For how long the slot has been at what it runs, without a result. */
static double silent_ns(const struct core *c, const struct slot *s)
{
    return s->queued > 0 && s->loading_ns == 0 ? (double)(c->now_ns - s->accounted_ns) : 0;
}

static bool is_slow(const struct core *c, double ns, double expected_ns)
{
    return ns > SLOW_BEATS * (double)c->config.beat_ns && ns >= SLOW_TIMES * expected_ns;
}

double slot_stuck_ns(const struct core *c, const struct slot *s)
{
    const struct attempt *head = attempt_head(s->worker, (uint32_t)(s - s->worker->slots));
    double ns = silent_ns(c, s);
    return head && is_slow(c, ns, slot_instance_ns(c, s, head->cell)) ? ns : 0;
}

/* Whether it starts nothing more of it that could be taken back instead. */
static bool runs_its_last(const struct slot *s, const struct attempt *head)
{
    return (head->open == 1 || head->revoked) && !head->is_copy && !s->gang;
}

/* What its slots are stuck in longest, in times of its kind, of what has no copy yet. Those who ask
 * are many, and mostly there is nothing for any of them: answered once a look, and a copy. */
static double slowest_of(const struct core *c, struct model *m)
{
    if (m->slowest_at_ns == c->now_ns)
        return m->slowest;
    m->slowest_at_ns = c->now_ns;
    m->slowest = 0;
    for (uint32_t i = 0; i < m->replicas; i++) {
        const struct slot *s = m->holders[i];
        const struct attempt *a = attempt_head(s->worker, (uint32_t)(s - s->worker->slots));
        uint32_t instance;
        double ns = silent_ns(c, s);
        if (ns <= SLOW_BEATS * (double)c->config.beat_ns || !a || &c->models[a->cell->model] != m ||
            !runs_its_last(s, a))
            continue;
        double kind_ns = cell_instance_ns(c, a->cell);
        double times = kind_ns > 0 ? ns / kind_ns : INFINITY;
        if (times > m->slowest && first_alone(c, a, &instance))
            m->slowest = times;
    }
    return m->slowest;
}

/* Of all slots that have this one's model, the one that is stuck longest. */
static struct attempt *find_stuck(const struct core *c, const struct slot *helper, uint32_t *out)
{
    const struct model *m = &c->models[helper->model];
    struct attempt *best = NULL;
    double best_ns = 0;
    for (uint32_t i = 0; i < m->replicas; i++) {
        const struct slot *s = m->holders[i];
        struct attempt *a = attempt_head(s->worker, (uint32_t)(s - s->worker->slots));
        uint32_t instance;
        if (s == helper || !a || a->cell->model != helper->model || !runs_its_last(s, a))
            continue;
        double ns = silent_ns(c, s);
        if (ns <= best_ns || !is_slow(c, ns, slot_instance_ns(c, helper, a->cell)) ||
            worker_refuses(helper->worker, a->cell->model, a->cell->task) ||
            !first_alone(c, a, &instance))
            continue;
        best = a;
        best_ns = ns;
        *out = instance;
    }
    return best;
}

static bool may_copy(const struct core *c, const struct slot *s)
{
    if (s->model == NONE || s->gang || s->state == SLOT_LOADING || s->loading_ns > 0)
        return false;
    const struct model *m = &c->models[s->model];
    return !m->rules.never_copied && limit_of(c, m, s) == LIMIT_NONE;
}

bool copy_look(struct core *c, struct slot *s)
{
    if (c->config.copy_share <= 0 || !may_copy(c, s))
        return false;
    struct model *m = &c->models[s->model];
    uint32_t instance;
    if (slowest_of(c, m) < SLOW_TIMES * slot_factor(s, m))
        return false;
    const struct attempt *stuck = find_stuck(c, s, &instance);
    if (!stuck)
        return false;
    double expected_ns = slot_instance_ns(c, s, stuck->cell);
    if (spent_on_copies_ns(c) + expected_ns > c->config.copy_share * c->busy_ns)
        return false;
    m->slowest_at_ns = -1;
    race_begin(c, stuck->cell, instance);
    grant_copy(c, s, stuck->cell, instance);
    return true;
}
