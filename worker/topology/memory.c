#include "worker/topology/memory.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/text.h"

enum { LINE_BYTES = 3 * PATH_MAX };

static void lower(struct memory_limit *limit, uint64_t bytes, const char *by)
{
    if (bytes > 0 && bytes < limit->bytes)
        *limit = (struct memory_limit){ bytes, by };
}

/* --- cgroups --- */

/* A hierarchy of cgroups: v2 is one, of v1 the one with the controller "memory". */
struct hierarchy {
    const char *type;  /* of the file system */
    const char *words; /* in /proc/self/cgroup, between the colons: empty for v2 */
    const char *file;  /* in the folder of each group; v1 says 2^63, nearly, for no limit */
};

static const struct hierarchy hierarchies[] = {
    { "cgroup2", "", "memory.max" },
    { "cgroup", "memory", "memory.limit_in_bytes" },
};

static FILE *open_below(const char *dir, const char *name)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    return len < (int)sizeof path ? fopen(path, "re") : NULL;
}

/* Whether the list "cpu,memory" has the word. The empty list has the empty word. */
static bool list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list;; at++) {
        size_t here = strcspn(at, ",");
        if (here == len && strncmp(at, word, len) == 0)
            return true;
        at += here;
        if (*at == '\0')
            return false;
    }
}

/* "4:memory:/a/b" -> "/a/b": the group that we are in. */
static bool find_group(const char *proc_self, const struct hierarchy *h, char *out)
{
    char line[LINE_BYTES];
    bool found = false;
    FILE *f = open_below(proc_self, "cgroup");
    while (f && !found && fgets(line, sizeof line, f)) {
        char *words = strchr(line, ':'), *path = words ? strchr(words + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = strlen(path) < PATH_MAX && list_has(words + 1, h->words);
        if (found)
            memcpy(out, path, strlen(path) + 1);
    }
    if (f)
        (void)fclose(f);
    return found;
}

/* proc_pid_mountinfo(5): "id parent device root point options tag... - type source options". Cuts
 * the line up. */
static bool read_mount(char *line, const struct hierarchy *h, const char **root, const char **point)
{
    char *fields = line, *rest = strstr(line, " - ");
    if (!rest)
        return false;
    *rest = '\0';
    rest += strlen(" - ");
    rest[strcspn(rest, "\n")] = '\0';
    const char *type = strsep(&rest, " ");
    (void)strsep(&rest, " "); /* the source */
    if (strcmp(type, h->type) != 0 || !rest || (*h->words && !list_has(rest, h->words)))
        return false;
    for (int i = 0; i < 3; i++)
        (void)strsep(&fields, " ");
    *root = strsep(&fields, " ");
    *point = strsep(&fields, " ");
    return *root && *point;
}

static uint64_t read_limit(const char *group, const char *file)
{
    char text[32] = "";
    uint64_t bytes = 0;
    FILE *f = open_below(group, file);
    if (f && fgets(text, sizeof text, f))
        text[strcspn(text, "\n")] = '\0';
    if (f)
        (void)fclose(f);
    return text_parse_u64(text, &bytes) ? bytes : UINT64_MAX; /* "max" */
}

/* Of the group and each above it, as far as they are mounted. */
static void walk_up(struct memory_limit *limit, const struct hierarchy *h, const char *point,
                    const char *group)
{
    char dir[PATH_MAX];
    int len = snprintf(dir, sizeof dir, "%s%s", point, group);
    if (len >= (int)sizeof dir)
        return;
    for (size_t top = strlen(point);;) {
        lower(limit, read_limit(dir, h->file), "a cgroup");
        char *last = strrchr(dir, '/');
        if (!last || (size_t)(last - dir) < top)
            return;
        *last = '\0';
    }
}

/* A container sees its own group as the root of what is mounted, and may be told its path from
 * outside; or a path that leads out, of which nothing is mounted. */
static const char *below_root(const char *group, const char *root)
{
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool is_below = strncmp(group, root, len) == 0 && (group[len] == '/' || group[len] == '\0');
    return !is_below || strncmp(group, "/..", 3) == 0 || strcmp(group + len, "/") == 0
               ? ""
               : group + len;
}

static void ask_hierarchy(struct memory_limit *limit, const char *proc_self,
                          const struct hierarchy *h)
{
    char line[LINE_BYTES], group[PATH_MAX];
    const char *root, *point;
    if (!find_group(proc_self, h, group))
        return;
    FILE *f = open_below(proc_self, "mountinfo");
    while (f && fgets(line, sizeof line, f))
        if (read_mount(line, h, &root, &point))
            walk_up(limit, h, point, below_root(group, root));
    if (f)
        (void)fclose(f);
}

/* --- Slurm --- */

/* A whole number; 0: it is not there, or is none. */
static uint64_t number_in(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    uint64_t value = 0;
    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=' &&
            text_parse_u64(*environment + len + 1, &value))
            return value;
    return 0;
}

/* In MiB. 0 is Slurm's word for all memory of the node. */
static void ask_slurm(struct memory_limit *limit, char *const *environment)
{
    static const struct {
        const char *name, *times; /* of so many; NULL: of the node */
    } variables[] = { { "SLURM_MEM_PER_NODE", NULL },
                      { "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE" },
                      { "SLURM_MEM_PER_GPU", "SLURM_GPUS_ON_NODE" } };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        uint64_t each = number_in(environment, variables[i].name);
        uint64_t count = variables[i].times ? number_in(environment, variables[i].times) : 1;
        if (count > 0 && each <= (UINT64_MAX >> 20) / count)
            lower(limit, (each * count) << 20, variables[i].name);
    }
}

/* --- the door --- */

struct memory_limit memory_limit_of(const struct memory_source *source)
{
    struct memory_limit limit = { UINT64_MAX, NULL };
    for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++)
        ask_hierarchy(&limit, source->proc_self, &hierarchies[i]);
    ask_slurm(&limit, source->environment);
    return limit;
}

struct memory_limit memory_limit_of_each_process(void)
{
    static const struct {
        __rlimit_resource_t resource;
        const char *name;
    } resources[] = { { RLIMIT_AS, "RLIMIT_AS" }, { RLIMIT_DATA, "RLIMIT_DATA" } };
    struct memory_limit limit = { UINT64_MAX, NULL };
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
        struct rlimit now;
        if (getrlimit(resources[i].resource, &now) == 0 && now.rlim_cur != RLIM_INFINITY)
            lower(&limit, now.rlim_cur, resources[i].name);
    }
    return limit;
}
