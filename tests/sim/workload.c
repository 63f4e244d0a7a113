#include "tests/sim/workload.h"

#include <math.h>

#include "common/check.h"
#include "tests/sim/options.h"
#include "tests/sim/world.h"

enum {
    INSTANCES_MAX = 90,
    RUN_HALVINGS = 4 /* a run takes its host down so often until one instance of it is to blame */
};

static uint64_t draw(struct rng *r, uint64_t from, uint64_t to)
{
    return from + rng_below(r, to - from + 1);
}

static void draw_models(struct workload *l, struct rng *r)
{
    static const uint32_t gpus[] = { 0, 1, 1, 2, 4 };
    l->model_count = (uint32_t)draw(r, 1, SIM_MODELS_MAX);
    for (uint32_t i = 0; i < l->model_count; i++) {
        struct sim_model *m = &l->models[i];
        m->gpus = gpus[rng_below(r, sizeof(gpus) / sizeof(*gpus))];
        m->inflight = (uint32_t)draw(r, 1, 4);
        m->load_ns = (int64_t)draw(r, 50, 8000) * SIM_MS;
        m->load_timeout_ns = m->load_ns + 10 * SIM_SECOND;
        m->instance_ns = (int64_t)draw(r, 20, 1500) * SIM_MS;
        m->timeout_ns = 8 * m->instance_ns + 5 * SIM_SECOND;
    }
}

/* From a stream of its own, so that it shifts no other draw. */
static void draw_rules(struct workload *l)
{
    struct rng r;
    rng_seed(&r, rng_mix(l->seed, 9, 0, 0));
    bool any = rng_below(&r, 2) == 0;
    for (uint32_t i = 0; i < l->model_count; i++) {
        struct core_rules rules = { .priority = (int32_t)rng_below(&r, 3) - 1 };
        if (rng_below(&r, 3) == 0)
            rules.concurrency = (uint32_t)draw(&r, 1, 6);
        if (rng_below(&r, 3) == 0)
            rules.max_replicas = (uint32_t)draw(&r, 1, 3);
        rules.never_copied = rng_below(&r, 4) == 0;
        if (any)
            l->models[i].rules = rules;
    }
    static const double shares[] = { 0, 0.05, 1, 100 };
    l->copy_share = shares[rng_below(&r, 4)];
}

/* From a stream of its own, too. */
static void draw_runs(struct workload *l)
{
    struct rng r;
    rng_seed(&r, rng_mix(l->seed, 11, 0, 0));
    for (uint32_t i = 0; i < l->model_count; i++)
        l->models[i].run_max = rng_below(&r, 3) == 0 ? (uint32_t)draw(&r, 2, SIM_RUN_MAX) : 1;
    for (uint32_t i = 0; i < l->machine_count; i++)
        l->machines[i].is_old = rng_below(&r, 6) == 0;
}

/* In one sweep of six a model turns out to be far longer than the others: slots make way for it. In
 * half of these it needs whole machines, on which another model runs in pairs: gangs are cleared
 * for it. */
static void draw_long(struct workload *l)
{
    struct rng r;
    rng_seed(&r, rng_mix(l->seed, 15, 0, 0));
    if (rng_below(&r, 6) > 0)
        return;
    uint32_t at = (uint32_t)rng_below(&r, l->model_count);
    struct sim_model *m = &l->models[at];
    for (uint32_t i = 0; i < l->model_count; i++)
        if (i != at)
            l->models[i].load_ns /= 40; /* to load once more costs less than to wait */
    m->instance_ns *= (int64_t)draw(&r, 4, 12);
    m->timeout_ns = 8 * m->instance_ns + 5 * SIM_SECOND;
    if (rng_below(&r, 2) > 0)
        return;
    l->models[(at + 1) % l->model_count].gpus = 2;
    m->gpus = SIM_SLOTS_MAX;
    for (uint32_t i = 0; i < l->model_count; i++) /* only for who ranks no higher */
        l->models[i].rules.priority = 0, l->models[i].rules.account = m->rules.account;
    for (uint32_t i = 0; i < l->machine_count; i++) {
        l->machines[i].gpus = 1;
        l->machines[i].slot_count = SIM_SLOTS_MAX;
    }
}

/* In one sweep of three memory is short too: models may need that of several slots, and no more
 * than the first machine has. */
static void draw_memory(struct workload *l)
{
    struct rng r;
    rng_seed(&r, rng_mix(l->seed, 17, 0, 0));
    if (rng_below(&r, 3) > 0)
        return;
    for (uint32_t i = 0; i < l->machine_count; i++)
        l->machines[i].memory_bytes = i > 0 && rng_below(&r, 4) == 0 ? 0 : draw(&r, 8, 24);
    const struct sim_machine *first = &l->machines[0];
    for (uint32_t i = 0; i < l->model_count; i++)
        if (rng_below(&r, 2) == 0)
            l->models[i].memory_bytes = draw(&r, 1, first->slot_count * first->memory_bytes);
}

/* Half of the sweeps share: two users, of whom one has two sweeps, and perhaps shares of models. */
static void draw_accounts(struct workload *l)
{
    struct rng r;
    rng_seed(&r, rng_mix(l->seed, 13, 0, 0));
    static const uint32_t parents[SIM_ACCOUNTS_MAX] = { 0, 0, 1, 1, 3, 3 };
    if (rng_below(&r, 2) == 0)
        return;
    l->account_count = (uint32_t)draw(&r, 2, SIM_ACCOUNTS_MAX);
    for (uint32_t i = 0; i < l->account_count; i++)
        l->accounts[i] = (struct sim_account){ parents[i], (double)draw(&r, 1, 4) };
    for (uint32_t i = 0; i < l->model_count; i++)
        l->models[i].rules.account = (uint32_t)draw(&r, 1, l->account_count);
}

static void draw_tasks(struct workload *l, struct rng *r, uint32_t instances_max)
{
    l->task_count = (uint32_t)draw(r, 1, SIM_TASKS_MAX);
    for (uint32_t i = 0; i < l->task_count; i++) {
        struct sim_task *t = &l->tasks[i];
        t->size = (uint32_t)draw(r, 1, instances_max);
        t->stat_count = (uint8_t)draw(r, 1, 3);
        t->is_scored = rng_below(r, 3) == 0;
        bitmap_init(&t->wanted, t->size);
        bool all = rng_below(r, 2) == 0;
        for (uint32_t k = 0; k < t->size; k++)
            if (all || rng_below(r, 3) > 0)
                bitmap_set(&t->wanted, k);
        bitmap_set(&t->wanted, 0);
    }
}

static void draw_machines(struct workload *l, struct rng *r, uint32_t machines_max)
{
    l->machine_count = (uint32_t)draw(r, 1, machines_max);
    for (uint32_t i = 0; i < l->machine_count; i++) {
        struct sim_machine *m = &l->machines[i];
        m->slot_count = (uint32_t)draw(r, i == 0 ? 2 : 1, SIM_SLOTS_MAX);
        m->gpus = (uint32_t)rng_below(r, 3);
        if (i == 0) /* four together: a gang of the largest model fits */
            m->gpus = m->slot_count == SIM_SLOTS_MAX ? (uint32_t)draw(r, 1, 2) : 2;
        for (uint32_t k = 0; k < m->slot_count; k++)
            m->places[k] =
                (struct place){ 0, (uint32_t)rng_below(r, 2), (uint32_t)rng_below(r, 2) };
        m->gpu_type = i == 0 || rng_mix(l->seed, 10, i, 0) % 2 ? "A" : "B";
        m->clock_offset = (int64_t)rng_below(r, 1000000) * SIM_SECOND;
    }
}

/* As main.c configures the core, give or take. */
static void draw_settings(struct workload *l, struct rng *r)
{
    l->beat_ns = (int64_t)draw(r, 5, 20) * 100 * SIM_MS;
    l->lease_ns = l->beat_ns * (int64_t)draw(r, 3, 15);
    l->job_target_ns = (int64_t)draw(r, 2, 30) * SIM_SECOND;
    l->probe_ns = (int64_t)draw(r, 1, 5) * SIM_SECOND;
    l->backoff_ns = (int64_t)draw(r, 100, 1000) * SIM_MS;
    l->strikes_max = (uint32_t)draw(r, 1, 4);
    l->unacked_bytes_max = 512ull << draw(r, 0, 5);
    l->horizon_ns = (int64_t)draw(r, 20, 200) * SIM_SECOND;
}

static struct catalog_entry *new_entries(struct arena *arena, uint32_t count, const char *what,
                                         uint32_t first_id, struct map *index)
{
    struct catalog_entry *entries = arena_alloc(arena, count * sizeof(*entries));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = first_id - 3 * i;
        const char *text = arena_format(arena, "{\"%s\":%u}", what, id);
        entries[i] = (struct catalog_entry){ .id = id, .name = text, .definition = span_str(text) };
        map_put(index, id, (void *)(uintptr_t)(i + 1));
    }
    return entries;
}

static void fill_catalog(struct workload *l)
{
    struct catalog *c = &l->catalog;
    c->models = new_entries(&c->arena, l->model_count, "model", 40, &c->model_index);
    c->tasks = new_entries(&c->arena, l->task_count, "task", 60, &c->task_index);
    c->model_count = l->model_count;
    c->task_count = l->task_count;
    c->task_sizes = arena_alloc(&c->arena, l->task_count * sizeof(*c->task_sizes));
    c->task_stats = arena_alloc(&c->arena, l->task_count * sizeof(*c->task_stats));
    for (uint32_t i = 0; i < l->task_count; i++) {
        c->task_sizes[i] = l->tasks[i].size;
        c->task_stats[i] = l->tasks[i].stat_count;
    }
}

static void draw_cells(struct workload *l, struct rng *r)
{
    for (uint32_t m = 0; m < l->model_count; m++)
        for (uint32_t t = 0; t < l->task_count; t++)
            l->cells[m][t] = m == t || rng_below(r, 5) > 0;
}

static void sum_work(struct workload *l)
{
    for (uint32_t m = 0; m < l->model_count; m++)
        for (uint32_t t = 0; t < l->task_count; t++)
            for (uint32_t i = 0; l->cells[m][t] && i < l->tasks[t].size; i++) {
                enum nature n = workload_nature(l, m, t, i);
                int64_t once = workload_duration_ns(l, m, t, i);
                if (n != NATURE_SOUND)
                    once = (int64_t)l->strikes_max * (l->models[m].run_max > 1 ? RUN_HALVINGS : 1) *
                           (once + l->models[m].load_ns + l->models[m].timeout_ns +
                            (l->backoff_ns << l->strikes_max));
                l->models[m].work_ns += once;
            }
}

void workload_init(struct workload *l, const struct sim_options *options,
                   const struct faults *faults, uint64_t seed)
{
    uint32_t machines = options->machines_max ? options->machines_max : SIM_MACHINES_MAX;
    uint32_t instances = options->instances_max ? options->instances_max : INSTANCES_MAX;
    *l = (struct workload){ .seed = seed };
    l->poison_share = 0.06 * faults->classes[FAULT_POISON].level;
    struct rng r;
    rng_seed(&r, rng_mix(seed, 4, 0, 0));
    draw_settings(l, &r);
    draw_models(l, &r);
    draw_rules(l);
    draw_accounts(l);
    draw_machines(l, &r, machines);
    draw_runs(l);
    draw_long(l);
    draw_memory(l);
    draw_tasks(l, &r, instances);
    draw_cells(l, &r);
    fill_catalog(l);
    sum_work(l);
    if (options->horizon_ms && options->horizon_ms * SIM_MS < l->horizon_ns)
        l->horizon_ns = options->horizon_ms * SIM_MS;
}

void workload_release(struct workload *l)
{
    for (uint32_t i = 0; i < l->task_count; i++)
        bitmap_release(&l->tasks[i].wanted);
    catalog_release(&l->catalog);
}

uint64_t workload_key(uint32_t model, uint32_t task, uint32_t instance)
{
    return ((uint64_t)(model + 1) << 40) | ((uint64_t)task << 32) | instance;
}

static uint64_t mix(const struct workload *l, uint32_t model, uint32_t task, uint32_t instance,
                    uint64_t what)
{
    return rng_mix(l->seed, 5, workload_key(model, task, instance), what);
}

enum nature workload_nature(const struct workload *l, uint32_t model, uint32_t task,
                            uint32_t instance)
{
    uint64_t luck = mix(l, model, task, instance, 1);
    if (rng_unit_of(luck) >= l->poison_share)
        return NATURE_SOUND;
    enum nature n = NATURE_CRASH + (mix(l, model, task, instance, 2) % (NATURE_COUNT - 1));
    return n == NATURE_SCORER && !l->tasks[task].is_scored ? NATURE_ERROR : n;
}

status workload_status(const struct workload *l, uint32_t model, uint32_t task, uint32_t instance)
{
    static const status statuses[NATURE_COUNT] = {
        [NATURE_SOUND] = STATUS_OK,          [NATURE_CRASH] = STATUS_CRASH,
        [NATURE_OOM] = STATUS_OOM,           [NATURE_PROTOCOL] = STATUS_PROTOCOL,
        [NATURE_HANG] = STATUS_TIMEOUT,      [NATURE_ERROR] = STATUS_ERROR,
        [NATURE_SCORER] = STATUS_SCORER,     [NATURE_REFUSED] = STATUS_REFUSED,
        [NATURE_TOO_LONG] = STATUS_TOO_LONG, [NATURE_INVALID] = STATUS_INVALID,
    };
    return statuses[workload_nature(l, model, task, instance)];
}

int64_t workload_stat(const struct workload *l, uint32_t model, uint32_t task, uint32_t instance,
                      uint32_t k)
{
    return (int64_t)(mix(l, model, task, instance, 10 + k) % 2000001) - 1000000;
}

int64_t workload_duration_ns(const struct workload *l, uint32_t model, uint32_t task,
                             uint32_t instance)
{
    double u = rng_unit_of(mix(l, model, task, instance, 3));
    double factor = exp(2.0 * (u - 0.5)); /* 0.37 to 2.7: far below the timeout */
    return 1 + (int64_t)(factor * (double)l->models[model].instance_ns);
}
