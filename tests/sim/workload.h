/* The sweep of a seed: models, tasks, and what every instance comes to, a pure function of seed,
 * model, task and instance. So is the report at the end, whatever happens on the way. */
#ifndef MUSTER_TESTS_SIM_WORKLOAD_H
#define MUSTER_TESTS_SIM_WORKLOAD_H

#include "common/block.h"
#include "common/place.h"
#include "coordinator/catalog.h"
#include "coordinator/core/core.h"

struct sim_options;
struct faults;

enum { SIM_MODELS_MAX = 4, SIM_TASKS_MAX = 4, SIM_SLOTS_MAX = 4, SIM_RUN_MAX = 8 };

/* What an instance is like. Those after NATURE_SOUND fail each time they are run. */
enum nature {
    NATURE_SOUND,
    NATURE_CRASH, /* kills the host */
    NATURE_OOM,
    NATURE_PROTOCOL,
    NATURE_HANG,
    NATURE_ERROR,   /* the model says that it failed */
    NATURE_SCORER,  /* the answer comes, its scorer fails */
    NATURE_REFUSED, /* these end at once, with one row */
    NATURE_TOO_LONG,
    NATURE_INVALID,
    NATURE_COUNT
};

struct sim_model {
    struct core_rules rules;
    uint32_t gpus;
    uint64_t memory_bytes; /* 0: no need stated */
    uint32_t inflight;
    uint32_t run_max; /* instances of a request */
    int64_t load_ns, load_timeout_ns;
    int64_t instance_ns, timeout_ns;
    int64_t work_ns; /* all of it, on one slot that never fails */
};

struct sim_task {
    uint32_t size;
    uint8_t stat_count;
    bool is_scored; /* by a program, after the model */
    struct bitmap wanted;
};

struct sim_machine {
    uint32_t slot_count;
    uint32_t gpus;         /* of each slot */
    uint64_t memory_bytes; /* of each slot; 0: not limited */
    struct place places[SIM_SLOTS_MAX];
    const char *gpu_type;
    bool is_old;          /* its worker's software is of before parts of attempts */
    int64_t clock_offset; /* of its clock */
};

enum { SIM_MACHINES_MAX = 6, SIM_ACCOUNTS_MAX = 6 };

/* Whom slot time is charged to: number i + 1 of the core. */
struct sim_account {
    uint32_t parent;
    double weight;
};

struct workload {
    uint64_t seed;
    double poison_share;
    struct sim_model models[SIM_MODELS_MAX];
    struct sim_task tasks[SIM_TASKS_MAX];
    uint32_t model_count, task_count;
    struct sim_account accounts[SIM_ACCOUNTS_MAX];
    uint32_t account_count;                        /* 0: nothing is shared */
    bool cells[SIM_MODELS_MAX][SIM_TASKS_MAX];     /* which model does which task */
    struct sim_machine machines[SIM_MACHINES_MAX]; /* the first is safe: everything runs there */
    uint32_t machine_count;
    struct catalog catalog; /* ids are not the indexes, nor in their order */
    int64_t beat_ns, lease_ns, horizon_ns;
    int64_t job_target_ns, probe_ns, backoff_ns;
    uint32_t strikes_max;
    double copy_share;
    uint64_t unacked_bytes_max; /* far below what is used live, so that it is reached */
};

void workload_init(struct workload *l, const struct sim_options *options,
                   const struct faults *faults, uint64_t seed);
void workload_release(struct workload *l);

enum nature workload_nature(const struct workload *l, uint32_t model, uint32_t task,
                            uint32_t instance);
/* What it ends as. */
status workload_status(const struct workload *l, uint32_t model, uint32_t task, uint32_t instance);
int64_t workload_stat(const struct workload *l, uint32_t model, uint32_t task, uint32_t instance,
                      uint32_t k);
int64_t workload_duration_ns(const struct workload *l, uint32_t model, uint32_t task,
                             uint32_t instance);

/* A number for (model, task, instance), for maps; never 0. */
uint64_t workload_key(uint32_t model, uint32_t task, uint32_t instance);

#endif
