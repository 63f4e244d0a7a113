/* What is to be done in a simulation, and how long each instance of it takes.
 *
 * No duration is stored: that of an instance follows from the seed and its (model, task, instance),
 * so every policy meets the same ones, in whatever order, and 32 million of them cost no memory. */
#ifndef MUSTER_COORDINATOR_SIMULATE_WORK_H
#define MUSTER_COORDINATOR_SIMULATE_WORK_H

#include "coordinator/core/core.h"
#include "coordinator/simulate/cluster.h"

struct work_model {
    char *name;
    struct core_need need;
    struct core_rules rules; /* all 0: none */
    struct cluster_timing timing;
    const float *spread; /* SPREAD_BINS factors around the median */
    uint32_t first_cell, cell_count;
    uint64_t instances; /* wanted, of all its cells */
    bool is_blocked;    /* it fits no slot and no gang, and was given no cells */
};

/* A model does a task. */
struct work_cell {
    uint32_t model, task;
    uint32_t size;               /* of the task */
    uint32_t count;              /* instances wanted */
    const struct bitmap *wanted; /* NULL: all. Borrowed */
    const float *spread;
    double median_ns; /* at speed 1 */
    uint64_t key;     /* of its draws */
};

struct work {
    uint64_t seed;
    struct work_model *models;
    size_t model_count, model_capacity;
    uint32_t *task_sizes;
    size_t task_count, task_capacity;
    struct work_cell *cells; /* by model, in the order of adding */
    size_t cell_count, cell_capacity;
    struct work_spread *spreads; /* tables, one for each sigma in use */
    uint64_t instances;
};

/* `struct work w = { .seed = 1 };` is empty. Models are added with their cells: a cell is of the
 * newest model. */
uint32_t work_add_task(struct work *w, uint32_t size);
uint32_t work_add_model(struct work *w, const char *name, const struct core_need *need,
                        const struct cluster_timing *timing);
/* median_ns 0: the model's, and the task's factor. A cell without instances is left out. */
void work_add_cell(struct work *w, uint32_t task, const struct bitmap *wanted, double median_ns);
void work_release(struct work *w);

/* The mean of a log-normal over its median. */
double work_mean_factor(double sigma);

enum { SPREAD_BINS = 4096, SPREAD_SHIFT = 64 - 12 };

/* At speed 1; at least 1. The log-normal is a table of 4,096 equally likely factors: its longest
 * instance is that of the 8,191st 8,192nd. */
static inline uint64_t work_instance_ns(const struct work_cell *cell, uint32_t instance)
{
    uint64_t z = cell->key + (instance + 1) * UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    double ns = cell->median_ns * (double)cell->spread[(z ^ (z >> 31)) >> SPREAD_SHIFT];
    return ns < 1 ? 1 : (uint64_t)ns;
}

static inline bool work_is_wanted(const struct work_cell *cell, uint32_t instance)
{
    return !cell->wanted || bitmap_get(cell->wanted, instance);
}

#endif
