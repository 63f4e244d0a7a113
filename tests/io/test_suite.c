/* The General-Bench reader: its layout, which metric a task has, requests and references, files
 * that must not leave the task, digests. */
#include <jansson.h>
#include <math.h>

#include "common/buf.h"
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

/* One item that every task can have. */
#define ITEM  "{\"id\":1,\"input\":{\"question\":\"q\"},\"output\":{\"answer\":\"a\"}}"
#define DATA  "\"data\":[" ITEM "]"
#define PLAIN "{\"metric\":\"ACC\"," DATA "}"

/* ---- layout ---- */

static void every_folder_of_the_layout_is_a_task(void **state)
{
    test_put(*state, "video/generation/B/annotation.json", PLAIN);
    test_put(*state, "nlp/A/annotation_v2.json", PLAIN);
    test_put(*state, "image/comprehension/C/json/annotation.json", PLAIN);
    test_put(*state, "3d/comprehension/D/D.json", PLAIN);
    test_put(*state, "audio/generation/.hidden/annotation.json", "{");
    test_put(*state, "audio/generation/notes.txt", "not a task");
    test_put(*state, "other/E/annotation.json", "{");
    const struct suite_config config = test_config("general-bench", *state);
    struct suite s = test_open(&config);
    const struct {
        const char *path, *name;
        enum modality modality;
        enum paradigm paradigm;
    } expected[] = {
        { "3d/comprehension/D", "D", MODALITY_3D, PARADIGM_COMPREHENSION },
        { "image/comprehension/C", "C", MODALITY_IMAGE, PARADIGM_COMPREHENSION },
        { "nlp/A", "A", MODALITY_NLP, PARADIGM_NONE },
        { "video/generation/B", "B", MODALITY_VIDEO, PARADIGM_GENERATION },
    };
    assert_int_equal(s.task_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(s.tasks[i].path, expected[i].path);
        assert_string_equal(s.tasks[i].name, expected[i].name);
        assert_int_equal(s.tasks[i].modality, expected[i].modality);
        assert_int_equal(s.tasks[i].paradigm, expected[i].paradigm);
        assert_int_equal(s.tasks[i].size, 1);
        assert_true(isnan(s.tasks[i].sota));
    }
    suite_release(&s);
}

static void what_cannot_be_used_is_named(void **state)
{
    const struct {
        const char *annotation;
        const char *word, *place;
    } cases[] = {
        { "{\n \"data\": [}", "line 2", "nlp/A/annotation.json" },
        { "[]", "'data'", "nlp/A/annotation.json" },
        { "{\"data\":{}}", "'data'", "nlp/A/annotation.json" },
        { "{\"data\":[]}", "0 items", "nlp/A/annotation.json" },
        { "{\"task\":7," DATA "}", "'task' must be text", "nlp/A/annotation.json" },
        { "{" DATA "}", "no metric", "key 'metric'" },
        { "{\"metric\":\"ROGUE-1\"," DATA "}", "'ROGUE-1'", "is it 'ROUGE-1'?" },
        { "{\"task\":\"a\\nb\",\"metric\":\"ACC\"," DATA "}", "control characters", "nlp/A" },
    };
    const struct suite_config config = test_config("general-bench", *state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_put(*state, "nlp/A/annotation.json", cases[i].annotation);
        test_refuse_with(&config, cases[i].word, cases[i].place);
    }
}

static void a_folder_without_annotation_is_an_error(void **state)
{
    test_put(*state, "nlp/A/readme.txt", "");
    const struct suite_config config = test_config("general-bench", *state);
    test_refuse_with(&config, "nlp/A", "no annotation", "annotation.json");
}

static void a_suite_must_be_a_folder_with_tasks(void **state)
{
    struct suite_config config = test_config("general-bench", *state);
    test_refuse_with(&config, "no task");
    config.path = "/nonexistent/suite";
    test_refuse_with(&config, "/nonexistent/suite");
}

static void two_tasks_of_one_name_are_both_named(void **state)
{
    test_put(*state, "nlp/A/annotation.json", "{\"task\":\"T\",\"metric\":\"ACC\"," DATA "}");
    test_put(*state, "nlp/B/annotation.json", "{\"task\":\"T\",\"metric\":\"ACC\"," DATA "}");
    const struct suite_config config = test_config("general-bench", *state);
    test_refuse_with(&config, "nlp/A", "nlp/B", "'T'");
}

/* ---- the table of specialists ---- */

static void the_table_gives_name_metric_sota_and_order(void **state)
{
    test_put(*state, "nlp/a_task/annotation.json", "{" DATA "}");
    test_put(*state, "nlp/b/annotation.json", "{\"task\":\"second_task\"," DATA "}");
    test_put(*state, "nlp/c/annotation.json", "{\"metric\":\"F1\"," DATA "}");
    test_put(*state, "image/comprehension/a_task/annotation.json", PLAIN);
    test_put(*state, "sota.csv",
             "modality,paradigm,no,task,metric,sota\n"
             "NLP,,1,Second Task,BLUE_1,70.5\n"
             "NLP,,2,Not Here,ACC,1\n"
             "NLP,,3,A Task,ROUGE-1,\n");
    const struct suite_config config = test_config("general-bench", *state);
    struct suite s = test_open(&config);
    assert_int_equal(s.task_count, 4);
    assert_string_equal(s.tasks[0].name, "Second Task");
    assert_string_equal(s.tasks[0].path, "nlp/b");
    assert_string_equal(s.tasks[0].metric_name, "BLUE_1");
    assert_int_equal(s.tasks[0].metric->kind, METRIC_BLEU1);
    assert_true(s.tasks[0].sota == 70.5);
    assert_string_equal(s.tasks[1].name, "A Task");
    assert_true(isnan(s.tasks[1].sota));
    assert_string_equal(s.tasks[2].path, "image/comprehension/a_task");
    assert_string_equal(s.tasks[2].name, "a_task"); /* of another sheet */
    assert_string_equal(s.tasks[3].path, "nlp/c");
    suite_release(&s);
}

static void a_table_elsewhere_takes_the_place_of_the_suite_s_own(void **state)
{
    char path[1024];
    test_put(*state, "nlp/A/annotation.json", "{" DATA "}");
    test_put(*state, "sota.csv", "modality,paradigm,task,metric,sota\nNLP,,A,F1,1\n");
    test_put(*state, "tables/other.csv", "modality,paradigm,task,metric,sota\nNLP,,A,ACC,2\n");
    snprintf(path, sizeof(path), "%s/tables/other.csv", (char *)*state);
    struct suite_config config = test_config("general-bench", *state);
    config.sota = path;
    struct suite s = test_open(&config);
    assert_string_equal(s.tasks[0].metric_name, "ACC");
    assert_true(s.tasks[0].sota == 2);
    suite_release(&s);
    config.sota = "/nonexistent/table.csv";
    test_refuse_with(&config, "/nonexistent/table.csv");
}

static void two_folders_for_one_row_are_an_error(void **state)
{
    test_put(*state, "nlp/a_task/annotation.json", "{" DATA "}");
    test_put(*state, "nlp/ATask/annotation.json", "{" DATA "}");
    test_put(*state, "sota.csv", "modality,paradigm,task,metric,sota\nNLP,,A Task,F1,1\n");
    const struct suite_config config = test_config("general-bench", *state);
    test_refuse_with(&config, "nlp/a_task", "nlp/ATask", "'A Task'");
}

/* ---- how a task is scored ---- */

static void the_kind_of_a_metric_fits_the_task(void **state)
{
    const struct {
        const char *folder, *type, *metric, *input;
        bool scorer;
        enum metric_kind kind;
    } cases[] = {
        { "nlp/A", "OpenQA", "ACC", "{\"q\":1}", false, METRIC_EXACT },
        { "nlp/A", "MultipleChoiceQA", "ACC", "{\"q\":1}", false, METRIC_CHOICE },
        { "nlp/A", "multiple choice", "Micro-F1", "{\"q\":1}", false, METRIC_CHOICE },
        { "nlp/A", "classification", "Micro-F1", "{\"q\":1}", false, METRIC_MICRO_F1 },
        { "nlp/A", "OpenQA", "ACC", "{\"options\":[\"x\"]}", false, METRIC_CHOICE },
        { "nlp/A", "OpenQA", "F1", "{\"options\":[\"x\"]}", false, METRIC_TOKEN_F1 },
        { "video/comprehension/A", "", "Acc", "{\"q\":1}", false, METRIC_CONTAINS },
        { "image/comprehension/A", "", "Acc", "{\"q\":1}", false, METRIC_EXACT },
        { "image/generation/A", "", "Acc", "{\"q\":1}", false, METRIC_SCORED },
        { "image/generation/A", "", "FID", "{\"q\":1}", false, METRIC_SCORED },
        { "audio/generation/A", "", "WER", "{\"q\":1}", true, METRIC_WER },
        { "image/comprehension/A", "", "MAE", "{\"q\":1}", false, METRIC_MAE },
        { "image/comprehension/A", "", "MAE", "{\"q\":1}", true, METRIC_SCORED },
        { "3d/comprehension/A", "", "RMSE", "{\"q\":1}", true, METRIC_SCORED },
    };
    const char *globs[] = { "**" }, *scorers[] = { "[\"score\"]" };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[128], text[512], suite[1024];
        snprintf(suite, sizeof(suite), "%s/%zu", (char *)*state, i);
        snprintf(name, sizeof(name), "%s/annotation.json", cases[i].folder);
        snprintf(text, sizeof(text),
                 "{\"type\":\"%s\",\"metric\":\"%s\",\"data\":[{\"input\":%s}]}", cases[i].type,
                 cases[i].metric, cases[i].input);
        test_put(suite, name, text);
        struct suite_config config = test_config("general-bench", suite);
        config.scorer_globs = globs;
        config.scorers = scorers;
        config.scorer_count = cases[i].scorer;
        struct suite s = test_open(&config);
        if (s.tasks[0].metric->kind != cases[i].kind)
            fail_msg("%s %s %s", cases[i].folder, cases[i].type, cases[i].metric);
        assert_string_equal(s.tasks[0].metric_name, cases[i].metric);
        suite_release(&s);
    }
}

/* ---- instances ---- */

/* What the first instance of a task comes to. */
struct got {
    err e;
    struct errmsg msg;
    json_t *request;
    char *id;
    char *references; /* one after the other, '|' between them */
    unsigned option_count;
};

static void got_release(struct got *g)
{
    json_decref(g->request);
    free(g->id);
    free(g->references);
}

static struct got take(const struct instance *instance, err e, const struct errmsg *msg)
{
    struct got g = { .e = e, .msg = *msg, .id = strdup(instance->id) };
    struct buf references = { 0 };
    for (size_t i = 0; i < instance->reference_count; i++) {
        buf_append_str(&references, i ? "|" : "");
        buf_append_span(&references, instance->references[i]);
    }
    g.references = strdup(buf_cstr(&references));
    buf_release(&references);
    if (!e) {
        assert_null(memchr(instance->request.data, '\n', instance->request.len));
        g.request =
            json_loadb((const char *)instance->request.data, instance->request.len, 0, NULL);
        assert_non_null(g.request);
    }
    g.option_count = instance->option_count;
    return g;
}

/* The first instance of the suite's first task. */
static struct got read_first(const char *suite)
{
    const struct suite_config config = test_config("general-bench", suite);
    struct suite s = test_open(&config);
    struct task_data *d;
    struct errmsg msg = { 0 };
    struct instance instance;
    assert_int_equal(task_data_open(&config, &s.tasks[0], &d, &msg), OK);
    err e = task_data_instance(d, 0, &instance, &msg);
    struct got g = take(&instance, e, &msg);
    task_data_close(d);
    suite_release(&s);
    return g;
}

/* The one item of a task in this folder (under the suite) of this type and metric. */
static struct got read_item(const char *suite, const char *folder, const char *type,
                            const char *metric, const char *item)
{
    char name[256], text[4096];
    snprintf(name, sizeof(name), "%s/annotation.json", folder);
    int len = snprintf(text, sizeof(text), "{\"type\":\"%s\",\"metric\":\"%s\",\"data\":[%s]}",
                       type, metric, item);
    assert_true(len > 0 && (size_t)len < sizeof(text));
    test_put(suite, name, text);
    return read_first(suite);
}

static void assert_json(const json_t *actual, const char *expected)
{
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(wanted);
    if (!json_equal(actual, wanted)) {
        char *text = json_dumps(actual, JSON_COMPACT | JSON_ENCODE_ANY);
        fail_msg("%s is not %s", text ? text : "(none)", expected);
    }
    json_decref(wanted);
}

static void a_request_says_what_the_protocol_says(void **state)
{
    struct got g =
        read_item(*state, "nlp/A", "MultipleChoiceQA", "ACC",
                  "{\"id\":\"q7\",\"input\":{\"question\":\"Why?\",\"options\":[\"x\",\"y\","
                  "\"z\"]},\"output\":{\"answer\":\"B\"}}");
    assert_int_equal(g.e, OK);
    assert_string_equal(g.id, "q7");
    assert_string_equal(g.references, "B");
    assert_int_equal(g.option_count, 3);
    assert_json(g.request, "{\"task\":\"nlp/A\",\"type\":\"MultipleChoiceQA\",\"modality\":\"NLP\","
                           "\"paradigm\":\"\",\"input\":{\"question\":\"Why?\",\"options\":[\"x\","
                           "\"y\",\"z\"]}}");
    got_release(&g);
}

static void older_items_keep_inputs_beside_input(void **state)
{
    const struct {
        const char *type, *item, *input;
    } cases[] = {
        { "Summarization", "{\"document\":\"d\",\"output\":{\"summary\":\"s\"}}",
          "{\"document\":\"d\"}" },
        { "Translation", "{\"in\":\"zh\",\"out\":\"en\",\"input\":\"t\",\"output\":\"o\"}",
          "{\"text\":\"t\",\"source_lang\":\"zh\",\"target_lang\":\"en\"}" },
        { "Dialogue",
          "{\"dialog\":[\"a\"],\"response\":\"secret\",\"output\":{\"response\":\"r\"}}",
          "{\"dialog\":[\"a\"]}" },
        { "OpenQA",
          "{\"input\":{\"context\":\"inner\"},\"context\":\"outer\",\"output\":{\"answer\":1}}",
          "{\"context\":\"inner\"}" },
        { "classification",
          "{\"input\":{\"raw_text\":\"t\",\"prompt\":\"Class <<<raw_text>>> of "
          "<<<x>>><<<\"},\"output\":"
          "{\"c\":\"A\"}}",
          "{\"raw_text\":\"t\",\"prompt\":\"Class t of <<<x>>><<<\"}" },
        { "classification",
          "{\"input\":{\"raw_text\":\"t\",\"prompt\":\">>> <<<a <<<raw_text>>> "
          "<<<<raw_text>>>\"},\"output\":{\"c\":\"A\"}}",
          "{\"raw_text\":\"t\",\"prompt\":\">>> <<<a t <t\"}" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct got g = read_item(*state, "nlp/A", cases[i].type, "F1", cases[i].item);
        if (g.e)
            fail_msg("%s", g.msg.text);
        assert_json(json_object_get(g.request, "input"), cases[i].input);
        got_release(&g);
    }
}

static void references_are_found_by_type(void **state)
{
    const struct {
        const char *type, *output, *references;
    } cases[] = {
        { "OpenQA", "{\"answer\":[\"a\",\"b\"]}", "a|b" },
        { "OpenQA", "{\"answer\":42}", "42" },
        { "OpenQA", "{\"answer\":0.1}", "0.1" },
        { "OpenQA", "{\"answer\":[100.0,20.0,1500.5,-1e15]}", "100|20|1500.5|-1000000000000000" },
        { "OpenQA", "{\"answer\":[0.0005,1e-5,2.5e16]}", "0.0005|1e-05|2.5e+16" },
        { "Summarization", "{\"highlights\":\"h\"}", "h" },
        { "Translation", "{\"translation\":\"t\"}", "t" },
        { "Translation", "\"plain\"", "plain" },
        { "Story Generation", "{\"story\":\"s\"}", "s" },
        { "Dialogue", "{\"response\":\"r\"}", "r" },
        { "Code Generation", "{\"response\":{\"content\":\"c\"}}", "c" },
        { "Code Repair", "{\"repairCode\":\"c\"}", "c" },
        { "Code Defect Detection", "{\"target\":1}", "1" },
        { "Text to SQL", "{\"sql\":\"s\"}", "s" },
        { "Code Explanation", "{\"nl\":\"n\"}", "n" },
        { "Proof", "{\"proof\":{\"steps\":[\"a\",\"b\"],\"conclusion\":\"c\"}}",
          "a\nb\nConclusion: c" },
        { "Mathematical Word Problem Solving", "{\"solution\":{\"final_answer\":\"12\"}}", "12" },
        { "Paraphrase Generation", "{\"paraphraseSentence\":\"p\"}", "p" },
        { "Grammar Correction", "{\"Standard English\":\"e\"}", "e" },
        { "Text Style Transfer", "{\"answer\":\"x\"}", "x" },
        { "Table-to-Text Generation", "{\"response\":{\"text\":\"x\"}}", "x" },
        { "Time Series", "{\"target\":[1.5,2]}", "[1.5,2]" },
        { "classification", "{\"category\":\"Sad\",\"other\":\"x\"}", "Sad" },
        { "ner", "{\"entities\":\"A b, C\"}", "A b<p>C" },
        { "extraction", "{\"terms\":[\"A\",\"C\"]}", "A<p>C" },
        { "extraction", "{\"terms\":[]}", "" },
        { "image comprehension", "{\"other\":\"o\",\"text\":\"t\"}", "t" },
        { "image comprehension", "{\"first\":\"f\",\"second\":\"s\"}", "f" },
        { "image comprehension", "{\"text\":{\"cat\":[[1,2]]}}", "{\"cat\":[[1,2]]}" },
        { "image comprehension", "{\"text\":[[1,2]]}", "[[1,2]]" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char item[512];
        snprintf(item, sizeof(item), "{\"input\":{\"q\":1},\"output\":%s}", cases[i].output);
        struct got g = read_item(*state, "nlp/A", cases[i].type, "F1", item);
        if (g.e)
            fail_msg("%s: %s", cases[i].type, g.msg.text);
        assert_string_equal(g.references, cases[i].references);
        got_release(&g);
    }
}

static void a_reference_may_hold_a_nul(void **state)
{
    test_put(*state, "nlp/A/annotation.json",
             "{\"type\":\"OpenQA\",\"metric\":\"F1\",\"data\":[{\"input\":{\"q\":1},\"output\":{"
             "\"answer\":\"one\\u0000two\"}}]}");
    const struct suite_config config = test_config("general-bench", *state);
    struct suite s = test_open(&config);
    struct task_data *d;
    struct errmsg msg = { 0 };
    struct instance instance;
    assert_int_equal(task_data_open(&config, &s.tasks[0], &d, &msg), OK);
    assert_int_equal(task_data_instance(d, 0, &instance, &msg), OK);
    assert_int_equal(instance.reference_count, 1);
    assert_true(span_equal(instance.references[0], span_of("one\0two", 7)));
    task_data_close(d);
    suite_release(&s);
}

static void a_scorer_gets_all_that_the_output_has(void **state)
{
    struct got g =
        read_item(*state, "video/comprehension/A", "", "mIoU",
                  "{\"input\":{\"q\":1},\"output\":{\"1\":{\"mask\":\"r\"},\"2\":{\"mask\":"
                  "\"s\"}}}");
    assert_string_equal(g.references, "{\"1\":{\"mask\":\"r\"},\"2\":{\"mask\":\"s\"}}");
    got_release(&g);
    g = read_item(*state, "video/comprehension/A", "", "mIoU", "{\"input\":{\"q\":1}}");
    assert_int_equal(g.e, OK);
    assert_string_equal(g.references, "");
    got_release(&g);
}

static void an_unusable_instance_says_why(void **state)
{
    const struct {
        const char *type, *item, *word;
    } cases[] = {
        { "", "7", "expected an object" },
        { "", "{\"id\":\"x9\",\"output\":{\"text\":\"t\"}}", "id x9" },
        { "", "{\"output\":{\"text\":\"t\"}}", "nothing to ask" },
        { "", "{\"input\":[1],\"output\":{\"text\":\"t\"}}", "input: expected" },
        { "", "{\"input\":{\"q\":1}}", "no reference" },
        { "", "{\"input\":{\"q\":1},\"output\":{}}", "no reference" },
        { "", "{\"input\":{\"q\":1},\"output\":{\"text\":null}}", "no reference" },
        { "", "{\"input\":{\"q\":1},\"output\":{\"other\":[]}}", "no reference" },
        { "classification", "{\"input\":{\"q\":1},\"output\":{\"c\":null}}", "no reference" },
        { "ner", "{\"input\":{\"q\":1},\"output\":{\"e\":null}}", "no reference" },
        { "OpenQA", "{\"input\":{\"q\":1},\"output\":{\"text\":\"t\"}}", "'answer'" },
        { "Summarization", "{\"input\":{\"q\":1},\"output\":{\"text\":\"t\"}}", "'highlights'" },
        { "Proof", "{\"input\":{\"q\":1},\"output\":{\"text\":\"t\"}}", "'proof'" },
        { "ner", "{\"input\":{\"q\":1},\"output\":{\"e\":{\"a\":1}}}", "labels" },
        { "",
          "{\"input\":{\"q\":1},\"output\":{\"text\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
          "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"
          "}",
          "more than 64" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct got g = read_item(*state, "nlp/A", cases[i].type, "F1", cases[i].item);
        assert_int_equal(g.e, ERR_INVALID);
        if (!strstr(g.msg.text, cases[i].word) ||
            !strstr(g.msg.text, "annotation.json, instance 0"))
            fail_msg("no '%s' in: %s", cases[i].word, g.msg.text);
        got_release(&g);
    }
}

static void a_request_has_a_limit(void **state)
{
    enum { BYTES = HOST_LINE_BYTES_MAX };
    struct buf text = { 0 };
    buf_append_str(&text, "{\"metric\":\"ACC\",\"data\":[{\"output\":\"a\",\"input\":\"");
    for (int i = 0; i < BYTES; i++)
        buf_append_byte(&text, 'x');
    buf_append_str(&text, "\"}]}");
    test_put(*state, "nlp/A/annotation.json", buf_cstr(&text));
    buf_release(&text);
    struct got g = read_first(*state);
    assert_int_equal(g.e, ERR_INVALID);
    assert_non_null(strstr(g.msg.text, "a request has at most"));
    got_release(&g);
}

/* ---- files ---- */

static void file_names_become_absolute(void **state)
{
    const char *task = "image/comprehension/A";
    test_put(*state, "image/comprehension/A/images/1.png", "png");
    test_put(*state, "image/comprehension/A/2.png", "png");
    test_put(*state, "image/comprehension/A/frames/0.png", "png");
    struct got g =
        read_item(*state, task, "", "Acc",
                  "{\"input\":{\"image_file\":\"1.png\",\"video_file_list\":[\"images/1.png\","
                  "\"2.png\"],\"video_folder\":\"frames\",\"mask\":null,\"prompt\":\"1.png\"},"
                  "\"output\":{\"text\":\"1.png\"}}");
    if (g.e)
        fail_msg("%s", g.msg.text);
    char expected[4096];
    const char *dir = *state;
    snprintf(
        expected, sizeof(expected),
        "{\"image_file\":\"%s/%s/images/1.png\",\"video_file_list\":[\"%s/%s/images/1.png\","
        "\"%s/%s/2.png\"],\"video_folder\":\"%s/%s/frames\",\"mask\":null,\"prompt\":\"1.png\"}",
        dir, task, dir, task, dir, task, dir, task);
    assert_json(json_object_get(g.request, "input"), expected);
    assert_string_equal(g.references, "1.png");
    got_release(&g);
}

static void a_generated_file_s_reference_is_a_file(void **state)
{
    test_put(*state, "image/generation/A/images/1.png", "png");
    struct got g =
        read_item(*state, "image/generation/A", "", "PSNR",
                  "{\"input\":{\"prompt\":\"p\"},\"output\":{\"image_file\":\"1.png\"}}");
    char expected[1024];
    snprintf(expected, sizeof(expected), "%s/image/generation/A/images/1.png", (char *)*state);
    assert_string_equal(g.references, expected);
    got_release(&g);
}

static void in_nlp_a_path_is_a_word(void **state)
{
    struct got g =
        read_item(*state, "nlp/A", "", "ACC",
                  "{\"input\":{\"file_path\":\"/etc/x\",\"image\":\"y\"},\"output\":\"a\"}");
    assert_int_equal(g.e, OK);
    got_release(&g);
}

static void files_must_stay_inside_the_task(void **state)
{
    const struct {
        const char *name, *word;
    } cases[] = {
        { "\"/etc/passwd\"", "leaves" },
        { "\"../B/secret.png\"", "leaves" },
        { "\"images/../../B/secret.png\"", "leaves" },
        { "\"..\"", "leaves" },
        { "\"\"", "empty text" },
        { "\"missing.png\"", "is not in" },
        { "\"images\"", "no regular file" },
        { "\"pipe\"", "no regular file" },
        { "\"link.png\"", "link" },
        { "7", "expected the name" },
        { "[\"in.png\",\"../B/secret.png\"]", "leaves" },
    };
    char path[1024], target[1024];
    test_put(*state, "image/comprehension/B/secret.png", "s");
    test_put(*state, "image/comprehension/B/annotation.json", PLAIN);
    test_put(*state, "image/comprehension/A/in.png", "s");
    test_put(*state, "image/comprehension/A/images/x.png", "s");
    snprintf(path, sizeof(path), "%s/image/comprehension/A/link.png", (char *)*state);
    snprintf(target, sizeof(target), "%s/image/comprehension/B/secret.png", (char *)*state);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof(path), "%s/image/comprehension/A/pipe", (char *)*state);
    assert_int_equal(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char item[256];
        snprintf(item, sizeof(item), "{\"input\":{\"image_file\":%s},\"output\":\"a\"}",
                 cases[i].name);
        struct got g = read_item(*state, "image/comprehension/A", "", "Acc", item);
        assert_int_equal(g.e, ERR_INVALID);
        if (!strstr(g.msg.text, cases[i].word) || !strstr(g.msg.text, "image_file"))
            fail_msg("%s: no '%s' in: %s", cases[i].name, cases[i].word, g.msg.text);
        got_release(&g);
    }
}

/* As a Hugging Face cache keeps a data set: every file a link into one folder. */
static void a_tree_of_links_into_one_folder_is_fine(void **state)
{
    const char *dir = *state;
    char path[1024];
    test_put(dir, "blobs/1a", "png");
    test_put(dir, "blobs/2b",
             "{\"metric\":\"Acc\",\"data\":[{\"input\":{\"image_file\":\"1.png\"},"
             "\"output\":\"a\"}]}");
    snprintf(path, sizeof(path), "%s/snapshot/image/comprehension/A", dir);
    assert_int_equal(file_make_dir(path, 0700, NULL), OK);
    snprintf(path, sizeof(path), "%s/snapshot/image/comprehension/A/annotation.json", dir);
    assert_int_equal(symlink("../../../../blobs/2b", path), 0);
    snprintf(path, sizeof(path), "%s/snapshot/image/comprehension/A/1.png", dir);
    assert_int_equal(symlink("../../../../blobs/1a", path), 0);
    snprintf(path, sizeof(path), "%s/snapshot", dir);
    struct got g = read_first(path);
    if (g.e)
        fail_msg("%s", g.msg.text);
    got_release(&g);
}

/* ---- digests ---- */

static struct digest digest_now(const char *suite, const char *scorer)
{
    const char *globs[] = { "**" };
    struct suite_config config = test_config("general-bench", suite);
    config.scorer_globs = globs;
    config.scorers = &scorer;
    config.scorer_count = scorer != NULL;
    struct suite s = test_open(&config);
    struct digest d = s.tasks[0].data;
    suite_release(&s);
    return d;
}

static const char media_task[] =
    "{\"metric\":\"Acc\",\"data\":[{\"input\":{\"image_file\":\"1.png\",\"clip_dir\":\"clip\"},"
    "\"output\":\"a\"}]}";

static void put_media_task(const char *dir)
{
    test_put(dir, "image/comprehension/A/annotation.json", media_task);
    test_put(dir, "image/comprehension/A/1.png", "12345");
    test_put(dir, "image/comprehension/A/clip/0.png", "1");
    test_put(dir, "image/comprehension/A/clip/deep/1.png", "1");
}

static void the_digest_changes_with_every_part(void **state)
{
    const struct {
        const char *file, *text;
    } changes[] = {
        { "annotation.json", "{\"metric\":\"Acc\", \"data\":[{\"input\":{\"image_file\":\"1.png\","
                             "\"clip_dir\":\"clip\"},\"output\":\"a\"}]}" }, /* one blank more */
        { "annotation.json", "{\"metric\":\"EM@1\",\"data\":[{\"input\":{\"image_file\":\"1.png\","
                             "\"clip_dir\":\"clip\"},\"output\":\"a\"}]}" },
        { "1.png", "123456" },
        { "1.png", "" },
        { "clip/0.png", "12" },
        { "clip/2.png", "1" },
        { "clip/deep/1.png", "12" },
    };
    put_media_task(*state);
    struct digest before = digest_now(*state, NULL);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char suite[1024], name[256];
        snprintf(suite, sizeof(suite), "%s/copies/%zu", (char *)*state, i);
        snprintf(name, sizeof(name), "image/comprehension/A/%s", changes[i].file);
        put_media_task(suite);
        struct digest same = digest_now(suite, NULL);
        assert_true(digest_equal(&before, &same)); /* wherever the suite lies */
        test_put(suite, name, changes[i].text);
        struct digest after = digest_now(suite, NULL);
        if (digest_equal(&before, &after))
            fail_msg("change %zu is not seen", i);
    }
    struct digest scorer = digest_now(*state, "[\"a\"]"), other = digest_now(*state, "[\"b\"]");
    assert_false(digest_equal(&before, &scorer));
    assert_false(digest_equal(&scorer, &other));
}

static void the_digest_knows_the_names_in_a_folder(void **state)
{
    char old[1024], new[1024];
    put_media_task(*state);
    struct digest before = digest_now(*state, NULL);
    snprintf(old, sizeof(old), "%s/image/comprehension/A/clip/0.png", (char *)*state);
    snprintf(new, sizeof(new), "%s/image/comprehension/A/clip/1.png", (char *)*state);
    assert_int_equal(rename(old, new), 0);
    struct digest after = digest_now(*state, NULL);
    assert_false(digest_equal(&before, &after));
}

static void the_metric_of_the_table_is_part_of_the_digest(void **state)
{
    put_media_task(*state);
    test_put(*state, "sota.csv", "sheet,task,metric,sota\nImage-Comprehension,A,Acc,1\n");
    struct digest before = digest_now(*state, NULL);
    test_put(*state, "sota.csv", "sheet,task,metric,sota\nImage-Comprehension,A,ACC,1\n");
    struct digest after = digest_now(*state, NULL);
    assert_false(digest_equal(&before, &after));
}

static void what_is_no_part_of_the_task_does_not_change_it(void **state)
{
    char old[1024], new[1024];
    put_media_task(*state);
    struct digest before = digest_now(*state, NULL);
    test_put(*state, "image/comprehension/A/notes.txt", "x");
    test_put(*state, "sota.csv", "sheet,task,metric,sota\nImage-Comprehension,A,Acc,99\n");
    test_put(*state, "image/comprehension/A/1.png", "54321"); /* of the same size */
    snprintf(old, sizeof(old), "%s/image/comprehension/A", (char *)*state);
    snprintf(new, sizeof(new), "%s/image/comprehension/Z", (char *)*state);
    struct digest after = digest_now(*state, NULL);
    assert_true(digest_equal(&before, &after));
    assert_int_equal(rename(old, new), 0);
    test_put(*state, "sota.csv", "sheet,task,metric,sota\n");
    after = digest_now(*state, NULL);
    assert_true(digest_equal(&before, &after));
}

static void a_missing_file_is_told_apart_and_does_not_stop_the_suite(void **state)
{
    char path[1024];
    put_media_task(*state);
    test_put(*state, "image/comprehension/A/1.png", "");
    struct digest before = digest_now(*state, NULL);
    snprintf(path, sizeof(path), "%s/image/comprehension/A/1.png", (char *)*state);
    assert_int_equal(unlink(path), 0);
    struct digest after = digest_now(*state, NULL);
    assert_false(digest_equal(&before, &after));
}

static void data_that_changed_since_are_stale(void **state)
{
    put_media_task(*state);
    const struct suite_config config = test_config("general-bench", *state);
    struct suite s = test_open(&config);
    struct task_data *d;
    struct errmsg msg = { 0 };
    test_put(*state, "image/comprehension/A/1.png", "another size");
    assert_int_equal(task_data_open(&config, &s.tasks[0], &d, &msg), ERR_STALE);
    assert_null(d);
    assert_non_null(strstr(msg.text, "image/comprehension/A"));
    suite_release(&s);
}

#define files(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        files(every_folder_of_the_layout_is_a_task),
        files(what_cannot_be_used_is_named),
        files(a_folder_without_annotation_is_an_error),
        files(a_suite_must_be_a_folder_with_tasks),
        files(two_tasks_of_one_name_are_both_named),
        files(the_table_gives_name_metric_sota_and_order),
        files(a_table_elsewhere_takes_the_place_of_the_suite_s_own),
        files(two_folders_for_one_row_are_an_error),
        files(the_kind_of_a_metric_fits_the_task),
        files(a_request_says_what_the_protocol_says),
        files(older_items_keep_inputs_beside_input),
        files(references_are_found_by_type),
        files(a_reference_may_hold_a_nul),
        files(a_scorer_gets_all_that_the_output_has),
        files(an_unusable_instance_says_why),
        files(a_request_has_a_limit),
        files(file_names_become_absolute),
        files(a_generated_file_s_reference_is_a_file),
        files(in_nlp_a_path_is_a_word),
        files(files_must_stay_inside_the_task),
        files(a_tree_of_links_into_one_folder_is_fine),
        files(the_digest_changes_with_every_part),
        files(the_digest_knows_the_names_in_a_folder),
        files(the_metric_of_the_table_is_part_of_the_digest),
        files(what_is_no_part_of_the_task_does_not_change_it),
        files(a_missing_file_is_told_apart_and_does_not_stop_the_suite),
        files(data_that_changed_since_are_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
