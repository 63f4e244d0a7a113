/* The machines of a cluster file, one by one: who is slow, who dies and when. */
#ifndef MUSTER_COORDINATOR_SIMULATE_FLEET_H
#define MUSTER_COORDINATOR_SIMULATE_FLEET_H

#include "coordinator/core/core.h"
#include "coordinator/simulate/cluster.h"

struct fleet_worker {
    uint32_t group;
    uint32_t first_slot, slot_count;
    double speed;    /* of each of its slots */
    int64_t dies_ns; /* INT64_MAX: it does not */
};

struct fleet {
    const struct cluster *cluster; /* borrowed */
    struct fleet_worker *workers;
    uint32_t worker_count;
    uint32_t *worker_of; /* slot -> worker; slots are numbered through the fleet */
    uint32_t slot_count;
    double total_speed; /* of all slots */
};

void fleet_init(struct fleet *f, const struct cluster *cluster, uint64_t seed);
void fleet_release(struct fleet *f);

/* Slots of a worker of the group that a replica takes together; 0: none could run it. */
uint32_t fleet_width(const struct fleet *f, size_t group, const struct core_need *need);
/* Bit i: slots of group i are large enough for it. */
uint64_t fleet_fits(const struct fleet *f, const struct core_need *need);
/* The same, of slots alone or several of a worker; *least: the fewest that it takes anywhere. */
uint64_t fleet_fits_gang(const struct fleet *f, const struct core_need *need, uint32_t *least);

static inline const struct fleet_worker *fleet_worker_of(const struct fleet *f, uint32_t slot)
{
    return &f->workers[f->worker_of[slot]];
}

static inline const struct cluster_group *fleet_group_of(const struct fleet *f, uint32_t slot)
{
    return &f->cluster->groups[fleet_worker_of(f, slot)->group];
}

static inline bool fleet_slot_fits(const struct fleet *f, uint32_t slot, uint64_t fits)
{
    return fits >> fleet_worker_of(f, slot)->group & 1;
}

/* What takes `work_ns` on a slot of speed 1: rounded up, so that no bound is missed by rounding. */
static inline int64_t fleet_take_ns(double speed, uint64_t work_ns)
{
    double ns = (double)work_ns / speed;
    int64_t whole = (int64_t)ns;
    return whole + ((double)whole < ns);
}

#endif
