#include "ops/cli/machine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
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

static const double SHARE_ROUNDING = 1.0 / 64; /* worker/topology/README.md */

/* What the replicas that this machine can hold at all take of one thing. */
struct sizes {
    uint32_t largest, divisor; /* greatest common one; 0: nobody takes any */
    uint32_t least;            /* of a slot, for their memory */
};

static void add_size(struct sizes *s, uint32_t size, uint32_t there)
{
    if (size == 0 || size > there)
        return;
    uint32_t a = s->divisor, b = size;
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    s->divisor = a;
    s->largest = size > s->largest ? size : s->largest;
}

/* So many slots as may run a replica together have the memory for it. `units` of this thing, shared
 * out among all slots, bring all memory with them, but for what their shares are rounded down by.
 */
static void add_memory(struct sizes *s, uint32_t units, uint64_t need, const struct topology *t)
{
    if (t->memory_bytes == 0 || need > t->memory_bytes)
        return;
    double share = (double)need / ((double)t->memory_bytes * (1 - SHARE_ROUNDING));
    uint32_t least = (uint32_t)ceil((double)units * share / GANG_SLOTS_MAX);
    s->least = least > s->least ? least : s->least;
}

static void measure_replicas(const struct spec *spec, const struct topology *t, struct sizes *gpus,
                             struct sizes *cpus)
{
    for (size_t i = 0; i < spec->model_count; i++) {
        const struct model_resources *r = &spec->models[i].definition.resources;
        add_size(gpus, r->gpus, usable_gpus(t));
        add_size(cpus, r->cpus, (uint32_t)t->core_count);
        add_memory(gpus, usable_gpus(t), r->memory_bytes, t);
        add_memory(cpus, (uint32_t)t->core_count, r->memory_bytes, t);
    }
}

/* Of which every replica takes a whole number of slots, and the largest no more than there may be
 * together. */
static uint32_t slot_size(const struct sizes *s, unsigned slots_max)
{
    uint32_t most = slots_max > 0 && slots_max < GANG_SLOTS_MAX ? slots_max : GANG_SLOTS_MAX;
    uint32_t least = (s->largest + most - 1) / most, size = s->divisor > 0 ? s->divisor : 1;
    least = least > s->least ? least : s->least;
    return size > least ? size : least;
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
        out->memory_bytes = t->slots[i].memory_bytes; /* they have equal parts */
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
    struct sizes gpus = { 0 }, cpus = { 0 };
    for (size_t i = 0; i < spec_count; i++)
        measure_replicas(&specs[i], &t, &gpus, &cpus);
    topology_release(&t);
    rules.gpus_per_slot = out->gpus_per_slot = slot_size(&gpus, slots_max);
    rules.cores_per_slot = out->cores_per_slot = slot_size(&cpus, slots_max);
    rules.slots_max = slots_max;
    e = look(&rules, &t, msg);
    if (e)
        return e;
    measure(&t, &out->slots);
    measure_gpus(&t, out);
    topology_release(&t);
    return OK;
}
