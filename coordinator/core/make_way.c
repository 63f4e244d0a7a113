/* Whether a slot leaves a short model for one that nobody knew was so long. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

static const double WAY_LOADS = 3;   /* a load has to pay for the change */
static const double WAY_SHARE = 0.5; /* of the time left: who is through by then may come later */

/* Whether it pays to begin with m here now, and with the slot's own model anew later on.
 *
 * A replica of m that begins now does `now_ns` of it, one that begins when the slot's model is
 * through does `later_ns`, and it takes more of those: a load now saves stay / later loads. That
 * has to be worth the other model's load. */
static bool pays_to_make_way(const struct core *c, const struct slot *s, const struct model *m)
{
    const struct model *own = &c->models[s->model];
    double left_ns = plan_left_ns(c), load_ns = model_load_ns(c, m);
    double own_load_ns = model_load_ns(c, own), now_ns = left_ns - load_ns;
    double stay_ns = model_remaining_ns(c, own) * slot_factor(s, own) / own->replicas;
    double later_ns = now_ns - stay_ns;
    return stay_ns + own_load_ns <= WAY_SHARE * left_ns && plan_shortage_ns(c, m) >= now_ns &&
           now_ns >= WAY_LOADS * load_ns && load_ns * stay_ns >= own_load_ns * later_ns;
}

/* Whether a model wants the slot that nobody knew was so long when the slot was filled. Had it been
 * known, it would have come first; those who are short can come later, but it cannot. What is known
 * beforehand needs no such correction, and a slot makes way for a model at most once. */
bool should_make_way(const struct core *c, const struct slot *s)
{
    const struct model *own = &c->models[s->model];
    if (s->ready_ns >= c->short_since_ns || s->gang || own->known_cells == 0 || own->replicas == 0)
        return false;
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1)) {
        const struct model *m = &c->models[i];
        if (i != s->model && m->measured_ns > s->ready_ns &&
            m->rules.priority >= own->rules.priority && m->rules.account == own->rules.account &&
            slot_fits(s, m) && pays_to_make_way(c, s, m) && model_is_usable(c, m, s) &&
            !worker_refuses(s->worker, i, NONE))
            return true;
    }
    return false;
}
