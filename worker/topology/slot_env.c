/* The variables that show a model its slot's GPUs and no others. */
#include "common/buf.h"
#include "worker/topology/topology.h"

/* UUIDs where all are known: they mean the same GPU in every container and order. ROCm's are not
 * asked for, its GPUs go by index. */
static bool go_by_uuid(const struct topology_slot *slot)
{
    for (size_t i = 0; i < slot->gpu_count; i++) {
        if (slot->gpus[i]->vendor != GPU_NVIDIA || !slot->gpus[i]->uuid)
            return false;
    }
    return true;
}

static char *visible(const char *name, const struct topology_slot *slot, struct arena *arena)
{
    struct buf line = { 0 };
    bool by_uuid = go_by_uuid(slot);
    buf_printf(&line, "%s=", name);
    for (size_t i = 0; i < slot->gpu_count; i++) {
        if (i)
            buf_append_byte(&line, ',');
        if (by_uuid)
            buf_append_str(&line, slot->gpus[i]->uuid);
        else
            buf_printf(&line, "%u", slot->gpus[i]->index);
    }
    char *text = arena_strdup(arena, buf_cstr(&line));
    buf_release(&line);
    return text;
}

char **topology_slot_env(const struct topology_slot *slot, struct arena *arena)
{
    char **list = arena_alloc(arena, 3 * sizeof *list); /* two at most, and NULL */
    enum gpu_vendor vendor = slot->gpu_count ? slot->gpus[0]->vendor : GPU_OTHER;
    switch (vendor) {
    case GPU_NVIDIA:
        list[0] = arena_strdup(arena, "CUDA_DEVICE_ORDER=PCI_BUS_ID");
        list[1] = visible("CUDA_VISIBLE_DEVICES", slot, arena);
        break;
    case GPU_AMD: list[0] = visible("ROCR_VISIBLE_DEVICES", slot, arena); break;
    case GPU_INTEL: list[0] = visible("ZE_AFFINITY_MASK", slot, arena); break;
    case GPU_OTHER: /* no GPU: hide them all */
    case GPU_VENDOR_COUNT:
        list[0] = arena_strdup(arena, "CUDA_VISIBLE_DEVICES=");
        list[1] = arena_strdup(arena, "ROCR_VISIBLE_DEVICES=");
        break;
    }
    return list;
}
