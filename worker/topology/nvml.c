/* libnvidia-ml, opened at run time. The declarations are NVIDIA's documented ABI: the functions
 * with a version in their names never change. */
#include "worker/topology/nvml.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

enum { NVML_SUCCESS = 0, NVML_GPUS_MAX = 1024, NVML_TEXT_BYTES = 96 };

typedef struct nvmlDevice_st *nvmlDevice_t;

struct nvml_pci_info { /* nvmlPciInfo_t */
    char bus_id_legacy[16];
    unsigned domain, bus, device;
    unsigned pci_device_id, pci_subsystem_id;
    char bus_id[32]; /* "00000000:34:00.0" */
};

struct nvml_memory { /* nvmlMemory_t */
    unsigned long long total, free, used;
};

struct nvml_library {
    void *handle;
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int result);
    int (*count)(unsigned *count);
    int (*by_index)(unsigned index, nvmlDevice_t *device);
    int (*pci_info)(nvmlDevice_t device, struct nvml_pci_info *info);
    int (*uuid)(nvmlDevice_t device, char *text, unsigned bytes);
    int (*name)(nvmlDevice_t device, char *text, unsigned bytes);
    int (*memory)(nvmlDevice_t device, struct nvml_memory *memory);
};

static err find_functions(struct nvml_library *lib, const char *path, struct errmsg *msg)
{
    const struct {
        const char *name;
        void *where;
    } wanted[] = {
        { "nvmlInit_v2", &lib->init },
        { "nvmlShutdown", &lib->shutdown },
        { "nvmlErrorString", &lib->error_string },
        { "nvmlDeviceGetCount_v2", &lib->count },
        { "nvmlDeviceGetHandleByIndex_v2", &lib->by_index },
        { "nvmlDeviceGetPciInfo_v3", &lib->pci_info },
        { "nvmlDeviceGetUUID", &lib->uuid },
        { "nvmlDeviceGetName", &lib->name },
        { "nvmlDeviceGetMemoryInfo", &lib->memory },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        void *symbol = dlsym(lib->handle, wanted[i].name);
        if (!symbol)
            return err_say(msg, ERR_UNSUPPORTED, "%s: no function %s; the driver is too old", path,
                           wanted[i].name);
        /* C has no cast from an object's to a function's pointer; POSIX says they are alike. */
        memcpy(wanted[i].where, &symbol, sizeof symbol);
    }
    return OK;
}

/* True if the driver lets us have this GPU; the texts it does not tell stay NULL. */
static bool describe(const struct nvml_library *lib, unsigned index, struct arena *arena,
                     struct nvml_gpu *out)
{
    nvmlDevice_t device = NULL;
    struct nvml_pci_info pci = { 0 };
    struct nvml_memory memory = { 0 };
    char text[NVML_TEXT_BYTES] = "";
    if (lib->by_index(index, &device) != NVML_SUCCESS ||
        lib->pci_info(device, &pci) != NVML_SUCCESS)
        return false;
    *out = (struct nvml_gpu){ .pci = arena_format(arena, "%04x:%02x:%02x.0", pci.domain, pci.bus,
                                                  pci.device) };
    if (lib->uuid(device, text, sizeof text) == NVML_SUCCESS && text[0])
        out->uuid = arena_strndup(arena, text, strnlen(text, sizeof text));
    if (lib->name(device, text, sizeof text) == NVML_SUCCESS && text[0])
        out->name = arena_strndup(arena, text, strnlen(text, sizeof text));
    if (lib->memory(device, &memory) == NVML_SUCCESS)
        out->memory_bytes = memory.total;
    return true;
}

static err list_devices(const struct nvml_library *lib, const char *path, struct arena *arena,
                        struct nvml_gpus *out, struct errmsg *msg)
{
    unsigned count = 0;
    int result = lib->count(&count);
    if (result != NVML_SUCCESS)
        return err_say(msg, ERR_IO, "%s: cannot count the GPUs (%s)", path,
                       lib->error_string(result));
    if (count > NVML_GPUS_MAX)
        return err_say(msg, ERR_LIMIT, "%s: %u GPUs; expected at most %d", path, count,
                       NVML_GPUS_MAX);
    out->gpus = arena_alloc(arena, (count + 1u) * sizeof *out->gpus);
    for (unsigned i = 0; i < count; i++) {
        if (describe(lib, i, arena, &out->gpus[out->count]))
            out->count++;
        else
            out->refused++;
    }
    return OK;
}

err nvml_list(const char *path, struct arena *arena, struct nvml_gpus *out, struct errmsg *msg)
{
    struct nvml_library lib = { .handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) };
    *out = (struct nvml_gpus){ 0 };
    if (!lib.handle)
        return err_say(msg, ERR_NOT_FOUND, "%s", dlerror());
    err e = find_functions(&lib, path, msg);
    if (e)
        goto done;
    int result = lib.init();
    if (result != NVML_SUCCESS) {
        e = err_say(msg, ERR_IO, "%s: cannot speak with the driver (%s)", path,
                    lib.error_string(result));
        goto done;
    }
    e = list_devices(&lib, path, arena, out, msg);
    (void)lib.shutdown(); /* nothing is held whatever it says */
done:
    dlclose(lib.handle);
    return e;
}
