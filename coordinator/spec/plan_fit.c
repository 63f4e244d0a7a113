/* On which machines a model fits, and why not on others. */
#include "coordinator/spec/plan_report_private.h"

#include <inttypes.h>

#include "common/limits.h"
#include "common/text.h"

/* A GPU that is too small, or of another type than those that the model may run on. */
static const char *gpu_obstacle(const struct spec_gpus *need, const struct plan_machine *machine,
                                struct arena *arena)
{
    if (machine->gpu_memory_bytes != 0 && need->memory_bytes > machine->gpu_memory_bytes)
        return arena_format(
            arena, "a replica needs GPUs of %" PRIu64 " MiB each, the largest has %" PRIu64,
            need->memory_bytes >> 20, machine->gpu_memory_bytes >> 20);
    bool is_allowed = need->type_count == 0 || !machine->gpu_type;
    for (size_t i = 0; i < need->type_count && !is_allowed; i++)
        is_allowed = text_has_words(span_str(machine->gpu_type), need->types[i]);
    return is_allowed ? NULL
                      : arena_format(arena, "its gpu_types do not name %s", machine->gpu_type);
}

static const char *who_has(uint32_t slots, uint32_t each)
{
    return slots == 1 || each == 0 ? "a slot has" : "all slots that it may take together have";
}

static const char *obstacle_of(const struct spec_model *model, const struct plan_machine *machine,
                               struct arena *arena)
{
    const struct model_resources *need = &model->definition.resources;
    uint32_t slots = machine->slots < GANG_SLOTS_MAX ? machine->slots : GANG_SLOTS_MAX;
    slots = slots > 0 ? slots : 1;
    if (need->gpus > slots * machine->gpus_per_slot)
        return arena_format(arena, "a replica needs %u GPUs, %s %u", need->gpus,
                            who_has(slots, machine->gpus_per_slot), slots * machine->gpus_per_slot);
    if (need->cpus > slots * machine->cores_per_slot)
        return arena_format(arena, "a replica needs %u cores, %s %u", need->cpus,
                            who_has(slots, machine->cores_per_slot),
                            slots * machine->cores_per_slot);
    if (machine->memory_bytes != 0 && need->memory_bytes > slots * machine->memory_bytes)
        return arena_format(arena, "a replica needs %" PRIu64 " MiB of memory, %s %" PRIu64,
                            need->memory_bytes >> 20, who_has(slots, 1),
                            slots * machine->memory_bytes >> 20);
    const char *gpus = gpu_obstacle(&model->gpus, machine, arena);
    return gpus ? gpus : machine->slots == 0 ? "there is no slot" : NULL;
}

static uint32_t share_up(uint64_t need, uint64_t each)
{
    return each > 0 ? (uint32_t)((need + each - 1) / each) : 0;
}

/* Slots that have together what a replica needs; there is no obstacle. */
static void take_slots(const struct model_resources *need, const struct plan_machine *machine,
                       struct plan_fit *out)
{
    uint32_t by_gpus = share_up(need->gpus, machine->gpus_per_slot);
    uint32_t by_cores = share_up(need->cpus, machine->cores_per_slot);
    uint32_t by_memory = share_up(need->memory_bytes, machine->memory_bytes);
    out->slots = by_gpus > by_cores ? by_gpus : by_cores;
    out->slots = out->slots > 0 ? out->slots : 1;
    out->is_for_memory = by_memory > out->slots;
    if (out->is_for_memory)
        out->slots = by_memory;
}

/* The fewest that it may have by its caps; 0: as many as there are. */
static uint32_t cap_of(const struct plan_rules *rules)
{
    if (rules->max_replicas == 0 || rules->concurrency == 0)
        return rules->max_replicas + rules->concurrency;
    return rules->max_replicas < rules->concurrency ? rules->max_replicas : rules->concurrency;
}

void plan_find_fits(struct plan_report *r, struct plan_report_model *m)
{
    const struct spec_model *spec = m->model->spec;
    uint32_t cap = cap_of(&m->model->rules);
    bool fits_any = r->machine_count == 0;
    m->fits = arena_alloc(&r->arena, (r->machine_count + 1) * sizeof(*m->fits));
    m->replicas_max = 0;
    for (size_t i = 0; i < r->machine_count; i++) {
        const struct plan_machine *machine = &r->machines[i];
        struct plan_fit *fit = &m->fits[i];
        *fit = (struct plan_fit){ .obstacle = obstacle_of(spec, machine, &r->arena) };
        if (fit->obstacle)
            continue;
        fits_any = true;
        take_slots(&spec->definition.resources, machine, fit);
        m->replicas_max += plan_workers(machine) * (machine->slots / fit->slots);
    }
    if (cap > 0 && m->replicas_max > cap)
        m->replicas_max = cap;
    if (!fits_any)
        m->obstacle =
            r->machine_count == 1 ? m->fits[0].obstacle : "it fits no worker of the cluster";
}
