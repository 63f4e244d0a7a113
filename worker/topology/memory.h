/* How much memory this process may use, as those say who limit it: what is above the machine's own
 * size is theirs to know. */
#ifndef MUSTER_WORKER_TOPOLOGY_MEMORY_H
#define MUSTER_WORKER_TOPOLOGY_MEMORY_H

#include <stdint.h>

struct memory_source {
    const char *proc_self;    /* the folder with `cgroup` and `mountinfo`: "/proc/self" */
    char *const *environment; /* where Slurm's variables are looked up; NULL: they are not */
};

struct memory_limit {
    uint64_t bytes; /* UINT64_MAX: none */
    const char *by; /* who sets it, for people: "a cgroup"; static. NULL: nobody */
};

/* The least that limits this process together with all that it starts: memory.max of cgroup v2 and
 * memory.limit_in_bytes of v1, of its group and of each above it; what Slurm has given the job on
 * this node (SLURM_MEM_PER_NODE, or SLURM_MEM_PER_CPU for SLURM_CPUS_ON_NODE cpus, or
 * SLURM_MEM_PER_GPU for SLURM_GPUS_ON_NODE GPUs). What cannot be read limits nothing. */
struct memory_limit memory_limit_of(const struct memory_source *source);

/* What one process may have, which all that it starts inherit: RLIMIT_AS, RLIMIT_DATA. */
struct memory_limit memory_limit_of_each_process(void);

#endif
