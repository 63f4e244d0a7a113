/* Plans: who does what, in which order, and when an identity changes. */
#include "tests/lib/test.h"

#include <math.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/spec/plan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A folder with what the sweep names ---- */

static char *folder, *shared;

static const char sweep[] = "name: trial\n"
                            "settings: {timeout: 30s, seed: 9}\n"
                            "suites:\n"
                            "  - name: mini\n"
                            "    kind: general-bench\n"
                            "    path: data\n"
                            "    scorers:\n"
                            "      \"audio/*\": [tools/run, models/listen.py]\n"
                            "models:\n"
                            "  - name: ocr\n"
                            "    host: exec\n"
                            "    command: [tools/run, models/ocr.py, --psm, \"7\"]\n"
                            "    env: {THREADS: 1, LANG: C}\n"
                            "    args: {psm: 7}\n"
                            "    decoding: {temperature: 0.1}\n"
                            "    precision: bf16\n"
                            "    resources: {gpus: 1, cpus: 2, memory: 2GiB}\n"
                            "  - name: fast\n"
                            "    host: sim\n"
                            "    sim: {seed: 7, quality: 0.5}\n";

static void write_file(const char *name, const char *text, mode_t mode)
{
    assert_int_equal(file_write_atomic(name, span_str(text), mode, NULL), OK);
}

static int make_files(void **state)
{
    (void)state;
    write_file("models/ocr.py", "print('ocr')\n", 0644);
    write_file("models/listen.py", "print('listen')\n", 0644);
    write_file("tools/run", "#!/bin/sh\n", 0755);
    return 0;
}

static int enter_folder(void **state)
{
    (void)state;
    shared = realpath(test_shared(), NULL); /* before the folder changes */
    folder = test_dir();
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("data", 0755), 0);
    assert_int_equal(mkdir("models", 0755), 0);
    assert_int_equal(mkdir("tools", 0755), 0);
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    test_rm_rf(folder);
    free(shared);
    return 0;
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("\"%s\" is not in the text", from);
    return xformat("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* ---- A suite, as a reader would give it ---- */

struct row {
    const char *path, *metric;
    uint32_t size;
};

static const struct row mini[] = {
    { "image/comprehension/OcrLines", "ACC", 24 },
    { "image/generation/Draw", "FID", 10 },
    { "audio/Speech", "WER", 12 },
    { "nlp/Capitals", "ACC", 100 },
};

static void make_task(const struct suite_config *config, const struct row *row, struct task *out)
{
    *out = (struct task){ .name = row->path,
                          .path = row->path,
                          .modality = MODALITY_IMAGE,
                          .paradigm = PARADIGM_COMPREHENSION,
                          .metric_name = row->metric,
                          .metric = metric_find(row->metric),
                          .sota = NAN,
                          .size = row->size,
                          .data = digest_of(span_str(row->path)) };
    for (size_t i = 0; i < config->scorer_count && !out->scorer; i++) {
        if (text_glob(config->scorer_globs[i], row->path))
            out->scorer = config->scorers[i];
    }
}

static struct suite *make_suites(const struct spec *spec, const struct row *rows, size_t count)
{
    struct suite *suites = xcalloc(spec->suite_count, sizeof(*suites));
    for (size_t s = 0; s < spec->suite_count; s++) {
        suites[s].config = spec->suites[s].config;
        suites[s].tasks = arena_alloc(&suites[s].arena, count * sizeof(struct task));
        suites[s].task_count = count;
        for (size_t i = 0; i < count; i++)
            make_task(&suites[s].config, &rows[i], &suites[s].tasks[i]);
    }
    return suites;
}

/* A sweep file, and the plan of it. */
struct planned {
    struct spec spec;
    struct plan plan;
    struct problems problems;
};

static void load_spec(const char *text, struct planned *out)
{
    *out = (struct planned){ 0 };
    write_file("sweep.yaml", text, 0644);
    if (spec_load("sweep.yaml", (struct spec_env){ 0 }, &out->spec, &out->problems) != OK)
        fail_msg("%s", out->problems.list[0].text);
}

static err plan_rows(const char *text, const struct row *rows, size_t count, struct planned *out)
{
    load_spec(text, out);
    return plan_take(&out->spec, make_suites(&out->spec, rows, count), &out->plan, &out->problems);
}

static void plan_good(const char *text, struct planned *out)
{
    if (plan_rows(text, mini, COUNT(mini), out) != OK)
        fail_msg("%s", out->problems.list[0].text);
}

static void release(struct planned *p)
{
    plan_release(&p->plan);
    spec_release(&p->spec);
    problems_release(&p->problems);
}

/* ---- Who does what ---- */

static void models_and_tasks_keep_their_order(void **state)
{
    (void)state;
    struct planned p;
    plan_good(sweep, &p);
    assert_int_equal(p.plan.model_count, 2);
    assert_string_equal(p.plan.models[0].spec->definition.name, "ocr");
    assert_string_equal(p.plan.models[1].spec->definition.name, "fast");
    assert_int_equal(p.plan.task_count, COUNT(mini));
    for (size_t i = 0; i < COUNT(mini); i++)
        assert_string_equal(p.plan.tasks[i].task->path, mini[i].path);
    release(&p);
}

static void a_suite_takes_the_tasks_it_names(void **state)
{
    (void)state;
    char *text = replaced(sweep, "    path: data\n",
                          "    path: data\n    tasks: [nlp/*, image/comprehension/**]\n");
    struct planned p;
    plan_good(text, &p);
    assert_int_equal(p.plan.task_count, 2);
    assert_string_equal(p.plan.tasks[0].task->path, "image/comprehension/OcrLines");
    assert_string_equal(p.plan.tasks[1].task->path, "nlp/Capitals");
    release(&p);
    free(text);
}

static void assert_one_problem(struct planned *p, const char *expected)
{
    assert_int_equal(p->problems.count, 1);
    assert_string_equal(p->problems.list[0].text, expected);
    assert_null(p->plan.models);
    release(p);
}

static void a_glob_that_matches_nothing_is_told(void **state)
{
    (void)state;
    char *text = replaced(sweep, "    path: data\n",
                          "    path: data\n    tasks: [\"image/**\", nlp/Capitols]\n");
    struct planned p;
    assert_int_equal(plan_rows(text, mini, COUNT(mini), &p), ERR_INVALID);
    assert_one_problem(&p, "sweep.yaml:4: suites[0]: tasks: \"nlp/Capitols\" matches none of its 4 "
                           "tasks; did you mean \"nlp/Capitals\"?");
    free(text);
}

/* "Complete: 0 instances" is not what a typing error should come to. */
static void a_model_s_glob_that_matches_nothing_is_told(void **state)
{
    (void)state;
    char *text = replaced(sweep, "    precision: bf16\n", "    tasks: [\"nlp/*\", nlp/Capitols]\n");
    struct planned p;
    assert_int_equal(plan_rows(text, mini, COUNT(mini), &p), ERR_INVALID);
    assert_int_equal(p.problems.count, 1);
    assert_non_null(strstr(p.problems.list[0].text,
                           ": models[0]: tasks: \"nlp/Capitols\" matches none of the sweep's 4 "
                           "tasks; did you mean \"nlp/Capitals\"?"));
    release(&p);
    free(text);
}

/* Else its tasks are scored by another rule, or not at all. Suites may share a list of scorers. */
static void a_scorer_s_glob_that_matches_nothing_is_told(void **state)
{
    (void)state;
    char *text = replaced(sweep, "      \"audio/*\":", "      nlp/Capitols:");
    struct planned p;
    assert_int_equal(plan_rows(text, mini, COUNT(mini), &p), ERR_INVALID);
    assert_one_problem(&p, "sweep.yaml:4: suites[0]: scorers: \"nlp/Capitols\" matches none of the "
                           "sweep's 4 tasks; did you mean \"nlp/Capitals\"?");
    free(text);
}

static void pairs_are_cells_or_gaps(void **state)
{
    (void)state;
    char *text = replaced(sweep, "    precision: bf16\n", "    tasks: [\"image/**\", nlp/*]\n");
    struct planned p;
    plan_good(text, &p);
    const struct plan_model *ocr = &p.plan.models[0], *fast = &p.plan.models[1];
    assert_int_equal(ocr->first_cell, 0);
    assert_int_equal(ocr->cell_count, 2);
    assert_int_equal(p.plan.cells[0].task, 0);
    assert_int_equal(p.plan.cells[1].task, 3);
    assert_int_equal(ocr->gap_count, 2);
    assert_int_equal(p.plan.gaps[0].task, 1);
    assert_int_equal(p.plan.gaps[0].reason, PLAN_GAP_SCORER); /* FID */
    assert_int_equal(p.plan.gaps[1].task, 2);
    assert_int_equal(p.plan.gaps[1].reason, PLAN_GAP_TASKS);
    assert_int_equal(fast->first_cell, 2);
    assert_int_equal(fast->cell_count, 4); /* a sim scores FID itself */
    assert_int_equal(p.plan.cells[2].model, 1);
    assert_int_equal(fast->gap_count, 0);
    assert_int_equal(p.plan.cell_count + p.plan.gap_count, 8);
    for (uint32_t task = 0; task < 4; task++) {
        const struct bitmap *wanted = &p.plan.tasks[task].wanted;
        bool is_gap = task == 1 || task == 2;
        assert_ptr_equal(plan_wanted_of(&p.plan, 0, task), is_gap ? NULL : wanted);
        assert_ptr_equal(plan_wanted_of(&p.plan, 1, task), wanted);
    }
    release(&p);
    free(text);
}

/* ---- Which instances ---- */

static void without_a_limit_all_instances_are_wanted(void **state)
{
    (void)state;
    struct planned p;
    plan_good(sweep, &p);
    assert_int_equal(p.plan.tasks[3].wanted_count, 100);
    assert_int_equal(p.plan.tasks[3].wanted.bits, 100);
    release(&p);
}

static void the_limit_of_a_suite_wins(void **state)
{
    (void)state;
    char *settings = replaced(sweep, "seed: 9", "seed: 9, limit: 20");
    char *text = replaced(settings, "    path: data\n", "    path: data\n    limit: 11\n");
    struct planned p;
    plan_good(settings, &p);
    assert_int_equal(p.plan.tasks[0].wanted_count, 20);
    assert_int_equal(p.plan.tasks[1].wanted_count, 10); /* it has no more */
    release(&p);
    plan_good(text, &p);
    assert_int_equal(p.plan.tasks[0].wanted_count, 11);
    release(&p);
    free(text);
    free(settings);
}

static void a_smaller_sample_is_part_of_a_larger_one(void **state)
{
    (void)state;
    char *text = replaced(sweep, "seed: 9", "seed: 9, limit: 30");
    char *more = replaced(sweep, "seed: 9", "seed: 9, limit: 60");
    char *other = replaced(sweep, "seed: 9", "seed: 8, limit: 30");
    struct planned small, large, reseeded;
    plan_good(text, &small);
    plan_good(more, &large);
    plan_good(other, &reseeded);
    assert_int_equal(small.plan.tasks[3].wanted_count, 30);
    assert_int_equal(large.plan.tasks[3].wanted_count, 60);
    assert_true(bitmap_subset(&small.plan.tasks[3].wanted, &large.plan.tasks[3].wanted));
    assert_false(bitmap_subset(&small.plan.tasks[3].wanted, &reseeded.plan.tasks[3].wanted));
    release(&small);
    release(&large);
    release(&reseeded);
    free(text);
    free(more);
    free(other);
}

/* ---- Identities of models ---- */

static struct digest model_identity(const char *text, size_t model)
{
    struct planned p;
    plan_good(text, &p);
    struct digest identity = p.plan.models[model].identity;
    release(&p);
    return identity;
}

struct mutation {
    const char *from, *to;
    bool is_another; /* model or task than before */
};

static void assert_mutation(const struct mutation *m,
                            struct digest (*identity)(const char *, size_t), size_t index)
{
    char *text = replaced(sweep, m->from, m->to);
    struct digest before = identity(sweep, index), after = identity(text, index);
    if (digest_equal(&before, &after) == m->is_another)
        fail_msg("\"%s\" -> \"%s\": the identity %s", m->from, m->to,
                 m->is_another ? "stayed the same" : "changed");
    free(text);
}

static void a_model_is_what_changes_its_answers(void **state)
{
    (void)state;
    static const struct mutation mutations[] = {
        { "name: ocr", "name: ocr2", true },
        { "--psm, \"7\"", "--psm, \"8\"", true },
        { "--psm, ", "", true },
        { "THREADS: 1", "THREADS: 2", true },
        { "THREADS: 1", "TREADS: 1", true },
        { "args: {psm: 7}", "args: {psm: \"7\"}", true },
        { "args: {psm: 7}", "args: {psm: 7, lang: eng}", true },
        { "temperature: 0.1", "temperature: 0.2", true },
        { "    decoding: {temperature: 0.1}\n", "", true },
        { "precision: bf16", "precision: fp8", true },
        { "    precision: bf16\n", "", true },
        { "    precision: bf16\n", "    precision: bf16\n    revision: v1\n", true },
        /* Where, when and how much of it runs changes no answer. */
        { "name: trial", "name: other", false },
        { "timeout: 30s", "timeout: 40s", false },
        { "seed: 9", "seed: 9, limit: 5, strikes: 1", false },
        { "    precision: bf16\n", "    precision: bf16\n    timeout: 1h\n", false },
        { "    precision: bf16\n", "    precision: bf16\n    load_timeout: 1h\n", false },
        { "    precision: bf16\n", "    precision: bf16\n    role: specialist\n", false },
        { "    precision: bf16\n", "    precision: bf16\n    tasks: [nlp/*]\n", false },
        { "gpus: 1, cpus: 2, memory: 2GiB", "gpus: 2, cpus: 4", false },
        { "name: mini", "name: mono", false },
        { "THREADS: 1, LANG: C", "LANG: \"C\", THREADS: \"1\"", false },
        { "temperature: 0.1", "temperature: 0.10", false },
        { "args: {psm: 7}", "args: {\"psm\": +7}", false },
    };
    for (size_t i = 0; i < COUNT(mutations); i++)
        assert_mutation(&mutations[i], model_identity, 0);
}

static void a_sim_is_its_parameters(void **state)
{
    (void)state;
    static const struct mutation mutations[] = {
        { "seed: 7", "seed: 8", true },
        { "quality: 0.5", "quality: 0.6", true },
        { "quality: 0.5", "quality: 0.5, failure_rate: 0.1", true },
        { "quality: 0.5", "quality: 0.5, crash_rate: 0.1", true },
        { "quality: 0.5", "quality: 0.5, poison_rate: 0.1", true },
        { "quality: 0.5", "quality: 0.5, duration: 1ms", true },
        { "quality: 0.5", "quality: 0.5, duration_spread: 0.1", true },
        { "quality: 0.5", "quality: 0.5, load: 1s", true },
        { "quality: 0.5", "quality: 0.50, load: 0s", false },
    };
    for (size_t i = 0; i < COUNT(mutations); i++)
        assert_mutation(&mutations[i], model_identity, 1);
}

static void a_model_is_the_content_of_its_files(void **state)
{
    (void)state;
    struct digest before = model_identity(sweep, 0);
    write_file("models/ocr.py", "print('better')\n", 0644);
    struct digest script = model_identity(sweep, 0);
    assert_false(digest_equal(&before, &script));
    make_files(state);
    write_file("tools/run", "#!/bin/bash\n", 0755);
    struct digest program = model_identity(sweep, 0);
    assert_false(digest_equal(&before, &program));
    make_files(state);
    struct digest same = model_identity(sweep, 0);
    assert_true(digest_equal(&before, &same)); /* written again, at another time */
}

/* Also of a scorer: results from before and after must not pass for those of one program. */
static void programs_that_changed_since_it_was_made_are_told(void **state)
{
    static const struct {
        const char *path, *text, *words;
    } cases[] = {
        { "models/ocr.py", "print('better')\n", "the program of the model " },
        { "models/listen.py", "print('kinder')\n", "the scorer of " },
        { "models/other.py", "not in any command\n", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct problems problems = { 0 };
        struct buf text = { 0 };
        struct planned p;
        plan_good(sweep, &p);
        plan_check_files(&p.plan, &problems);
        assert_false(problems_any(&problems));
        write_file(cases[i].path, cases[i].text, 0644);
        plan_check_files(&p.plan, &problems);
        problems_format(&problems, &text);
        if (cases[i].words ? !strstr(buf_cstr(&text), cases[i].words) : problems_any(&problems))
            fail_msg("%s: '%s'", cases[i].path, buf_cstr(&text));
        buf_release(&text);
        problems_release(&problems);
        release(&p);
        make_files(state);
    }
}

static void files_that_no_word_names_do_not_count(void **state)
{
    (void)state;
    struct digest before = model_identity(sweep, 0);
    write_file("models/listen.py", "print('other')\n", 0644);
    struct digest after = model_identity(sweep, 0);
    assert_true(digest_equal(&before, &after));
}

static void a_given_revision_stands_for_the_files(void **state)
{
    (void)state;
    char *text = replaced(sweep, "precision: bf16", "revision: v1");
    struct digest before = model_identity(text, 0);
    write_file("models/ocr.py", "print('better')\n", 0644);
    struct digest after = model_identity(text, 0);
    assert_true(digest_equal(&before, &after));
    free(text);
}

static void the_folder_is_no_part_of_it(void **state)
{
    (void)state;
    struct digest before = model_identity(sweep, 0);
    assert_int_equal(system("mkdir elsewhere && cp -r data models tools elsewhere"), 0);
    assert_int_equal(chdir("elsewhere"), 0);
    struct digest after = model_identity(sweep, 0);
    assert_int_equal(chdir(".."), 0);
    assert_true(digest_equal(&before, &after));
}

static void a_rotated_key_is_no_other_model(void **state)
{
    (void)state;
    char *text = replaced(sweep, "THREADS: 1", "X_KEY: \"${MUSTER_TEST_X}\"");
    char *plain = replaced(sweep, "THREADS: 1", "THREADS: \"${MUSTER_TEST_X}\"");
    setenv("MUSTER_TEST_X", "1", 1);
    struct digest key_1 = model_identity(text, 0), plain_1 = model_identity(plain, 0);
    setenv("MUSTER_TEST_X", "2", 1);
    struct digest key_2 = model_identity(text, 0), plain_2 = model_identity(plain, 0);
    unsetenv("MUSTER_TEST_X");
    assert_true(digest_equal(&key_1, &key_2));
    assert_false(digest_equal(&plain_1, &plain_2));
    free(plain);
    free(text);
}

static void too_large_a_file_asks_for_a_revision(void **state)
{
    (void)state;
    assert_int_equal(truncate("models/ocr.py", (256 << 20) + 1), 0); /* a hole, not written */
    struct planned p;
    assert_int_equal(plan_rows(sweep, mini, COUNT(mini), &p), ERR_INVALID);
    char *expected = xformat("sweep.yaml:10: models[0]: '%s/models/ocr.py' is larger than "
                             "268435456 bytes, the limit for such a file; give the model a "
                             "\"revision\" that stands for its files",
                             folder);
    assert_one_problem(&p, expected);
    free(expected);
}

/* ---- Identities of tasks ---- */

static struct digest task_identity(const char *text, size_t task)
{
    struct planned p;
    plan_good(text, &p);
    struct digest identity = p.plan.tasks[task].identity;
    release(&p);
    return identity;
}

static void a_task_is_what_is_asked_and_how_it_is_scored(void **state)
{
    (void)state;
    static const struct mutation mutations[] = {
        { "name: mini", "name: mono", true },
        { "kind: general-bench", "kind: synthetic", true },
        { "models/listen.py]", "models/listen.py, -v]", true },
        { "\"audio/*\": [tools/run, models/listen.py]", "\"nlp/*\": [tools/run]", true },
        { "\"audio/*\":", "\"audio/S*\":", false }, /* the same command */
        { "seed: 9", "seed: 9, limit: 5", false },
        { "name: ocr", "name: ocr2", false },
        { "path: data", "path: ./data", false },
    };
    for (size_t i = 0; i < COUNT(mutations); i++)
        assert_mutation(&mutations[i], task_identity, 2);
}

static void a_task_is_the_content_of_its_scorer(void **state)
{
    (void)state;
    struct digest speech = task_identity(sweep, 2), ocr = task_identity(sweep, 0);
    write_file("models/listen.py", "print('other')\n", 0644);
    struct digest speech_2 = task_identity(sweep, 2), ocr_2 = task_identity(sweep, 0);
    assert_false(digest_equal(&speech, &speech_2));
    assert_true(digest_equal(&ocr, &ocr_2)); /* it has no scorer */
}

static void a_task_is_its_data_size_and_metric(void **state)
{
    (void)state;
    struct row row = { "audio/Speech", "WER", 10 };
    struct digest identities[4];
    for (size_t i = 0; i < COUNT(identities); i++) {
        struct planned p;
        load_spec(sweep, &p);
        struct suite *suites = make_suites(&p.spec, &row, 1);
        struct task *task = &suites[0].tasks[0];
        if (i == 1)
            task->data.bytes[15] ^= 1;
        if (i == 2)
            task->size++;
        if (i == 3)
            task->metric_name = "Wer"; /* byte for byte as given */
        assert_int_equal(plan_take(&p.spec, suites, &p.plan, &p.problems), OK);
        identities[i] = p.plan.tasks[0].identity;
        for (size_t k = 0; k < i; k++)
            assert_false(digest_equal(&identities[i], &identities[k]));
        release(&p);
    }
}

static void the_reference_score_is_no_part_of_a_task(void **state)
{
    (void)state;
    struct row row = { "audio/Speech", "WER", 10 };
    struct planned p;
    load_spec(sweep, &p);
    struct suite *suites = make_suites(&p.spec, &row, 1);
    suites[0].tasks[0].sota = 50;
    assert_int_equal(plan_take(&p.spec, suites, &p.plan, &p.problems), OK);
    struct digest with = p.plan.tasks[0].identity;
    release(&p);
    assert_int_equal(plan_rows(sweep, &row, 1, &p), OK);
    assert_true(digest_equal(&with, &p.plan.tasks[0].identity));
    release(&p);
}

/* ---- Records and definitions ---- */

static void records_are_canonical_json(void **state)
{
    (void)state;
    struct planned p;
    plan_good(sweep, &p);
    const char *model = (const char *)p.plan.models[1].record.data;
    assert_string_equal(model,
                        "{\"args\":{},\"command\":[],\"decoding\":{},\"env\":{},\"host\":\"sim\","
                        "\"name\":\"fast\",\"precision\":null,\"revision\":null,\"sim\":{"
                        "\"answer_bytes\":0,"
                        "\"crash_rate\":0.0,\"duration_ms\":0,\"duration_spread\":0.0,"
                        "\"failure_rate\":0.0,\"load_ms\":0,\"poison_rate\":0.0,\"quality\":0.5,"
                        "\"seed\":7}}");
    const char *task = (const char *)p.plan.tasks[3].record.data;
    assert_string_equal(task, "{\"data\":\"264c2c0baff9908445d73629029cf03d\","
                              "\"kind\":\"general-bench\",\"metric\":\"ACC\","
                              "\"path\":\"nlp/Capitals\",\"scorer\":[],\"scorer_files\":{},"
                              "\"size\":100,\"suite\":\"mini\"}");
    release(&p);
}

static void a_program_model_is_recorded_with_its_files(void **state)
{
    (void)state;
    struct planned p;
    plan_good(sweep, &p);
    const struct plan_model *m = &p.plan.models[0];
    char script[DIGEST_HEX_BYTES], program[DIGEST_HEX_BYTES];
    struct digest d = digest_of(span_str("print('ocr')\n"));
    digest_hex(&d, script);
    d = digest_of(span_str("#!/bin/sh\n"));
    digest_hex(&d, program);
    char *expected = xformat("{\"args\":{\"psm\":7},"
                             "\"command\":[\"tools/run\",\"models/ocr.py\",\"--psm\",\"7\"],"
                             "\"decoding\":{\"temperature\":0.1},"
                             "\"env\":{\"LANG\":\"C\",\"THREADS\":\"1\"},"
                             "\"files\":{\"models/ocr.py\":\"%s\",\"tools/run\":\"%s\"},"
                             "\"host\":\"exec\",\"name\":\"ocr\",\"precision\":\"bf16\","
                             "\"revision\":\"%s\"}",
                             script, program, m->revision);
    assert_string_equal((const char *)m->record.data, expected);
    d = digest_of(m->record);
    assert_true(digest_equal(&d, &m->identity));
    free(expected);
    release(&p);
}

static void definitions_reach_the_worker(void **state)
{
    (void)state;
    struct planned p;
    plan_good(sweep, &p);
    struct arena arena = { 0 };
    struct model_definition model;
    struct task_definition task;
    assert_int_equal(model_definition_decode(p.plan.models[0].definition, &arena, &model, NULL),
                     OK);
    assert_string_equal(model.command[1], p.spec.models[0].command.words[1]); /* absolute */
    assert_int_equal(model.timeout_ms, 30000);
    assert_int_equal(task_definition_decode(p.plan.tasks[2].definition, &arena, &task, NULL), OK);
    assert_string_equal(task.suite.path, p.spec.suites[0].config.path);
    assert_string_equal(task.task.scorer, "[\"tools/run\",\"models/listen.py\"]");
    assert_string_equal(task.scorer[0], p.spec.suites[0].scorers[0].words[0]);
    assert_true(digest_equal(&task.task.data, &p.plan.tasks[2].task->data));
    arena_release(&arena);
    release(&p);
}

/* ---- Suites and size ---- */

static void a_suite_that_cannot_be_opened_is_told_with_its_place(void **state)
{
    (void)state;
    char *text = replaced(sweep, "kind: general-bench", "kind: generel-bench");
    struct planned p;
    load_spec(text, &p);
    assert_int_equal(plan_open(&p.spec, &p.plan, &p.problems), ERR_INVALID);
    assert_int_equal(p.problems.count, 1);
    assert_int_equal(strncmp(p.problems.list[0].text, "sweep.yaml:4: suites[0]: ", 25), 0);
    assert_null(p.plan.suites);
    release(&p);
    free(text);
}

/* With the reader of synthetic suites, and the published table of tasks. */
static void all_of_general_bench_is_planned(void **state)
{
    (void)state;
    if (!shared)
        skip();
    char *text = xformat("name: all\n"
                         "suites: [{name: gb, kind: synthetic,\n"
                         "          path: %s/data/general-bench/tasks.csv}]\n"
                         "models: [{name: s, host: sim}, {name: x, host: exec, command: [sh]}]\n",
                         shared);
    struct planned p;
    load_spec(text, &p);
    if (plan_open(&p.spec, &p.plan, &p.problems) != OK)
        fail_msg("%s", p.problems.list[0].text);
    assert_int_equal(p.plan.task_count, 699);
    uint64_t instances = 0;
    for (size_t i = 0; i < p.plan.task_count; i++)
        instances += p.plan.tasks[i].wanted_count;
    assert_int_equal(instances, 325544);
    assert_int_equal(p.plan.models[0].cell_count, 699);
    /* Many metrics are computed by programs, which this suite has none of. */
    const struct plan_model *program = &p.plan.models[1];
    for (size_t i = 0; i < program->cell_count; i++) {
        const struct plan_cell *cell = &p.plan.cells[program->first_cell + i];
        assert_int_not_equal(p.plan.tasks[cell->task].task->metric->kind, METRIC_SCORED);
    }
    for (size_t i = 0; i < program->gap_count; i++)
        assert_int_equal(p.plan.gaps[program->first_gap + i].reason, PLAN_GAP_SCORER);
    release(&p);
    free(text);
}

static void a_hundred_models_are_planned(void **state)
{
    (void)state;
    struct buf text = { 0 };
    buf_append_str(&text, "name: big\n"
                          "settings: {limit: 100}\n"
                          "suites: [{name: s, kind: k, path: data}]\n"
                          "models:\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "  - {name: m%d, host: sim, tasks: [\"image/**\", \"nlp/*5*\"]}\n", i);
    struct row rows[699];
    char paths[699][32];
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "%s/Task%zu", i % 2 ? "image" : "nlp", i);
        rows[i] = (struct row){ paths[i], "ACC", 466 };
    }
    struct planned p;
    assert_int_equal(plan_rows(buf_cstr(&text), rows, COUNT(rows), &p), OK);
    assert_int_equal(p.plan.cell_count + p.plan.gap_count, 69900);
    assert_true(p.plan.cell_count > 34900 && p.plan.gap_count > 10000);
    assert_int_equal(p.plan.tasks[698].wanted_count, 100);
    release(&p);
    buf_release(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, make_files)
    const struct CMUnitTest tests[] = {
        TEST(models_and_tasks_keep_their_order),
        TEST(a_suite_takes_the_tasks_it_names),
        TEST(a_glob_that_matches_nothing_is_told),
        TEST(a_model_s_glob_that_matches_nothing_is_told),
        TEST(a_scorer_s_glob_that_matches_nothing_is_told),
        TEST(pairs_are_cells_or_gaps),
        TEST(without_a_limit_all_instances_are_wanted),
        TEST(the_limit_of_a_suite_wins),
        TEST(a_smaller_sample_is_part_of_a_larger_one),
        TEST(a_model_is_what_changes_its_answers),
        TEST(a_sim_is_its_parameters),
        TEST(a_model_is_the_content_of_its_files),
        TEST(programs_that_changed_since_it_was_made_are_told),
        TEST(files_that_no_word_names_do_not_count),
        TEST(a_given_revision_stands_for_the_files),
        TEST(the_folder_is_no_part_of_it),
        TEST(a_rotated_key_is_no_other_model),
        TEST(too_large_a_file_asks_for_a_revision),
        TEST(a_task_is_what_is_asked_and_how_it_is_scored),
        TEST(a_task_is_the_content_of_its_scorer),
        TEST(a_task_is_its_data_size_and_metric),
        TEST(the_reference_score_is_no_part_of_a_task),
        TEST(records_are_canonical_json),
        TEST(a_program_model_is_recorded_with_its_files),
        TEST(definitions_reach_the_worker),
        TEST(a_suite_that_cannot_be_opened_is_told_with_its_place),
        TEST(all_of_general_bench_is_planned),
        TEST(a_hundred_models_are_planned),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
