/* Fair shares: slot time by weight, between users, between the sweeps of a user, and between the
 * models of a sweep where it asks for that.
 *
 * Accounts are a tree, and each model charges one of its leaves. An account is owed as much slot
 * time as its weight says among those that have work now; what it used is kept per weight, so that
 * two of them can be compared. A slot goes to the account that is furthest behind, and stays with
 * the model it has until that is ahead by a few attempts and holds more slots than it is owed:
 * loads are not paid for the last second of justice. What runs is never interrupted for a share.
 * A gang uses the time of all its slots. */
#include "coordinator/core/policy_internal.h"

#include <stdlib.h>

enum { DEPTH_MAX = 3 };             /* user, sweep, model */
static const double LEAD_JOBS = 4;  /* an account may be ahead by so many attempts ... */
static const double LEAD_LOADS = 8; /* ... or loads of the model that would come */

uint32_t core_add_account(struct core *c, uint32_t parent, double weight)
{
    check(weight > 0 && parent <= c->account_count);
    c->accounts =
        xgrow(c->accounts, &c->account_capacity, c->account_count + 2, sizeof(*c->accounts));
    if (c->account_count == 0)
        c->accounts[0] = (struct account){ .weight = 1 }; /* all of them together */
    c->accounts[++c->account_count] = (struct account){ .parent = parent, .weight = weight };
    return c->account_count;
}

/* ---- The books ---- */

/* While a gang forms, its slots still work each for itself. */
static uint32_t slots_of(const struct slot *s)
{
    return s->gang && !gang_is_forming(s->gang) ? s->gang->count : 1;
}

static void book(struct core *c, const struct attempt *a, double ns, int32_t slots)
{
    const struct model *m = &c->models[a->cell->model];
    for (uint32_t i = m->rules.account; i != 0; i = c->accounts[i].parent) {
        c->accounts[i].used_ns += ns * a->slots;
        c->accounts[i].busy += slots;
    }
}

void share_enter(struct core *c, const struct slot *s, struct attempt *a,
                 const struct attempt *sibling)
{
    const struct model *m = &c->models[a->cell->model];
    double ns = slot_instance_ns(c, s, a->cell);
    a->slots = sibling ? sibling->slots : slots_of(s);
    a->charged_ns = a->open * (ns > 0 ? ns : model_instance_ns(c, m));
    book(c, a, a->charged_ns, sibling ? 0 : (int32_t)a->slots);
}

void share_leave(struct core *c, const struct attempt *a, bool is_last)
{
    double took_ns = a->started_ns > 0 ? (double)(c->now_ns - a->started_ns) : 0;
    book(c, a, took_ns - a->charged_ns, is_last ? -(int32_t)a->slots : 0);
}

/* ---- What each is owed ---- */

double share_level(const struct account *a)
{
    return a->used_ns / a->weight;
}

/* Who comes back after a while without work has no claim to the time in which others worked. */
static void catch_up(struct core *c, uint32_t index)
{
    struct account *a = &c->accounts[index];
    double least = -1;
    for (uint32_t i = 1; i <= c->account_count; i++) {
        const struct account *other = &c->accounts[i];
        bool counts = i != index && other->parent == a->parent && other->was_active;
        if (counts && (least < 0 || share_level(other) < least))
            least = share_level(other);
    }
    if (least > share_level(a))
        a->used_ns = least * a->weight;
}

static void mark_active(struct core *c)
{
    for (uint32_t i = 0; i <= c->account_count; i++) {
        c->accounts[i].was_active = c->accounts[i].is_active;
        c->accounts[i].is_active = i == 0;
        c->accounts[i].active_weight = 0;
    }
    for (size_t k = 0; k < c->model_count; k++) {
        const struct model *m = &c->models[k];
        bool has_work = m->free_count + m->taken_count > 0 && m->fits > 0 && !m->paused;
        for (uint32_t i = m->rules.account; has_work && i != 0; i = c->accounts[i].parent)
            c->accounts[i].is_active = true;
    }
}

void share_survey(struct core *c, uint32_t slots)
{
    if (c->account_count == 0)
        return;
    mark_active(c);
    for (uint32_t i = 1; i <= c->account_count; i++) {
        struct account *a = &c->accounts[i];
        if (a->is_active)
            c->accounts[a->parent].active_weight += a->weight;
        if (a->is_active && !a->was_active)
            catch_up(c, i);
    }
    c->accounts[0].owed_slots = slots;
    for (uint32_t i = 1; i <= c->account_count; i++) { /* parents come before their children */
        struct account *a = &c->accounts[i];
        const struct account *above = &c->accounts[a->parent];
        a->owed_slots = a->is_active ? above->owed_slots * a->weight / above->active_weight : 0;
    }
}

/* ---- Who is behind ---- */

/* From the root's child down to the leaf; returns how many. */
static int path_of(const struct core *c, const struct model *m, uint32_t path[DEPTH_MAX])
{
    int depth = 0;
    for (uint32_t i = m->rules.account; i != 0; i = c->accounts[i].parent) {
        check(depth < DEPTH_MAX);
        path[depth++] = i;
    }
    for (int i = 0; i < depth / 2; i++) {
        uint32_t kept = path[i];
        path[i] = path[depth - 1 - i];
        path[depth - 1 - i] = kept;
    }
    return depth;
}

bool share_rivals(const struct core *c, const struct model *m, const struct model *other,
                  const struct account **own, const struct account **its)
{
    uint32_t a[DEPTH_MAX], b[DEPTH_MAX];
    int a_depth = path_of(c, m, a), b_depth = path_of(c, other, b);
    for (int i = 0; i < a_depth && i < b_depth; i++) {
        if (a[i] == b[i])
            continue;
        *own = &c->accounts[a[i]];
        *its = &c->accounts[b[i]];
        return true;
    }
    return false;
}

const struct account *share_contested(const struct core *c, const struct model *m)
{
    uint32_t path[DEPTH_MAX];
    int depth = path_of(c, m, path);
    for (int i = 0; i < depth; i++) {
        const struct account *a = &c->accounts[path[i]];
        if (a->is_active && c->accounts[a->parent].active_weight > a->weight)
            return a;
    }
    return NULL;
}

int share_compare(const struct core *c, const struct model *m, const struct model *other)
{
    const struct account *own, *its;
    if (m->rules.account == other->rules.account || !share_rivals(c, m, other, &own, &its))
        return 0;
    return (share_level(own) > share_level(its)) - (share_level(own) < share_level(its));
}

bool share_is_owed(const struct core *c, const struct model *m)
{
    for (uint32_t i = m->rules.account; i != 0; i = c->accounts[i].parent)
        if (c->accounts[i].busy < c->accounts[i].owed_slots)
            return true;
    return false;
}

static bool is_too_far_ahead(const struct core *c, const struct model *m, const struct slot *s,
                             const struct model *other)
{
    const struct account *own, *its;
    if (m->rules.account == other->rules.account || !share_rivals(c, m, other, &own, &its))
        return false;
    double allowed_ns = LEAD_JOBS * (double)c->config.job_target_ns;
    double loads_ns = LEAD_LOADS * model_load_ns(c, other);
    allowed_ns = loads_ns > allowed_ns ? loads_ns : allowed_ns;
    double slots = slots_of(s), holds = own->busy + (s->queued == 0 ? slots : 0); /* busy again */
    return holds > own->owed_slots &&
           (share_level(own) - share_level(its)) * own->weight > allowed_ns * slots;
}

bool share_is_over(struct core *c, const struct model *m, const struct slot *s)
{
    if (c->account_count == 0)
        return false;
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1)) {
        struct model *other = &c->models[i];
        if (other != m && other->rules.priority >= m->rules.priority &&
            is_too_far_ahead(c, m, s, other) && model_has_work_for(c, other, s))
            return true;
    }
    return false;
}

void core_account_view(const struct core *c, uint32_t account, struct core_account_view *out)
{
    check(account > 0 && account <= c->account_count);
    const struct account *a = &c->accounts[account];
    *out = (struct core_account_view){ .used_ns = a->used_ns,
                                       .busy_slots = a->busy > 0 ? (uint32_t)a->busy : 0,
                                       .owed_slots = a->owed_slots };
}
