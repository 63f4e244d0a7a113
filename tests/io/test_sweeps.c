/* The sweeps of one run: what they share, and what they must agree upon. */
#include "coordinator/sweeps.h"

#include <unistd.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "tests/lib/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *folder;

static void put_file(const char *name, const char *text)
{
    assert_int_equal(file_write_atomic(name, span_str(text), 0644, NULL), OK);
}

static int enter_folder(void **state)
{
    (void)state;
    folder = test_dir();
    assert_int_equal(chdir(folder), 0);
    put_file("gb.csv", "sheet,modality,paradigm,task,metric,sota,instances\n"
                       "NLP,NLP,,Capitals,ACC,90,20\n");
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    test_rm_rf(folder);
    return 0;
}

/* NAME.yaml, with these settings and this model. */
static void put_sweep(const char *name, const char *settings, const char *model)
{
    char *file = xformat("%s.yaml", name);
    char *text = xformat("name: %s\n"
                         "settings: {%s}\n"
                         "suites: [{name: gb, kind: synthetic, path: gb.csv}]\n"
                         "models:\n"
                         "  - {name: m, host: sim%s}\n",
                         name, settings, model);
    put_file(file, text);
    free(text);
    free(file);
}

static err open_both(struct sweeps *out, struct problems *problems)
{
    static const char *const files[] = { "one.yaml", "two.yaml" };
    return sweeps_open(files, COUNT(files), out, problems);
}

/* ---- What they share ---- */

static void a_model_of_both_stands_in_the_plan_once(void **state)
{
    (void)state;
    struct sweeps s;
    struct problems problems = { 0 };
    put_sweep("one", "timeout: 30s, limit: 5", ", resources: {gpus: 1, gpu_types: [A100]}");
    put_sweep("two", "limit: 9", ", timeout: 30s, resources: {gpu_types: [A100], gpus: 1}");
    assert_int_equal(open_both(&s, &problems), OK);
    assert_int_equal(s.all->model_count, 1);
    assert_int_equal(s.all->cell_count, 1);
    assert_int_equal(bitmap_count(plan_wanted(s.all, 0)), 9);
    sweeps_release(&s);
    problems_release(&problems);
}

/* Else one of them would get the other's, and nobody be told. */
static void a_model_of_both_has_the_same_limits_and_resources_in_both(void **state)
{
    (void)state;
    static const struct {
        const char *settings[2], *model[2], *said;
    } cases[] = {
        { { "timeout: 30s", "" },
          { "", ", timeout: 1m500ms" },
          "timeout of m is 60500ms, and 30s at one.yaml:5; sweeps of one run share the model, so "
          "give it the same in both (or in both settings, where models have none), or run one "
          "after the other" },
        { { "", "" },
          { ", load_timeout: 1h", ", load_timeout: 2h" },
          "load_timeout of m is 7200s, and 3600s at one.yaml:5; " },
        { { "", "" },
          { "", ", resources: {gpus: 2}" },
          "resources.gpus of m is 2, and 0 at one.yaml:5; " },
        { { "", "" },
          { ", resources: {cpus: 4}", "" },
          "resources.cpus of m is 1, and 4 at one.yaml:5; " },
        { { "", "" },
          { ", resources: {memory: 2GiB}", ", resources: {memory: 1000}" },
          "resources.memory of m is 1000, and 2048MiB at one.yaml:5; " },
        { { "", "" },
          { ", resources: {gpus: 1, gpu_memory: 2GiB}", ", resources: {gpus: 1}" },
          "resources.gpu_memory of m is not given, and 2048MiB at one.yaml:5; " },
        { { "", "" },
          { ", resources: {gpus: 1}", ", resources: {gpus: 1, gpu_types: [A100, L40]}" },
          "resources.gpu_types of m is [A100, L40], and not given at one.yaml:5; " },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sweeps s;
        struct problems problems = { 0 };
        put_sweep("one", cases[i].settings[0], cases[i].model[0]);
        put_sweep("two", cases[i].settings[1], cases[i].model[1]);
        assert_int_equal(open_both(&s, &problems), ERR_INVALID);
        assert_int_equal(problems.count, 1);
        char *expected = xformat("two.yaml:5: models[0]: %s", cases[i].said);
        assert_memory_equal(problems.list[0].text, expected, strlen(expected));
        free(expected);
        sweeps_release(&s);
        problems_release(&problems);
    }
}

/* Another model altogether: its results are its own. */
static void models_of_one_name_that_answer_differently_need_not_agree(void **state)
{
    (void)state;
    struct sweeps s;
    struct problems problems = { 0 };
    put_sweep("one", "timeout: 30s", "");
    put_sweep("two", "timeout: 40s", ", decoding: {temperature: 1}");
    assert_int_equal(open_both(&s, &problems), OK);
    assert_int_equal(s.all->model_count, 2);
    sweeps_release(&s);
    problems_release(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_of_both_stands_in_the_plan_once),
        cmocka_unit_test(a_model_of_both_has_the_same_limits_and_resources_in_both),
        cmocka_unit_test(models_of_one_name_that_answer_differently_need_not_agree),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
