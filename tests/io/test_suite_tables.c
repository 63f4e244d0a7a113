/* Suites in general, tables of tasks, synthetic suites, and samples. */
#include <math.h>

#include "common/bitmap.h"
#include "common/rng.h"
#include "common/suite/task_table.h"
#include "tests/lib/suite.h"

static int set_up(void **state)
{
    *state = test_dir();
    return 0;
}

static int tear_down(void **state)
{
    test_rm_rf(*state);
    return 0;
}

/* A synthetic suite from this table. */
static struct suite_config with_table(const char *dir, const char *table, char *path, size_t bytes)
{
    test_put(dir, "tasks.csv", table);
    snprintf(path, bytes, "%s/tasks.csv", dir);
    return test_config("synthetic", path);
}

static const char header[] = "sheet,task_name,metric,sota,instances\n";

static void sheets_have_the_workbook_s_names(void **state)
{
    (void)state;
    assert_string_equal(sheet_name_of(MODALITY_NLP, PARADIGM_NONE), "NLP");
    assert_string_equal(sheet_name_of(MODALITY_IMAGE, PARADIGM_GENERATION), "Image-Generation");
    assert_string_equal(sheet_name_of(MODALITY_3D, PARADIGM_COMPREHENSION), "3D-Comprehension");
    assert_string_equal(modality_text(MODALITY_AUDIO), "Audio");
    assert_string_equal(paradigm_text(PARADIGM_NONE), "");
}

static void an_unknown_kind_names_the_known_ones(void **state)
{
    const struct suite_config config = test_config("generalbench", *state);
    test_refuse_with(&config, "'generalbench'", "general-bench", "synthetic");
}

static void the_shared_table_is_the_whole_benchmark(void **state)
{
    (void)state;
    char path[1024];
    test_need_shared();
    snprintf(path, sizeof(path), "%s/data/general-bench/tasks.csv", test_shared());
    const struct suite_config config = test_config("synthetic", path);
    struct suite s = test_open(&config);
    uint64_t instances = 0;
    for (size_t i = 0; i < s.task_count; i++) {
        instances += s.tasks[i].size;
        assert_int_equal(s.tasks[i].metric->kind, METRIC_SCORED);
        assert_true(s.tasks[i].sota > 0);
    }
    assert_int_equal(s.task_count, 699);
    assert_int_equal(instances, 325544);
    assert_string_equal(s.tasks[0].path, "nlp/Commonsense Reasoning");
    assert_string_equal(s.tasks[0].metric_name, "ACC");
    suite_release(&s);
}

static void a_row_becomes_a_task(void **state)
{
    char path[1024];
    struct suite_config config = with_table(*state,
                                            "sheet,task_name,metric,sota,instances\n"
                                            "Audio-Generation, Speech/Song ,WER,5.6,17\n"
                                            "NLP,Plain,ACC,,3\n",
                                            path, sizeof(path));
    const char *globs[] = { "nlp/*", "audio/**" }, *scorers[] = { "[\"a\"]", "[\"b\"]" };
    config.scorer_globs = globs;
    config.scorers = scorers;
    config.scorer_count = 2;
    struct suite s = test_open(&config);
    assert_int_equal(s.task_count, 2);
    const struct task *t = &s.tasks[0];
    assert_string_equal(t->name, " Speech/Song ");
    assert_string_equal(t->path, "audio/generation/Speech-Song");
    assert_int_equal(t->modality, MODALITY_AUDIO);
    assert_int_equal(t->paradigm, PARADIGM_GENERATION);
    assert_string_equal(t->metric_name, "WER");
    assert_int_equal(t->metric->kind, METRIC_SCORED);
    assert_true(t->metric->lower_is_better);
    assert_string_equal(t->scorer, "[\"b\"]");
    assert_true(t->sota == 5.6);
    assert_int_equal(t->size, 17);
    assert_true(isnan(s.tasks[1].sota));
    assert_string_equal(s.tasks[1].scorer, "[\"a\"]");
    suite_release(&s);
}

/* As of a suite with data: `sota` of the sweep file. It was not read, and nobody was told. */
static void a_synthetic_suite_takes_its_specialists_from_another_table(void **state)
{
    char path[1024], other[1024];
    struct suite_config config = with_table(*state,
                                            "sheet,task_name,metric,sota,instances\n"
                                            "NLP,Second Task,ACC,40,7\nNLP,First,ACC,50,7\n",
                                            path, sizeof(path));
    test_put(*state, "other.csv", "sheet,task,metric,sota\nNLP,second_task,ACC,77\n");
    snprintf(other, sizeof(other), "%s/other.csv", (char *)*state);
    config.sota = other;
    struct suite s = test_open(&config);
    assert_int_equal(s.task_count, 2);
    assert_string_equal(s.tasks[0].name, "Second Task");
    assert_true(s.tasks[0].sota == 77);
    assert_true(isnan(s.tasks[1].sota)); /* it has no row there */
    suite_release(&s);
    config.sota = "/nonexistent/table.csv";
    test_refuse_with(&config, "/nonexistent/table.csv");
}

static void an_instance_is_its_number(void **state)
{
    char path[1024];
    const struct suite_config config = with_table(
        *state, "sheet,task,metric,instances\nImage-Comprehension,\"A \"\"b\"\"\",Acc,20\n", path,
        sizeof(path));
    struct suite s = test_open(&config);
    struct task_data *d;
    struct instance instance;
    assert_int_equal(task_data_open(&config, &s.tasks[0], &d, NULL), OK);
    assert_int_equal(task_data_instance(d, 19, &instance, NULL), OK);
    assert_string_equal(instance.id, "19");
    assert_true(span_equal(
        instance.request,
        span_str(
            "{\"task\":\"image/comprehension/A \\\"b\\\"\",\"type\":\"synthetic\",\"modality\":"
            "\"Image\",\"paradigm\":\"Comprehension\",\"input\":{\"question\":\"19\"}}")));
    assert_int_equal(instance.reference_count, 0);
    task_data_close(d);
    suite_release(&s);
}

/* What a worker is told of the task is all there is: it needs no table. */
static void a_task_is_what_its_digest_says_without_its_table(void **state)
{
    char path[1024];
    struct suite_config config = with_table(
        *state, "sheet,task,metric,instances\nNLP,A,ACC,20\nNLP,B,ACC,20\n", path, sizeof(path));
    struct suite s = test_open(&config);
    struct task_data *d;
    struct errmsg msg = { 0 };
    config.path = "/nowhere/tasks.csv";
    s.tasks[0].size = 21;
    assert_int_equal(task_data_open(&config, &s.tasks[0], &d, &msg), ERR_STALE);
    assert_non_null(strstr(msg.text, "nlp/A"));
    assert_int_equal(task_data_open(&config, &s.tasks[1], &d, &msg), OK);
    task_data_close(d);
    suite_release(&s);
}

static void a_bad_table_says_where(void **state)
{
    const struct {
        const char *rows;
        const char *word, *place;
    } cases[] = {
        { "NLP,A,ACC,1,0\n", "instances", "row 2" },
        { "NLP,A,ACC,1,many\n", "instances", "row 2" },
        { "NLP,A,ACC,1,99999999999\n", "instances", "row 2" },
        { "NLP,A,ACC,1,\n", "no instances", "row 2" },
        { "NLP,A,,1,5\n", "no metric", "row 2" },
        { "NLP,A,AXX,1,5\n", "'AXX'", "row 2" },
        { "NLP,A,ROUGE1x,1,5\n", "is it 'ROUGE1'?", "row 2" },
        { "NLP,A,ACC,good,5\n", "'good'", "row 2" },
        { "NLP,A,ACC,1,5\nText,B,ACC,1,5\n", "'Text'", "row 3" },
        { "Image,B,ACC,1,5\n", "'Image'", "row 2" },
        { "NLP,A,ACC,1,5\nNLP,B,ACC,1,5\nNLP, A ,F1,1,5\n", "row 2", "row 4" },
        { "NLP,A/b,ACC,1,5\nNLP,A-b,ACC,1,5\n", "'A/b'", "'A-b'" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char table[512], path[1024];
        snprintf(table, sizeof(table), "%s%s", header, cases[i].rows);
        const struct suite_config config = with_table(*state, table, path, sizeof(path));
        test_refuse_with(&config, cases[i].word, cases[i].place);
    }
}

static void a_table_needs_its_columns(void **state)
{
    char path[1024];
    struct suite_config config = with_table(*state, "metric,sota\nACC,1\n", path, sizeof(path));
    test_refuse_with(&config, "'task'");
    config = with_table(*state, header, path, sizeof(path));
    test_refuse_with(&config, "no task");
    config =
        with_table(*state, "task,metric,sota,instances,SoTA\nA,ACC,1,5,2\n", path, sizeof(path));
    test_refuse_with(&config, "the columns 3 ('sota') and 5 ('SoTA')");
}

static void one_name_may_stand_in_two_sheets(void **state)
{
    char path[1024];
    const struct suite_config config =
        with_table(*state,
                   "modality,paradigm,task,metric,instances\nimage,comprehension,A,Acc,1\nImage,"
                   "Generation,A,FID,1\n",
                   path, sizeof(path));
    struct suite s = test_open(&config);
    assert_int_equal(s.task_count, 2);
    assert_false(digest_equal(&s.tasks[0].data, &s.tasks[1].data));
    suite_release(&s);
}

static void rows_are_found_by_name_or_by_letters(void **state)
{
    char path[1024];
    (void)with_table(*state,
                     "sheet,task,metric\nNLP,Causal Reasoning,ACC\nNLP,A-b,F1\nNLP,A b,ACC\n"
                     "NLP,'-x,ACC\nNLP,x,ACC\nNLP,'tis,ACC\n",
                     path, sizeof(path));
    struct arena arena = { 0 };
    struct task_table t;
    assert_int_equal(task_table_read(path, &arena, &t, NULL), OK);
    const struct {
        const char *name;
        const char *found;
    } cases[] = {
        { "Causal Reasoning", "Causal Reasoning" },
        { " Causal Reasoning ", "Causal Reasoning" },
        { "causal_reasoning", "Causal Reasoning" },
        { "CausalReasoning", "Causal Reasoning" },
        { "A-b", "A-b" },
        { "A b", "A b" },
        { "a_b", NULL },   /* could be both */
        { "-x", "-x" },    /* guarded, as in the table that a report writes */
        { "tis", "'tis" }, /* guards nothing */
        { "Causal", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct task_row *row =
            task_table_find(&t, MODALITY_NLP, PARADIGM_NONE, cases[i].name);
        if (cases[i].found)
            assert_string_equal(row->name, cases[i].found);
        else
            assert_null(row);
    }
    assert_null(task_table_find(&t, MODALITY_IMAGE, PARADIGM_GENERATION, "A-b"));
    arena_release(&arena);
}

static void the_reference_s_workbook_is_a_table(void **state)
{
    (void)state;
    char path[1024];
    test_need_shared();
    snprintf(path, sizeof(path), "%s/data/general-bench/sota_result.xlsx", test_shared());
    struct arena arena = { 0 };
    struct task_table t;
    struct errmsg msg = { 0 };
    if (task_table_read(path, &arena, &t, &msg))
        fail_msg("%s", msg.text);
    assert_int_equal(t.count, 699);
    const struct task_row *row =
        task_table_find(&t, MODALITY_IMAGE, PARADIGM_COMPREHENSION, "crowd_counting");
    assert_non_null(row);
    assert_string_equal(row->metric, "MAE");
    assert_true(row->sota == 5.95);
    arena_release(&arena);
}

/* ---- samples ---- */

static struct task task_of(uint32_t size, const char *data)
{
    return (struct task){ .size = size, .data = digest_of(span_str(data)) };
}

static void a_larger_sample_holds_the_smaller_one(void **state)
{
    (void)state;
    const struct task task = task_of(1000, "data");
    struct bitmap smaller;
    task_sample(&task, 1, 7, &smaller);
    for (uint32_t limit = 2; limit <= 1000; limit++) {
        struct bitmap larger;
        task_sample(&task, limit, 7, &larger);
        assert_int_equal(larger.bits, 1000);
        assert_int_equal(bitmap_count(&larger), limit);
        assert_true(bitmap_subset(&smaller, &larger));
        bitmap_release(&smaller);
        smaller = larger;
    }
    bitmap_release(&smaller);
}

static uint64_t half_of(const struct digest *d, size_t first)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++)
        value = value << 8 | d->bytes[first + i];
    return value;
}

static void a_sample_is_the_smallest_draws(void **state)
{
    (void)state;
    enum { SIZE = 500, LIMIT = 60 };
    const struct task task = task_of(SIZE, "data");
    const uint64_t high = half_of(&task.data, 0), low = half_of(&task.data, 8);
    struct bitmap sample;
    task_sample(&task, LIMIT, 7, &sample);
    for (uint32_t i = 0; i < SIZE; i++) {
        size_t smaller = 0;
        for (uint32_t k = 0; k < SIZE; k++)
            smaller += rng_mix(7, high, low, k) < rng_mix(7, high, low, i);
        assert_int_equal(bitmap_get(&sample, i), smaller < LIMIT);
    }
    bitmap_release(&sample);
}

static void without_a_limit_all_are_wanted(void **state)
{
    (void)state;
    const struct task task = task_of(70, "data");
    const uint32_t limits[] = { 0, 70, 71, UINT32_MAX };
    for (size_t i = 0; i < 4; i++) {
        struct bitmap all;
        task_sample(&task, limits[i], 7, &all);
        assert_int_equal(bitmap_count(&all), 70);
        bitmap_release(&all);
    }
}

static void a_sample_depends_on_seed_and_data(void **state)
{
    (void)state;
    const struct task a = task_of(1000, "a"), b = task_of(1000, "b");
    struct bitmap first, again, other_seed, other_data;
    task_sample(&a, 50, 7, &first);
    task_sample(&a, 50, 7, &again);
    task_sample(&a, 50, 8, &other_seed);
    task_sample(&b, 50, 7, &other_data);
    assert_true(bitmap_subset(&first, &again));
    assert_false(bitmap_subset(&first, &other_seed));
    assert_false(bitmap_subset(&first, &other_data));
    bitmap_release(&first);
    bitmap_release(&again);
    bitmap_release(&other_seed);
    bitmap_release(&other_data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sheets_have_the_workbook_s_names),
        cmocka_unit_test_setup_teardown(an_unknown_kind_names_the_known_ones, set_up, tear_down),
        cmocka_unit_test(the_shared_table_is_the_whole_benchmark),
        cmocka_unit_test_setup_teardown(a_row_becomes_a_task, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_synthetic_suite_takes_its_specialists_from_another_table,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_instance_is_its_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_is_what_its_digest_says_without_its_table, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bad_table_says_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_needs_its_columns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_name_may_stand_in_two_sheets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_are_found_by_name_or_by_letters, set_up, tear_down),
        cmocka_unit_test(the_reference_s_workbook_is_a_table),
        cmocka_unit_test(a_larger_sample_holds_the_smaller_one),
        cmocka_unit_test(a_sample_is_the_smallest_draws),
        cmocka_unit_test(without_a_limit_all_are_wanted),
        cmocka_unit_test(a_sample_depends_on_seed_and_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
