/* What a cluster file says: machines that need not exist, and how long models take on them.
 *
 * The format is described for its users in README.md here. To add a key: its field below, its name
 * in the table of keys and its getter in cluster.c, the README, a row in tests/io/test_cluster.c.
 */
#ifndef MUSTER_COORDINATOR_SIMULATE_CLUSTER_H
#define MUSTER_COORDINATOR_SIMULATE_CLUSTER_H

#include "coordinator/spec/yaml_doc.h"

enum {
    CLUSTER_GROUPS_MAX = 64, /* a bit each in a mask of those that a model fits */
    CLUSTER_RULES_MAX = 10000,
    CLUSTER_SLOTS_MAX = 1 << 20 /* of all groups together */
};

/* Workers of one kind. */
struct cluster_group {
    uint32_t count;
    uint32_t slots; /* of one worker */
    uint32_t gpus_per_slot, cpus_per_slot;
    uint64_t memory_per_slot; /* bytes; 0: not limited */
    uint64_t gpu_memory;      /* bytes of one GPU; 0: not known, and then no obstacle */
    const char *gpu;          /* their type; "" if not given */
    double speed;             /* durations are divided by it */
    uint32_t slow_every;      /* every so many workers one is slow; 0: none is */
    double slow_factor;
    double die_share; /* of the workers; at a time drawn from [0, die_after) */
    int64_t die_after_ns;
};

/* What the models that `match` are like. A field that was not given is negative. */
struct cluster_rule {
    const char *match; /* a glob; "*": every model */
    int64_t load_ns, instance_ns;
    double spread, task_spread;
    uint32_t inflight; /* 0: not given */
};

/* Of one model: the defaults, and over them the rules that match it, in the order of the file. */
struct cluster_timing {
    int64_t load_ns;     /* a cold load */
    int64_t instance_ns; /* median of an instance on a slot of speed 1 */
    double spread;       /* sigma of the log-normal between instances */
    double task_spread;  /* and between the medians of tasks */
    uint32_t inflight;   /* requests that a slot has open when it is that fast; 0: one */
};

struct cluster {
    struct cluster_group *groups;
    size_t group_count;
    struct cluster_rule *rules;
    size_t rule_count;
    int64_t latency_ns; /* of a message, one way */
    uint64_t seed;
    struct arena arena; /* owns everything above */
};

/* Read and check the file. On a failure *out is empty and problems has at least one line:
 * ERR_NOT_FOUND, ERR_LIMIT, ERR_IO if it cannot be read, else ERR_INVALID. problems must be empty
 * before; the caller releases it in any case. */
err cluster_load(const char *path, struct cluster *out, struct problems *problems);
/* The same from bytes; name begins each message. */
err cluster_parse(const char *name, struct span text, struct cluster *out,
                  struct problems *problems);
void cluster_release(struct cluster *c);

struct cluster_timing cluster_timing_of(const struct cluster *c, const char *model);

#endif
