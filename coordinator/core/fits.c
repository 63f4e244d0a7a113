/* How many slots each model could have, of the workers that take part: connected, and not draining.
 * Counted when a worker begins or ceases to, or refuses a model; nobody walks the fleet for it. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

static void count_slot(struct model *m, const struct slot *s, int change)
{
    uint32_t width = slot_fits(s, m) ? 1 : gang_could_lead(s, m);
    if (width == 0)
        return;
    m->fits += (uint32_t)change; /* -1 wraps round, and so takes away */
    m->on[s->gpu_type].fits += (uint32_t)change;
    m->fits_of_width[width] += (uint32_t)change;
}

static void count_worker(struct core *c, const struct worker *w, uint32_t model, int change)
{
    struct model *m = &c->models[model];
    if (worker_refuses(w, model, NONE))
        return;
    for (uint32_t k = 0; k < w->slot_count; k++)
        count_slot(m, &w->slots[k], change);
}

void fits_count(struct core *c, struct worker *w)
{
    bool takes_part = w->session && !w->draining;
    if (w->takes_part == takes_part)
        return;
    w->takes_part = takes_part;
    for (uint32_t i = 0; i < c->model_count; i++)
        count_worker(c, w, i, takes_part ? 1 : -1);
    c->part_slots += takes_part ? w->slot_count : -w->slot_count;
    c->changed_slots += w->slot_count;
}

void fits_enter_model(struct core *c, uint32_t model)
{
    for (size_t i = 0; i < c->worker_count; i++)
        if (c->workers[i]->takes_part)
            count_worker(c, c->workers[i], model, 1);
}

void fits_refuse(struct core *c, const struct worker *w, uint32_t model)
{
    if (!w->takes_part)
        return;
    count_worker(c, w, model, -1);
    c->changed_slots += w->slot_count;
}

uint32_t fits_width(const struct model *m)
{
    uint32_t width = GANG_SLOTS_MAX;
    while (width > 1 && m->fits_of_width[width] == 0)
        width--;
    return width;
}
