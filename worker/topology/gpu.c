/* Which PCI devices are GPUs that a model can use, and what is known of them. */
#include "worker/topology/topology_private.h"

#include <string.h>

/* PCI class codes: base class and subclass. */
enum {
    CLASS_VGA = 0x0300,         /* a display with a VGA mode: consumer GPUs, and management chips */
    CLASS_3D = 0x0302,          /* a GPU without a display: most of NVIDIA's for servers */
    CLASS_DISPLAY = 0x0380,     /* other display: AMD Instinct, Intel Max */
    CLASS_ACCELERATOR = 0x1200, /* processing accelerator: newer AMD Instinct */
};

enum { PCI_NVIDIA = 0x10de, PCI_AMD = 0x1002, PCI_INTEL = 0x8086 };

/* Displays that servers and virtual machines have, by vendor. */
static const struct {
    uint16_t vendor_id;
    const char *refusal;
} displays[] = {
    { 0x1a03, "display of a management controller (ASPEED)" },
    { 0x102b, "display of a management controller (Matrox)" },
    { 0x19e5, "display of a management controller (HiSilicon)" },
    { 0x1234, "display of a virtual machine (Bochs)" },
    { 0x1b36, "display of a virtual machine (QEMU)" },
    { 0x1af4, "display of a virtual machine (virtio)" },
    { 0x15ad, "display of a virtual machine (VMware)" },
    { 0x1414, "display of a virtual machine (Hyper-V)" },
    { 0x1013, "display of a virtual machine (Cirrus)" },
};

const char *gpu_vendor_text(enum gpu_vendor vendor)
{
    static const char *const texts[] = {
#define X(name, text) text,
        GPU_VENDOR_LIST(X)
#undef X
    };
    return texts[vendor];
}

bool gpu_is_candidate(uint16_t class_id)
{
    return class_id == CLASS_VGA || class_id == CLASS_3D || class_id == CLASS_DISPLAY ||
           class_id == CLASS_ACCELERATOR;
}

enum gpu_vendor gpu_vendor_of(uint16_t vendor_id)
{
    switch (vendor_id) {
    case PCI_NVIDIA: return GPU_NVIDIA;
    case PCI_AMD: return GPU_AMD;
    case PCI_INTEL: return GPU_INTEL;
    default: return GPU_OTHER;
    }
}

static const char *refusal_of_other(const struct gpu_facts *facts)
{
    if (facts->class_id == CLASS_ACCELERATOR)
        return "an accelerator of an unknown kind";
    for (size_t i = 0; i < sizeof displays / sizeof displays[0]; i++) {
        if (displays[i].vendor_id == facts->vendor_id)
            return displays[i].refusal;
    }
    return "a display, no GPU of NVIDIA, AMD or Intel";
}

const char *gpu_refusal(const struct gpu_facts *facts)
{
    enum gpu_vendor vendor = gpu_vendor_of(facts->vendor_id);
    if (vendor == GPU_OTHER)
        return refusal_of_other(facts);
    if (facts->has_compute_device)
        return NULL;
    if (facts->vendor_has_compute_any)
        return "the vendor's compute library does not list it";
    /* Intel's integrated graphics sit on the root bus; its discrete GPUs are behind a bridge. */
    if (vendor == GPU_INTEL && facts->bus == 0)
        return "integrated graphics";
    return NULL;
}

static const struct nvml_gpu *nvml_find(const struct nvml_gpus *nvml, const char *pci)
{
    for (size_t i = 0; i < nvml->count; i++) {
        if (strcmp(nvml->gpus[i].pci, pci) == 0)
            return &nvml->gpus[i];
    }
    return NULL;
}

void gpu_apply_nvml(struct topology *t, const struct nvml_gpus *nvml)
{
    for (size_t i = 0; i < t->gpu_count; i++) {
        struct topology_gpu *gpu = &t->gpus[i];
        if (gpu->vendor != GPU_NVIDIA || gpu->ignored)
            continue;
        const struct nvml_gpu *known = nvml_find(nvml, gpu->pci);
        if (!known) {
            /* PCI shows a container all GPUs of the machine, also those that it was not given. */
            gpu->ignored = "the driver does not give it to this process";
            continue;
        }
        if (known->uuid)
            gpu->uuid = arena_strdup(&t->arena, known->uuid);
        if (known->name)
            gpu->model = arena_strdup(&t->arena, known->name);
        if (known->memory_bytes)
            gpu->memory_bytes = known->memory_bytes;
    }
}

void gpu_number(struct topology *t)
{
    unsigned next[GPU_VENDOR_COUNT] = { 0 };
    for (size_t i = 0; i < t->gpu_count; i++) {
        struct topology_gpu *gpu = &t->gpus[i];
        if (!gpu->ignored)
            gpu->index = next[gpu->vendor]++;
    }
}
