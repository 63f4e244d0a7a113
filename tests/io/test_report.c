/* Reports: a sweep of synthetic tasks, a store filled by hand, and every byte of what is written.
 */
#include "tests/lib/suite.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/level/table/score_table.h"
#include "coordinator/report/report.h"

/* ---- A sweep ---- */

enum { SIZE = 10, MODELS = 4, TASKS = 4 };

static const char tasks_csv[] = "modality,paradigm,no,task,metric,sota,instances\n"
                                "NLP,,1,Sums,ACC,,10\n"
                                "Image,Comprehension,1,Dogs,Acc,70,10\n"
                                "Image,Generation,1,Cats,FID,,10\n"
                                "Audio,Generation,1,Speech,WER,5,10\n";

static const char sweep_yaml[] = "name: trial\n"
                                 "suites:\n"
                                 "  - {name: mini, kind: synthetic, path: tasks.csv}\n"
                                 "models:\n"
                                 "  - {name: zeta, host: sim}\n"
                                 "  - {name: beta, host: sim, tasks: [\"nlp/*\", \"image/**\"]}\n"
                                 "  - {name: alpha, host: sim}\n"
                                 "  - {name: expert, host: sim, role: specialist}\n";

enum { ZETA, BETA, ALPHA, EXPERT };
enum { SUMS, DOGS, CATS, SPEECH };

/* What a model scores at each instance of a task; -1: it does not do the task. */
static const int scores[MODELS][TASKS] = {
    [ZETA] = { 60, 80, 20, 4 },
    [BETA] = { 50, 90, 40, -1 },
    [ALPHA] = { 60, 80, 20, 4 },
    [EXPERT] = { 55, 10, 30, 9 },
};

struct bench {
    char *dir, *report;
    struct spec spec;
    struct plan plan;
    struct store *store;
    uint32_t models[MODELS], tasks[2 * TASKS]; /* ids */
};

static void open_sweep(struct bench *b, const char *yaml)
{
    test_put(b->dir, "tasks.csv", tasks_csv);
    test_put(b->dir, "sweep.yaml", yaml);
    char *path = file_join(b->dir, "sweep.yaml");
    struct problems problems = { 0 };
    struct buf text = { 0 };
    if (spec_load(path, (struct spec_env){ 0 }, &b->spec, &problems) ||
        plan_open(&b->spec, &b->plan, &problems)) {
        problems_format(&problems, &text);
        fail_msg("%s", buf_cstr(&text));
    }
    problems_release(&problems);
    free(path);
}

static void close_sweep(struct bench *b)
{
    plan_release(&b->plan);
    spec_release(&b->spec);
}

static void open_store(struct bench *b, const char *name)
{
    char *path = file_join(b->dir, name);
    struct store_config config = { .path = path, .allow_network_fs = true };
    struct errmsg msg = { "" };
    if (store_open(&config, &b->store, &msg))
        fail_msg("%s", msg.text);
    free(path);
    for (size_t i = 0; i < b->plan.model_count; i++)
        assert_int_equal(store_model_id(b->store, &b->plan.models[i].identity,
                                        b->plan.models[i].record, &b->models[i], NULL),
                         OK);
    for (size_t i = 0; i < b->plan.task_count; i++)
        assert_int_equal(store_task_id(b->store, &b->plan.tasks[i].identity, SIZE,
                                       b->plan.tasks[i].record, &b->tasks[i], NULL),
                         OK);
}

static int setup(void **state)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    b->dir = test_dir();
    b->report = file_join(b->dir, "report");
    open_sweep(b, sweep_yaml);
    open_store(b, "store");
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    store_close(b->store);
    close_sweep(b);
    test_rm_rf(b->dir);
    free(b->report);
    free(b);
    return 0;
}

/* ---- Results ---- */

/* One block, one transaction: instances [first, first + count), the values value, value + step, ...
 * by instance. */
static void record(struct bench *b, int model, int task, uint32_t first, uint32_t count,
                   status outcome, int value, int step)
{
    struct block_builder builder;
    struct buf bytes = { 0 };
    struct store_batch *batch = store_batch_new();
    block_builder_init(&builder, b->plan.tasks[task].task->metric->stat_count);
    for (uint32_t i = first; i < first + count; i++) {
        struct result row = { .instance = i, .status = outcome, .micros = 7 };
        if (outcome == STATUS_OK)
            row.stats[0] = value + step * (int)i;
        block_builder_add(&builder, &row);
    }
    block_builder_encode(&builder, &bytes);
    store_batch_block(batch, b->models[model], b->tasks[task], SIZE, buf_span(&bytes));
    assert_int_equal(store_commit(b->store, batch, NULL), OK);
    store_batch_free(batch);
    block_builder_release(&builder);
    buf_release(&bytes);
}

/* Everything that is planned, but one instance that failed and two that are missing. */
static void record_all(struct bench *b)
{
    for (int m = 0; m < MODELS; m++) {
        for (int t = 0; t < TASKS; t++) {
            if (scores[m][t] < 0)
                continue;
            bool is_beta_dogs = m == BETA && t == DOGS;
            record(b, m, t, 0, is_beta_dogs ? 7 : SIZE, STATUS_OK, scores[m][t], 0);
        }
    }
    record(b, BETA, DOGS, 7, 1, STATUS_OOM, 0, 0);
}

/* The same results: another order, a block an instance. */
static void record_all_backwards(struct bench *b)
{
    record(b, BETA, DOGS, 7, 1, STATUS_OOM, 0, 0);
    for (uint32_t i = SIZE; i-- > 0;) {
        for (int t = TASKS; t-- > 0;) {
            for (int m = MODELS; m-- > 0;) {
                if (scores[m][t] >= 0 && !(m == BETA && t == DOGS && i >= 7))
                    record(b, m, t, i, 1, STATUS_OK, scores[m][t], 0);
            }
        }
    }
}

/* ---- Reports ---- */

static void write_report(struct bench *b)
{
    struct errmsg msg = { "" };
    if (report_write(&b->plan, b->store, b->report, &msg))
        fail_msg("%s", msg.text);
}

/* A file of the report; NULL: it is not there. The caller frees. */
static char *read_form(const struct bench *b, const char *name)
{
    char *path = file_join(b->report, name);
    struct buf text = { 0 };
    char *copy = file_read(path, 1 << 20, &text, NULL) ? NULL : xstrdup(buf_cstr(&text));
    buf_release(&text);
    free(path);
    return copy;
}

static void expect_form(const struct bench *b, const char *name, const char *expected)
{
    char *text = read_form(b, name);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void expect_in_form(const struct bench *b, const char *name, const char *words)
{
    char *text = read_form(b, name);
    assert_non_null(text);
    if (!strstr(text, words))
        fail_msg("no \"%s\" in %s:\n%s", words, name, text);
    free(text);
}

static json_t *read_json(const struct bench *b)
{
    char *text = read_form(b, "report.json");
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    free(text);
    return o;
}

/* The element of a list whose key has this text. */
static const json_t *find(const json_t *list, const char *key, const char *text)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        if (strcmp(json_string_value(json_object_get(o, key)), text) == 0)
            return o;
    }
    fail_msg("no %s", text);
    return NULL;
}

static double number(const json_t *o, const char *key)
{
    assert_true(json_is_number(json_object_get(o, key)));
    return json_number_value(json_object_get(o, key));
}

static const json_t *model_task(const json_t *report, const char *model, const char *task)
{
    const json_t *m = find(json_object_get(report, "models"), "name", model);
    return find(json_object_get(m, "tasks"), "task", task);
}

/* ---- The tests ---- */

static const char golden_md[] =
    "# trial\n"
    "\n"
    "INCOMPLETE: 148 of 150 instances have a result. 1 of them failed, and are not scored.\n"
    "\n"
    "## mini\n"
    "\n"
    "### Levels, corrected rule\n"
    "\n"
    "| # | Model | Class | Level 2 | Level 3 | Level 4 | Level 5 | Answered |\n"
    "|:--|:------|------:|--------:|--------:|--------:|--------:|---------:|\n"
    "| 1 | alpha |     5 |   57.86 |   57.86 |   32.75 |   19.65 |    40/40 |\n"
    "| 2 | zeta  |     5 |   57.86 |   57.86 |   32.75 |   19.65 |    40/40 |\n"
    "| 3 | beta  |     3 |   30.07 |   22.50 |    0.00 |    0.00 |    27/30 |\n"
    "\n"
    "### Levels, official rule\n"
    "\n"
    "| # | Model | Class | Level 2 | Level 3 | Level 4 | Level 5 | Answered |\n"
    "|:--|:------|------:|--------:|--------:|--------:|--------:|---------:|\n"
    "| 1 | alpha |     5 |  -41.14 |  -41.14 |   32.75 |   19.65 |    40/40 |\n"
    "| 2 | zeta  |     5 |  -41.14 |  -41.14 |   32.75 |   19.65 |    40/40 |\n"
    "| 3 | beta  |     3 |   30.07 |   22.50 |    0.00 |    0.00 |    27/30 |\n"
    "\n"
    "### Modalities, corrected rule\n"
    "\n"
    "| Model | Modality | Tasks | Supported | Wins | Level 2 | Level 3 | Level 4 |\n"
    "|:------|:---------|------:|----------:|-----:|--------:|--------:|--------:|\n"
    "| alpha | NLP      |     1 |         1 |    1 |       - |       - |       - |\n"
    "| alpha | Image    |     2 |         2 |    2 |   67.73 |   67.73 |   65.51 |\n"
    "| alpha | Audio    |     1 |         1 |    1 |   48.00 |   48.00 |    0.00 |\n"
    "| zeta  | NLP      |     1 |         1 |    1 |       - |       - |       - |\n"
    "| zeta  | Image    |     2 |         2 |    2 |   67.73 |   67.73 |   65.51 |\n"
    "| zeta  | Audio    |     1 |         1 |    1 |   48.00 |   48.00 |    0.00 |\n"
    "| beta  | NLP      |     1 |         1 |    0 |       - |       - |       - |\n"
    "| beta  | Image    |     2 |         2 |    1 |   60.14 |   45.00 |    0.00 |\n"
    "| beta  | Audio    |     1 |         0 |    0 |    0.00 |    0.00 |    0.00 |\n"
    "\n"
    "### Where the two rules differ\n"
    "\n"
    "| Task                    | Model | Why                                             | Score | "
    "official | corrected |\n"
    "|:------------------------|:------|:------------------------------------------------|------:|-"
    "--------:|----------:|\n"
    "| audio/generation/Speech | zeta  | WER is a percentage: 100 - x, not (1 - x) * 100 |  4.00 | "
    " -300.00 |     96.00 |\n"
    "| audio/generation/Speech | beta  | WER is a percentage: 100 - x, not (1 - x) * 100 |     - | "
    "    0.00 |      0.00 |\n"
    "| audio/generation/Speech | alpha | WER is a percentage: 100 - x, not (1 - x) * 100 |  4.00 | "
    " -300.00 |     96.00 |\n"
    "\n"
    "### Tasks\n"
    "\n"
    "`*` reaches the reference (SoTA); `!` not every instance was answered; `-` not among the "
    "model's tasks.\n"
    "\n"
    "| Task                     | Metric       | Instances |  SoTA |     by |  alpha |   zeta |    "
    "beta |\n"
    "|:-------------------------|:-------------|----------:|------:|-------:|-------:|-------:|----"
    "----:|\n"
    "| nlp/Sums                 | ACC (higher) |        10 | 55.00 | expert | 60.00* | 60.00* |   "
    "50.00 |\n"
    "| image/comprehension/Dogs | Acc (higher) |        10 | 70.00 |  table | 80.00* | 80.00* | "
    "90.00*! |\n"
    "| image/generation/Cats    | FID (lower)  |        10 | 30.00 | expert | 20.00* | 20.00* |   "
    "40.00 |\n"
    "| audio/generation/Speech  | WER (lower)  |        10 |  5.00 |  table |  4.00* |  4.00* |    "
    "   - |\n"
    "\n"
    "## Failures\n"
    "\n"
    "| Model | Task                     | Status | Instances |\n"
    "|:------|:-------------------------|:-------|----------:|\n"
    "| beta  | image/comprehension/Dogs | oom    |         1 |\n";

static const char golden_csv[] =
    "model,role,suite,task_path,task,modality,paradigm,metric,score,sota,sota_by,instances,"
    "answered,failed,missing\n"
    "zeta,generalist,mini,nlp/Sums,Sums,NLP,,ACC,60,55,expert,10,10,0,0\n"
    "zeta,generalist,mini,image/comprehension/Dogs,Dogs,Image,Comprehension,Acc,80,70,,10,10,0,0\n"
    "zeta,generalist,mini,image/generation/Cats,Cats,Image,Generation,FID,20,30,expert,10,10,0,0\n"
    "zeta,generalist,mini,audio/generation/Speech,Speech,Audio,Generation,WER,4,5,,10,10,0,0\n"
    "beta,generalist,mini,nlp/Sums,Sums,NLP,,ACC,50,55,expert,10,10,0,0\n"
    "beta,generalist,mini,image/comprehension/Dogs,Dogs,Image,Comprehension,Acc,90,70,,10,7,1,2\n"
    "beta,generalist,mini,image/generation/Cats,Cats,Image,Generation,FID,40,30,expert,10,10,0,0\n"
    "alpha,generalist,mini,nlp/Sums,Sums,NLP,,ACC,60,55,expert,10,10,0,0\n"
    "alpha,generalist,mini,image/comprehension/Dogs,Dogs,Image,Comprehension,Acc,80,70,,10,10,0,0\n"
    "alpha,generalist,mini,image/generation/Cats,Cats,Image,Generation,FID,20,30,expert,10,10,0,0\n"
    "alpha,generalist,mini,audio/generation/Speech,Speech,Audio,Generation,WER,4,5,,10,10,0,0\n"
    "expert,specialist,mini,nlp/Sums,Sums,NLP,,ACC,55,55,expert,10,10,0,0\n"
    "expert,specialist,mini,image/comprehension/"
    "Dogs,Dogs,Image,Comprehension,Acc,10,70,,10,10,0,0\n"
    "expert,specialist,mini,image/generation/"
    "Cats,Cats,Image,Generation,FID,30,30,expert,10,10,0,0\n"
    "expert,specialist,mini,audio/generation/Speech,Speech,Audio,Generation,WER,9,5,,10,10,0,0\n";

static const char golden_sota[] = "modality,paradigm,no,task,metric,sota,specialist\n"
                                  "NLP,,1,Sums,ACC,55,expert\n"
                                  "Image,Comprehension,2,Dogs,Acc,70,\n"
                                  "Image,Generation,3,Cats,FID,30,expert\n"
                                  "Audio,Generation,4,Speech,WER,5,\n";

/* Ties (alpha and zeta), a task that a model does not do, a failure, and missing instances. */
static void the_page_says_it_all(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    expect_form(b, "report.md", golden_md);
}

static void the_table_has_a_row_a_planned_pair(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    expect_form(b, "report.csv", golden_csv);
    expect_form(b, "sota.csv", golden_sota);
}

static void json_has_levels_failures_and_identities(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    json_t *o = read_json(b);
    assert_true(json_is_false(json_object_get(o, "complete")));
    assert_true(number(o, "instances") == 150);
    assert_true(number(o, "ended") == 148);
    assert_true(number(o, "failed") == 1);
    const json_t *dogs = model_task(o, "beta", "image/comprehension/Dogs");
    assert_true(number(dogs, "score") == 90); /* over what was answered */
    assert_true(number(dogs, "answered") == 7);
    assert_true(number(dogs, "missing") == 2);
    assert_true(number(json_object_get(dogs, "failed"), "oom") == 1);
    const json_t *cats = find(json_object_get(o, "tasks"), "task", "image/generation/Cats");
    assert_string_equal(json_string_value(json_object_get(cats, "sota_by")), "expert");
    assert_true(json_is_true(json_object_get(cats, "lower_is_better")));
    assert_int_equal(strlen(json_string_value(json_object_get(cats, "identity"))),
                     DIGEST_HEX_BYTES - 1);
    const json_t *models = json_object_get(o, "models");
    assert_int_equal(json_object_size(json_object_get(find(models, "name", "expert"), "levels")),
                     0);
    const json_t *levels = json_object_get(find(models, "name", "alpha"), "levels");
    assert_non_null(json_object_get(json_object_get(levels, "mini"), "official"));
    json_decref(o);
}

/* It is put together from parts; a library that reads and writes it whole must agree on every byte.
 */
static void json_is_the_same_as_if_it_were_written_whole(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    char *text = read_form(b, "report.json");
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    char *whole = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    size_t len = strlen(whole);
    assert_int_equal(strlen(text), len + 1);
    assert_memory_equal(text, whole, len);
    assert_int_equal(text[len], '\n');
    free(whole);
    json_decref(o);
    free(text);
}

static void a_report_does_not_depend_on_how_the_results_came(void **state)
{
    static const char *const forms[] = { "report.md", "report.csv", "report.json", "sota.csv",
                                         "summary.txt" };
    struct bench *b = *state;
    char *first[5];
    record_all(b);
    write_report(b);
    for (size_t i = 0; i < 5; i++)
        first[i] = read_form(b, forms[i]);
    store_close(b->store);
    open_store(b, "store-again");
    record_all_backwards(b);
    write_report(b);
    for (size_t i = 0; i < 5; i++) {
        expect_form(b, forms[i], first[i]);
        free(first[i]);
    }
}

static void without_any_result_everything_is_missing(void **state)
{
    struct bench *b = *state;
    write_report(b);
    expect_in_form(b, "report.md", "INCOMPLETE: 0 of 150 instances have a result.\n");
    expect_in_form(b, "report.csv", "zeta,generalist,mini,nlp/Sums,Sums,NLP,,ACC,,,,10,0,0,10\n");
    json_t *o = read_json(b);
    assert_true(json_is_null(json_object_get(model_task(o, "zeta", "nlp/Sums"), "score")));
    json_decref(o);
    assert_null(read_form(b, "sota.csv")); /* nobody gives a reference yet */
}

/* What nobody answered is not scored, not even with 0. */
static void failures_alone_give_no_score(void **state)
{
    struct bench *b = *state;
    record(b, ZETA, SUMS, 0, SIZE, STATUS_CRASH, 0, 0);
    write_report(b);
    expect_in_form(b, "report.csv", "zeta,generalist,mini,nlp/Sums,Sums,NLP,,ACC,,,,10,0,10,0\n");
    expect_in_form(b, "report.md", "10 of them failed, and are not scored.\n");
}

static void the_best_specialist_gives_the_reference(void **state)
{
    struct bench *b = *state;
    close_sweep(b);
    store_close(b->store);
    open_sweep(b, "name: trial\n"
                  "suites:\n"
                  "  - {name: mini, kind: synthetic, path: tasks.csv}\n"
                  "models:\n"
                  "  - {name: first, host: sim, role: specialist}\n"
                  "  - {name: better, host: sim, role: specialist}\n"
                  "  - {name: equal, host: sim, role: specialist}\n"
                  "  - {name: ranked, host: sim}\n");
    open_store(b, "store-of-specialists");
    const int sums[] = { 50, 60, 60, 99 }, cats[] = { 30, 20, 20, 1 };
    for (int m = 0; m < MODELS; m++) {
        record(b, m, SUMS, 0, SIZE, STATUS_OK, sums[m], 0);
        record(b, m, CATS, 0, SIZE, STATUS_OK, cats[m], 0); /* lower is better */
        record(b, m, DOGS, 0, SIZE, STATUS_OK, 99, 0);      /* the suite's table wins */
    }
    write_report(b);
    expect_form(b, "sota.csv",
                "modality,paradigm,no,task,metric,sota,specialist\n"
                "NLP,,1,Sums,ACC,60,better\n"
                "Image,Comprehension,2,Dogs,Acc,70,\n"
                "Image,Generation,3,Cats,FID,20,better\n"
                "Audio,Generation,4,Speech,WER,5,\n");
}

static const char two_suites_yaml[] = "name: trial\n"
                                      "suites:\n"
                                      "  - {name: open, kind: synthetic, path: tasks.csv}\n"
                                      "  - {name: closed, kind: synthetic, path: tasks.csv}\n"
                                      "models:\n"
                                      "  - {name: zeta, host: sim}\n"
                                      "  - {name: expert, host: sim, role: specialist}\n";

static void open_two_suites(struct bench *b)
{
    close_sweep(b);
    store_close(b->store);
    open_sweep(b, two_suites_yaml);
    assert_true(b->plan.task_count == 2 * TASKS);
    open_store(b, "store-of-two");
}

/* Tasks of one name in two suites are two rows of one name, which no reader takes. */
static void each_of_several_suites_has_references_of_its_own(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    open_two_suites(b);
    record(b, 1, SUMS, 0, SIZE, STATUS_OK, 55, 0);
    record(b, 1, TASKS + CATS, 0, SIZE, STATUS_OK, 30, 0);
    write_report(b);
    assert_null(read_form(b, "sota.csv")); /* it was of one suite */
    expect_form(b, "sota-open.csv",
                "modality,paradigm,no,task,metric,sota,specialist\n"
                "NLP,,1,Sums,ACC,55,expert\n"
                "Image,Comprehension,2,Dogs,Acc,70,\n"
                "Image,Generation,3,Cats,FID,,\n"
                "Audio,Generation,4,Speech,WER,5,\n");
    expect_in_form(b, "sota-closed.csv", "Image,Generation,3,Cats,FID,30,expert\n");
}

static void a_suite_s_table_counts_the_suite_s_answers(void **state)
{
    struct bench *b = *state;
    open_two_suites(b);
    record(b, 0, SUMS, 0, SIZE, STATUS_OK, 55, 0);
    write_report(b);
    expect_in_form(b, "summary.txt", " 10/40\n");
    expect_in_form(b, "summary.txt", " 0/40\n");
}

static void a_score_that_lets_no_levels_be_is_named(void **state)
{
    struct bench *b = *state;
    record(b, ALPHA, DOGS, 0, SIZE, STATUS_OK, -3, 0);
    write_report(b);
    expect_in_form(b, "report.md",
                   "alpha: no levels: image/comprehension/Dogs (Acc): below the metric's range");
    json_t *o = read_json(b);
    char *text = json_dumps(o, JSON_COMPACT);
    assert_non_null(strstr(text, "\"error\":\"image/comprehension/Dogs (Acc): below"));
    free(text);
    json_decref(o);
}

/* A sample of 4 of what was stored in full: counted again, over these 4 alone. */
static void a_smaller_sample_is_recounted(void **state)
{
    struct bench *b = *state;
    for (int m = 0; m < MODELS; m++)
        record(b, m, SUMS, 0, SIZE, STATUS_OK, 1, 10); /* 1, 11, ..., 91 */
    close_sweep(b);
    char *limited = xformat("settings: {limit: 4}\n%s", sweep_yaml);
    open_sweep(b, limited);
    free(limited);
    const struct bitmap *wanted = &b->plan.tasks[SUMS].wanted;
    assert_int_equal(bitmap_count(wanted), 4);
    double expected = 0;
    for (uint32_t i = 0; i < SIZE; i++)
        expected += bitmap_get(wanted, i) ? (1 + 10.0 * i) / 4 : 0;
    write_report(b);
    json_t *o = read_json(b);
    const json_t *sums = model_task(o, "zeta", "nlp/Sums");
    assert_true(number(sums, "score") == expected);
    assert_true(number(sums, "instances") == 4);
    assert_true(number(sums, "answered") == 4);
    json_decref(o);
}

static void the_references_are_a_table_that_levels_reads(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    test_put(b->dir, "scores.csv",
             "modality,paradigm,no,task,metric,score\n"
             "NLP,,1,Sums,ACC,60\n"
             "Image,Comprehension,1,Dogs,Acc,80\n"
             "Image,Generation,1,Cats,FID,20\n"
             "Audio,Generation,1,Speech,WER,4\n");
    char *table = file_join(b->dir, "scores.csv"), *sota = file_join(b->report, "sota.csv");
    struct score_table read;
    struct errmsg msg = { "" };
    if (score_table_read(table, sota, &read, &msg) || score_table_choose(&read, NULL, &msg))
        fail_msg("%s", msg.text);
    assert_int_equal(read.row_count, TASKS);
    assert_int_equal(read.renamed, 0);
    const double expected[] = { 55, 70, 30, 5 };
    for (size_t i = 0; i < TASKS; i++) {
        assert_int_equal(read.rows[i].sota.kind, GL_CELL_NUMBER);
        assert_true(read.rows[i].sota.number == expected[i]);
    }
    score_table_release(&read);
    free(table);
    free(sota);
}

static void what_a_killed_writer_left_is_removed(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    test_put(b->report, "report.md.0123456789abcdef.tmp", "| Mod");
    write_report(b);
    assert_null(read_form(b, "report.md.0123456789abcdef.tmp"));
}

/* A file of an earlier form of the sweep would pass for a result of this one. */
static void references_that_nobody_gives_any_more_are_removed(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    close_sweep(b);
    open_sweep(b, "name: trial\n"
                  "suites:\n"
                  "  - {name: mini, kind: synthetic, path: tasks.csv}\n"
                  "models:\n"
                  "  - {name: zeta, host: sim}\n");
    test_put(b->report, "sota-dropped.csv", "modality,paradigm,no,task,metric,sota,specialist\n");
    test_put(b->report, "sota.txt", "of somebody else");
    char *of_a_sweep = file_join(b->report, "sota-sweep.csv");
    assert_int_equal(mkdir(of_a_sweep, 0700), 0);
    write_report(b);
    assert_null(read_form(b, "sota.csv"));
    assert_null(read_form(b, "sota-dropped.csv")); /* a suite's that is no longer there */
    expect_form(b, "sota.txt", "of somebody else");
    assert_true(file_is_dir(of_a_sweep));
    free(of_a_sweep);
    expect_in_form(b, "report.md", "Complete: 40 instances.\n");
}

static void the_summary_begins_with_how_much_is_missing(void **state)
{
    struct bench *b = *state;
    record_all(b);
    write_report(b);
    expect_in_form(b, "summary.txt", ": INCOMPLETE: 148 of 150 instances have a result. 1 of them");
}

static void a_folder_that_cannot_be_written_is_named(void **state)
{
    struct bench *b = *state;
    test_put(b->dir, "report", "a file in its place");
    struct errmsg msg = { "" };
    assert_int_not_equal(report_write(&b->plan, b->store, b->report, &msg), OK);
    assert_non_null(strstr(msg.text, b->report));
}

struct writer {
    struct bench *bench;
    err outcome;
    atomic_bool has_ended;
};

static void *write_elsewhere(void *argument)
{
    struct writer *w = argument;
    w->outcome = report_write(&w->bench->plan, w->bench->store, w->bench->report, NULL);
    atomic_store(&w->has_ended, true);
    return NULL;
}

/* `muster report` looked at the store, the sweep ended and its report was written, and then that of
 * the earlier look took its place. */
static void a_report_is_of_what_is_stored_when_its_turn_comes(void **state)
{
    struct bench *b = *state;
    write_report(b);
    int turn = open(b->report, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* as the other writer has it */
    assert_true(turn >= 0);
    assert_int_equal(flock(turn, LOCK_EX), 0);
    struct writer w = { .bench = b };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_elsewhere, &w), 0);
    for (int ms = 0; ms < 100 && !atomic_load(&w.has_ended); ms++)
        (void)poll(NULL, 0, 1);
    assert_false(atomic_load(&w.has_ended));
    record_all(b);
    close(turn);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.outcome, OK);
    expect_in_form(b, "report.md", "INCOMPLETE: 148 of 150 instances have a result.");
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(the_page_says_it_all),
        ON_A_BENCH(the_table_has_a_row_a_planned_pair),
        ON_A_BENCH(json_has_levels_failures_and_identities),
        ON_A_BENCH(json_is_the_same_as_if_it_were_written_whole),
        ON_A_BENCH(a_report_does_not_depend_on_how_the_results_came),
        ON_A_BENCH(without_any_result_everything_is_missing),
        ON_A_BENCH(failures_alone_give_no_score),
        ON_A_BENCH(the_best_specialist_gives_the_reference),
        ON_A_BENCH(each_of_several_suites_has_references_of_its_own),
        ON_A_BENCH(a_suite_s_table_counts_the_suite_s_answers),
        ON_A_BENCH(a_score_that_lets_no_levels_be_is_named),
        ON_A_BENCH(a_smaller_sample_is_recounted),
        ON_A_BENCH(the_references_are_a_table_that_levels_reads),
        ON_A_BENCH(what_a_killed_writer_left_is_removed),
        ON_A_BENCH(references_that_nobody_gives_any_more_are_removed),
        ON_A_BENCH(the_summary_begins_with_how_much_is_missing),
        ON_A_BENCH(a_folder_that_cannot_be_written_is_named),
        ON_A_BENCH(a_report_is_of_what_is_stored_when_its_turn_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
