/* The keys that say who gets what of the slots: of a sweep, and of a model. */
#include "coordinator/spec/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "tests/lib/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *folder;

static int enter_folder(void **state)
{
    (void)state;
    folder = test_dir();
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("data", 0755), 0);
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    test_rm_rf(folder);
    return 0;
}

static err load(const char *text, struct spec *out, struct problems *problems)
{
    assert_int_equal(file_write_atomic("sweep.yaml", span_str(text), 0644, NULL), OK);
    return spec_load("sweep.yaml", (struct spec_env){ 0 }, out, problems);
}

/* A sweep that must be fine. */
static void load_good(const char *text, struct spec *out)
{
    struct problems problems = { 0 };
    if (load(text, out, &problems) != OK)
        fail_msg("%s", problems.list[0].text);
    problems_release(&problems);
}

static void a_sweep_says_what_it_gets_and_a_model_what_it_may_have(void **state)
{
    (void)state;
    struct spec s;
    load_good("name: d\n"
              "settings: {user: ada, weight: 2.5, priority: 70, deadline: 8h, fair: models}\n"
              "suites: [{name: s, kind: k, path: data}]\n"
              "models:\n"
              "- {name: m, host: sim, priority: 60, concurrency: 4, max_replicas: 2, weight: 3, "
              "speculate: false}\n"
              "- {name: n, host: sim}\n",
              &s);
    assert_string_equal(s.settings.share.user, "ada");
    assert_true(s.settings.share.weight == 2.5);
    assert_int_equal(s.settings.share.priority, 70);
    assert_true(s.settings.share.fair_models);
    assert_int_equal(s.settings.deadline.kind, DEADLINE_AFTER);
    assert_int_equal(s.settings.deadline.ms, 8 * 3600 * 1000);
    const struct spec_rules *rules = &s.models[0].rules;
    assert_int_equal(rules->priority, 60);
    assert_int_equal(rules->concurrency, 4);
    assert_int_equal(rules->max_replicas, 2);
    assert_true(rules->weight == 3);
    assert_true(rules->never_copied);
    rules = &s.models[1].rules;
    assert_int_equal(rules->priority, PRIORITY_DEFAULT);
    assert_int_equal(rules->concurrency + rules->max_replicas, 0);
    assert_true(rules->weight == 1);
    assert_false(rules->never_copied);
    assert_true(s.settings.speculation == 0.05);
    spec_release(&s);
}

static void a_deadline_may_be_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        int64_t ms;
    } cases[] = {
        { "2000-01-01 00:00", 946684800000 },
        { "2031-05-01T18:00:30Z", 1935424830000 },
        { "2096-02-29 23:59:59", 3981398399000 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct spec s;
        char text[300];
        snprintf(text, sizeof(text),
                 "name: d\nsettings: {deadline: %s}\n"
                 "suites: [{name: s, kind: k, path: data}]\nmodels: [{name: m, host: sim}]\n",
                 cases[i].said);
        load_good(text, &s);
        assert_int_equal(s.settings.deadline.kind, DEADLINE_AT);
        assert_int_equal(s.settings.deadline.ms, cases[i].ms);
        spec_release(&s);
    }
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *settings, *model, *said;
    } cases[] = {
        { "deadline: soon", "",
          "sweep.yaml:2: settings.deadline: expected a duration, such as 8h, or a date and time "
          "(UTC), such as 2031-05-01 18:00, found \"soon\"\n" },
        { "deadline: 2031-02-29 18:00", "",
          "sweep.yaml:2: settings.deadline: expected a duration, such as 8h, or a date and time "
          "(UTC), such as 2031-05-01 18:00, found \"2031-02-29 18:00\"\n" },
        { "priority: 101", "",
          "sweep.yaml:2: settings.priority: expected a whole number from 0 to 100, found "
          "\"101\"\n" },
        { "weight: 0", "",
          "sweep.yaml:2: settings.weight: expected a number from 1e-06 to 1e+06, found \"0\"\n" },
        { "fair: users", "",
          "sweep.yaml:2: settings.fair: expected sweeps or models, found \"users\"\n" },
        { "speculation: 2", "",
          "sweep.yaml:2: settings.speculation: expected a number from 0 to 1, found \"2\"\n" },
        { "", ", speculate: maybe",
          "sweep.yaml:4: models[0].speculate: expected false or true, found \"maybe\"\n" },
        { "", ", concurrency: 0",
          "sweep.yaml:4: models[0].concurrency: expected a whole number from 1 to 1000000, found "
          "\"0\"\n" },
        { "", ", max_replicas: all",
          "sweep.yaml:4: models[0].max_replicas: expected a whole number from 1 to 1000000, found "
          "\"all\"\n" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct spec s;
        struct problems problems = { 0 };
        struct buf lines = { 0 };
        char text[300];
        snprintf(text, sizeof(text),
                 "name: d\nsettings: {%s}\nsuites: [{name: s, kind: k, path: data}]\n"
                 "models: [{name: m, host: sim%s}]\n",
                 cases[i].settings, cases[i].model);
        assert_int_equal(load(text, &s, &problems), ERR_INVALID);
        problems_format(&problems, &lines);
        assert_string_equal(buf_cstr(&lines), cases[i].said);
        buf_release(&lines);
        problems_release(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sweep_says_what_it_gets_and_a_model_what_it_may_have),
        cmocka_unit_test(a_deadline_may_be_a_time),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
