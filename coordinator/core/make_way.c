/* Whether a slot leaves a short model for one that nobody knew was so long. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

static const double WAY_LOADS = 3; /* a load has to pay for the change */
static const double WAY_GANGS = 2; /* later, for one now that has too little to do until the end */
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

/* Of the work of a replica's model, what the others will not have done by then; 0: nothing.
 * going: of its replicas, those that go together with this one. */
static double left_over_ns(const struct core *c, const struct slot *s, uint32_t going)
{
    const struct model *own = &c->models[s->model];
    double ns = model_remaining_ns(c, own) * slot_factor(s, own) -
                (double)(own->replicas - going) * plan_left_ns(c);
    return ns > 0 ? ns : 0;
}

/* It began before anybody knew how long m is, and ranks no higher. */
static bool may_make_way(const struct core *c, const struct slot *s, const struct model *m)
{
    const struct model *own = &c->models[s->model];
    return m->measured_ns > s->ready_ns && own->known_cells > 0 &&
           m->rules.priority >= own->rules.priority && m->rules.account == own->rules.account;
}

static uint32_t replicas_among(const struct worker *w, const uint32_t *slots, uint32_t count,
                               uint32_t model)
{
    uint32_t replicas = 0;
    for (uint32_t i = 0; i < count; i++)
        replicas += w->slots[slots[i]].model == model;
    return replicas;
}

/* The same, of all slots of a gang: left alone, it would begin when the last of them is free. Each
 * that goes costs a load, and what the other replicas will not have done of its model has to find a
 * place later: the sooner it goes, the sooner it finds one. So the gang need not have enough to do
 * until the end, if what it has would take more of them that begin later. */
bool pays_to_clear(const struct core *c, const struct slot *s, const struct model *m)
{
    double left_ns = plan_left_ns(c), load_ns = model_load_ns(c, m), now_ns = left_ns - load_ns;
    double short_ns = plan_shortage_ns(c, m), part_ns = short_ns < now_ns ? short_ns : now_ns;
    if (part_ns < WAY_LOADS * load_ns)
        return false;
    uint32_t slots[GANG_SLOTS_MAX], count = gang_slots(s, m, slots);
    double stay_ns = 0, cost_ns = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct slot *k = &s->worker->slots[slots[i]];
        if (k->model == NONE)
            continue;
        const struct model *own = &c->models[k->model];
        uint32_t going = replicas_among(s->worker, slots, count, k->model);
        double rest_ns = left_over_ns(c, k, going), own_load_ns = model_load_ns(c, own);
        if (own == m || k->loading_ns > 0 || !may_make_way(c, k, m) ||
            (rest_ns > 0 && rest_ns + own_load_ns > WAY_SHARE * left_ns))
            return false;
        double own_stay_ns = left_over_ns(c, k, own->replicas) / own->replicas;
        stay_ns = own_stay_ns > stay_ns ? own_stay_ns : stay_ns;
        cost_ns += (k->gang ? k->gang->count : 1) * own_load_ns;
    }
    double later_ns = now_ns - stay_ns;
    bool is_needed = part_ns >= now_ns || part_ns >= WAY_GANGS * later_ns;
    return count > 0 && is_needed && count * load_ns * (part_ns - later_ns) >= cost_ns * later_ns;
}

/* Whether a model wants the slot that nobody knew was so long when the slot was filled. Had it been
 * known, it would have come first; those who are short can come later, but it cannot. What is known
 * beforehand needs no such correction, and a slot makes way for a model at most once. */
bool should_make_way(const struct core *c, const struct slot *s)
{
    const struct model *own = &c->models[s->model];
    if (s->ready_ns >= c->short_since_ns || own->known_cells == 0 || own->replicas == 0 ||
        slot_is_held(s) || (s->gang && gang_is_forming(s->gang)))
        return false;
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1)) {
        const struct model *m = &c->models[i];
        if (i == s->model || !may_make_way(c, s, m))
            continue;
        bool pays =
            slot_fits(s, m) ? !s->gang && pays_to_make_way(c, s, m) : pays_to_clear(c, s, m);
        if (pays && model_is_usable(c, m, s) && !worker_refuses(s->worker, i, NONE))
            return true;
    }
    return false;
}
