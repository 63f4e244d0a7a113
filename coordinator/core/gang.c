/* Gangs: models that need more than a slot has run on several slots of one worker.
 *
 * A gang is led by one of its slots: attempts are the lead's, and the other members have none.
 * Which slots go together follows from where they are (common/place.h) and is the same each time,
 * so that gangs lie side by side and never across each other.
 *
 * A gang forms when its model's turn has come and a slot of it is idle. If others are at work, they
 * are held back: what waits behind their heads is taken back, and nothing but work of their own
 * model that will be through in time is granted to them until the last one is. It forms only if
 * that wait is no longer than the work there is for it, and gives up if it turns out to be longer.
 * A narrower gang that is at work in its slots is held back likewise if that pays (make_way.c): the
 * one that forms is its heir.
 *
 * A gang that has nothing to do stays together until one of its slots is wanted for something else.
 */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <math.h>
#include <stdlib.h>

static const double PATIENCE = 4;     /* times the wait that was expected, then a gang gives up */
static const double UNKNOWN_JOBS = 4; /* a model not yet measured is worth so many attempts' time */

/* ---- Which slots ---- */

/* groups[i]: the lead of slot i's group, if `width` slots go together. Kept: places do not change.
 */
static const uint32_t *groups_of(struct worker *w, uint32_t width)
{
    check(width <= GANG_SLOTS_MAX);
    if (!w->groups[width]) {
        w->groups[width] = xcalloc(w->slot_count, sizeof(uint32_t));
        place_groups(w->places, w->slot_count, width, w->groups[width]);
    }
    return w->groups[width];
}

void gang_forget_groups(struct worker *w)
{
    for (uint32_t i = 0; i <= GANG_SLOTS_MAX; i++) {
        free(w->groups[i]);
        w->groups[i] = NULL;
    }
}

static struct core_offer sum_of(const struct worker *w, const uint32_t *slots, uint32_t count)
{
    struct core_offer sum = slot_offer(&w->slots[slots[0]]);
    for (uint32_t i = 1; i < count; i++) {
        struct core_offer more = slot_offer(&w->slots[slots[i]]);
        bool is_limited = sum.memory_bytes != 0 && more.memory_bytes != 0;
        bool is_known = sum.gpu_memory_bytes != 0 && more.gpu_memory_bytes != 0;
        sum.gpus += more.gpus;
        sum.cpus += more.cpus;
        sum.memory_bytes = is_limited ? sum.memory_bytes + more.memory_bytes : 0;
        if (!is_known || more.gpu_memory_bytes < sum.gpu_memory_bytes)
            sum.gpu_memory_bytes = is_known ? more.gpu_memory_bytes : 0;
    }
    return sum;
}

static bool is_of_one_type(const struct worker *w, const uint32_t *slots, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (w->slots[slots[i]].gpu_type != w->slots[slots[0]].gpu_type)
            return false;
    return true;
}

/* The slots that would run the model together with this one; 0: none could, ever. */
static uint32_t find_slots(const struct slot *s, const struct model *m,
                           uint32_t slots[GANG_SLOTS_MAX])
{
    struct worker *w = s->worker;
    uint32_t width = slot_width(s, m), count = 0;
    if (width < 2 || width > w->slot_count)
        return 0;
    const uint32_t *groups = groups_of(w, width);
    uint32_t lead = groups[s - w->slots];
    if (lead == PLACE_GROUP_NONE)
        return 0;
    for (uint32_t i = lead; count < width; i++)
        if (groups[i] == lead)
            slots[count++] = i;
    struct core_offer sum = sum_of(w, slots, count);
    return is_of_one_type(w, slots, count) && slots_needed(&m->need, &sum) == 1 ? count : 0;
}

bool gang_could(const struct slot *s, const struct model *m)
{
    uint32_t slots[GANG_SLOTS_MAX];
    return find_slots(s, m, slots) > 0;
}

uint32_t gang_slots(const struct slot *s, const struct model *m, uint32_t slots[GANG_SLOTS_MAX])
{
    return find_slots(s, m, slots);
}

uint32_t gang_sick_slots(const struct slot *s, const struct model *m)
{
    uint32_t slots[GANG_SLOTS_MAX], count = find_slots(s, m, slots), sick = 0;
    for (uint32_t i = 0; i < count; i++)
        sick += s->worker->slots[slots[i]].state == SLOT_SICK;
    return sick;
}

uint32_t gang_could_lead(const struct slot *s, const struct model *m)
{
    uint32_t slots[GANG_SLOTS_MAX], count = find_slots(s, m, slots);
    return count > 0 && &s->worker->slots[slots[0]] == s ? count : 0;
}

/* ---- What there is ---- */

struct slot *gang_lead(const struct gang *g)
{
    return &g->worker->slots[g->slots[0]];
}

bool gang_is_forming(const struct gang *g)
{
    return heap_has(&g->give_up);
}

bool slot_leads(const struct slot *s, uint32_t model)
{
    const struct gang *g = s->gang;
    return g && g->model == model && !gang_is_forming(g) && gang_lead(g) == s;
}

/* It stands together for work that may come, and anybody may have its slots. */
static bool is_idle(const struct gang *g)
{
    return !gang_is_forming(g) && gang_lead(g)->queued == 0;
}

bool slot_is_held(const struct slot *s)
{
    const struct gang *g = s->gang;
    if (!g)
        return false;
    if (gang_is_forming(g))
        return s->queued > 0;
    return g->heir || (gang_lead(g) != s && !is_idle(g));
}

double slot_hold_ns(const struct core *c, const struct slot *s)
{
    if (!s->gang || !gang_is_forming(s->gang))
        return INFINITY;
    return s->gang->until_ns > c->now_ns ? (double)(s->gang->until_ns - c->now_ns) : 0;
}

/* ---- Whether to form one ---- */

/* Until its head is through: what waits behind it will be taken back. */
static double busy_ns(const struct core *c, const struct worker *w, uint32_t slot)
{
    const struct attempt *head = attempt_head(w, slot);
    if (!head)
        return 0;
    const struct model *m = &c->models[head->cell->model];
    double each_ns = attempt_instance_ns(c, head);
    if (each_ns <= 0)
        each_ns = model_instance_ns(c, m);
    double rest_ns = (head->revoked ? 1 : head->open) * each_ns;
    return rest_ns + (w->slots[slot].state == SLOT_LOADING ? model_load_ns(c, m) : 0);
}

/* What a gang more would have to do: to wait longer for its slots than that does not pay. */
static double gain_ns(const struct core *c, const struct model *m)
{
    double ns = model_remaining_ns(c, m) / (model_replicas(m) + 1.0);
    double probe_ns = UNKNOWN_JOBS * (double)c->config.job_target_ns;
    return m->known_cells == 0 && ns < probe_ns ? probe_ns : ns;
}

/* Whether a gang of these slots could be the heir of a narrower one. */
static bool could_inherit(const uint32_t *slots, uint32_t count, const struct gang *g)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && found < g->count; i++)
        found += slots[i] == g->slots[found];
    return found == g->count && found < count;
}

bool gang_may_form(const struct core *c, const struct slot *s, const struct model *m,
                   double *wait_ns)
{
    uint32_t slots[GANG_SLOTS_MAX], count = find_slots(s, m, slots);
    uint32_t model = (uint32_t)(m - c->models);
    bool inherits = false;
    *wait_ns = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct slot *k = &s->worker->slots[slots[i]];
        if (k->is_overdue || k->state == SLOT_SICK)
            return false;
        if (k->gang && (gang_is_forming(k->gang) || k->gang->heir || k->gang->model == model))
            return false;
        bool runs = k->gang && !is_idle(k->gang);
        if (runs && !could_inherit(slots, count, k->gang))
            return false;
        inherits |= runs;
        double ns = busy_ns(c, s->worker, slots[i]);
        *wait_ns = ns > *wait_ns ? ns : *wait_ns;
    }
    return count > 0 && *wait_ns <= gain_ns(c, m) && (!inherits || pays_to_clear(c, s, m));
}

double gang_wait_ns(const struct core *c, const struct slot *s, const struct model *m)
{
    uint32_t slots[GANG_SLOTS_MAX], count = find_slots(s, m, slots);
    double wait_ns = count > 0 ? 0 : -1;
    for (uint32_t i = 0; i < count; i++) {
        double ns = busy_ns(c, s->worker, slots[i]);
        wait_ns = ns > wait_ns ? ns : wait_ns;
    }
    return wait_ns;
}

bool slot_could_run(const struct core *c, const struct slot *s, const struct model *m)
{
    double wait_ns;
    if (slot_leads(s, (uint32_t)(m - c->models)))
        return gang_sick_slots(s, m) == 0;
    return slot_width(s, m) == 1 || gang_may_form(c, s, m, &wait_ns);
}

/* ---- Forming, and its end ---- */

static void become_formed(struct core *c, struct gang *g)
{
    count_decision(c, DECISION_GANG_FORMED);
    if (gang_is_forming(g)) {
        heap_remove(&c->forming, &g->give_up);
        c->models[g->model].forming--;
    }
    for (uint32_t i = 0; i < g->count; i++)
        slot_set_model(c, &g->worker->slots[g->slots[i]], i == 0 ? g->model : NONE);
}

static bool has_attempts(const struct gang *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->worker->slots[g->slots[i]].queued > 0)
            return true;
    return false;
}

/* Nothing new is granted to it, and what waits behind its head comes back. A gang that runs keeps
 * it until it is through with its head. */
static void hold(struct core *c, struct gang *g, struct slot *s)
{
    if (s->gang && is_idle(s->gang))
        gang_end(c, s->gang);
    if (s->gang)
        s->gang->heir = g;
    else
        s->gang = g;
    list_remove(&s->in_hungry);
    for (struct list *n = s->attempts.next; n != &s->attempts; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, in_slot);
        if (n != s->attempts.next && !a->revoked && !attempt_is_retry(c, a))
            take_back(c, a);
    }
}

/* There may be something that is through before the wait is over. */
static void offer_to_idle(struct core *c, const struct gang *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        struct slot *s = &g->worker->slots[g->slots[i]];
        if (s->gang == g && s->queued == 0)
            match_slot_changed(c, g->worker, g->slots[i]);
    }
}

struct gang *gang_form(struct core *c, struct slot *s, uint32_t model)
{
    struct worker *w = s->worker;
    struct model *m = &c->models[model];
    struct gang *g = xcalloc(1, sizeof(*g));
    double wait_ns, most_ns = gain_ns(c, m);
    check(gang_may_form(c, s, m, &wait_ns));
    *g = (struct gang){ .worker = w, .model = model };
    g->count = find_slots(s, m, g->slots);
    for (uint32_t i = 0; i < g->count; i++)
        hold(c, g, &w->slots[g->slots[i]]);
    if (!has_attempts(g)) {
        become_formed(c, g);
        return g;
    }
    count_decision(c, DECISION_GANG_HELD);
    m->forming++;
    shortlist_forget(c);
    double patience_ns = PATIENCE * wait_ns < most_ns ? PATIENCE * wait_ns : most_ns;
    g->until_ns = c->now_ns + (int64_t)wait_ns;
    g->give_up.key = c->now_ns + (int64_t)patience_ns + 2 * c->config.beat_ns;
    g->give_up.tie = ++c->next_gang;
    heap_push(&c->forming, &g->give_up);
    offer_to_idle(c, g);
    return g;
}

struct gang *gang_adopt(struct core *c, struct slot *s, uint32_t model)
{
    struct gang *g = xcalloc(1, sizeof(*g));
    *g = (struct gang){ .worker = s->worker, .model = model };
    g->count = find_slots(s, &c->models[model], g->slots);
    bool may = g->count > 0 && gang_lead(g) == s;
    for (uint32_t i = 0; may && i < g->count; i++) {
        const struct slot *k = &s->worker->slots[g->slots[i]];
        may = k->queued == 0 && !k->gang;
    }
    if (!may) {
        free(g);
        return NULL;
    }
    for (uint32_t i = 0; i < g->count; i++)
        hold(c, g, &s->worker->slots[g->slots[i]]);
    become_formed(c, g);
    return g;
}

/* It is its heir's now, or nobody's; or that of the gang which still runs, and has no heir. */
static void part_with(const struct gang *g, struct slot *s)
{
    if (s->gang == g)
        s->gang = g->heir;
    else if (s->gang)
        s->gang->heir = NULL;
}

/* Of a gang that runs: its lead's work is its own. */
static bool is_member(const struct slot *s)
{
    return s->gang && !gang_is_forming(s->gang) && gang_lead(s->gang) != s;
}

void gang_end(struct core *c, struct gang *g)
{
    struct worker *w = g->worker;
    if (gang_is_forming(g)) {
        heap_remove(&c->forming, &g->give_up);
        c->models[g->model].forming--;
        shortlist_forget(c);
        match_wake(c); /* its model may have one more elsewhere now */
    } else {
        count_decision(c, DECISION_GANG_ENDED);
        slot_set_model(c, gang_lead(g), NONE);
    }
    for (uint32_t i = 0; i < g->count; i++)
        part_with(g, &w->slots[g->slots[i]]);
    for (uint32_t i = 0; i < g->count; i++)
        if (!is_member(&w->slots[g->slots[i]]))
            match_slot_changed(c, w, g->slots[i]);
    free(g);
}

void gang_end_idle(struct core *c, struct worker *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct gang *g = w->slots[i].gang;
        if (g && g->heir)
            gang_end(c, g->heir);
        if (g && (gang_is_forming(g) || is_idle(g)))
            gang_end(c, g);
    }
}

void gang_end_forming(struct core *c, uint32_t model)
{
    size_t i = 0;
    while (i < c->forming.count) {
        struct gang *g = container_of(heap_at(&c->forming, i), struct gang, give_up);
        i++;
        if (g->model != model)
            continue;
        gang_end(c, g);
        i = 0; /* the others may have changed places */
    }
}

void gang_slot_changed(struct core *c, struct slot *s)
{
    if (s->gang->heir && is_idle(s->gang))
        gang_end(c, s->gang);
    struct gang *g = s->gang;
    bool is_over = !g->worker->session || g->worker->draining || c->stopping;
    if (gang_is_forming(g) && !is_over && !has_attempts(g)) {
        become_formed(c, g);
        match_slot_changed(c, g->worker, g->slots[0]);
    } else if (is_over && (gang_is_forming(g) || is_idle(g))) {
        gang_end(c, g);
    }
}

void gang_open(struct core *c, struct gang *g)
{
    for (uint32_t i = 1; i < g->count; i++)
        match_slot_changed(c, g->worker, g->slots[i]);
}

void gang_close(struct gang *g)
{
    for (uint32_t i = 1; i < g->count; i++)
        list_remove(&g->worker->slots[g->slots[i]].in_hungry);
}

void gang_put_off(struct core *c, int64_t ns)
{
    heap_shift(&c->forming, ns);
}

/* Whoever was not through by then is not waited for again before its attempt is over. */
void gang_expire(struct core *c)
{
    struct heap_node *top;
    while ((top = heap_top(&c->forming)) && top->key <= c->now_ns) {
        struct gang *g = container_of(top, struct gang, give_up);
        note_of_model(c, false, g->model, "gang_given_up worker=%s slot=%u slots=%u",
                      g->worker->name, g->slots[0], g->count);
        for (uint32_t i = 0; i < g->count; i++) {
            struct slot *s = &g->worker->slots[g->slots[i]];
            s->is_overdue = s->queued > 0;
        }
        count_decision(c, DECISION_GANG_GIVEN_UP);
        gang_end(c, g);
    }
}
