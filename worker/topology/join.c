/* Several slots as one: what a gang runs on. */
#include "common/check.h"
#include "worker/topology/topology.h"

#include <stdlib.h>
#include <string.h>

static int compare_unsigned(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;
    return (left > right) - (left < right);
}

static int compare_gpu(const void *a, const void *b)
{
    const struct topology_gpu *const *left = a, *const *right = b;
    return strcmp((*left)->pci, (*right)->pci); /* fixed width: the order of the numbers */
}

/* Ascending, each once: slots that share cores or nodes have them in common. */
static size_t sort_unique(unsigned *numbers, size_t count)
{
    size_t kept = 0;
    qsort(numbers, count, sizeof *numbers, compare_unsigned);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || numbers[kept - 1] != numbers[i])
            numbers[kept++] = numbers[i];
    return kept;
}

/* Slots that share their cores have all of them already. */
static size_t count_cores(const struct topology_slot *slot, size_t so_far)
{
    if (!slot->shares_cores)
        return so_far + slot->core_count;
    return slot->core_count > so_far ? slot->core_count : so_far;
}

/* One of them that is not limited limits none. */
static uint64_t join_memory(const struct topology *t, const unsigned *slots, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (t->slots[slots[i]].memory_bytes == 0)
            return 0;
        sum += t->slots[slots[i]].memory_bytes;
    }
    return sum;
}

struct topology_slot topology_join(const struct topology *t, const unsigned *slots, size_t count,
                                   struct arena *arena)
{
    check(count > 0 && slots[0] < t->slot_count);
    size_t cpus = 0, nodes = 0, gpus = 0;
    for (size_t i = 0; i < count; i++) {
        check(slots[i] < t->slot_count);
        cpus += t->slots[slots[i]].cpu_count;
        nodes += t->slots[slots[i]].node_count;
        gpus += t->slots[slots[i]].gpu_count;
    }
    unsigned *all_cpus = arena_alloc(arena, cpus * sizeof *all_cpus);
    unsigned *all_nodes = arena_alloc(arena, nodes * sizeof *all_nodes);
    const struct topology_gpu **all_gpus = arena_alloc(arena, gpus * sizeof *all_gpus);
    const struct topology_slot *first = &t->slots[slots[0]];
    struct topology_slot out = { .index = first->index, .place = first->place };
    for (size_t i = 0; i < count; i++) {
        const struct topology_slot *s = &t->slots[slots[i]];
        memcpy(all_cpus + out.cpu_count, s->cpus, s->cpu_count * sizeof *all_cpus);
        memcpy(all_nodes + out.node_count, s->nodes, s->node_count * sizeof *all_nodes);
        for (size_t k = 0; k < s->gpu_count; k++)
            all_gpus[out.gpu_count++] = s->gpus[k];
        out.cpu_count += s->cpu_count;
        out.node_count += s->node_count;
        out.core_count = count_cores(s, out.core_count);
        out.shares_cores = out.shares_cores || s->shares_cores;
    }
    qsort(all_gpus, out.gpu_count, sizeof(const struct topology_gpu *), compare_gpu);
    out.cpu_count = sort_unique(all_cpus, out.cpu_count);
    out.node_count = sort_unique(all_nodes, out.node_count);
    out.memory_bytes = join_memory(t, slots, count);
    out.cpus = all_cpus;
    out.nodes = all_nodes;
    out.gpus = all_gpus;
    return out;
}
