/* The fluid plan: when all could be done, and how many replicas of each model that takes.
 *
 * Work is treated as a liquid: any amount of it fits into any gap. If all is done T from now, a
 * replica that is there does T of its model (less what it still has to load), a new one T less a
 * whole load. So a model needs a number of replicas, and the slots have to do all work and all
 * loads that take: T is the least one for which they can. Nothing real is faster; a policy that
 * keeps each model as close as it can to what it needs ends soon behind it.
 *
 * A replica that is a gang takes all its slots for as long.
 *
 * Where slots are not equally fast, a model's work is measured in the time of its average slot, of
 * those that it may run on; a faster one counts for more than one of these. */
#include "coordinator/core/internal.h"

#include <math.h>

enum { BISECTIONS = 24 };                  /* of an interval: to 1e-7 of it */
static const int64_t FRESH_NS = 200000000; /* a plan so old is as good as a new one */

static bool takes_part(const struct worker *w)
{
    return w->session && !w->draining;
}

static bool is_part(const struct model *m)
{
    return m->free_count + m->taken_count > 0 && m->fits > 0 && !m->paused;
}

/* How many average slots this one counts for, to the model. */
static double strength(const struct model *m, const struct slot *s)
{
    return m->average_factor / slot_factor(s, m);
}

static double work_ns(const struct core *c, const struct model *m)
{
    return model_remaining_ns(c, m) * m->average_factor;
}

static double pending_load_ns(const struct core *c, const struct model *m, const struct slot *s)
{
    double left_ns = model_load_ns(c, m) - (double)(c->now_ns - s->loading_ns);
    return s->loading_ns > 0 && left_ns > 0 ? left_ns : 0;
}

/* Slot time that goes into the model if all is done in `ns`; INFINITY: it cannot be. */
static double needed_ns(const struct core *c, const struct model *m, double ns)
{
    double work = work_ns(c, m), load_ns = model_load_ns(c, m);
    double short_ns = work + m->pending_ns - model_replicas(m) * m->held * ns;
    if (short_ns <= 0)
        return work + m->pending_ns;
    if (ns <= load_ns)
        return INFINITY;
    double more = ceil(short_ns / (ns - load_ns));
    if (more + model_replicas(m) > limit_replicas(m))
        return INFINITY;
    return work + m->pending_ns + more * load_ns;
}

static bool could_end_in(const struct core *c, uint32_t slots, double ns)
{
    double needed = 0;
    for (size_t i = 0; i < c->model_count; i++)
        if (is_part(&c->models[i]))
            needed += c->models[i].width * needed_ns(c, &c->models[i], ns);
    return needed <= slots * ns;
}

static void count_fits(const struct core *c, struct model *m)
{
    m->fits = 0;
    m->width = 1;
    for (uint32_t type = 0; type < c->gpu_type_count; type++)
        m->on[type].fits = 0;
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        if (!takes_part(w) || worker_refuses(w, (uint32_t)(m - c->models), NONE))
            continue;
        for (uint32_t k = 0; k < w->slot_count; k++) {
            const struct slot *s = &w->slots[k];
            uint32_t width = slot_fits(s, m) ? 1 : gang_could_lead(s, m);
            m->on[s->gpu_type].fits += width > 0;
            m->fits += width > 0;
            m->width = width > m->width ? width : m->width;
        }
    }
}

/* The harmonic mean: what one average slot does, one by one, is what they all do together. */
static double average_factor(const struct core *c, const struct model *m)
{
    double speed = 0;
    for (uint32_t type = 0; type < c->gpu_type_count; type++)
        speed += m->on[type].fits / (m->on[type].factor > 0 ? m->on[type].factor : 1);
    return speed > 0 ? m->fits / speed : 1;
}

static void survey_model(const struct core *c, struct model *m)
{
    if (c->fleet_has_changed)
        count_fits(c, m);
    m->average_factor = average_factor(c, m);
    m->held = m->pending_ns = 0;
    for (uint32_t k = 0; k < m->replicas; k++) {
        m->held += strength(m, m->holders[k]);
        m->pending_ns += pending_load_ns(c, m, m->holders[k]);
    }
    m->held = m->replicas > 0 ? m->held / m->replicas : 1;
    m->pending_ns += m->forming * model_load_ns(c, m);
}

/* What the plan needs to know of the models; the slots that take part. */
static uint32_t survey(struct core *c)
{
    for (size_t i = 0; i < c->model_count; i++)
        survey_model(c, &c->models[i]);
    c->plan_lowest = INT32_MAX;
    for (size_t i = 0; i < c->model_count; i++)
        if (is_part(&c->models[i]) && c->models[i].rules.priority < c->plan_lowest)
            c->plan_lowest = c->models[i].rules.priority;
    c->fleet_has_changed = false;
    uint32_t slots = 0;
    for (size_t i = 0; i < c->worker_count; i++)
        slots += takes_part(c->workers[i]) ? c->workers[i]->slot_count : 0;
    share_survey(c, slots);
    return slots;
}

void plan_make(struct core *c)
{
    if (c->plan_at_ns >= 0 && c->now_ns - c->plan_at_ns < FRESH_NS && !c->fleet_has_changed)
        return;
    c->plan_at_ns = c->now_ns;
    estimate_typical(c);
    uint32_t slots = survey(c);
    double too_soon = 0, enough = 1e9;
    for (int i = 0; i < 64 && !could_end_in(c, slots, enough); i++) {
        too_soon = enough;
        enough *= 2;
    }
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = 0.5 * (too_soon + enough);
        if (could_end_in(c, slots, middle))
            enough = middle;
        else
            too_soon = middle;
    }
    c->plan_end_ns = enough;
}

bool plan_is_urgent(const struct core *c, const struct model *m)
{
    return (c->has_priorities && m->rules.priority > c->plan_lowest) || share_is_owed(c, m);
}

double plan_left_ns(const struct core *c)
{
    return c->plan_end_ns - (double)(c->now_ns - c->plan_at_ns);
}

double plan_shortage_ns(const struct core *c, const struct model *m)
{
    uint32_t staying = model_replicas(m) - m->leaving;
    return work_ns(c, m) + m->pending_ns - staying * m->held * plan_left_ns(c);
}

double plan_share_ns(const struct core *c, const struct model *m, const struct slot *s)
{
    return strength(m, s) * plan_left_ns(c);
}
