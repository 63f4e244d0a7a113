/* Which free instances of a model, and how many of them. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <math.h>

enum {
    PROBE_INSTANCES = 16, /* of a first attempt, before a duration is known */
    TAPER = 2, /* an attempt takes at most 1/TAPER of a replica's share of what is free */
};

/* 0: not one that would be through in time. */
static uint32_t attempt_instances(const struct core *c, const struct cell *cell,
                                  const struct slot *s)
{
    const struct model *m = &c->models[cell->model];
    double ns = slot_instance_ns(c, s, cell);
    double count = PROBE_INSTANCES;
    if (cell->instance_ns > 0 && slot_is_timed(s, m))
        count = (double)c->config.job_target_ns / ns;
    else if (ns > 0)
        count = (double)c->config.probe_ns / ns;
    double hold_ns = slot_hold_ns(c, s);
    if (hold_ns < INFINITY && (ns <= 0 || ns > hold_ns))
        return 0; /* it would not be through in time */
    if (count * ns > hold_ns)
        count = hold_ns / ns;
    double share = (double)m->free_count / (TAPER * (m->replicas ? m->replicas : 1.0));
    if (count > share)
        count = share;
    if (c->config.attempt_max > 0 && count > c->config.attempt_max)
        count = c->config.attempt_max;
    if (count > ATTEMPT_INSTANCES_MAX)
        count = ATTEMPT_INSTANCES_MAX;
    return count < 1 ? 1 : (uint32_t)count;
}

/* Whether the model is loaded elsewhere too, where it may be run: then an instance that failed here
 * can be tried there, and the fault told apart. */
static bool loaded_elsewhere(const struct core *c, const struct cell *cell,
                             const struct worker *not_this)
{
    const struct model *m = &c->models[cell->model];
    for (uint32_t i = 0; i < m->replicas; i++) {
        const struct worker *w = m->holders[i]->worker;
        if (w != not_this && !w->draining && slot_could_try(c, cell, m->holders[i]))
            return true;
    }
    return false;
}

static uint32_t next_free(const struct cell *cell, uint32_t from)
{
    uint32_t i = bitmap_next_clear(&cell->closed, from);
    while (i < cell->size && cell_is_taken(cell, i))
        i = bitmap_next_clear(&cell->closed, i + 1);
    return i;
}

/* A range whose first instance is free, with at most `max` free ones and none that is taken. An
 * instance with a strike goes alone, and rather to another worker than the one it failed on. */
static bool carve(struct core *c, struct cell *cell, const struct slot *slot, uint32_t max,
                  uint32_t *out_first, uint32_t *out_count)
{
    const struct worker *w = slot->worker;
    cell->next = next_free(cell, cell->next);
    for (uint32_t i = cell->next; i < cell->size; i = next_free(cell, i + 1)) {
        const struct strike *s = strike_find(c, cell, i);
        if (s &&
            ((s->worker == w->index && loaded_elsewhere(c, cell, w)) || strike_avoids(c, s, slot)))
            continue;
        *out_first = i;
        *out_count = 1;
        uint32_t got = 1;
        for (uint32_t j = i + 1; !s && got < max && j < cell->size; j++) {
            if (j - i >= ATTEMPT_INSTANCES_MAX || cell_is_taken(cell, j) || strike_find(c, cell, j))
                break;
            if (bitmap_get(&cell->closed, j))
                continue;
            got++;
            *out_count = j - i + 1;
        }
        return true;
    }
    return false;
}

/* As many as the slot should have, of those that it may. */
static bool carve_cell(struct core *c, struct cell *cell, const struct slot *s, uint32_t *first,
                       uint32_t *count)
{
    if (worker_refuses(s->worker, cell->model, cell->task))
        return false;
    uint32_t most = limit_instances(c, s, cell, attempt_instances(c, cell, s));
    return most > 0 && carve(c, cell, s, most, first, count);
}

/* The longest of its cells may be one that this worker refuses, or have nothing left but strikes of
 * its own. */
static struct cell *carve_another(struct core *c, struct model *m, const struct slot *s,
                                  uint32_t *first, uint32_t *count)
{
    struct cell *best = NULL;
    double best_ns = -1;
    for (size_t i = 0; i < m->cell_count; i++) {
        struct cell *cell = c->cells[m->cells[i]];
        double ns = cell_instance_ns(c, cell);
        uint32_t f, n;
        if (cell_free_count(cell) == 0 || ns <= best_ns || !carve_cell(c, cell, s, &f, &n))
            continue;
        best = cell;
        best_ns = ns;
        *first = f;
        *count = n;
    }
    return best;
}

struct cell *carve_model(struct core *c, struct model *m, const struct slot *s, uint32_t *first,
                         uint32_t *count)
{
    struct cell *cell = longest_of(m);
    if (cell && carve_cell(c, cell, s, first, count))
        return cell;
    return cell ? carve_another(c, m, s, first, count) : NULL;
}
