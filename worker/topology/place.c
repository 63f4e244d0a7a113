/* Where slots are: the numbers by which gangs are formed (common/place.h). */
#include "worker/topology/topology_private.h"

#include <string.h>

static uint32_t number_of(int os_index)
{
    return (uint32_t)(os_index + 1); /* -1: not known */
}

static size_t shared_depth(const struct topology_gpu *a, const struct topology_gpu *b)
{
    size_t depth = 0;
    while (depth < a->path_len && depth < b->path_len && a->path[depth] == b->path[depth])
        depth++;
    return depth;
}

static bool is_same_node(const struct topology_gpu *a, const struct topology_gpu *b)
{
    return a->package == b->package && a->node == b->node;
}

/* The first of the slots whose GPUs share the innermost ancestor that this one's shares with any.
 */
static uint32_t near_of(const struct topology *t, const struct topology_slot *slot)
{
    const struct topology_gpu *gpu = slot->gpus[0];
    size_t deepest = 0;
    uint32_t first = slot->index;
    for (size_t s = 0; s < t->slot_count; s++) {
        const struct topology_gpu *other = t->slots[s].gpus[0];
        if (s == slot->index || !is_same_node(gpu, other))
            continue;
        size_t depth = shared_depth(gpu, other);
        if (depth <= deepest)
            continue;
        deepest = depth;
        first = s < slot->index ? (uint32_t)s : slot->index;
    }
    return first;
}

static int package_of_node(const struct topology *t, unsigned os_index)
{
    for (size_t n = 0; n < t->nodes_used; n++)
        if (t->nodes[n].os_index == (int)os_index)
            return t->nodes[n].package;
    return -1;
}

static struct place place_of(const struct topology *t, const struct topology_slot *slot)
{
    if (slot->gpu_count > 0)
        return (struct place){ number_of(slot->gpus[0]->package), number_of(slot->gpus[0]->node),
                               near_of(t, slot) };
    if (slot->node_count == 0)
        return (struct place){ 0 };
    return (struct place){ number_of(package_of_node(t, slot->nodes[0])),
                           number_of((int)slot->nodes[0]), 0 };
}

void place_slots(struct topology *t)
{
    for (size_t s = 0; s < t->slot_count; s++)
        t->slots[s].place = place_of(t, &t->slots[s]);
}
