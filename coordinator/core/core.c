/* The door. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

struct core *core_new(const struct core_config *config)
{
    check(config->epoch > 0 && config->beat_ns > 0 && config->lease_ns > config->beat_ns);
    check(config->strikes_max > 0 && config->job_target_ns > 0 && config->probe_ns > 0);
    struct core *c = xcalloc(1, sizeof(*c));
    c->config = *config;
    c->expected_ns = c->tail_ns = c->outrank_ns = c->resume_ns = INT64_MAX;
    c->plan_is_off = true;
    estimate_typical(c);
    rng_seed(&c->rng, config->seed);
    list_init(&c->hungry);
    list_init(&c->starving);
    list_init(&c->wanting);
    list_init(&c->held);
    bitmap_init(&c->open_models, MODELS_MAX);
    list_init(&c->strikes_open);
    list_init(&c->copies);
    list_init(&c->races);
    (void)gpu_type_find(c, span_of(NULL, 0)); /* number 0 */
    return c;
}

static void free_attempts(struct worker *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct list *attempts = &w->slots[i].attempts;
        while (!list_empty(attempts)) {
            struct list *n = list_first(attempts);
            list_remove(n);
            free(container_of(n, struct attempt, in_slot));
        }
    }
}

static void free_gangs(struct worker *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct gang *g = w->slots[i].gang;
        if (g && g->heir && g->heir->slots[g->heir->count - 1] == i)
            free(g->heir);
        if (g && g->slots[g->count - 1] == i)
            free(g); /* nobody behind this slot looks at it */
    }
}

static void free_strikes(struct core *c)
{
    while (!list_empty(&c->strikes_open)) {
        struct list *n = list_first(&c->strikes_open);
        list_remove(n);
        free(container_of(n, struct strike, in_all));
    }
}

void core_free(struct core *c)
{
    if (!c)
        return;
    heap_release(&c->backoffs); /* before the nodes: it unlinks them */
    heap_release(&c->dues);
    heap_release(&c->forming);
    free_strikes(c);
    copy_free_races(c);
    for (size_t i = 0; i < c->worker_count; i++) {
        free_attempts(c->workers[i]);
        free_gangs(c->workers[i]);
        worker_free(c->workers[i]);
    }
    for (size_t i = 0; i < c->model_count; i++) {
        heap_release(&c->models[i].measured);
        heap_release(&c->models[i].unmeasured);
        free(c->models[i].cells);
        free(c->models[i].holders);
        free(c->models[i].reason);
        gpu_type_free_model(&c->models[i]);
    }
    for (uint32_t i = 0; i < c->gpu_type_count; i++)
        free(c->gpu_types[i]);
    for (size_t i = 0; i < c->cell_count; i++)
        cell_destroy(c->cells[i]);
    kind_free_all(c);
    free(c->models);
    free(c->accounts);
    free(c->parts);
    free(c->task_sizes);
    free(c->cells);
    free(c->workers);
    free(c->grantees);
    bitmap_release(&c->open_models);
    map_release(&c->cell_of);
    map_release(&c->worker_of);
    map_release(&c->session_of);
    map_release(&c->attempt_of);
    map_release(&c->strike_of);
    free(c);
}

uint32_t core_add_model(struct core *c, const struct core_need *need)
{
    check(c->model_count < MODELS_MAX);
    c->models = xgrow(c->models, &c->model_capacity, c->model_count + 1, sizeof(*c->models));
    c->models[c->model_count] = (struct model){ .need = *need };
    c->models[c->model_count].started_on = NONE;
    c->models[c->model_count].slowest_at_ns = -1;
    gpu_type_enter_model(c, &c->models[c->model_count]);
    fits_enter_model(c, (uint32_t)c->model_count++);
    return (uint32_t)c->model_count - 1;
}

uint32_t core_add_task(struct core *c, uint32_t size)
{
    check(c->task_count < TASKS_MAX && size <= TASK_INSTANCES_MAX);
    c->task_sizes =
        xgrow(c->task_sizes, &c->task_capacity, c->task_count + 1, sizeof(*c->task_sizes));
    c->task_sizes[c->task_count] = size;
    return (uint32_t)c->task_count++;
}

/* Of a worker that the coordinator does not know (any more): it has to say hello. */
static void reject_session(struct core *c, uint64_t session)
{
    struct core_effect *effect = emit(c, EFFECT_REJECT, session);
    effect->as.reject.code = REJECT_SESSION;
    effect->as.reject.text = "unknown session: say hello";
}

static void dispatch(struct core *c, const struct core_event *e)
{
    struct worker *w = worker_of_session(c, e->session);
    switch (e->kind) {
    case CORE_TIME: on_time(c); return;
    case CORE_HELLO: on_hello(c, e); return;
    case CORE_DRAIN:
    case CORE_DRAIN_WORKER:
    case CORE_PAUSE_MODEL:
    case CORE_RESUME_MODEL: on_order(c, e); return;
    case CORE_BEAT:
    case CORE_RESULTS:
    case CORE_ENDED:
    case CORE_HOST:
    case CORE_GOODBYE: break;
    }
    if (!w) {
        reject_session(c, e->session);
        return;
    }
    switch (e->kind) {
    case CORE_BEAT: on_beat(c, w, e); return;
    case CORE_RESULTS: on_results(c, w, e); return;
    case CORE_ENDED: on_ended(c, w, e); return;
    case CORE_HOST: on_host(c, w, e); return;
    case CORE_GOODBYE: on_goodbye(c, w); return;
    case CORE_TIME:
    case CORE_HELLO:
    case CORE_DRAIN:
    case CORE_DRAIN_WORKER:
    case CORE_PAUSE_MODEL:
    case CORE_RESUME_MODEL: break;
    }
    check(!"a worker's event");
}

/* Whether somebody holds work back: a pause ends when its owner says so, not with the sweep. */
static bool any_paused(const struct core *c)
{
    for (uint32_t i = 0; i < c->model_count; i++)
        if (c->models[i].paused && c->models[i].free_count > 0)
            return true;
    return false;
}

/* Whether a worker is there for a while only: what it has no time for may be for the next one. */
static bool any_mortal(const struct core *c)
{
    for (size_t i = 0; i < c->worker_count; i++)
        if (c->workers[i]->session && c->workers[i]->drain_ns != INT64_MAX)
            return true;
    return false;
}

/* The sweep's state follows from the rest; nothing else writes it. */
static void settle(struct core *c)
{
    bool live = c->attempt_of.count > 0;
    if (c->ended == c->wanted) {
        c->state = SWEEP_DONE;
        return;
    }
    if (c->stopping) {
        c->state = live ? SWEEP_DRAINING : SWEEP_STOPPED;
        return;
    }
    bool could_run = live || c->backoffs.count > 0 || list_empty(&c->starving) || any_paused(c) ||
                     any_mortal(c) || c->resume_ns != INT64_MAX;
    c->state = could_run ? SWEEP_RUNNING : SWEEP_STALLED;
}

void core_step(struct core *c, const struct core_event *e, struct core_effects *out)
{
    if (e->now_mono_ns > c->now_ns)
        c->now_ns = e->now_mono_ns; /* time does not run backwards in here */
    c->out = out;
    dispatch(c, e);
    shortlist_forget(c);
    match_all(c);
    tail_arm(c);
    outrank_arm(c);
    settle(c);
    c->expected_ns = core_deadline_mono_ns(c);
    c->out = NULL;
}

int64_t core_deadline_mono_ns(const struct core *c)
{
    const struct heap *const heaps[] = { &c->backoffs, &c->dues, &c->forming };
    int64_t soonest = c->tail_ns < c->outrank_ns ? c->tail_ns : c->outrank_ns;
    soonest = soonest < c->resume_ns ? soonest : c->resume_ns;
    for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++) {
        const struct heap_node *top = heap_top(heaps[i]);
        if (top && top->key < soonest)
            soonest = top->key;
    }
    return soonest;
}
