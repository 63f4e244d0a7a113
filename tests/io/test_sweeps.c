/* The sweeps of one run: what they share, and what they must agree upon. */
#include "coordinator/sweeps.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "coordinator/submission.h"
#include "tests/io/store_fixture.h"

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

/* ---- From one start to the next ---- */

enum { HOUR_MS = 3600 * 1000 };

static void open_one(struct sweeps *out, const char *deadline)
{
    static const char *const files[] = { "one.yaml" };
    struct problems problems = { 0 };
    put_sweep("one", deadline, "");
    if (sweeps_open(files, COUNT(files), out, &problems))
        fail_msg("%s", problems.list[0].text);
    problems_release(&problems);
}

/* As a coordinator that starts finds it; until its deadline, in hours. */
static int start(struct store *store, const char *deadline, int64_t *out_submitted_ms)
{
    struct sweeps s;
    open_one(&s, deadline);
    assert_int_equal(sweeps_submit(&s, store, NULL), OK);
    *out_submitted_ms = s.submitted_wall_ms[0];
    int64_t left_ns = s.deadlines[0].mono_ns - clock_mono_ns();
    int64_t left_ms = s.deadlines[0].wall_ms - clock_wall_ms();
    assert_true(llabs(left_ns / 1000000 - left_ms) < HOUR_MS / 60);
    sweeps_release(&s);
    return (int)lround((double)left_ms / HOUR_MS);
}

static void submitted_before(struct store *store, int hours)
{
    struct store_batch *b = store_batch_new();
    submission_store(
        b, "one",
        &(struct submission){ .submitted_wall_ms = clock_wall_ms() - (int64_t)hours * HOUR_MS });
    fixture_commit(store, b);
    store_batch_free(b);
}

static void a_start_goes_on_with_the_deadline_of_the_first(void **state)
{
    (void)state;
    struct store *store = fixture_open("store");
    int64_t first, again;
    assert_int_equal(start(store, "deadline: 8h", &first),
                     8); /* also in a store of an older build */
    store_close(store);
    store = fixture_open("store");
    (void)usleep(2000);
    assert_int_equal(start(store, "deadline: 8h", &again), 8);
    assert_int_equal(again, first);
    submitted_before(store, 5);
    assert_int_equal(start(store, "deadline: 8h", &again), 3);
    assert_int_equal(start(store, "deadline: 4h", &again), -1); /* that was an hour ago */
    store_close(store);
}

static void what_was_over_is_submitted_anew(void **state)
{
    (void)state;
    struct store *store = fixture_open("store");
    struct sweeps s;
    int64_t submitted;
    submitted_before(store, 5);
    open_one(&s, "deadline: 8h");
    assert_int_equal(sweeps_recall(&s, store, NULL), OK);
    assert_int_equal(sweeps_end(&s, store, NULL), OK);
    sweeps_release(&s);
    assert_int_equal(start(store, "deadline: 8h", &submitted), 8);
    store_close(store);
}

static void a_sweep_without_a_deadline_has_none(void **state)
{
    (void)state;
    struct store *store = fixture_open("store");
    struct sweeps s;
    open_one(&s, "");
    assert_int_equal(sweeps_submit(&s, store, NULL), OK);
    assert_true(s.deadlines[0].mono_ns == INT64_MAX);
    sweeps_release(&s);
    store_close(store);
}

/* As far away as a sweep file may say; the clock counts nanoseconds. */
static void a_deadline_in_a_thousand_years_is_in_the_future(void **state)
{
    (void)state;
    struct sweeps s;
    open_one(&s, "deadline: 2999-12-31 23:59");
    assert_true(s.deadlines[0].mono_ns > clock_mono_ns());
    assert_true(s.deadlines[0].mono_ns < INT64_MAX);
    assert_true(s.deadlines[0].wall_ms == 32503679940000);
    sweeps_release(&s);
}

static void what_makes_no_sense_is_as_good_as_nothing(void **state)
{
    (void)state;
    static const char *const values[] = { "", "\x01", "\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x01" };
    char key[64], hex[DIGEST_HEX_BYTES];
    struct digest digest = digest_of(span_str("one"));
    digest_hex(&digest, hex);
    snprintf(key, sizeof(key), "sweep/%s", hex);
    struct store *store = fixture_open("store");
    for (size_t i = 0; i < COUNT(values); i++) {
        struct store_batch *b = store_batch_new();
        struct submission found = { 1, true, true };
        store_batch_meta(b, key, span_str(values[i]));
        fixture_commit(store, b);
        store_batch_free(b);
        assert_int_equal(submission_load(store, "one", &found, NULL), OK);
        assert_int_equal(found.submitted_wall_ms, 0);
        assert_false(found.is_over || found.is_one_of_several);
    }
    store_close(store);
}

/* ---- Where reports go ---- */

static void assert_report_of_one(struct store *store, const char *expected)
{
    char *found;
    assert_int_equal(sweeps_find_report_dir("state", "one", store, &found, NULL), OK);
    assert_string_equal(found, expected);
    free(found);
}

static void a_report_goes_where_the_newest_run_writes_it(void **state)
{
    (void)state;
    struct store *store = fixture_open("store");
    struct problems problems = { 0 };
    struct sweeps s;
    int64_t submitted;
    assert_report_of_one(store, "state/report");
    assert_int_equal(mkdir("state", 0700) + mkdir("state/report", 0700), 0);
    assert_int_equal(mkdir("state/report/one", 0700), 0);
    assert_report_of_one(store, "state/report/one"); /* an older build wrote it */
    (void)start(store, "deadline: 8h", &submitted);
    assert_report_of_one(store, "state/report");
    put_sweep("two", "", "");
    assert_int_equal(open_both(&s, &problems), OK);
    assert_int_equal(sweeps_submit(&s, store, NULL), OK);
    sweeps_release(&s);
    problems_release(&problems);
    assert_report_of_one(store, "state/report/one");
    store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_model_of_both_stands_in_the_plan_once),
        TEST(a_model_of_both_has_the_same_limits_and_resources_in_both),
        TEST(models_of_one_name_that_answer_differently_need_not_agree),
        TEST(a_start_goes_on_with_the_deadline_of_the_first),
        TEST(what_was_over_is_submitted_anew),
        TEST(a_sweep_without_a_deadline_has_none),
        TEST(a_deadline_in_a_thousand_years_is_in_the_future),
        TEST(what_makes_no_sense_is_as_good_as_nothing),
        TEST(a_report_goes_where_the_newest_run_writes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
