/* Policy: which free instances for which slot.
 *
 * A slot that could take more is `hungry`; match_all serves the hungry in turn, first one attempt
 * each, then one waiting behind it. A loaded model is worth its load time: a slot stays with its
 * model while there is free work for it on this worker; otherwise the model with the most remaining
 * time per replica, less its load, gets the slot. A slot for which there is nothing is `starving`
 * until work becomes free again. */
#include "coordinator/core/internal.h"

#include <math.h>

enum {
    PROBE_INSTANCES = 16, /* of a first attempt, before a duration is known */
    TAPER = 2, /* an attempt takes at most 1/TAPER of a replica's share of what is free */
};
static const double INSTANCE_NS_GUESS = 100e6; /* before anything is learned */
static const double LOAD_NS_GUESS = 1e9;

double cell_instance_ns(const struct core *c, const struct cell *cell)
{
    return cell->instance_ns > 0 ? cell->instance_ns : c->models[cell->model].instance_ns;
}

static double model_instance_ns(const struct model *m)
{
    return m->instance_ns > 0 ? m->instance_ns : INSTANCE_NS_GUESS;
}

/* ---- Who waits for work ---- */

void match_slot_changed(struct core *c, struct worker *w, uint32_t slot)
{
    struct slot *s = &w->slots[slot];
    list_remove(&s->in_hungry);
    if (w->session && !w->draining && !c->stopping && s->queued < SLOT_QUEUE_MAX)
        list_push_back(&c->hungry, &s->in_hungry);
}

void match_wake(struct core *c)
{
    while (!list_empty(&c->starving)) {
        struct list *n = list_first(&c->starving);
        list_remove(n);
        list_push_back(&c->hungry, n);
    }
}

/* ---- How much ---- */

static uint32_t attempt_instances(const struct core *c, const struct cell *cell)
{
    const struct model *m = &c->models[cell->model];
    double ns = cell_instance_ns(c, cell);
    double count = PROBE_INSTANCES;
    if (cell->instance_ns > 0)
        count = (double)c->config.job_target_ns / ns;
    else if (ns > 0)
        count = (double)c->config.probe_ns / ns;
    double share = (double)m->free_count / (TAPER * (m->replicas ? m->replicas : 1.0));
    if (count > share)
        count = share;
    if (count > ATTEMPT_INSTANCES_MAX)
        count = ATTEMPT_INSTANCES_MAX;
    return count < 1 ? 1 : (uint32_t)count;
}

/* Enough in hand: one attempt runs, and what waits behind it lasts for a while. */
static bool slot_is_sated(const struct core *c, struct slot *s)
{
    if (s->queued < 2)
        return false;
    if (s->queued == SLOT_QUEUE_MAX)
        return true;
    double waiting_ns = 0;
    struct list *head = list_first(&s->attempts);
    for (struct list *n = head->next; n != &s->attempts; n = n->next) {
        const struct attempt *a = container_of(n, struct attempt, in_slot);
        double ns = cell_instance_ns(c, a->cell);
        waiting_ns += a->open * (ns > 0 ? ns : INSTANCE_NS_GUESS);
    }
    return waiting_ns >= (double)c->config.beat_ns;
}

/* ---- Which instances of a cell ---- */

/* Whether the model is loaded elsewhere too: then an instance that failed here can be tried there,
 * and the fault told apart. */
static bool loaded_elsewhere(const struct core *c, const struct cell *cell,
                             const struct worker *not_this)
{
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        if (w == not_this || !w->session || w->draining ||
            worker_refuses(w, cell->model, cell->task))
            continue;
        for (uint32_t k = 0; k < w->slot_count; k++)
            if (w->slots[k].model == cell->model)
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
static bool carve(struct core *c, struct cell *cell, const struct worker *w, uint32_t max,
                  uint32_t *out_first, uint32_t *out_count)
{
    cell->next = next_free(cell, cell->next);
    for (uint32_t i = cell->next; i < cell->size; i = next_free(cell, i + 1)) {
        const struct strike *s = strike_find(c, cell, i);
        if (s && s->worker == w->index && loaded_elsewhere(c, cell, w))
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

static struct cell *model_find_cell(struct core *c, struct model *m, const struct worker *w,
                                    uint32_t *first, uint32_t *count)
{
    for (size_t i = m->first_cell; i < m->cell_count; i++) {
        struct cell *cell = c->cells[m->cells[i]];
        if (cell_free_count(cell) == 0) {
            if (i == m->first_cell)
                m->first_cell++;
            continue;
        }
        if (worker_refuses(w, cell->model, cell->task))
            continue;
        if (carve(c, cell, w, attempt_instances(c, cell), first, count))
            return cell;
    }
    return NULL;
}

/* ---- Which model ---- */

static bool model_is_usable(const struct model *m, const struct slot *s)
{
    return m->free_count > 0 && !m->paused && slot_fits(s, &m->need);
}

static double model_remaining_ns(const struct model *m)
{
    return (double)(m->free_count + m->taken_count) * model_instance_ns(m);
}

double match_load_ns(const struct model *m)
{
    return m->load_ns > 0 ? m->load_ns : LOAD_NS_GUESS;
}

bool match_is_worth_loading(const struct model *m)
{
    return m->replicas == 0 || m->taken_count == 0 ||
           model_remaining_ns(m) / m->replicas >= match_load_ns(m);
}

static double model_worth_ns(const struct model *m)
{
    if (!match_is_worth_loading(m))
        return -INFINITY;
    return model_remaining_ns(m) / (m->replicas + 1.0) - match_load_ns(m);
}

/* Work of the model that the slot has, or is about to have. */
static struct cell *choose_loaded(struct core *c, struct slot *s, uint32_t *first, uint32_t *count)
{
    if (s->model == NONE || !model_is_usable(&c->models[s->model], s))
        return NULL;
    return model_find_cell(c, &c->models[s->model], s->worker, first, count);
}

/* Work of the model that is most worth loading. */
static struct cell *choose_another(struct core *c, const struct slot *s, uint32_t *first,
                                   uint32_t *count)
{
    struct cell *best = NULL;
    double best_worth = -INFINITY;
    for (uint32_t i = 0; i < c->model_count; i++) {
        struct model *m = &c->models[i];
        uint32_t f, n;
        if (i == s->model || !model_is_usable(m, s))
            continue;
        double worth = model_worth_ns(m);
        if (worth <= best_worth)
            continue;
        struct cell *cell = model_find_cell(c, m, s->worker, &f, &n);
        if (!cell)
            continue;
        best = cell;
        best_worth = worth;
        *first = f;
        *count = n;
    }
    return best;
}

/* ---- The grant ---- */

static struct span skip_bits(struct core *c, const struct cell *cell, uint32_t first,
                             uint32_t count)
{
    uint32_t closed = bitmap_count_range(&cell->closed, first, count);
    if (closed == 0)
        return span_of(NULL, 0);
    size_t bytes = (count + 7u) / 8;
    uint8_t *bits = arena_alloc(&c->out->arena, bytes);
    for (uint32_t i = 0; i < count; i++)
        if (bitmap_get(&cell->closed, first + i))
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
    return span_of(bits, bytes);
}

static void grant(struct core *c, struct slot *s, struct cell *cell, uint32_t first, uint32_t count)
{
    struct worker *w = s->worker;
    uint64_t id = c->config.epoch << 32 | ++c->next_attempt;
    uint32_t slot = (uint32_t)(s - w->slots);
    struct span skip = skip_bits(c, cell, first, count);
    attempt_new(c, w, slot, cell, first, count, id);
    struct core_effect *effect = emit(c, EFFECT_GRANT, w->session);
    effect->as.grant.attempt = id;
    effect->as.grant.slot = slot;
    effect->as.grant.model = cell->model;
    effect->as.grant.task = cell->task;
    effect->as.grant.first = first;
    effect->as.grant.count = count;
    effect->as.grant.skip = skip;
}

/* Idle slots that have the model of some free work come first: nobody should load a model for work
 * that another one could start at once. */
static void serve_holders(struct core *c)
{
    struct list served;
    list_init(&served);
    while (!list_empty(&c->hungry)) {
        struct slot *s = container_of(list_first(&c->hungry), struct slot, in_hungry);
        list_remove(&s->in_hungry);
        list_push_back(&served, &s->in_hungry);
        uint32_t first, count;
        struct cell *cell = s->queued == 0 ? choose_loaded(c, s, &first, &count) : NULL;
        if (cell)
            grant(c, s, cell, first, count);
    }
    while (!list_empty(&served)) {
        struct list *n = list_first(&served);
        list_remove(n);
        list_push_back(&c->hungry, n);
    }
}

/* One attempt more. Another model can wait until the slot is free to load it. */
static bool serve(struct core *c, struct slot *s)
{
    uint32_t first, count;
    struct cell *cell = choose_loaded(c, s, &first, &count);
    if (!cell && s->queued == 0)
        cell = choose_another(c, s, &first, &count);
    if (cell)
        grant(c, s, cell, first, count);
    return cell != NULL;
}

void match_all(struct core *c)
{
    if (c->stopping || list_empty(&c->hungry))
        return;
    serve_holders(c);
    while (!list_empty(&c->hungry)) {
        struct slot *s = container_of(list_first(&c->hungry), struct slot, in_hungry);
        list_remove(&s->in_hungry);
        if (slot_is_sated(c, s))
            continue; /* it comes back when an attempt of it ends */
        list_push_back(serve(c, s) ? &c->hungry : &c->starving, &s->in_hungry);
    }
}

int64_t match_remaining_ns(const struct core *c)
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

bool match_can_ever_run(const struct core *c, uint32_t model, const char **why)
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
            if (!slot_fits(&w->slots[k], &m->need))
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
