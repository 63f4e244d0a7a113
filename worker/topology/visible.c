/* The GPUs that somebody else has already chosen for this process: Slurm, a container, a person.
 *
 * A list is read as CUDA and ROCm read it: indexes or UUIDs (or the beginning of one that fits only
 * one GPU), and the first entry that is neither ends the list. "-1" and "" so mean: none. */
#include "common/text.h"
#include "worker/topology/topology_private.h"

#include <string.h>

struct visible_variable {
    const char *name;
    enum gpu_vendor vendor;
    const char *refusal;
};

static const struct visible_variable variables[] = {
    { "CUDA_VISIBLE_DEVICES", GPU_NVIDIA, "not in CUDA_VISIBLE_DEVICES" },
    { "ROCR_VISIBLE_DEVICES", GPU_AMD, "not in ROCR_VISIBLE_DEVICES" },
};

/* The value of a variable; NULL if it is not set. */
static const char *lookup(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (; *environment; environment++) {
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    }
    return NULL;
}

static struct topology_gpu *find_by_index(struct topology *t, enum gpu_vendor vendor,
                                          uint64_t index)
{
    for (size_t i = 0; i < t->gpu_count; i++) {
        struct topology_gpu *gpu = &t->gpus[i];
        if (gpu->vendor == vendor && !gpu->ignored && gpu->index == index)
            return gpu;
    }
    return NULL;
}

static struct topology_gpu *find_by_uuid(struct topology *t, enum gpu_vendor vendor,
                                         const char *word)
{
    struct topology_gpu *found = NULL;
    if (strncmp(word, "GPU-", 4) != 0)
        return NULL;
    for (size_t i = 0; i < t->gpu_count; i++) {
        struct topology_gpu *gpu = &t->gpus[i];
        if (gpu->vendor != vendor || gpu->ignored || !gpu->uuid)
            continue;
        if (strncmp(gpu->uuid, word, strlen(word)) != 0)
            continue;
        if (found)
            return NULL; /* ambiguous */
        found = gpu;
    }
    return found;
}

static struct topology_gpu *find_entry(struct topology *t, enum gpu_vendor vendor, const char *word)
{
    uint64_t index = 0;
    if (text_parse_u64(word, &index))
        return find_by_index(t, vendor, index);
    return find_by_uuid(t, vendor, word);
}

/* Words that mean "none" on purpose, and need no note. */
static bool means_none(const char *word)
{
    return word[0] == '\0' || strcmp(word, "-1") == 0 || strcmp(word, "NoDevFiles") == 0;
}

static bool has_vendor(const struct topology *t, enum gpu_vendor vendor)
{
    for (size_t i = 0; i < t->gpu_count; i++) {
        if (t->gpus[i].vendor == vendor && !t->gpus[i].ignored)
            return true;
    }
    return false;
}

/* Mark in `keep` (one flag a GPU) what the list names. */
static void read_list(struct topology *t, const struct visible_variable *variable,
                      const char *value, bool *keep)
{
    char *rest = arena_strdup(&t->arena, value);
    for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
        word += strspn(word, " ");
        word[strcspn(word, " ")] = '\0';
        struct topology_gpu *gpu = find_entry(t, variable->vendor, word);
        if (!gpu) {
            if (!means_none(word))
                topology_note(t,
                              "%s: \"%s\" is none of the GPUs found; the list ends before it, "
                              "as for the vendor's own libraries",
                              variable->name, word);
            return;
        }
        keep[gpu - t->gpus] = true;
    }
}

static void ignore_vendor(struct topology *t, enum gpu_vendor vendor, const bool *keep,
                          const char *refusal)
{
    for (size_t i = 0; i < t->gpu_count; i++) {
        struct topology_gpu *gpu = &t->gpus[i];
        if (gpu->vendor == vendor && !gpu->ignored && !(keep && keep[i]))
            gpu->ignored = refusal;
    }
}

void gpu_apply_environment(struct topology *t, char *const *environment)
{
    const char *container = lookup(environment, "NVIDIA_VISIBLE_DEVICES");
    if (container && (strcmp(container, "none") == 0 || strcmp(container, "void") == 0))
        ignore_vendor(t, GPU_NVIDIA, NULL, "NVIDIA_VISIBLE_DEVICES says that there are none");

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const struct visible_variable *variable = &variables[i];
        const char *value = lookup(environment, variable->name);
        if (!value || !has_vendor(t, variable->vendor))
            continue;
        bool *keep = arena_alloc(&t->arena, t->gpu_count * sizeof *keep);
        read_list(t, variable, value, keep);
        ignore_vendor(t, variable->vendor, keep, variable->refusal);
    }
}
