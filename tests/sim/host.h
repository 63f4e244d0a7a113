/* Model hosts: processes that load a model and answer for instances, each as its nature is
 * (workload.h), with the faults of the run on top. */
#ifndef MUSTER_TESTS_SIM_HOST_H
#define MUSTER_TESTS_SIM_HOST_H

#include "tests/sim/worker.h"

enum { SIM_INFLIGHT_MAX = 8, SAFE_MACHINE = 0 };

struct sim_request {
    uint64_t id; /* the agent's; 0: none */
    uint64_t attempt;
    uint32_t task, instance, count; /* a run of them, mostly 1 */
};

struct sim_host {
    struct sim_worker *worker;
    uint32_t slot, model; /* the core's index of the model */
    uint32_t holds;       /* a bit a slot: its own, and those of its gang */
    bool is_loaded, is_asked_to_go, is_killed, is_dead;
    struct sim_request open[SIM_INFLIGHT_MAX];
    uint32_t open_count;
};

/* The agent's start_host. Nobody else may live in its slot, or in those of its gang. */
void host_start(struct world *w, struct sim_worker *worker, const struct agent_effect *e);
void host_ask_to_go(struct world *w, struct sim_host *h);
void host_kill(struct world *w, struct sim_host *h);
void host_request(struct world *w, struct sim_host *h, const struct agent_effect *e);
/* A fault: it dies by itself, now. */
void host_dies(struct world *w, struct sim_host *h);
/* How many times longer everything takes on a machine: drawn once. */
double machine_slowness(const struct world *w, uint32_t machine);
/* A word for what the process was after its exit was noticed. */
void host_is_reaped(struct sim_worker *worker, uint32_t slot);

#endif
