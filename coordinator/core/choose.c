/* Which model for a slot. A loaded model is worth its load time: a slot stays with its model while
 * there is free work for it on this worker; otherwise the model with the most remaining time per
 * replica, less its load, gets the slot. */
#include "coordinator/core/internal.h"

#include <math.h>

static bool model_is_usable(const struct model *m, const struct slot *s)
{
    return m->free_count > 0 && !m->paused && slot_fits(s, m);
}

bool model_is_worth_loading(const struct model *m)
{
    return m->replicas == 0 || m->taken_count == 0 ||
           model_remaining_ns(m) / m->replicas >= model_load_ns(m);
}

static double model_worth_ns(const struct model *m)
{
    if (!model_is_worth_loading(m))
        return -INFINITY;
    return model_remaining_ns(m) / (m->replicas + 1.0) - model_load_ns(m);
}

/* Work of the model that the slot has, or is about to have. */
struct cell *choose_loaded(struct core *c, struct slot *s, uint32_t *first, uint32_t *count)
{
    if (s->model == NONE || !model_is_usable(&c->models[s->model], s))
        return NULL;
    return carve_model(c, &c->models[s->model], s, first, count);
}

/* Work of the model that is most worth loading. */
struct cell *choose_another(struct core *c, const struct slot *s, uint32_t *first, uint32_t *count)
{
    struct cell *best = NULL;
    double best_worth = -INFINITY;
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1)) {
        struct model *m = &c->models[i];
        uint32_t f, n;
        if (i == s->model || !model_is_usable(m, s))
            continue;
        double worth = model_worth_ns(m);
        if (worth <= best_worth)
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

bool model_can_ever_run(const struct core *c, uint32_t model, const char **why)
{
    const struct model *m = &c->models[model];
    bool fits = false, connected = false;
    *why = NULL;
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        if (!w->session || w->draining)
            continue;
        connected = true;
        for (uint32_t k = 0; k < w->slot_count; k++) {
            if (!slot_fits(&w->slots[k], m))
                continue;
            fits = true;
            if (!worker_refuses(w, model, NONE) && !m->paused)
                return true;
        }
    }
    *why = m->paused    ? "paused"
           : !connected ? "no worker is connected"
           : !fits      ? "no connected worker has a slot with the GPUs, cores and memory it needs"
           : m->reason  ? m->reason
                        : "every worker refuses it";
    return false;
}
