/* Cluster files: what is read from good ones, and what is said of bad ones, word for word. */
#include "tests/lib/test.h"

#include "common/io/file.h"
#include "coordinator/simulate/cluster.h"
#include "coordinator/simulate/fleet.h"

static char *folder;

static int enter_folder(void **state)
{
    (void)state;
    folder = test_dir();
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    test_rm_rf(folder);
    return 0;
}

static char *write_cluster(const char *text)
{
    char *path = file_join(folder, "cluster.yaml");
    assert_int_equal(file_write_atomic(path, span_str(text), 0644, NULL), OK);
    return path;
}

static void every_key_is_read(void **state)
{
    (void)state;
    char *path = write_cluster(
        "workers:\n"
        "  - count: 128\n"
        "    slots: 8\n"
        "    gpus_per_slot: 2\n"
        "    cpus_per_slot: 16\n"
        "    memory_per_slot: 1GiB\n"
        "    gpu: H100\n"
        "    speed: 1.5\n"
        "    slow: {every: 20, factor: 3}\n"
        "    die: {share: 0.02, after: 1h}\n"
        "  - {count: 1, slots: 1}\n"
        "network: {latency: 3ms}\n"
        "models:\n"
        "  - {match: a, load: 1m, instance: 5ms, spread: 2, task_spread: 1, inflight: 4}\n"
        "seed: 9\n");
    struct cluster c;
    struct problems problems = { 0 };
    assert_int_equal(cluster_load(path, &c, &problems), OK);
    assert_int_equal(c.group_count, 2);
    const struct cluster_group *g = &c.groups[0];
    assert_int_equal(g->count, 128);
    assert_int_equal(g->slots, 8);
    assert_int_equal(g->gpus_per_slot, 2);
    assert_int_equal(g->cpus_per_slot, 16);
    assert_int_equal(g->memory_per_slot, 1 << 30);
    assert_string_equal(g->gpu, "H100");
    assert_true(g->speed * 2 == 3);
    assert_int_equal(g->slow_every, 20);
    assert_true(g->slow_factor == 3);
    assert_true(g->die_share * 50 == 1);
    assert_int_equal(g->die_after_ns, 3600000000000);
    assert_int_equal(c.groups[1].gpus_per_slot, 1); /* defaults */
    assert_int_equal(c.groups[1].cpus_per_slot, 8);
    assert_true(c.groups[1].speed == 1);
    assert_int_equal(c.latency_ns, 3000000);
    assert_int_equal(c.seed, 9);
    struct cluster_timing t = cluster_timing_of(&c, "a");
    assert_int_equal(t.load_ns, 60000000000);
    assert_int_equal(t.instance_ns, 5000000);
    assert_true(t.spread == 2 && t.task_spread == 1);
    assert_int_equal(t.inflight, 4);
    cluster_release(&c);
    problems_release(&problems);
    free(path);
}

/* `said` is what follows the path. */
static void expect_said(const char *text, const char *said)
{
    char *path = write_cluster(text);
    struct cluster c;
    struct problems problems = { 0 };
    assert_int_equal(cluster_load(path, &c, &problems), ERR_INVALID);
    struct buf found = { 0 };
    problems_format(&problems, &found);
    size_t prefix = strlen(path);
    assert_memory_equal(buf_cstr(&found), path, prefix);
    assert_string_equal(buf_cstr(&found) + prefix, said);
    buf_release(&found);
    problems_release(&problems);
    free(path);
}

static void mistakes_are_told_with_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "", ":1: the file is empty: expected a mapping with the key workers\n" },
        { "seed: 1\n",
          ":1: the key \"workers\" is missing: expected a list of groups of workers\n" },
        { "workers: []\n",
          ":1: workers: expected a list of groups of workers, found an empty list\n" },
        { "workers:\n  - {slots: 2}\n",
          ":2: workers[0]: the key \"count\" is missing: expected the number of workers\n" },
        { "workers:\n  - {count: 2, slots: 2, sped: 2}\n",
          ":2: workers[0]: unknown key \"sped\"; did you mean \"speed\"? Known keys: count, slots, "
          "gpus_per_slot, cpus_per_slot, memory_per_slot, gpu, gpu_memory, speed, slow, die\n" },
        { "workers:\n  - count: none\n    slots: 1\n",
          ":2: workers[0].count: expected a whole number from 1 to 16384, found \"none\"\n" },
        { "workers:\n  - count: 1\n    slots: 1\n    speed: 0\n",
          ":4: workers[0].speed: expected a number from 0.001 to 1000, found \"0\"\n" },
        { "workers:\n  - count: 1\n    slots: 1\n    slow: {every: 2}\n",
          ":4: workers[0].slow: the key \"factor\" is missing: expected how many times slower\n" },
        { "workers:\n  - count: 1\n    slots: 1\n    die: {share: 1.5, after: 1h}\n",
          ":4: workers[0].die.share: expected a number from 0 to 1, found \"1.5\"\n" },
        { "workers:\n  - {count: 16384, slots: 1}\n  - {count: 1, slots: 1}\n",
          ":2: workers: expected at most 16384 workers together, found 16385\n" },
        { "workers:\n  - {count: 2000, slots: 1024}\n",
          ":2: workers: expected at most 1048576 slots together, found 2048000\n" },
        { "workers: [{count: 1, slots: 1}]\nmodels: [{instance: 0ms}]\n",
          ":2: models[0].instance: expected a duration from 1ms to 7d 00h, such as 90s or 1h30m, "
          "found \"0ms\"\n" },
        { "workers: [{count: 1, slots: 1}]\nnetwork: {latency: 2s}\n",
          ":2: network.latency: expected a duration from 0ms to 1s, such as 90s or 1h30m, found "
          "\"2s\"\n" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_said(cases[i].text, cases[i].said);
}

static void a_file_that_is_not_there_is_said_by_its_path(void **state)
{
    (void)state;
    struct cluster c;
    struct problems problems = { 0 };
    assert_int_equal(cluster_load("/nowhere/c.yaml", &c, &problems), ERR_NOT_FOUND);
    struct buf found = { 0 };
    problems_format(&problems, &found);
    assert_memory_equal(buf_cstr(&found), "/nowhere/c.yaml: ", 17);
    buf_release(&found);
    problems_release(&problems);
}

static void the_example_is_1024_gpus_of_two_types(void **state)
{
    (void)state;
    struct cluster c;
    struct problems problems = { 0 };
    assert_int_equal(cluster_load("ops/examples/cluster.yaml", &c, &problems), OK);
    struct fleet f;
    fleet_init(&f, &c, c.seed);
    assert_int_equal(f.slot_count, 1024);
    assert_int_equal(c.group_count, 2);
    assert_string_not_equal(c.groups[0].gpu, c.groups[1].gpu);
    fleet_release(&f);
    cluster_release(&c);
    problems_release(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(mistakes_are_told_with_line_and_key),
        cmocka_unit_test(a_file_that_is_not_there_is_said_by_its_path),
        cmocka_unit_test(the_example_is_1024_gpus_of_two_types),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
