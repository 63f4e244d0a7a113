/* What a machine has (packages, NUMA nodes, cores, memory, GPUs) and how it is shared out as slots.
 *
 * A slot is what one model runs on: cores, the memory nodes beside them, and GPUs near both.
 * Everything is decided once, at start; nothing here changes later.
 *
 * What is respected: the cpuset and affinity of this process, its limits of memory, and the GPUs
 * that somebody else (Slurm, a container) has already chosen through CUDA_VISIBLE_DEVICES,
 * NVIDIA_VISIBLE_DEVICES or ROCR_VISIBLE_DEVICES. */
#ifndef MUSTER_WORKER_TOPOLOGY_TOPOLOGY_H
#define MUSTER_WORKER_TOPOLOGY_TOPOLOGY_H

#include "common/arena.h"
#include "common/err.h"
#include "common/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, text) */
#define GPU_VENDOR_LIST(X)                                                                         \
    X(GPU_NVIDIA, "nvidia")                                                                        \
    X(GPU_AMD, "amd")                                                                              \
    X(GPU_INTEL, "intel")                                                                          \
    X(GPU_OTHER, "other") /* only ever ignored */

enum gpu_vendor {
#define X(name, text) name,
    GPU_VENDOR_LIST(X)
#undef X
        GPU_VENDOR_COUNT
};

const char *gpu_vendor_text(enum gpu_vendor vendor);

struct topology_gpu {
    const char *pci;     /* "0000:34:00.0" */
    const char *pci_ids; /* "10de:1db8": vendor and device */
    enum gpu_vendor vendor;
    unsigned index;        /* place in PCI order among the vendor's GPUs that the driver gives us:
                              what CUDA_VISIBLE_DEVICES counts with CUDA_DEVICE_ORDER=PCI_BUS_ID */
    const char *uuid;      /* NULL: not known */
    const char *model;     /* "Tesla P100-SXM2-16GB"; NULL: not known */
    uint64_t memory_bytes; /* 0: not known */
    int node, package;     /* where it is attached, os indexes; -1: not known */
    const char *ignored;   /* why no slot may have it; NULL: it may */
    int slot;              /* the slot that has it; -1: none */
    const uint64_t *path;  /* its ancestors in the machine, outermost first: who shares a longer */
    size_t path_len;       /* beginning of the path is nearer */
};

/* A core that this process may use, with the hardware threads of it that it may use. */
struct topology_core {
    const unsigned *cpus; /* os indexes, ascending */
    size_t cpu_count;
};

/* A NUMA node with at least one such core. */
struct topology_node {
    int os_index, package;
    size_t first_core, core_count; /* a run of topology.cores */
};

struct topology_slot {
    unsigned index;
    const unsigned *cpus; /* os indexes, ascending */
    size_t cpu_count;
    size_t core_count;
    bool shares_cores;     /* a node has fewer cores than slots: they use them together */
    const unsigned *nodes; /* os indexes, ascending: memory beside the cores */
    size_t node_count;
    uint64_t memory_bytes;                  /* for what runs in it; 0: not limited */
    const struct topology_gpu *const *gpus; /* of one vendor, in PCI order */
    size_t gpu_count;
    struct place place; /* of its first GPU, else of its cores */
};

struct topology {
    const char *name;    /* the machine's host name, else its product, else the file's name */
    const char *product; /* NULL: not known */
    const char *source;  /* "this machine", "file ...", "synthetic ..." */
    size_t package_count, node_count, core_total; /* with what this process may not use */
    struct topology_core *cores;                  /* grouped by node */
    size_t core_count;
    struct topology_node *nodes; /* `nodes_used` of them */
    size_t nodes_used;
    uint64_t memory_bytes;         /* of all slots together; 0: not known */
    const char *memory_by;         /* who says so: "the machine", "a cgroup"; NULL: nobody */
    bool memory_is_set;            /* by somebody, to the byte; else it was measured */
    uint64_t process_memory_bytes; /* of one process; 0: not limited */
    const char *process_memory_by;
    struct topology_gpu *gpus; /* in PCI order, the ignored ones too */
    size_t gpu_count;
    struct topology_slot *slots;
    size_t slot_count;
    const char **notes; /* sentences for people: what was left over, shared or spans nodes */
    size_t note_count, note_capacity;
    struct arena arena; /* owns everything above */
};

struct topology_source {
    const char *xml_path;     /* a file as lstopo writes it; NULL: this machine */
    const char *synthetic;    /* hwloc's words for a machine, as "pack:2 core:8 pu:2"; or NULL */
    char *const *environment; /* where *_VISIBLE_DEVICES and Slurm's variables are looked up; NULL:
                                 they are not, which is right for a file of another machine */
    const char *nvml_path;    /* NULL: libnvidia-ml.so.1 for this machine, none for a file */
};

struct topology_rules {
    unsigned gpus_per_slot;  /* 0: slots without GPUs, also on a machine that has some */
    unsigned cores_per_slot; /* of slots without GPUs; at least 1 */
    unsigned slots_max;      /* 0: as many as there are, up to SLOTS_MAX */
    bool has_memory;         /* what follows counts, and not what is found */
    uint64_t memory_bytes;   /* of all slots together; 0: not limited */
};

static inline struct topology_rules topology_rules_default(void)
{
    return (struct topology_rules){ .gpus_per_slot = 1, .cores_per_slot = 1 };
}

/* Find out what there is and share it out. ERR_NOT_FOUND, ERR_CORRUPT or ERR_IO: the source cannot
 * be read; ERR_INVALID: the rules ask for more than there is, msg says how much there is. */
err topology_open(const struct topology_source *source, const struct topology_rules *rules,
                  struct topology *out, struct errmsg *msg);
void topology_release(struct topology *t);

/* What these slots have together, for a model that runs on all of them: a gang. `slots` has at
 * least one, each once. Its index and place are those of the first. From the arena. */
struct topology_slot topology_join(const struct topology *t, const unsigned *slots, size_t count,
                                   struct arena *arena);

/* The variables that show a model the slot's GPUs and no others, as "NAME=VALUE", ended by NULL.
 * Never both CUDA's and ROCm's: HIP reads both, and would then find none. From the arena. */
char **topology_slot_env(const struct topology_slot *slot, struct arena *arena);

/* 0 1 2 3 8 -> "0-3,8": what muster-launch reads. The numbers ascend. From the arena. */
const char *topology_list_text(const unsigned *numbers, size_t count, struct arena *arena);

#endif
