/* The plan, for people and for programs. */
#include "worker/topology/plan_print.h"

#include "common/limits.h"
#include "common/text.h"

#include <string.h>

static void append_safe(struct buf *out, const char *text)
{
    text_append_safe(out, span_str(text));
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static double gib(uint64_t bytes)
{
    return (double)bytes / (double)(1 << 30);
}

static size_t count_ignored(const struct topology *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->gpu_count; i++)
        count += t->gpus[i].ignored ? 1 : 0;
    return count;
}

/* --- gangs --- */

typedef void gang_visit_f(const unsigned *slots, unsigned width, struct arena *scratch,
                          struct buf *out);

static bool has_gangs(const struct topology *t, unsigned width)
{
    return width <= GANG_SLOTS_MAX && width <= t->slot_count && t->slots[0].gpu_count > 0;
}

/* The gangs of so many slots, as the coordinator forms them; returns how many. */
static size_t each_gang(const struct topology *t, unsigned width, gang_visit_f *visit,
                        struct arena *scratch, struct buf *out)
{
    struct place *places = arena_alloc(scratch, t->slot_count * sizeof *places);
    uint32_t *group_of = arena_alloc(scratch, t->slot_count * sizeof *group_of);
    for (size_t s = 0; s < t->slot_count; s++)
        places[s] = t->slots[s].place;
    size_t count = place_groups(places, (uint32_t)t->slot_count, width, group_of);
    for (uint32_t lead = 0; lead < t->slot_count; lead++) {
        unsigned slots[GANG_SLOTS_MAX], found = 0;
        for (uint32_t s = lead; group_of[lead] == lead && s < t->slot_count; s++)
            if (group_of[s] == lead)
                slots[found++] = s;
        if (found > 0)
            visit(slots, found, scratch, out);
    }
    return count;
}

/* --- for people --- */

static void text_machine(const struct topology *t, struct buf *out)
{
    size_t ignored = count_ignored(t), gpus = t->gpu_count - ignored;
    buf_append_str(out, "machine ");
    append_safe(out, t->name);
    buf_append_str(out, " (");
    if (t->product && strcmp(t->product, t->name) != 0) {
        append_safe(out, t->product);
        buf_append_str(out, ", ");
    }
    append_safe(out, t->source);
    buf_printf(out, "): %zu package%s, %zu NUMA node%s, %zu core%s", t->package_count,
               plural(t->package_count), t->node_count, plural(t->node_count), t->core_total,
               plural(t->core_total));
    if (t->core_count < t->core_total)
        buf_printf(out, " (%zu for this process)", t->core_count);
    buf_printf(out, ", %zu GPU%s", gpus, plural(gpus));
    if (ignored)
        buf_printf(out, ", %zu ignored", ignored);
    if (t->memory_bytes > 0)
        buf_printf(out, ", %.4g GiB of memory (%s)", gib(t->memory_bytes), t->memory_by);
    buf_printf(out, "; %zu slot%s\n", t->slot_count, plural(t->slot_count));
}

static void text_ignored(const struct topology *t, struct buf *out)
{
    for (size_t i = 0; i < t->gpu_count; i++) {
        const struct topology_gpu *gpu = &t->gpus[i];
        if (!gpu->ignored)
            continue;
        buf_printf(out, "ignored %s [%s]", gpu->pci, gpu->pci_ids);
        if (gpu->model) {
            buf_append_byte(out, ' ');
            append_safe(out, gpu->model);
        }
        buf_printf(out, ": %s\n", gpu->ignored);
    }
}

static void text_gpu(const struct topology_gpu *gpu, struct buf *out)
{
    buf_printf(out, "; gpu %s %s:%u", gpu->pci, gpu_vendor_text(gpu->vendor), gpu->index);
    if (gpu->model) {
        buf_append_byte(out, ' ');
        append_safe(out, gpu->model);
    }
    if (gpu->memory_bytes)
        buf_printf(out, " %.0f GiB", gib(gpu->memory_bytes));
}

static void text_slot(const struct topology_slot *slot, struct arena *scratch, struct buf *out)
{
    buf_printf(out, "slot %u: node%s %s; %s%zu core%s, cpus %s", slot->index,
               plural(slot->node_count), topology_list_text(slot->nodes, slot->node_count, scratch),
               slot->shares_cores ? "shares " : "", slot->core_count, plural(slot->core_count),
               topology_list_text(slot->cpus, slot->cpu_count, scratch));
    if (slot->memory_bytes > 0)
        buf_printf(out, ", %.4g GiB", gib(slot->memory_bytes));
    for (size_t i = 0; i < slot->gpu_count; i++)
        text_gpu(slot->gpus[i], out);
    buf_append_byte(out, ';');
    for (char **line = topology_slot_env(slot, scratch); *line; line++) {
        buf_append_byte(out, ' ');
        append_safe(out, *line);
    }
    buf_append_byte(out, '\n');
}

static void text_gang(const unsigned *slots, unsigned width, struct arena *scratch, struct buf *out)
{
    buf_printf(out, " %s", topology_list_text(slots, width, scratch));
}

static void text_gangs(const struct topology *t, struct arena *scratch, struct buf *out)
{
    for (unsigned width = 2; has_gangs(t, width); width *= 2) {
        buf_printf(out, "gangs of %u: slots", width);
        each_gang(t, width, text_gang, scratch, out);
        buf_append_byte(out, '\n');
    }
}

void plan_print_text(const struct topology *t, struct buf *out)
{
    struct arena scratch = { 0 };
    text_machine(t, out);
    text_ignored(t, out);
    for (size_t s = 0; s < t->slot_count; s++)
        text_slot(&t->slots[s], &scratch, out);
    text_gangs(t, &scratch, out);
    for (size_t i = 0; i < t->note_count; i++) {
        buf_append_str(out, "note ");
        append_safe(out, t->notes[i]);
        buf_append_byte(out, '\n');
    }
    arena_release(&scratch);
}

/* --- for programs --- */

static void json_text(struct buf *out, struct span text)
{
    struct buf utf8 = { 0 };
    text_append_utf8(&utf8, text);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < utf8.len; i++) {
        uint8_t byte = utf8.data[i];
        if (byte == '"' || byte == '\\')
            buf_printf(out, "\\%c", byte);
        else if (byte < 0x20)
            buf_printf(out, "\\u%04x", (unsigned)byte);
        else
            buf_append_byte(out, byte);
    }
    buf_append_byte(out, '"');
    buf_release(&utf8);
}

/* ,"key":"text" or ,"key":null */
static void json_member(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, ",\"%s\":", key);
    if (text)
        json_text(out, span_str(text));
    else
        buf_append_str(out, "null");
}

static void json_numbers(struct buf *out, const char *key, const unsigned *numbers, size_t count)
{
    buf_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%u", i ? "," : "", numbers[i]);
    buf_append_byte(out, ']');
}

/* ,"memory_bytes":1024 or, where it is not limited, ,"memory_bytes":null */
static void json_memory(struct buf *out, uint64_t bytes)
{
    if (bytes > 0)
        buf_printf(out, ",\"memory_bytes\":%llu", (unsigned long long)bytes);
    else
        buf_append_str(out, ",\"memory_bytes\":null");
}

/* Numbers that may be unknown are -1 in C and null in JSON. */
static void json_maybe(struct buf *out, const char *key, int number)
{
    if (number < 0)
        buf_printf(out, ",\"%s\":null", key);
    else
        buf_printf(out, ",\"%s\":%d", key, number);
}

static void json_gpu(struct buf *out, const struct topology_gpu *gpu)
{
    buf_printf(out, "{\"pci\":\"%s\",\"pci_ids\":\"%s\",\"vendor\":\"%s\"", gpu->pci, gpu->pci_ids,
               gpu_vendor_text(gpu->vendor));
    json_maybe(out, "index", gpu->ignored ? -1 : (int)gpu->index);
    json_member(out, "uuid", gpu->uuid);
    json_member(out, "model", gpu->model);
    buf_printf(out, ",\"memory_bytes\":%llu", (unsigned long long)gpu->memory_bytes);
    json_maybe(out, "node", gpu->node);
    json_maybe(out, "package", gpu->package);
    json_maybe(out, "slot", gpu->slot);
    json_member(out, "ignored", gpu->ignored);
    buf_append_byte(out, '}');
}

static void json_env(struct buf *out, const struct topology_slot *slot, struct arena *scratch)
{
    buf_append_str(out, ",\"env\":{");
    char **lines = topology_slot_env(slot, scratch);
    for (size_t i = 0; lines[i]; i++) {
        size_t name_len = strcspn(lines[i], "=");
        if (i)
            buf_append_byte(out, ',');
        json_text(out, span_of(lines[i], name_len));
        buf_append_byte(out, ':');
        json_text(out, span_str(lines[i] + name_len + 1));
    }
    buf_append_byte(out, '}');
}

static void json_slot(struct buf *out, const struct topology_slot *slot, struct arena *scratch)
{
    buf_printf(out, "{\"index\":%u,\"cores\":%zu,\"shares_cores\":%s", slot->index,
               slot->core_count, slot->shares_cores ? "true" : "false");
    json_numbers(out, "cpus", slot->cpus, slot->cpu_count);
    json_numbers(out, "nodes", slot->nodes, slot->node_count);
    json_memory(out, slot->memory_bytes);
    buf_append_str(out, ",\"gpus\":[");
    for (size_t i = 0; i < slot->gpu_count; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", slot->gpus[i]->pci);
    buf_append_byte(out, ']');
    json_env(out, slot, scratch);
    buf_append_byte(out, '}');
}

static void json_gang(const unsigned *slots, unsigned width, struct arena *scratch, struct buf *out)
{
    (void)scratch;
    for (unsigned i = 0; i < width; i++)
        buf_printf(out, "%s%u", i ? "," : "[", slots[i]);
    buf_append_str(out, "],");
}

static void json_gangs(const struct topology *t, struct arena *scratch, struct buf *out)
{
    buf_append_str(out, ",\"gangs\":[");
    for (unsigned width = 2; has_gangs(t, width); width *= 2) {
        buf_printf(out, "%s{\"slots\":%u,\"groups\":[", width > 2 ? "," : "", width);
        if (each_gang(t, width, json_gang, scratch, out) > 0)
            out->len--; /* the comma behind the last */
        buf_append_str(out, "]}");
    }
    buf_append_byte(out, ']');
}

static void json_machine(struct buf *out, const struct topology *t)
{
    buf_append_str(out, "\"machine\":{\"name\":");
    json_text(out, span_str(t->name));
    json_member(out, "product", t->product);
    json_member(out, "source", t->source);
    buf_printf(out, ",\"packages\":%zu,\"nodes\":%zu,\"cores\":%zu,\"cores_usable\":%zu",
               t->package_count, t->node_count, t->core_total, t->core_count);
    json_memory(out, t->memory_bytes);
    json_member(out, "memory_by", t->memory_by);
    buf_append_byte(out, '}');
}

void plan_print_json(const struct topology *t, struct buf *out)
{
    struct arena scratch = { 0 };
    buf_append_byte(out, '{');
    json_machine(out, t);
    buf_append_str(out, ",\"gpus\":[");
    for (size_t i = 0; i < t->gpu_count; i++) {
        if (i)
            buf_append_byte(out, ',');
        json_gpu(out, &t->gpus[i]);
    }
    buf_append_str(out, "],\"slots\":[");
    for (size_t s = 0; s < t->slot_count; s++) {
        if (s)
            buf_append_byte(out, ',');
        json_slot(out, &t->slots[s], &scratch);
    }
    buf_append_byte(out, ']');
    json_gangs(t, &scratch, out);
    buf_append_str(out, ",\"notes\":[");
    for (size_t i = 0; i < t->note_count; i++) {
        if (i)
            buf_append_byte(out, ',');
        json_text(out, span_str(t->notes[i]));
    }
    buf_append_str(out, "]}\n");
    arena_release(&scratch);
}
