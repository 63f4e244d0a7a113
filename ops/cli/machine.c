#include "ops/cli/machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/topology/topology.h"

static err look(const struct topology_rules *rules, struct topology *out, struct errmsg *msg)
{
    struct topology_source source = { .environment = environ };
    return topology_open(&source, rules, out, msg);
}

static uint32_t usable_gpus(const struct topology *t)
{
    uint32_t count = 0;
    for (size_t i = 0; i < t->gpu_count; i++)
        count += t->gpus[i].ignored == NULL;
    return count;
}

/* GPUs and cores of the largest replica that fits into what there is at all. */
static void largest_replica(const struct spec *spec, const struct topology *t, uint32_t *gpus,
                            uint32_t *cpus)
{
    uint32_t gpus_there = usable_gpus(t), cores_there = (uint32_t)t->core_count;
    for (size_t i = 0; i < spec->model_count; i++) {
        const struct model_resources *r = &spec->models[i].definition.resources;
        if (r->gpus > *gpus && r->gpus <= gpus_there)
            *gpus = r->gpus;
        if (r->cpus > *cpus && r->cpus <= cores_there)
            *cpus = r->cpus;
    }
}

static bool same_type(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* The type is told only if all GPUs of all slots are of it: a model may run on any of them. */
static void measure_gpus(const struct topology *t, struct machine *out)
{
    const char *type = NULL;
    bool is_one = true;
    for (size_t i = 0; i < t->slot_count; i++)
        for (size_t k = 0; k < t->slots[i].gpu_count; k++) {
            const struct topology_gpu *gpu = t->slots[i].gpus[k];
            if (gpu->memory_bytes > out->slots.gpu_memory_bytes)
                out->slots.gpu_memory_bytes = gpu->memory_bytes;
            is_one &= gpu->model && (!type || same_type(type, gpu->model));
            type = gpu->model;
        }
    if (!type || !is_one)
        return;
    snprintf(out->gpu_type, sizeof(out->gpu_type), "%s", type);
    out->slots.gpu_type = out->gpu_type;
}

static void measure(const struct topology *t, struct plan_machine *out)
{
    *out = (struct plan_machine){ .slots = (uint32_t)t->slot_count };
    for (size_t i = 0; i < t->slot_count; i++) {
        if (t->slots[i].gpu_count > out->gpus_per_slot)
            out->gpus_per_slot = (uint32_t)t->slots[i].gpu_count;
        if (t->slots[i].core_count > out->cores_per_slot)
            out->cores_per_slot = (uint32_t)t->slots[i].core_count;
    }
}

err machine_of_this_host(const struct spec *specs, size_t spec_count, unsigned slots_max,
                         struct machine *out, struct errmsg *msg)
{
    struct topology_rules rules = topology_rules_default();
    struct topology t;
    err e = look(&rules, &t, msg);
    if (e)
        return e;
    *out = (struct machine){ 0 };
    out->gpus_per_slot = out->cores_per_slot = 1;
    for (size_t i = 0; i < spec_count; i++)
        largest_replica(&specs[i], &t, &out->gpus_per_slot, &out->cores_per_slot);
    topology_release(&t);
    rules.gpus_per_slot = out->gpus_per_slot;
    rules.cores_per_slot = out->cores_per_slot;
    rules.slots_max = slots_max;
    e = look(&rules, &t, msg);
    if (e)
        return e;
    measure(&t, &out->slots);
    measure_gpus(&t, out);
    topology_release(&t);
    return OK;
}
