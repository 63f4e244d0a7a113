/* How much memory a slot gets. */
#include "worker/topology/topology_private.h"

enum { SHARE_STEPS = 64 };

/* Machines of a kind differ by some pages, and their slots are to be alike: down to a number of few
 * digits, which takes a 64th at most. */
static uint64_t round_down(uint64_t bytes)
{
    uint64_t unit = 1;
    while (bytes / unit >= 2 * SHARE_STEPS)
        unit *= 2;
    return bytes / unit * unit;
}

/* Equal parts, whatever node the slots are on: memory beside the cores is preferred and not the
 * only one that a model gets, and slots that are alike make gangs that lie side by side. */
void share_memory(struct topology *t, const struct topology_rules *rules)
{
    if (rules->has_memory) {
        t->memory_bytes = rules->memory_bytes;
        t->memory_by = rules->memory_bytes > 0 ? "--memory" : NULL;
        t->memory_is_set = true;
    }
    if (t->memory_bytes == 0 || t->slot_count == 0)
        return;
    /* Upwards: a model that needs all that was set has it in all slots together. */
    uint64_t each = (t->memory_bytes + t->slot_count - 1) / t->slot_count;
    if (!rules->has_memory && t->process_memory_bytes > 0 && t->process_memory_bytes < each) {
        topology_note(t, "slots have %.4g GiB of memory each, by %s: no process may have more",
                      (double)t->process_memory_bytes / (double)(1 << 30), t->process_memory_by);
        each = t->process_memory_bytes;
    } else if (!t->memory_is_set) {
        each = round_down(each);
    }
    for (size_t s = 0; s < t->slot_count; s++)
        t->slots[s].memory_bytes = each;
}
