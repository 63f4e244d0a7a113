/* What hwloc sees, as plain numbers. The only file that knows hwloc. */
#include "common/check.h"
#include "common/mem.h"
#include "worker/topology/topology_private.h"

#include <errno.h>
#include <hwloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every core of the machine, whether we may use it or not: a GPU is attached to cores. */
struct seen_core {
    hwloc_const_cpuset_t cpuset; /* owned by the hwloc topology */
    size_t usable_count;         /* hardware threads that this process may use */
    int node, package;
};

struct seen {
    hwloc_topology_t hwloc;
    hwloc_bitmap_t usable;
    struct seen_core *cores;
    size_t core_count;
};

/* Parts of hwloc that we do without. Some make a vendor's runtime start inside this process, and
 * then list only what *_VISIBLE_DEVICES lets through, whereas we count all GPUs; "pci" reads what
 * sysfs has too, through a library that leaks. */
static void leave_out_components(hwloc_topology_t hwloc)
{
    static const char *const names[] = { "cuda", "opencl", "levelzero", "gl", "pci" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) /* fails where it is not built in */
        (void)hwloc_topology_set_components(hwloc, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                            names[i]);
}

static err load(const struct topology_source *source, hwloc_topology_t hwloc, struct errmsg *msg)
{
    leave_out_components(hwloc);
    errno = 0;
    if (source->xml_path && hwloc_topology_set_xml(hwloc, source->xml_path))
        return err_say(msg, errno == ENOENT ? ERR_NOT_FOUND : ERR_CORRUPT,
                       "%s: cannot be read as a topology (%s); expected a file that lstopo wrote",
                       source->xml_path, errno ? strerror(errno) : "no XML of hwloc");
    if (source->synthetic && hwloc_topology_set_synthetic(hwloc, source->synthetic))
        return err_say(msg, ERR_INVALID, "\"%s\": no synthetic topology", source->synthetic);
    /* GPUs may be attached to cores that are not ours: we still want to know where. */
    hwloc_topology_set_flags(hwloc, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    hwloc_topology_set_io_types_filter(hwloc, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    if (hwloc_topology_load(hwloc))
        return err_say(msg, source->xml_path ? ERR_CORRUPT : ERR_IO,
                       "%s: hwloc cannot make a topology of it",
                       source->xml_path ? source->xml_path : "this machine");
    return OK;
}

static hwloc_bitmap_t usable_cpus(hwloc_topology_t hwloc)
{
    hwloc_bitmap_t usable = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(hwloc));
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    check(usable && bound);
    if (hwloc_topology_is_thissystem(hwloc) &&
        hwloc_get_cpubind(hwloc, bound, HWLOC_CPUBIND_THREAD) == 0)
        hwloc_bitmap_and(usable, usable, bound);
    hwloc_bitmap_free(bound);
    return usable;
}

static int package_of(hwloc_topology_t hwloc, hwloc_obj_t obj)
{
    hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(hwloc, HWLOC_OBJ_PACKAGE, obj);
    return package ? (int)package->os_index : -1;
}

static size_t count_usable(const struct seen *seen, hwloc_const_cpuset_t cpuset)
{
    size_t count = 0;
    for (int cpu = hwloc_bitmap_first(cpuset); cpu >= 0; cpu = hwloc_bitmap_next(cpuset, cpu))
        count += hwloc_bitmap_isset(seen->usable, (unsigned)cpu) ? 1 : 0;
    return count;
}

static err see_cores(struct seen *seen, struct errmsg *msg)
{
    /* Some virtual machines show no cores: then each hardware thread is one. */
    hwloc_obj_type_t type = HWLOC_OBJ_CORE;
    if (hwloc_get_nbobjs_by_type(seen->hwloc, type) <= 0)
        type = HWLOC_OBJ_PU;
    int count = hwloc_get_nbobjs_by_type(seen->hwloc, type);
    if (count <= 0 || count > CORES_MAX)
        return err_say(msg, ERR_LIMIT, "the topology has %d cores; expected 1 to %d", count,
                       CORES_MAX);
    seen->cores = xcalloc((size_t)count, sizeof *seen->cores);
    for (int i = 0; i < count; i++) {
        hwloc_obj_t core = hwloc_get_obj_by_type(seen->hwloc, type, (unsigned)i);
        check(core); /* there are so many */
        seen->cores[seen->core_count++] = (struct seen_core){
            .cpuset = core->cpuset,
            .usable_count = count_usable(seen, core->cpuset),
            /* Where cores have several kinds of memory, the first is the ordinary one. */
            .node = hwloc_bitmap_first(core->nodeset),
            .package = package_of(seen->hwloc, core),
        };
    }
    return OK;
}

static struct topology_core copy_core(struct topology *t, const struct seen *seen,
                                      const struct seen_core *from)
{
    unsigned *cpus = arena_alloc(&t->arena, from->usable_count * sizeof *cpus);
    size_t count = 0;
    for (int cpu = hwloc_bitmap_first(from->cpuset); cpu >= 0;
         cpu = hwloc_bitmap_next(from->cpuset, cpu)) {
        if (hwloc_bitmap_isset(seen->usable, (unsigned)cpu))
            cpus[count++] = (unsigned)cpu;
    }
    return (struct topology_core){ cpus, count };
}

static struct topology_node *node_find(struct topology *t, int os_index)
{
    for (size_t i = 0; i < t->nodes_used; i++) {
        if (t->nodes[i].os_index == os_index)
            return &t->nodes[i];
    }
    return NULL;
}

/* The usable cores, grouped by node; nodes in the order in which the machine has them. */
static err keep_cores(struct topology *t, const struct seen *seen, struct errmsg *msg)
{
    t->nodes = arena_alloc(&t->arena, seen->core_count * sizeof *t->nodes);
    for (size_t i = 0; i < seen->core_count; i++) {
        const struct seen_core *core = &seen->cores[i];
        if (!core->usable_count)
            continue;
        struct topology_node *node = node_find(t, core->node);
        if (!node) {
            node = &t->nodes[t->nodes_used++];
            *node = (struct topology_node){ .os_index = core->node, .package = core->package };
        }
        node->core_count++;
        t->core_count++;
    }
    if (!t->core_count)
        return err_say(msg, ERR_INVALID, "%s: this process may use none of its cpus", t->source);

    t->cores = arena_alloc(&t->arena, t->core_count * sizeof *t->cores);
    size_t next = 0;
    for (size_t n = 0; n < t->nodes_used; n++) {
        t->nodes[n].first_core = next;
        for (size_t i = 0; i < seen->core_count; i++) {
            const struct seen_core *core = &seen->cores[i];
            if (core->usable_count && core->node == t->nodes[n].os_index)
                t->cores[next++] = copy_core(t, seen, core);
        }
    }
    return OK;
}

static bool is_compute_device(hwloc_obj_t os_device)
{
    static const char *const kinds[] = { "CUDA", "NVML", "RSMI", "LevelZero" };
    static const char *const names[] = { "cuda", "nvml", "rsmi", "ze" };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (os_device->subtype && strcmp(os_device->subtype, kinds[i]) == 0)
            return true;
        /* Files of older hwloc have no subtype, but a name such as nvml0. */
        size_t len = strlen(names[i]);
        if (os_device->name && strncmp(os_device->name, names[i], len) == 0 &&
            os_device->name[len] >= '0' && os_device->name[len] <= '9')
            return true;
    }
    return false;
}

static bool has_compute_device(hwloc_obj_t pci)
{
    for (hwloc_obj_t child = pci->io_first_child; child; child = child->next_sibling) {
        if (child->type == HWLOC_OBJ_OS_DEVICE && is_compute_device(child))
            return true;
    }
    return false;
}

static bool vendor_has_compute_any(hwloc_topology_t hwloc, uint16_t vendor_id)
{
    for (hwloc_obj_t pci = NULL; (pci = hwloc_get_next_pcidev(hwloc, pci));) {
        if (pci->attr->pcidev.vendor_id == vendor_id && has_compute_device(pci))
            return true;
    }
    return false;
}

/* The first of the device's OS devices that knows this; NULL if none does. */
static const char *find_info(hwloc_obj_t pci, const char *name)
{
    for (hwloc_obj_t child = pci->io_first_child; child; child = child->next_sibling) {
        const char *value = hwloc_obj_get_info_by_name(child, name);
        if (value)
            return value;
    }
    return NULL;
}

static const char *copy_info(struct topology *t, const char *value)
{
    return value && *value ? arena_strdup(&t->arena, value) : NULL;
}

static uint64_t memory_bytes(hwloc_obj_t pci)
{
    const char *text = find_info(pci, "CUDAGlobalMemorySize"); /* "16671616KiB" */
    if (!text)
        text = find_info(pci, "RSMIVRAMSize");
    return text ? strtoull(text, NULL, 10) * 1024 : 0;
}

/* Attached to the cores of one node, or of one package: then we know where. */
static void locate(struct topology_gpu *gpu, const struct seen *seen, hwloc_obj_t pci)
{
    hwloc_obj_t around = hwloc_get_non_io_ancestor_obj(seen->hwloc, pci);
    bool found = false;
    gpu->node = gpu->package = -1;
    for (size_t i = 0; i < seen->core_count; i++) {
        const struct seen_core *core = &seen->cores[i];
        if (!hwloc_bitmap_intersects(core->cpuset, around->cpuset))
            continue;
        if (!found) {
            gpu->node = core->node;
            gpu->package = core->package;
            found = true;
            continue;
        }
        if (core->node != gpu->node)
            gpu->node = -1;
        if (core->package != gpu->package)
            gpu->package = -1;
    }
}

static void trace_path(struct topology *t, struct topology_gpu *gpu, hwloc_obj_t pci)
{
    uint64_t inwards[GPU_PATH_MAX];
    size_t len = 0;
    for (hwloc_obj_t at = pci->parent; at && len < GPU_PATH_MAX; at = at->parent)
        inwards[len++] = at->gp_index;
    uint64_t *path = arena_alloc(&t->arena, len * sizeof *path);
    for (size_t i = 0; i < len; i++)
        path[i] = inwards[len - 1 - i];
    gpu->path = path;
    gpu->path_len = len;
}

static void describe_gpu(struct topology *t, struct topology_gpu *gpu, const struct seen *seen,
                         hwloc_obj_t pci)
{
    const struct hwloc_pcidev_attr_s *id = &pci->attr->pcidev;
    const char *model = find_info(pci, "GPUModel");
    *gpu = (struct topology_gpu){
        .pci = arena_format(&t->arena, "%04x:%02x:%02x.%x", (unsigned)id->domain, (unsigned)id->bus,
                            (unsigned)id->dev, (unsigned)id->func),
        .pci_ids =
            arena_format(&t->arena, "%04x:%04x", (unsigned)id->vendor_id, (unsigned)id->device_id),
        .vendor = gpu_vendor_of(id->vendor_id),
        .uuid = copy_info(t, find_info(pci, "NVIDIAUUID")),
        .model = copy_info(t, model ? model : hwloc_obj_get_info_by_name(pci, "PCIDevice")),
        .memory_bytes = memory_bytes(pci),
        .slot = -1,
        .ignored = gpu_refusal(&(struct gpu_facts){
            .class_id = id->class_id,
            .vendor_id = id->vendor_id,
            .bus = id->bus,
            .has_compute_device = has_compute_device(pci),
            .vendor_has_compute_any = vendor_has_compute_any(seen->hwloc, id->vendor_id),
        }),
    };
    locate(gpu, seen, pci);
    trace_path(t, gpu, pci);
}

static int compare_pci(const void *a, const void *b)
{
    const struct topology_gpu *left = a, *right = b;
    return strcmp(left->pci, right->pci); /* fixed width: the order of the numbers */
}

static err keep_gpus(struct topology *t, const struct seen *seen, struct errmsg *msg)
{
    t->gpus = arena_alloc(&t->arena, GPUS_MAX * sizeof *t->gpus);
    for (hwloc_obj_t pci = NULL; (pci = hwloc_get_next_pcidev(seen->hwloc, pci));) {
        if (!gpu_is_candidate(pci->attr->pcidev.class_id))
            continue;
        if (t->gpu_count == GPUS_MAX)
            return err_say(msg, ERR_LIMIT, "%s: more than %d GPUs", t->source, GPUS_MAX);
        describe_gpu(t, &t->gpus[t->gpu_count++], seen, pci);
    }
    qsort(t->gpus, t->gpu_count, sizeof *t->gpus, compare_pci);
    return OK;
}

static void describe_machine(struct topology *t, const struct topology_source *source,
                             const struct seen *seen)
{
    hwloc_obj_t root = hwloc_get_root_obj(seen->hwloc);
    const char *product = hwloc_obj_get_info_by_name(root, "DMIProductName");
    if (!product)
        product = hwloc_obj_get_info_by_name(root, "PlatformModel");
    t->product = copy_info(t, product);
    t->name = copy_info(t, hwloc_obj_get_info_by_name(root, "HostName"));
    if (!t->name)
        t->name = t->product ? t->product : "unnamed";
    if (source->xml_path)
        t->source = arena_format(&t->arena, "file %s", source->xml_path);
    else if (source->synthetic)
        t->source = arena_format(&t->arena, "synthetic %s", source->synthetic);
    else
        t->source = "this machine";
    t->package_count = (size_t)hwloc_get_nbobjs_by_type(seen->hwloc, HWLOC_OBJ_PACKAGE);
    t->node_count = (size_t)hwloc_get_nbobjs_by_type(seen->hwloc, HWLOC_OBJ_NUMANODE);
    t->core_total = seen->core_count;
}

/* What the kernel says of all nodes together, 0: nothing. Memory that was added to a virtual
 * machine while it ran may be missing in what it says of each. */
static uint64_t all_memory(hwloc_topology_t hwloc)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    bool is_known = hwloc_topology_is_thissystem(hwloc) && pages > 0 && page_bytes > 0;
    return is_known ? (uint64_t)pages * (uint64_t)page_bytes : 0;
}

/* Of the nodes that this process may have memory of. That of GPUs is no memory for programs, though
 * some machines show it as nodes. */
static void measure_memory(struct topology *t, hwloc_topology_t hwloc)
{
    hwloc_const_nodeset_t allowed = hwloc_topology_get_allowed_nodeset(hwloc);
    uint64_t all = all_memory(hwloc);
    for (hwloc_obj_t n = NULL; (n = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, n));) {
        bool is_ours = hwloc_bitmap_isset(allowed, n->os_index) &&
                       !(n->subtype && strcmp(n->subtype, "GPUMemory") == 0);
        if (is_ours)
            t->memory_bytes += n->attr->numanode.local_memory;
        else
            all = 0;
    }
    t->memory_bytes = all > t->memory_bytes ? all : t->memory_bytes;
    t->memory_by = t->memory_bytes > 0 ? "the machine" : NULL;
}

err topology_discover(const struct topology_source *source, struct topology *t, bool *out_is_live,
                      struct errmsg *msg)
{
    struct seen seen = { 0 };
    check(hwloc_topology_init(&seen.hwloc) == 0);
    err e = load(source, seen.hwloc, msg);
    if (e)
        goto done;
    *out_is_live = hwloc_topology_is_thissystem(seen.hwloc) != 0;
    seen.usable = usable_cpus(seen.hwloc);
    e = see_cores(&seen, msg);
    if (e)
        goto done;
    describe_machine(t, source, &seen);
    measure_memory(t, seen.hwloc);
    e = keep_cores(t, &seen, msg);
    if (!e)
        e = keep_gpus(t, &seen, msg);
done:
    free(seen.cores);
    hwloc_bitmap_free(seen.usable); /* NULL is fine */
    hwloc_topology_destroy(seen.hwloc);
    return e;
}
