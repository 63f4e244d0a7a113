/* Which model for a slot: its own while that needs it, else the one that would take it longest. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

#include <math.h>

static const double SPARE_SHARE = 0.02; /* of what a replica does until the plan ends */
static const double LEAVE_LOADS = 3;    /* a load has to pay for the change */

bool model_is_usable(const struct core *c, const struct model *m, const struct slot *s)
{
    return m->free_count > 0 && limit_of(c, m, s) == LIMIT_NONE;
}

bool model_is_worth_loading(const struct core *c, const struct model *m)
{
    return model_replicas(m) == 0 || m->taken_count == 0 || model_needs_other_place(c, m) ||
           model_remaining_ns(c, m) / model_replicas(m) >= model_load_ns(c, m);
}

/* Wide gangs begin first: narrow models fill the gaps that they leave, but not the other way round.
 * By slot time, then: a narrow one that takes far longer still comes before. Before they are
 * measured they weigh more yet: a gang too many is soon taken apart, but one too few would have to
 * wait until all slots of a worker are free together. */
static double width_weight(const struct model *m)
{
    double width = m->width > 1 ? m->width : 1;
    return m->known_cells == 0 ? width * width : width;
}

/* How long a slot would be busy with it until the plan ends, its load included: those that take
 * longest begin first, so that the rest fills the gaps. */
double model_piece_ns(const struct core *c, const struct model *m)
{
    double load_ns = model_load_ns(c, m);
    double rest_ns = plan_shortage_ns(c, m), left_ns = plan_left_ns(c);
    bool is_served = m->taken_count > 0 && rest_ns <= 0 && !plan_is_urgent(c, m) &&
                     !model_needs_other_place(c, m);
    if (is_served || !model_is_worth_loading(c, m))
        return -INFINITY;
    return load_ns + rest_ns < left_ns ? load_ns + rest_ns : left_ns;
}

/* Within an account: between them the shares decide. */
static bool would_leave_for(const struct core *c, const struct slot *s, uint32_t model,
                            double piece_ns)
{
    const struct model *own = &c->models[s->model], *m = &c->models[model];
    return model != s->model && m->rules.priority >= own->rules.priority &&
           m->rules.account == own->rules.account &&
           piece_ns >= LEAVE_LOADS * model_load_ns(c, m) && model_is_usable(c, m, s) &&
           !worker_refuses(s->worker, model, NONE);
}

/* Mostly the model for which another one would have left is still there. */
static bool is_worth_more_elsewhere(struct core *c, const struct slot *s)
{
    struct kind *kind = &c->kinds[s->kind];
    if (kind->eager != NONE && bitmap_get(&c->open_models, kind->eager) &&
        would_leave_for(c, s, kind->eager, model_piece_ns(c, &c->models[kind->eager])))
        return true;
    const struct kind *list = shortlist_for(c, s);
    for (size_t i = 0; i < list->candidate_count; i++) {
        const struct candidate *other = &list->candidates[i];
        if (!would_leave_for(c, s, other->model, other->piece_ns))
            continue;
        kind->eager = other->model;
        return true;
    }
    return false;
}

/* A load is to be followed by at least as much work. Estimates change a little all the time, and
 * slots that follow each change load more than they work. */
static bool has_paid_its_load(const struct core *c, const struct slot *s)
{
    return (double)(c->now_ns - s->ready_ns) >= model_load_ns(c, &c->models[s->model]);
}

bool should_let_others_try(const struct core *c, const struct slot *s)
{
    const struct model *m = &c->models[s->model];
    return model_needs_other_place(c, m) && limit_keeps_others(c, m, s);
}

/* Whether there is something better for the slot to do than its model: the others that hold it will
 * be through by the end of the plan without it, and another model will not. One slot that goes at
 * once has time to be worth its load; all of them that go in the end, together, have not. Or its
 * model can come later, and another cannot; or fails here, and has to be tried elsewhere. */
bool choose_leaves(struct core *c, struct slot *s)
{
    if (s->model == NONE)
        return false;
    const struct model *m = &c->models[s->model];
    bool was_leaving = s->is_leaving;
    slot_set_leaving(c, s, false);
    plan_make(c);
    double share_ns = plan_share_ns(c, m, s), spare_ns = -plan_shortage_ns(c, m) - share_ns;
    slot_set_leaving(c, s,
                     (spare_ns >= SPARE_SHARE * share_ns && has_paid_its_load(c, s) &&
                      is_worth_more_elsewhere(c, s)) ||
                         should_make_way(c, s) || share_is_over(c, m, s) ||
                         should_let_others_try(c, s));
    if ((was_leaving || s->is_leaving) && m->free_count > 0)
        shortlist_forget(c); /* made while it was not, or before it was */
    return s->is_leaving;
}

bool model_has_work_for(struct core *c, struct model *m, const struct slot *s)
{
    uint32_t first, count;
    bool is_here = s->model != NONE && &c->models[s->model] == m;
    return model_is_usable(c, m, s) && (is_here || model_is_worth_loading(c, m)) &&
           carve_model(c, m, s, &first, &count);
}

/* Work of the model that the slot has, or is about to have. */
struct cell *choose_loaded(struct core *c, struct slot *s, uint32_t *first, uint32_t *count)
{
    if (s->model == NONE || !model_is_usable(c, &c->models[s->model], s))
        return NULL;
    if (model_is_outranked(c, &c->models[s->model], s))
        return NULL;
    return carve_model(c, &c->models[s->model], s, first, count);
}

/* By priority, then for the account that is further behind, then for what takes longest. Often
 * several would take until the plan ends: of these, for the one that is short of more yet. */
static bool is_preferred(const struct core *c, const struct model *m, double worth,
                         const struct model *to, double its_worth)
{
    if (m->rules.priority != to->rules.priority)
        return m->rules.priority > to->rules.priority;
    int behind = share_compare(c, m, to);
    if (behind != 0)
        return behind < 0;
    if (worth > its_worth || worth < its_worth)
        return worth > its_worth;
    return plan_shortage_ns(c, m) * width_weight(m) > plan_shortage_ns(c, to) * width_weight(to);
}

/* Work of the model that is most worth loading. */
struct cell *choose_another(struct core *c, const struct slot *s, uint32_t *first, uint32_t *count)
{
    plan_make(c);
    struct cell *best = NULL;
    double best_worth = -INFINITY;
    const struct kind *list = shortlist_for(c, s);
    for (size_t i = 0; i < list->candidate_count; i++) {
        struct model *m = &c->models[list->candidates[i].model];
        uint32_t f, n;
        double worth = list->candidates[i].piece_ns * width_weight(m);
        if (list->candidates[i].model == s->model ||
            (best && !is_preferred(c, m, worth, &c->models[best->model], best_worth)) ||
            !model_is_usable(c, m, s))
            continue;
        struct cell *cell = carve_model(c, m, s, &f, &n);
        if (!cell)
            continue;
        best = cell;
        best_worth = worth;
        *first = f;
        *count = n;
    }
    return best;
}

/* Whether any slot is large enough for it, be it that its worker refuses the model. */
static bool is_large_enough(const struct worker *w, const struct model *m)
{
    for (uint32_t k = 0; k < w->slot_count; k++)
        if (slot_fits(&w->slots[k], m) || gang_could(&w->slots[k], m))
            return true;
    return false;
}

bool model_can_ever_run(const struct core *c, uint32_t model, const char **why)
{
    const struct model *m = &c->models[model];
    bool fits = m->fits > 0, connected = fits;
    *why = NULL;
    if (fits && !m->paused)
        return true;
    for (size_t i = 0; i < c->worker_count && !fits; i++) {
        const struct worker *w = c->workers[i];
        connected |= w->takes_part;
        fits = w->takes_part && is_large_enough(w, m);
    }
    *why = m->paused    ? "paused"
           : !connected ? "no worker is connected"
           : !fits      ? "no connected worker has the GPUs, cores and memory it needs"
           : m->reason  ? m->reason
                        : "every worker refuses it";
    return false;
}
