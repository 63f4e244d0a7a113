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
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

#include <math.h>

enum {
    BISECTIONS = 24,   /* of an interval: to 1e-7 of it */
    CHANGED_SHARE = 32 /* a plan is remade when so small a part of the slots came or went */
};
/* A plan is as good as a new one for so long, or for so small a part of what is left. */
static const int64_t FRESH_NS = 200000000;
static const double FRESH_SHARE = 1e-4;

/* A model, as the plan sees it. */
struct part {
    double work_ns; /* on its average slot */
    double load_ns, pending_ns;
    double held; /* average slots that its replicas count for */
    double more; /* replicas that it could have beside them */
    double width;
};

static bool has_part(const struct model *m)
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
static double needed_ns(const struct part *p, double ns)
{
    double least_ns = p->work_ns + p->pending_ns, short_ns = least_ns - p->held * ns;
    if (short_ns <= 0)
        return least_ns;
    if (ns <= p->load_ns)
        return INFINITY;
    double more = ceil(short_ns / (ns - p->load_ns));
    return more > p->more ? INFINITY : least_ns + more * p->load_ns;
}

static bool could_end_in(const struct core *c, size_t count, double ns)
{
    double needed = 0, most = c->part_slots * ns;
    for (size_t i = 0; i < count && needed <= most; i++)
        needed += c->parts[i].width * needed_ns(&c->parts[i], ns);
    return needed <= most;
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
    m->width = fits_width(m);
    m->average_factor = average_factor(c, m);
    m->held = m->pending_ns = 0;
    for (uint32_t k = 0; k < m->replicas; k++) {
        m->held += strength(m, m->holders[k]);
        m->pending_ns += pending_load_ns(c, m, m->holders[k]);
    }
    m->held = m->replicas > 0 ? m->held / m->replicas : 1;
    m->pending_ns += m->forming * model_load_ns(c, m);
}

static struct part part_of(const struct core *c, const struct model *m)
{
    uint32_t replicas = model_replicas(m);
    return (struct part){ .work_ns = work_ns(c, m),
                          .load_ns = model_load_ns(c, m),
                          .pending_ns = m->pending_ns,
                          .held = replicas * m->held,
                          .more = (double)limit_replicas(m) - replicas,
                          .width = m->width };
}

/* What the plan needs to know of the models; how many there are in c->parts. */
static size_t survey(struct core *c)
{
    size_t count = 0;
    c->parts = xgrow(c->parts, &c->part_capacity, c->model_count, sizeof(*c->parts));
    c->plan_lowest = INT32_MAX;
    for (size_t i = 0; i < c->model_count; i++) {
        struct model *m = &c->models[i];
        survey_model(c, m);
        if (!has_part(m))
            continue;
        c->parts[count++] = part_of(c, m);
        if (m->rules.priority < c->plan_lowest)
            c->plan_lowest = m->rules.priority;
    }
    share_survey(c, c->part_slots);
    return count;
}

static bool is_fresh(const struct core *c)
{
    if (c->plan_is_off || (uint64_t)c->changed_slots * CHANGED_SHARE > c->part_slots)
        return false;
    int64_t age_ns = c->now_ns - c->plan_at_ns;
    return age_ns < FRESH_NS || (double)age_ns < FRESH_SHARE * c->plan_end_ns;
}

/* When the newest of those that are short was measured: slots that were filled since need not ask
 * each of maybe thousands. */
static int64_t short_since_ns(const struct core *c)
{
    int64_t newest_ns = 0;
    for (size_t i = 0; i < c->model_count; i++)
        if (c->models[i].measured_ns > newest_ns && plan_shortage_ns(c, &c->models[i]) > 0)
            newest_ns = c->models[i].measured_ns;
    return newest_ns;
}

void plan_make(struct core *c)
{
    if (is_fresh(c))
        return;
    c->plan_at_ns = c->now_ns;
    c->plan_is_off = false;
    c->changed_slots = 0;
    shortlist_forget(c);
    estimate_typical(c);
    size_t count = survey(c);
    double too_soon = 0, enough = 1e9;
    for (int i = 0; i < 64 && !could_end_in(c, count, enough); i++) {
        too_soon = enough;
        enough *= 2;
    }
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = 0.5 * (too_soon + enough);
        if (could_end_in(c, count, middle))
            enough = middle;
        else
            too_soon = middle;
    }
    c->plan_end_ns = enough;
    c->short_since_ns = short_since_ns(c);
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
