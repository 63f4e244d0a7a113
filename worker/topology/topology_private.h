/* The steps of topology_open, for its own files and their tests. Each works on a struct topology
 * whose arena owns what the step adds. */
#ifndef MUSTER_WORKER_TOPOLOGY_TOPOLOGY_PRIVATE_H
#define MUSTER_WORKER_TOPOLOGY_TOPOLOGY_PRIVATE_H

#include "worker/topology/nvml.h"
#include "worker/topology/topology.h"

enum { GPUS_MAX = 1024, CORES_MAX = 65536, GPU_PATH_MAX = 64 };

/* machine.c: fill names, counts, cores, nodes, memory and gpus (ignored: the classification's word)
 * from hwloc. *out_is_live: the topology is of the machine we run on. */
err topology_discover(const struct topology_source *source, struct topology *t, bool *out_is_live,
                      struct errmsg *msg);

/* gpu.c */

/* What PCI says of a device, and whether a compute library of its vendor lists it. */
struct gpu_facts {
    uint16_t class_id, vendor_id;
    unsigned bus;
    bool has_compute_device;     /* a CUDA, NVML, RSMI or Level Zero device belongs to it */
    bool vendor_has_compute_any; /* ... or to any other device of the vendor */
};

/* Only display controllers and processing accelerators are looked at. */
bool gpu_is_candidate(uint16_t class_id);
enum gpu_vendor gpu_vendor_of(uint16_t vendor_id);
/* NULL: a GPU for models. Otherwise why not. Static text. */
const char *gpu_refusal(const struct gpu_facts *facts);
/* Take UUIDs, names and sizes from NVML; ignore the NVIDIA GPUs that it does not list. */
void gpu_apply_nvml(struct topology *t, const struct nvml_gpus *nvml);
/* Number the GPUs that are not ignored, a count for each vendor, in PCI order. */
void gpu_number(struct topology *t);

/* visible.c: ignore what CUDA_VISIBLE_DEVICES and its kin leave out. Needs gpu_number. */
void gpu_apply_environment(struct topology *t, char *const *environment);

/* share.c: make the slots. Reads nodes, cores, gpus; writes slots, gpus[].slot and notes. */
err topology_share(struct topology *t, const struct topology_rules *rules, struct errmsg *msg);

/* share_cores.c: give each slot its cores, cpus and nodes. */

/* The slots are there and have their GPUs: the cores of a node go to the slots whose GPUs are
 * attached to it; slots without such a node get cores where fewest slots are. */
void share_cores_by_gpus(struct topology *t);
/* Makes the slots, of `per_slot` cores each and at most `slots_max`, in node order; inside one node
 * if any node has that many, else inside a package, else anywhere. */
void share_cores_alone(struct topology *t, size_t per_slot, size_t slots_max);

/* share_memory.c: give each slot its memory. */
void share_memory(struct topology *t, const struct topology_rules *rules);

/* place.c: say where each slot is. They have their GPUs and nodes. */
void place_slots(struct topology *t);

/* Add a sentence for people. */
void topology_note(struct topology *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
