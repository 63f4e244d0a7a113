/* What things will take: learned durations, or a guess before anything is learned. */
#include "coordinator/core/internal.h"

static const double INSTANCE_NS_GUESS = 100e6;
static const double LOAD_NS_GUESS = 1e9;

double cell_instance_ns(const struct core *c, const struct cell *cell)
{
    return cell->instance_ns > 0 ? cell->instance_ns : c->models[cell->model].instance_ns;
}

double slot_instance_ns(const struct core *c, const struct slot *s, const struct cell *cell)
{
    return cell_instance_ns(c, cell) * slot_factor(s, &c->models[cell->model]);
}

double model_instance_ns(const struct model *m)
{
    return m->instance_ns > 0 ? m->instance_ns : INSTANCE_NS_GUESS;
}

/* Seconds an instance in this slot: as the attempt itself goes, else as learned. */
double attempt_instance_ns(const struct core *c, const struct attempt *a)
{
    const struct slot *s = &a->worker->slots[a->slot];
    uint32_t done = a->done > a->granted - a->open ? a->done : a->granted - a->open;
    int64_t since = s->ready_ns > a->started_ns ? s->ready_ns : a->started_ns;
    if (a->started_ns > 0 && done > 0)
        return (double)(c->now_ns - since) / done;
    return slot_instance_ns(c, s, a->cell);
}

double model_load_ns(const struct model *m)
{
    return m->load_ns > 0 ? m->load_ns : LOAD_NS_GUESS;
}

double model_remaining_ns(const struct model *m)
{
    return (double)(m->free_count + m->taken_count) * model_instance_ns(m);
}

int64_t core_remaining_ns(const struct core *c)
{
    double work = 0;
    for (size_t i = 0; i < c->model_count; i++) {
        const struct model *m = &c->models[i];
        if (m->free_count + m->taken_count == 0)
            continue;
        if (m->instance_ns <= 0)
            return -1;
        work += (double)(m->free_count + m->taken_count) * m->instance_ns;
    }
    uint32_t slots = 0;
    for (size_t i = 0; i < c->worker_count; i++)
        if (c->workers[i]->session && !c->workers[i]->draining)
            slots += c->workers[i]->slot_count;
    return slots ? (int64_t)(work / slots) : -1;
}

/* What an attempt that ran through teaches about durations. */
void learn_ended(struct core *c, const struct attempt *a)
{
    const struct slot *s = &a->worker->slots[a->slot];
    int64_t since = s->ready_ns > a->started_ns ? s->ready_ns : a->started_ns;
    double ns = (double)(c->now_ns - since) / a->granted;
    if (ns < 1)
        ns = 1;
    struct cell *cell = a->cell;
    struct model *m = &c->models[cell->model];
    ns = learn_factor(s, m, ns, a->granted, cell->instance_ns);
    cell->instance_ns = cell->instance_ns > 0 ? 0.5 * (cell->instance_ns + ns) : ns;
    m->instance_ns = m->instance_ns > 0 ? 0.7 * m->instance_ns + 0.3 * ns : ns;
}

void learn_loaded(struct model *m, double ns)
{
    m->load_ns = m->load_ns > 0 ? 0.5 * (m->load_ns + ns) : ns;
}
