/* From what there is to slots: which GPUs go together. The cores follow in share_cores.c, memory in
 * share_memory.c. */
#include "common/buf.h"
#include "common/limits.h"
#include "worker/topology/topology_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES_MAX = 64, NOTE_BYTES_MAX = 4096 };

void topology_note(struct topology *t, const char *format, ...)
{
    char text[NOTE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!t->notes) {
        t->notes = arena_alloc(&t->arena, NOTES_MAX * sizeof *t->notes);
        t->note_capacity = NOTES_MAX;
    }
    if (t->note_count < t->note_capacity)
        t->notes[t->note_count++] = arena_strdup(&t->arena, text);
}

static bool is_free(const struct topology_gpu *gpu, enum gpu_vendor vendor)
{
    return gpu->vendor == vendor && !gpu->ignored && gpu->slot < 0;
}

static size_t count_free(const struct topology *t, enum gpu_vendor vendor)
{
    size_t count = 0;
    for (size_t i = 0; i < t->gpu_count; i++)
        count += is_free(&t->gpus[i], vendor) ? 1 : 0;
    return count;
}

static bool is_below_same(const struct topology_gpu *a, const struct topology_gpu *b, size_t depth)
{
    return a->path_len >= depth && b->path_len >= depth &&
           memcmp(a->path, b->path, depth * sizeof *a->path) == 0;
}

/* Put GPU `first` and its next free neighbours below the same ancestor into one new slot, if there
 * are enough of them. */
static void try_group(struct topology *t, size_t first, size_t depth, unsigned per_slot)
{
    const struct topology_gpu *leader = &t->gpus[first];
    size_t found = 0;
    for (size_t i = first; i < t->gpu_count && found < per_slot; i++) {
        if (is_free(&t->gpus[i], leader->vendor) && is_below_same(leader, &t->gpus[i], depth))
            found++;
    }
    if (found < per_slot)
        return;
    const struct topology_gpu **gpus = arena_alloc(&t->arena, per_slot * sizeof *gpus);
    for (size_t i = first, k = 0; k < per_slot; i++) {
        struct topology_gpu *gpu = &t->gpus[i];
        if (!is_free(gpu, leader->vendor) || !is_below_same(leader, gpu, depth))
            continue;
        gpus[k++] = gpu;
        gpu->slot = (int)t->slot_count;
    }
    t->slots[t->slot_count++] = (struct topology_slot){ .gpus = gpus, .gpu_count = per_slot };
}

/* GPUs that share a switch go together, then those that share a bridge, a node, a package, and what
 * is left over anywhere: from the innermost ancestors outwards. As many slots come out as with any
 * other way, and none spans nodes that need not. */
static void group_gpus(struct topology *t, enum gpu_vendor vendor, unsigned per_slot)
{
    size_t deepest = 0;
    for (size_t i = 0; i < t->gpu_count; i++)
        deepest = t->gpus[i].path_len > deepest ? t->gpus[i].path_len : deepest;
    for (size_t depth = deepest + 1; depth-- > 0;) {
        for (size_t i = 0; i < t->gpu_count; i++) {
            if (is_free(&t->gpus[i], vendor) && t->gpus[i].path_len >= depth)
                try_group(t, i, depth, per_slot);
        }
    }
}

static int compare_first_gpu(const void *a, const void *b)
{
    const struct topology_slot *left = a, *right = b;
    return left->gpus[0] < right->gpus[0] ? -1 : 1; /* pointers into one array, in PCI order */
}

static void keep_first_slots(struct topology *t, size_t slots_max)
{
    qsort(t->slots, t->slot_count, sizeof *t->slots, compare_first_gpu);
    if (t->slot_count > slots_max)
        t->slot_count = slots_max;
    for (size_t i = 0; i < t->gpu_count; i++)
        t->gpus[i].slot = -1;
    for (size_t s = 0; s < t->slot_count; s++) {
        for (size_t k = 0; k < t->slots[s].gpu_count; k++)
            t->gpus[t->slots[s].gpus[k] - t->gpus].slot = (int)s;
    }
}

static void note_left_over(struct topology *t)
{
    struct buf list = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < t->gpu_count; i++) {
        if (t->gpus[i].ignored || t->gpus[i].slot >= 0)
            continue;
        buf_printf(&list, "%s%s", count ? " " : "", t->gpus[i].pci);
        count++;
    }
    if (count)
        topology_note(t, "%zu GPU%s in no slot: %s", count, count == 1 ? " is" : "s are",
                      buf_cstr(&list));
    buf_release(&list);
}

static void note_spans(struct topology *t)
{
    for (size_t s = 0; s < t->slot_count; s++) {
        const struct topology_slot *slot = &t->slots[s];
        if (slot->node_count < 2)
            continue;
        const char *nodes = topology_list_text(slot->nodes, slot->node_count, &t->arena);
        if (slot->gpu_count)
            topology_note(t, "slot %zu spans NUMA nodes %s: no one node has %zu free GPUs", s,
                          nodes, slot->gpu_count);
        else
            topology_note(t, "slot %zu spans NUMA nodes %s: no one node has %zu cores", s, nodes,
                          slot->core_count);
    }
}

static err share_gpus(struct topology *t, unsigned per_slot, size_t slots_max, struct errmsg *msg)
{
    size_t most = 0;
    for (int v = 0; v < GPU_OTHER; v++) {
        size_t count = count_free(t, (enum gpu_vendor)v);
        most = count > most ? count : most;
    }
    if (per_slot > most)
        return err_say(msg, ERR_INVALID,
                       "--gpus-per-slot %u: %s has %zu GPU%s of one kind to give; ask for at most "
                       "that many (--plan lists them)",
                       per_slot, t->source, most, most == 1 ? "" : "s");
    t->slots = arena_alloc(&t->arena, t->gpu_count * sizeof *t->slots);
    for (int v = 0; v < GPU_OTHER; v++)
        group_gpus(t, (enum gpu_vendor)v, per_slot);
    keep_first_slots(t, slots_max);
    share_cores_by_gpus(t);
    note_left_over(t);
    return OK;
}

static bool has_gpus(const struct topology *t)
{
    for (size_t i = 0; i < t->gpu_count; i++) {
        if (!t->gpus[i].ignored)
            return true;
    }
    return false;
}

err topology_share(struct topology *t, const struct topology_rules *rules, struct errmsg *msg)
{
    size_t slots_max = rules->slots_max ? rules->slots_max : SLOTS_MAX;
    if (slots_max > SLOTS_MAX)
        return err_say(msg, ERR_LIMIT, "--slots %u: a worker has at most %d", rules->slots_max,
                       SLOTS_MAX);
    err e = OK;
    /* One GPU a slot is the default, and is no demand on a machine without any. */
    if (has_gpus(t) ? rules->gpus_per_slot > 0 : rules->gpus_per_slot > 1) {
        e = share_gpus(t, rules->gpus_per_slot, slots_max, msg);
    } else if (!rules->cores_per_slot || rules->cores_per_slot > t->core_count) {
        e = err_say(msg, ERR_INVALID, "--cores-per-slot %u: expected 1 to %zu, the cores of %s",
                    rules->cores_per_slot, t->core_count, t->source);
    } else {
        share_cores_alone(t, rules->cores_per_slot, slots_max);
        note_left_over(t);
    }
    if (e)
        return e;
    for (size_t s = 0; s < t->slot_count; s++)
        t->slots[s].index = (unsigned)s;
    share_memory(t, rules);
    place_slots(t);
    note_spans(t);
    return OK;
}
