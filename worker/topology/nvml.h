/* NVIDIA's management library, if the machine has it: which GPUs the driver gives to this process,
 * and their UUIDs. It is opened at run time, so that one build serves machines with and without. */
#ifndef MUSTER_WORKER_TOPOLOGY_NVML_H
#define MUSTER_WORKER_TOPOLOGY_NVML_H

#include "common/arena.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define NVML_PATH_DEFAULT "libnvidia-ml.so.1"

struct nvml_gpu {
    const char *pci;       /* "0000:34:00.0" */
    const char *uuid;      /* "GPU-..."; NULL: not told */
    const char *name;      /* NULL: not told */
    uint64_t memory_bytes; /* 0: not told */
};

struct nvml_gpus {
    struct nvml_gpu *gpus; /* those that this process may use */
    size_t count;
    size_t refused; /* those that the library counts and does not hand out */
};

/* path: the library, as dlopen takes it. Everything in `out` is from the arena. ERR_NOT_FOUND:
 * there is no such library; ERR_UNSUPPORTED: it lacks a function; ERR_IO: it cannot speak with
 * the driver. The library is closed again before the return. */
err nvml_list(const char *path, struct arena *arena, struct nvml_gpus *out, struct errmsg *msg);

#endif
