/* What limits the memory of a process: cgroups of both versions, as files, and Slurm's variables.
 */
#include "tests/lib/test.h"

#include "common/mem.h"
#include "worker/topology/memory.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* A folder that stands for /proc/self, and one below it where cgroups are mounted. */
struct machine {
    char *dir;
};

static int setup(void **state)
{
    struct machine *m = xcalloc(1, sizeof *m);
    m->dir = test_dir();
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct machine *m = *state;
    test_rm_rf(m->dir);
    free(m);
    return 0;
}

/* "a/b/c": with the folders that lead there. */
static void write_file(const struct machine *m, const char *name, const char *text)
{
    char *path = xformat("%s/%s", m->dir, name);
    for (char *at = path + strlen(m->dir) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *at = '/';
    }
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    free(path);
}

/* Mounted below the machine's folder: "cg" of type "cgroup2" with this group as its root. */
static void mount_at(const struct machine *m, const char *point, const char *root, const char *type,
                     const char *options)
{
    char *text = xformat("21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                         "31 23 0:28 %s %s/%s rw,nosuid shared:4 master:5 - %s cgroup %s\n"
                         "a line that is none\n",
                         root, m->dir, point, type, options);
    write_file(m, "mountinfo", text);
    free(text);
}

static struct memory_limit limit_with(const struct machine *m, char *const *environment)
{
    struct memory_source source = { .proc_self = m->dir, .environment = environment };
    return memory_limit_of(&source);
}

static void expect(const struct machine *m, uint64_t bytes, const char *by)
{
    struct memory_limit found = limit_with(m, NULL);
    assert_int_equal(found.bytes, bytes);
    assert_true(by ? found.by && strcmp(found.by, by) == 0 : !found.by);
}

static void nothing_that_is_said_limits_nothing(void **state)
{
    expect(*state, UINT64_MAX, NULL);
}

static void the_least_up_the_tree_counts(void **state)
{
    const struct machine *m = *state;
    mount_at(m, "cg", "/", "cgroup2", "rw,nsdelegate");
    write_file(m, "cgroup", "0::/user.slice/job/step\n");
    write_file(m, "cg/user.slice/job/step/memory.max", "max\n");
    expect(m, UINT64_MAX, NULL);
    write_file(m, "cg/user.slice/job/memory.max", "4096\n");
    expect(m, 4096, "a cgroup");
    write_file(m, "cg/user.slice/memory.max", "8192\n");
    expect(m, 4096, "a cgroup");
    write_file(m, "cg/user.slice/job/step/memory.max", "2048\n");
    expect(m, 2048, "a cgroup");
    write_file(m, "memory.max", "1\n"); /* above what is mounted */
    expect(m, 2048, "a cgroup");
}

static void the_first_version_has_memory_in_a_tree_of_its_own(void **state)
{
    const struct machine *m = *state;
    write_file(m, "cgroup", "5:cpuset,memory:/a/b\n4:cpu:/c\n0::/\n");
    write_file(m, "cg/a/memory.limit_in_bytes", "777\n");
    write_file(m, "cg/c/memory.limit_in_bytes", "1\n");
    write_file(m, "cg/a/memory.max", "1\n");
    mount_at(m, "cg", "/", "cgroup", "rw,cpu");
    expect(m, UINT64_MAX, NULL);
    mount_at(m, "cg", "/", "cgroup", "rw,cpuset,memory");
    expect(m, 777, "a cgroup");
}

/* What is mounted begins at the container's own group, of which the path may be told in full. */
static void a_container_sees_its_own_group_as_the_root(void **state)
{
    const struct machine *m = *state;
    static const struct {
        const char *root, *group;
        uint64_t bytes;
    } cases[] = {
        { "/docker/1", "0::/docker/1/step\n", 100 }, /* no namespace of cgroups */
        { "/docker/1", "0::/docker/1\n", 200 },
        { "/", "0::/\n", 200 }, /* one of its own */
        { "/", "0::/step\n", 100 },
        { "/docker/1", "0::/docker/12/step\n", 200 }, /* somewhere else */
        { "/..", "0::/../other\n", 200 },
    };
    write_file(m, "cg/memory.max", "200\n");
    write_file(m, "cg/step/memory.max", "100\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mount_at(m, "cg", cases[i].root, "cgroup2", "rw");
        write_file(m, "cgroup", cases[i].group);
        expect(m, cases[i].bytes, "a cgroup");
    }
}

static void slurm_says_what_the_job_has_on_a_node(void **state)
{
    static const struct {
        char *environment[4];
        uint64_t bytes;
        const char *by;
    } cases[] = {
        { { "SLURM_MEM_PER_NODE=2048" }, 2048ull << 20, "SLURM_MEM_PER_NODE" },
        { { "SLURM_MEM_PER_CPU=100", "SLURM_CPUS_ON_NODE=8" }, 800ull << 20, "SLURM_MEM_PER_CPU" },
        { { "SLURM_MEM_PER_CPU=100" }, UINT64_MAX, NULL },
        { { "SLURM_MEM_PER_GPU=100", "SLURM_GPUS_ON_NODE=4" }, 400ull << 20, "SLURM_MEM_PER_GPU" },
        { { "SLURM_MEM_PER_NODE=0" }, UINT64_MAX, NULL }, /* all of it */
        { { "SLURM_MEM_PER_NODE=some" }, UINT64_MAX, NULL },
        { { "SLURM_MEM_PER_NODE=18446744073709551615" }, UINT64_MAX, NULL },
        { { "SLURM_MEM_PER_CPU=18446744073709551615", "SLURM_CPUS_ON_NODE=2" }, UINT64_MAX, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct memory_limit found = limit_with(*state, cases[i].environment);
        assert_int_equal(found.bytes, cases[i].bytes);
        assert_true(cases[i].by ? found.by && strcmp(found.by, cases[i].by) == 0 : !found.by);
    }
}

static void a_process_has_limits_of_its_own(void **state)
{
    (void)state;
    struct rlimit before, limited;
    assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
    limited = before;
    limited.rlim_cur = before.rlim_max < 1ull << 40 ? before.rlim_max : 1ull << 40;
    assert_int_equal(setrlimit(RLIMIT_DATA, &limited), 0);
    struct memory_limit found = memory_limit_of_each_process();
    assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
    assert_in_range(found.bytes, 1, 1ull << 40);
    assert_non_null(found.by);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_that_is_said_limits_nothing),
        CASE(the_least_up_the_tree_counts),
        CASE(the_first_version_has_memory_in_a_tree_of_its_own),
        CASE(a_container_sees_its_own_group_as_the_root),
        CASE(slurm_says_what_the_job_has_on_a_node),
        cmocka_unit_test(a_process_has_limits_of_its_own),
    };
    return cmocka_run_group_tests_name("memory_limit", tests, NULL, NULL);
}
