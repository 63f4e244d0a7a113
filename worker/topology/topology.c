/* The door: discover, ask NVML, respect what was given and what is allowed, share out. */
#include "worker/topology/topology.h"

#include "common/buf.h"
#include "worker/topology/memory.h"
#include "worker/topology/topology_private.h"

static void ask_nvml(const struct topology_source *source, struct topology *t, bool is_live)
{
    if (!is_live && !source->nvml_path)
        return; /* the library would speak of this machine, not of the file's */
    struct nvml_gpus nvml = { 0 };
    struct errmsg why = { 0 };
    const char *path = source->nvml_path ? source->nvml_path : NVML_PATH_DEFAULT;
    err e = nvml_list(path, &t->arena, &nvml, &why);
    if (e == ERR_NOT_FOUND && !source->nvml_path)
        return; /* no NVIDIA driver here, which is nothing to mention */
    if (e)
        topology_note(t, "%s; NVIDIA GPUs go by their index in PCI order", why.text);
    else
        gpu_apply_nvml(t, &nvml);
}

/* What the machine has, unless somebody allows us less of it. */
static void limit_memory(const struct topology_source *source, struct topology *t, bool is_live)
{
    if (!is_live || source->xml_path)
        return;
    struct memory_source ask = { .proc_self = "/proc/self", .environment = source->environment };
    struct memory_limit together = memory_limit_of(&ask), each = memory_limit_of_each_process();
    if (together.by && (t->memory_bytes == 0 || together.bytes < t->memory_bytes)) {
        t->memory_bytes = together.bytes;
        t->memory_by = together.by;
        t->memory_is_set = true;
    }
    t->process_memory_bytes = each.by ? each.bytes : 0;
    t->process_memory_by = each.by;
}

err topology_open(const struct topology_source *source, const struct topology_rules *rules,
                  struct topology *out, struct errmsg *msg)
{
    bool is_live = false;
    *out = (struct topology){ 0 };
    err e = topology_discover(source, out, &is_live, msg);
    if (!e) {
        ask_nvml(source, out, is_live);
        limit_memory(source, out, is_live);
        gpu_number(out);
        if (source->environment)
            gpu_apply_environment(out, source->environment);
        e = topology_share(out, rules, msg);
    }
    if (e)
        topology_release(out);
    return e;
}

void topology_release(struct topology *t)
{
    arena_release(&t->arena);
    *t = (struct topology){ 0 };
}

const char *topology_list_text(const unsigned *numbers, size_t count, struct arena *arena)
{
    struct buf text = { 0 };
    for (size_t i = 0; i < count;) {
        size_t last = i;
        while (last + 1 < count && numbers[last + 1] == numbers[last] + 1)
            last++;
        buf_printf(&text, last > i ? "%s%u-%u" : "%s%u", i ? "," : "", numbers[i], numbers[last]);
        i = last + 1;
    }
    const char *copy = arena_strdup(arena, buf_cstr(&text));
    buf_release(&text);
    return copy;
}
