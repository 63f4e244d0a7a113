/* `muster simulate` as its users call it: arguments, exit codes, what it writes. */
#include "tests/lib/test.h"

#include <getopt.h>
#include <jansson.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/exit_code.h"
#include "ops/cli/commands.h"

enum { ARGS_MAX = 16, OUTPUT_MAX = 1 << 20 };

static const char sweep[] = "name: trial\n"
                            "suites: [{name: s, kind: synthetic, path: tasks.csv}]\n"
                            "models:\n"
                            "  - {name: small, host: sim, resources: {gpus: 1}}\n"
                            "  - {name: large, host: sim, resources: {gpus: 1, cpus: 10}}\n";
static const char tasks[] = "sheet,task,metric,sota,instances\n"
                            "NLP,Sums,acc,50,400\n"
                            "Image-Comprehension,Dogs,acc,50,300\n";
static const char cluster[] = "workers: [{count: 2, slots: 2, cpus_per_slot: 16}]\n"
                              "models: [{load: 10s, instance: 100ms}]\n";
static const char cluster_of_few_cores[] = "workers: [{count: 2, slots: 2, cpus_per_slot: 4}]\n"
                                           "models: [{load: 10s, instance: 100ms}]\n";
static const char cluster_that_dies[] =
    "workers: [{count: 2, slots: 2, cpus_per_slot: 16, die: {share: 1, after: 1s}}]\n";

static char *folder, *example; /* example: ops/examples/cluster.yaml, absolute */

static void write_file(const char *name, const char *text)
{
    assert_int_equal(file_write_atomic(name, span_str(text), 0644, NULL), OK);
}

static int enter_folder(void **state)
{
    (void)state;
    example = file_real("ops/examples/cluster.yaml", NULL);
    assert_non_null(example);
    folder = test_dir();
    assert_int_equal(chdir(folder), 0);
    write_file("sweep.yaml", sweep);
    write_file("tasks.csv", tasks);
    write_file("cluster.yaml", cluster);
    write_file("few-cores.yaml", cluster_of_few_cores);
    write_file("dies.yaml", cluster_that_dies);
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    test_rm_rf(folder);
    free(example);
    return 0;
}

static char *read_file(const char *name)
{
    struct buf text = { 0 };
    assert_int_equal(file_read(name, OUTPUT_MAX, &text, NULL), OK);
    char *copy = xstrndup((const char *)text.data, text.len);
    buf_release(&text);
    return copy;
}

struct run {
    int code;
    char *out, *complaints;
};

static struct run run(const char *const *args, int count)
{
    char *argv[ARGS_MAX] = { xstrdup("simulate") };
    for (int i = 0; i < count; i++)
        argv[i + 1] = xstrdup(args[i]);
    fflush(NULL);
    int saved_out = dup(STDOUT_FILENO), saved_complaints = dup(STDERR_FILENO);
    assert_non_null(freopen("out", "w", stdout));
    assert_non_null(freopen("complaints", "w", stderr));
    optind = 0; /* getopt begins anew */
    struct run r = { .code = cmd_simulate(count + 1, argv) };
    fflush(NULL);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_complaints, STDERR_FILENO);
    close(saved_out);
    close(saved_complaints);
    for (int i = 0; i <= count; i++)
        free(argv[i]);
    r.out = read_file("out");
    r.complaints = read_file("complaints");
    return r;
}

#define RUN(...)                                                                                   \
    run((const char *const[]){ __VA_ARGS__ },                                                      \
        (int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)))

static void release(struct run *r)
{
    free(r->out);
    free(r->complaints);
}

static void one_policy_says_time_and_bound(void **state)
{
    (void)state;
    struct run r = RUN("sweep.yaml", "--cluster", "cluster.yaml");
    assert_int_equal(r.code, EXIT_DONE);
    assert_string_equal(r.complaints, "");
    assert_non_null(strstr(r.out, "1,400 instances of 2 models, on 4 slots of 2 workers\n"
                                  "No policy can take less than "));
    assert_non_null(strstr(r.out, "\nmuster  "));
    assert_null(strstr(r.out, "static-rank"));
    release(&r);
}

static void all_policies_stand_beside_each_other(void **state)
{
    (void)state;
    struct run r = RUN("sweep.yaml", "--cluster", "cluster.yaml", "--policy", "all");
    assert_int_equal(r.code, EXIT_DONE);
    static const char *const rows[] = { "\nmuster ", "\nstatic-rank ", "\nchunk-reload ",
                                        "\nchunk-queue " };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_non_null(strstr(r.out, rows[i]));
    release(&r);
}

static void json_has_what_a_program_needs(void **state)
{
    (void)state;
    struct run r = RUN("sweep.yaml", "--cluster", "cluster.yaml", "--json");
    assert_int_equal(r.code, EXIT_DONE);
    json_t *root = json_loads(r.out, 0, NULL);
    json_t *policy = json_array_get(json_object_get(root, "policies"), 0);
    assert_int_equal(json_integer_value(json_object_get(root, "schema")), 1);
    assert_int_equal(json_integer_value(json_object_get(policy, "instances")), 1400);
    assert_true(json_is_true(json_object_get(policy, "complete")));
    assert_true(json_real_value(json_object_get(policy, "of_bound")) >= 1);
    assert_int_equal(json_array_size(json_object_get(policy, "models")), 2);
    json_decref(root);
    release(&r);
}

static void the_example_cluster_runs(void **state)
{
    (void)state;
    struct run r = RUN("sweep.yaml", "--cluster", example);
    assert_int_equal(r.code, EXIT_DONE);
    assert_non_null(strstr(r.out, "on 1,024 slots of 128 workers"));
    assert_non_null(strstr(r.out, "64 workers of 8 slots, A100: busy "));
    release(&r);
}

static void timelines_are_files(void **state)
{
    (void)state;
    struct run r =
        RUN("sweep.yaml", "--cluster", "cluster.yaml", "--timeline", "t.csv", "--html", "t.html");
    assert_int_equal(r.code, EXIT_DONE);
    char *csv = read_file("t.csv"), *html = read_file("t.html");
    assert_memory_equal(csv, "slot,worker,gpu,model,kind,", 27);
    assert_non_null(strstr(html, "<title>trial, simulated: muster</title>"));
    free(csv);
    free(html);
    release(&r);
}

static void a_model_that_fits_nowhere_is_named_and_left_out(void **state)
{
    (void)state;
    struct run r = RUN("sweep.yaml", "--cluster", "few-cores.yaml");
    assert_int_equal(r.code, EXIT_INFRASTRUCTURE);
    assert_string_equal(r.complaints,
                        "muster simulate: large fits no slot of the cluster: it needs 1 GPUs, 10 "
                        "cores and 0 MiB; it is left out\n");
    assert_non_null(strstr(r.out, "700 instances"));
    release(&r);
}

static void a_sweep_that_cannot_finish_says_so(void **state)
{
    (void)state;
    struct run r = RUN("sweep.yaml", "--cluster", "dies.yaml");
    assert_int_equal(r.code, EXIT_INFRASTRUCTURE);
    assert_non_null(strstr(r.out, "\nmuster does not finish: 1,400 instances are left, and every "
                                  "worker is dead.\n"));
    release(&r);
}

static void wrong_arguments_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *args[ARGS_MAX];
        int count;
        const char *said;
    } cases[] = {
        { { "sweep.yaml" }, 1, "expected --cluster FILE; ops/examples/cluster.yaml is one\n" },
        { { "--cluster", "cluster.yaml" }, 2, "expected one sweep file; see --help\n" },
        { { "sweep.yaml", "--cluster", "cluster.yaml", "--policy", "static" },
          5,
          "--policy: expected muster, static-rank, chunk-reload, chunk-queue or all, found "
          "\"static\"\n" },
        { { "sweep.yaml", "--cluster", "cluster.yaml", "--chunk", "0" },
          5,
          "--chunk: expected a number from 1 to 16777216, found \"0\"\n" },
        { { "sweep.yaml", "--cluster", "cluster.yaml", "--policy", "all", "--html", "x" },
          7,
          "--timeline and --html show one policy; choose it with --policy\n" },
        { { "sweep.yaml", "--cluster", "cluster.yaml", "--durations", "nowhere" },
          5,
          "--durations: there is no store in nowhere\n" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct run r = run(cases[i].args, cases[i].count);
        assert_int_equal(r.code, EXIT_BAD_INPUT);
        assert_memory_equal(r.complaints, "muster simulate: ", 17);
        assert_string_equal(r.complaints + 17, cases[i].said);
        release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_policy_says_time_and_bound),
        cmocka_unit_test(all_policies_stand_beside_each_other),
        cmocka_unit_test(json_has_what_a_program_needs),
        cmocka_unit_test(the_example_cluster_runs),
        cmocka_unit_test(timelines_are_files),
        cmocka_unit_test(a_model_that_fits_nowhere_is_named_and_left_out),
        cmocka_unit_test(a_sweep_that_cannot_finish_says_so),
        cmocka_unit_test(wrong_arguments_are_told),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
