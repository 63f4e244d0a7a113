/* A stand-in for libnvidia-ml.so.1 with four GPUs, for tests. FAKE_NVML in the environment chooses
 * what goes wrong: "init" (no driver), "count", or "refuse" (GPU 1 belongs to somebody else). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NO_PERMISSION = 4, DRIVER_NOT_LOADED = 9, GPUS = 4 };

struct device {
    unsigned bus;
};
struct pci_info { /* nvmlPciInfo_t */
    char bus_id_legacy[16];
    unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
};
struct memory { /* nvmlMemory_t */
    unsigned long long total, free, used;
};

static struct device devices[GPUS] = { { 0x01 }, { 0x02 }, { 0x41 }, { 0x42 } };

int nvmlInit_v2(void);
int nvmlShutdown(void);
const char *nvmlErrorString(int result);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct device **out);
int nvmlDeviceGetPciInfo_v3(struct device *device, struct pci_info *out);
int nvmlDeviceGetUUID(struct device *device, char *text, unsigned bytes);
int nvmlDeviceGetName(struct device *device, char *text, unsigned bytes);
int nvmlDeviceGetMemoryInfo(struct device *device, struct memory *out);

static int goes_wrong(const char *what)
{
    const char *wanted = getenv("FAKE_NVML");
    return wanted && strcmp(wanted, what) == 0;
}

int nvmlInit_v2(void)
{
    return goes_wrong("init") ? DRIVER_NOT_LOADED : SUCCESS;
}

int nvmlShutdown(void)
{
    return SUCCESS;
}

const char *nvmlErrorString(int result)
{
    return result == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "Insufficient Permissions";
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = GPUS;
    return goes_wrong("count") ? NO_PERMISSION : SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct device **out)
{
    if (index == 1 && goes_wrong("refuse"))
        return NO_PERMISSION;
    *out = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(struct device *device, struct pci_info *out)
{
    memset(out, 0, sizeof *out);
    out->bus = device->bus;
    snprintf(out->bus_id, sizeof out->bus_id, "00000000:%02X:00.0", device->bus);
    return SUCCESS;
}

int nvmlDeviceGetUUID(struct device *device, char *text, unsigned bytes)
{
    snprintf(text, bytes, "GPU-%08x-0000-0000-0000-000000000000", device->bus);
    return SUCCESS;
}

int nvmlDeviceGetName(struct device *device, char *text, unsigned bytes)
{
    (void)device;
    snprintf(text, bytes, "Fake H100");
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(struct device *device, struct memory *out)
{
    (void)device;
    *out = (struct memory){ .total = 80ull << 30 };
    return SUCCESS;
}
