#include "tests/sim/run.h"

#include "tests/sim/chaos.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/disk.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "tests/sim/worker.h"

#include <math.h>

static const int64_t LOOK_NS = SIM_SECOND / 2;
static const int64_t LEAVE_NS = 180 * SIM_SECOND; /* hosts that do not die take a minute */
enum { STEPS_MAX = 3000000 };

static struct world *running; /* for those who look in when it is cut short */

void sim_print_tail(void)
{
    if (running && running->tail)
        world_print_tail(running);
}

void sim_running(uint64_t hits[FAULT_COUNT], int64_t *virtual_ns)
{
    *virtual_ns = running ? running->now : 0;
    for (int f = 0; f < FAULT_COUNT; f++)
        hits[f] = running ? running->faults.classes[f].hits : 0;
}

static void enter(struct world *w, enum sim_phase phase, const char *text)
{
    trace(w, "---- %s", text);
    w->phase = phase;
    w->phase_since = w->now;
}

/* Twice the work, one after the other. What a cap keeps in a few slots may be on the slowest
 * machine: there is nothing by which the core could know of a model that is nowhere else. */
static double work_ns(const struct world *w)
{
    double slowest = 1, sum = 0;
    for (uint32_t i = 0; i < w->load.machine_count; i++)
        slowest = fmax(slowest, machine_slowness(w, i));
    for (uint32_t i = 0; i < w->load.model_count; i++) {
        const struct sim_model *m = &w->load.models[i];
        bool is_capped = m->rules.max_replicas > 0 || m->rules.concurrency > 0;
        sum += (double)m->work_ns * (1 + (is_capped ? slowest : 1));
    }
    return sum;
}

/* From the healing on: all of it, and what recovers in its own time. */
static int64_t bound_ns(const struct world *w)
{
    return (int64_t)work_ns(w) + 20 * w->load.lease_ns + 400 * SIM_SECOND;
}

/* From the end on: who runs a copy still when the first result is there goes when it is through. */
static int64_t leave_ns(const struct world *w)
{
    int64_t timeout_ns = 0;
    for (uint32_t i = 0; i < w->load.model_count; i++)
        if (w->load.models[i].timeout_ns > timeout_ns)
            timeout_ns = w->load.models[i].timeout_ns;
    return LEAVE_NS + timeout_ns;
}

static const char *const state_texts[] = {
#define X(name, text) [name] = text,
    SWEEP_STATE_LIST(X)
#undef X
};

/* What keeps the sweep from its end, for the trace. */
static void trace_the_rest(struct world *w)
{
    if (w->coordinator->is_up) {
        struct core_totals t;
        core_totals(w->coordinator->core, &t);
        trace(w, "core: %s, %llu of %llu ended, %llu taken, %llu attempts", state_texts[t.state],
              (unsigned long long)t.ended, (unsigned long long)t.wanted,
              (unsigned long long)t.taken, (unsigned long long)t.attempts_live);
    }
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++)
            for (uint32_t i = 0; w->load.cells[m][t] && i < w->load.tasks[t].size; i++)
                if (bitmap_get(&w->load.tasks[t].wanted, i) &&
                    !w->disk->instances[m][t][i].is_ended)
                    trace(w, "open: %u/%u/%u, %u strikes", m, t, i,
                          w->disk->instances[m][t][i].strikes);
}

static void check_liveness(struct world *w)
{
    int64_t since = w->now - w->phase_since;
    if (w->phase == SIM_HEALED && since > bound_ns(w)) {
        trace_the_rest(w);
        world_fail(w, "%.0f s after everything healed, the sweep is not done", (double)since / 1e9);
    }
    if (w->phase == SIM_ENDING && since > leave_ns(w))
        world_fail(w, "%.0f s after the sweep was done, a worker is still there",
                   (double)since / 1e9);
    if (w->steps > STEPS_MAX)
        world_fail(w, "it goes round in circles: %llu steps", (unsigned long long)w->steps);
}

static bool core_is_done(const struct world *w)
{
    struct core_totals t;
    if (!w->coordinator->is_up || w->coordinator->is_paused)
        return false;
    core_totals(w->coordinator->core, &t);
    return t.state == SWEEP_DONE;
}

/* The driver, every half second. */
static void on_look(struct world *w, void *owner, uint64_t unused)
{
    (void)owner;
    (void)unused;
    bool is_done = oracle_all_durable(w);
    if (w->phase == SIM_CHAOS && (is_done || w->now > w->load.horizon_ns)) {
        enter(w, SIM_HEALED, "everything heals");
        chaos_heal(w);
    } else if (w->phase == SIM_HEALED && is_done && core_is_done(w) &&
               !w->coordinator->is_stopping) {
        enter(w, SIM_ENDING, "the sweep is done");
        oracle_check_end(w);
        coordinator_order(w, (struct core_event){ .kind = CORE_DRAIN });
    } else if (w->phase == SIM_ENDING && fleet_is_gone(w)) {
        w->is_over = true;
    }
    check_liveness(w);
    if (!w->is_over)
        world_at(w, w->now + LOOK_NS, on_look, w, 0);
}

static void report(const struct world *w, struct sim_outcome *out)
{
    *out = (struct sim_outcome){ .hash = w->hash,
                                 .steps = w->steps,
                                 .virtual_ns = w->now,
                                 .starts = w->coordinator->starts,
                                 .workers = w->fleet->count };
    for (int f = 0; f < FAULT_COUNT; f++)
        out->injected[f] = w->faults.classes[f].done;
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++)
            for (uint32_t i = 0; i < w->load.tasks[t].size; i++) {
                out->rows += w->disk->instances[m][t][i].is_ended;
                out->injected[FAULT_POISON] += w->disk->instances[m][t][i].status != STATUS_OK;
            }
}

void sim_run(const struct sim_options *options, uint64_t seed, struct sim_outcome *out)
{
    struct world w;
    world_init(&w, options, seed);
    running = &w;
    net_init(&w);
    disk_init(&w);
    oracle_init(&w);
    coordinator_start(&w);
    fleet_start(&w);
    chaos_start(&w);
    world_at(&w, w.now, on_look, &w, 0);
    while (!w.is_over && world_step(&w))
        ;
    report(&w, out);
    fleet_release(&w);
    coordinator_release(&w);
    oracle_release(&w);
    disk_release(&w);
    net_release(&w);
    running = NULL;
    world_release(&w);
}
