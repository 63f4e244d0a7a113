/* Sweep files: what is read from good ones, and what is said of bad ones, word for word. */
#include "tests/lib/test.h"

#include <sys/stat.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/spec/spec.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A folder with a sweep and what it names ---- */

static char *folder;

static const char good[] = "name: trial\n"                                              /* 1 */
                           "settings: {timeout: 30s, strikes: 2, limit: 50, seed: 9}\n" /* 2 */
                           "suites:\n"                                                  /* 3 */
                           "  - name: mini\n"                                           /* 4 */
                           "    kind: general-bench\n"                                  /* 5 */
                           "    path: data\n"                                           /* 6 */
                           "    sota: data/sota.csv\n"                                  /* 7 */
                           "    tasks: [\"image/**\", nlp/Capitals]\n"                  /* 8 */
                           "    scorers:\n"                                             /* 9 */
                           "      \"audio/*\": [tools/run, models/listen.py]\n"         /* 10 */
                           "models:\n"                                                  /* 11 */
                           "  - name: ocr/tesseract\n"                                  /* 12 */
                           "    host: exec\n"                                           /* 13 */
                           "    command: [tools/run, models/ocr.py, --psm, \"7\"]\n"    /* 14 */
                           "    env: {THREADS: 1}\n"                                    /* 15 */
                           "    args: {psm: 7, lang: eng}\n"                            /* 16 */
                           "    decoding: {temperature: 0.10, best_of: null}\n"         /* 17 */
                           "    resources: {gpus: 1, cpus: 2, memory: 2GiB}\n"          /* 18 */
                           "    timeout: 60s\n"                                         /* 19 */
                           "    load_timeout: 5m\n"                                     /* 20 */
                           "    role: specialist\n"                                     /* 21 */
                           "    tasks: [\"image/**\"]\n"                                /* 22 */
                           "  - name: sim-fast\n"                                       /* 23 */
                           "    host: sim\n"                                            /* 24 */
                           "    sim: {seed: 7, quality: 0.5, duration: 20ms}\n";        /* 25 */

static void write_file(const char *name, const char *text, mode_t mode)
{
    assert_int_equal(file_write_atomic(name, span_str(text), mode, NULL), OK);
}

static int enter_folder(void **state)
{
    (void)state;
    folder = test_dir();
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("data", 0755), 0);
    assert_int_equal(mkdir("models", 0755), 0);
    assert_int_equal(mkdir("tools", 0755), 0);
    write_file("data/sota.csv", "", 0644);
    write_file("models/ocr.py", "print()\n", 0644);
    write_file("models/listen.py", "print()\n", 0644);
    write_file("tools/run", "#!/bin/sh\n", 0755);
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    test_rm_rf(folder);
    return 0;
}

/* The environment of the tests. */
static const char *test_env(void *owner, const char *name)
{
    (void)owner;
    if (strcmp(name, "PATH") == 0)
        return "/nowhere:/usr/bin:/bin";
    if (strcmp(name, "COUNT") == 0)
        return "5";
    if (strcmp(name, "API_KEY") == 0)
        return "hush";
    if (strcmp(name, "EMPTY") == 0)
        return "";
    return strcmp(name, "LATIN") == 0 ? "\xE4" : NULL;
}

static err load(const char *path, struct spec *out, struct problems *problems)
{
    return spec_load(path, (struct spec_env){ test_env, NULL }, out, problems);
}

/* A sweep that must be fine. */
static void load_good(const char *text, struct spec *out)
{
    struct problems problems = { 0 };
    write_file("sweep.yaml", text, 0644);
    if (load("sweep.yaml", out, &problems) != OK)
        fail_msg("%s", problems.list[0].text);
    problems_release(&problems);
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at)
        fail_msg("\"%s\" is not in the text", from);
    return xformat("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* What is said of a file; @ stands for the folder. The caller frees. */
static char *said_of(const char *path, err expected)
{
    struct spec spec;
    struct problems problems = { 0 };
    struct buf lines = { 0 };
    assert_int_equal(load(path, &spec, &problems), expected);
    assert_null(spec.arena.chunks);
    problems_format(&problems, &lines);
    problems_release(&problems);
    char *text = xstrdup(buf_cstr(&lines));
    buf_release(&lines);
    while (strstr(text, folder)) {
        char *shorter = replaced(text, folder, "@");
        free(text);
        text = shorter;
    }
    return text;
}

static char *said_of_text(const char *text)
{
    write_file("sweep.yaml", text, 0644);
    return said_of("sweep.yaml", ERR_INVALID);
}

/* ---- Good files ---- */

static void a_full_file_is_read(void **state)
{
    (void)state;
    struct spec s;
    load_good(good, &s);
    assert_string_equal(s.name, "trial");
    assert_int_equal(s.settings.timeout_ms, 30000);
    assert_int_equal(s.settings.strikes, 2);
    assert_int_equal(s.settings.limit, 50);
    assert_int_equal(s.settings.seed, 9);
    assert_int_equal(s.settings.rule, SPEC_RULE_CORRECTED);

    assert_int_equal(s.suite_count, 1);
    assert_string_equal(s.suites[0].config.name, "mini");
    assert_string_equal(s.suites[0].config.kind, "general-bench");
    assert_int_equal(s.suites[0].limit, 50); /* of the settings */
    assert_int_equal(s.suites[0].tasks.count, 2);
    assert_string_equal(s.suites[0].tasks.patterns[1], "nlp/Capitals");

    assert_int_equal(s.model_count, 2);
    const struct model_definition *d = &s.models[0].definition;
    assert_string_equal(d->name, "ocr/tesseract");
    assert_int_equal(d->host, HOST_EXEC);
    assert_int_equal(d->env_count, 1);
    assert_string_equal(d->env[0].name, "THREADS");
    assert_string_equal(d->env[0].value, "1");
    assert_string_equal(d->args, "{\"lang\":\"eng\",\"psm\":7}");
    assert_string_equal(d->decoding, "{\"best_of\":null,\"temperature\":0.1}");
    assert_int_equal(d->timeout_ms, 60000);
    assert_int_equal(d->load_timeout_ms, 300000);
    assert_int_equal(d->resources.gpus, 1);
    assert_int_equal(d->resources.cpus, 2);
    assert_int_equal(d->resources.memory_bytes, 2ull << 30);
    assert_int_equal(s.models[0].role, SPEC_ROLE_SPECIALIST);
    assert_int_equal(s.models[0].tasks.count, 1);

    d = &s.models[1].definition;
    assert_int_equal(d->host, HOST_SIM);
    assert_int_equal(d->sim.seed, 7);
    assert_true(d->sim.quality == 0.5);
    assert_int_equal(d->sim.duration_ms, 20);
    spec_release(&s);
}

static void what_a_model_is_expected_to_take_is_read(void **state)
{
    (void)state;
    struct spec s;
    load_good("name: d\n"
              "suites: [{name: s, kind: k, path: data}]\n"
              "models: [{name: m, host: sim, estimate: {load: 90s, instance: 400ms}}]\n",
              &s);
    assert_int_equal(s.models[0].estimate.load_ms, 90000);
    assert_int_equal(s.models[0].estimate.instance_ms, 400);
    spec_release(&s);
}

static void what_is_not_said_has_its_default(void **state)
{
    (void)state;
    struct spec s;
    load_good("name: d\n"
              "suites: [{name: s, kind: k, path: data}]\n"
              "models: [{name: m, host: sim}]\n",
              &s);
    assert_int_equal(s.settings.timeout_ms, 120000);
    assert_int_equal(s.settings.strikes, 3);
    assert_int_equal(s.settings.limit, 0);
    assert_int_equal(s.settings.seed, 1);
    assert_null(s.suites[0].config.sota);
    assert_int_equal(s.suites[0].tasks.count, 0);
    assert_int_equal(s.suites[0].limit, 0);
    const struct model_definition *d = &s.models[0].definition;
    assert_string_equal(d->args, "{}");
    assert_int_equal(d->timeout_ms, 120000);
    assert_int_equal(d->load_timeout_ms, 600000);
    assert_int_equal(s.models[0].estimate.load_ms, 0);
    assert_int_equal(d->resources.gpus, 0);
    assert_int_equal(d->resources.cpus, 1);
    assert_int_equal(d->resources.memory_bytes, 0);
    assert_int_equal(s.models[0].role, SPEC_ROLE_GENERALIST);
    assert_null(s.models[0].revision);
    assert_int_equal(d->sim.seed, 1);
    assert_true(d->sim.quality == 0.8);
    spec_release(&s);
}

static void assert_in_folder(const char *path, const char *name)
{
    char *expected = xformat("%s/%s", folder, name);
    assert_string_equal(path, expected);
    free(expected);
}

static void paths_are_relative_to_the_file_and_absolute_behind(void **state)
{
    (void)state;
    struct spec s;
    load_good(good, &s);
    assert_string_equal(s.folder, folder);
    assert_in_folder(s.suites[0].config.path, "data");
    assert_in_folder(s.suites[0].config.sota, "data/sota.csv");
    spec_release(&s);
}

static void only_words_that_are_files_become_paths(void **state)
{
    (void)state;
    struct spec s;
    load_good(good, &s);
    const struct spec_command *c = &s.models[0].command;
    assert_int_equal(c->count, 4);
    assert_in_folder(c->words[0], "tools/run");
    assert_in_folder(c->words[1], "models/ocr.py");
    assert_string_equal(c->words[2], "--psm");
    assert_string_equal(c->words[3], "7");
    assert_string_equal(c->written[1], "models/ocr.py");
    assert_ptr_equal(s.models[0].definition.command, c->words);
    /* A scorer's identity does not depend on where the sweep lies; what is started does. */
    assert_string_equal(s.suites[0].config.scorer_globs[0], "audio/*");
    assert_string_equal(s.suites[0].config.scorers[0], "[\"tools/run\",\"models/listen.py\"]");
    assert_in_folder(s.suites[0].scorers[0].words[1], "models/listen.py");
    spec_release(&s);
}

static void a_program_may_be_in_the_path(void **state)
{
    (void)state;
    char *text = replaced(good, "[tools/run, models/ocr.py", "[sh, models/ocr.py");
    struct spec s;
    load_good(text, &s);
    assert_string_equal(s.models[0].command.words[0], "sh"); /* for each worker to find */
    spec_release(&s);
    free(text);
}

static void plain_scalars_have_the_type_they_look_like(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        { "7", "7" },
        { "-7", "-7" },
        { "+7", "7" },
        { "\"7\"", "\"7\"" },
        { "007", "\"007\"" },
        { "0x10", "\"0x10\"" },
        { "1.50", "1.5" },
        { "1e3", "1000.0" },
        { ".5", "0.5" },
        { "true", "true" },
        { "False", "false" },
        { "\"true\"", "\"true\"" },
        { "yes", "\"yes\"" },
        { "no", "\"no\"" },
        { "~", "null" },
        { "null", "null" },
        { "''", "\"\"" },
        { "1.5.2", "\"1.5.2\"" },
        { "$${x}", "\"${x}\"" },
        { "12:30", "\"12:30\"" },
        { "9223372036854775808", "\"9223372036854775808\"" },
        { "${COUNT}", "5" },
        { "'${COUNT}'", "\"5\"" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = xformat("name: d\n"
                             "suites: [{name: s, kind: k, path: data}]\n"
                             "models:\n"
                             "  - name: m\n"
                             "    host: sim\n"
                             "    args:\n"
                             "      x: %s\n",
                             cases[i].yaml);
        char *json = xformat("{\"x\":%s}", cases[i].json);
        struct spec s;
        load_good(text, &s);
        assert_string_equal(s.models[0].definition.args, json);
        spec_release(&s);
        free(json);
        free(text);
    }
}

static void sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        { "1", 1 },         { "512MB", 512000000 },    { "2GiB", 2ull << 30 },
        { "1.5KiB", 1536 }, { "2 TB", 2000000000000 }, { "7B", 7 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = replaced(good, "2GiB", cases[i].text);
        struct spec s;
        load_good(text, &s);
        assert_int_equal(s.models[0].definition.resources.memory_bytes, cases[i].bytes);
        spec_release(&s);
        free(text);
    }
}

static void variables_are_filled_in(void **state)
{
    (void)state;
    struct spec s;
    load_good("name: ${NAME:-fallback}\n"
              "settings: {limit: \"${COUNT}\", seed: \"${EMPTY:-3}\"}\n"
              "suites: [{name: s, kind: \"$${k}\", path: \"${DATA:-data}\"}]\n"
              "models:\n"
              "  - name: m-${COUNT}-${COUNT}\n"
              "    host: exec\n"
              "    command: [sh]\n"
              "    env: {A: \"<${EMPTY}>\", B: \"$COUNT\", C: \"${NONE:-}\"}\n",
              &s);
    assert_string_equal(s.name, "fallback");
    assert_int_equal(s.settings.limit, 5);
    assert_int_equal(s.settings.seed, 3);
    assert_string_equal(s.suites[0].config.kind, "${k}");
    assert_string_equal(s.models[0].definition.name, "m-5-5");
    assert_string_equal(s.models[0].definition.env[0].value, "<>");
    assert_string_equal(s.models[0].definition.env[1].value, "$COUNT"); /* braces are required */
    assert_string_equal(s.models[0].definition.env[2].value, "");
    spec_release(&s);
}

static void a_secret_counts_as_it_is_written(void **state)
{
    (void)state;
    char *text = replaced(good, "{THREADS: 1}",
                          "{API_KEY: \"${API_KEY}\", HOME_DIR: \"${API_KEY}\", MY_TOKEN: fixed}");
    struct spec s;
    load_good(text, &s);
    const struct spec_model *m = &s.models[0];
    assert_string_equal(m->definition.env[0].value, "hush"); /* the model gets it */
    assert_string_equal(m->env_identity[0], "${API_KEY}");
    assert_string_equal(m->env_identity[1], "hush"); /* its name does not say that it is one */
    assert_string_equal(m->env_identity[2], "fixed");
    spec_release(&s);
    free(text);
}

static void mappings_can_be_shared_and_merged(void **state)
{
    (void)state;
    struct spec s;
    load_good("name: d\n"
              "suites: [{name: s, kind: k, path: data}]\n"
              "models:\n"
              "  - &base\n"
              "    name: first\n"
              "    host: sim\n"
              "    timeout: 7s\n"
              "    resources: &small {cpus: 3}\n"
              "  - <<: *base\n"
              "    name: second\n"
              "    timeout: 8s\n"
              "  - name: third\n"
              "    host: sim\n"
              "    resources: *small\n"
              "  - <<: [{timeout: 9s}, *base]\n"
              "    name: fourth\n",
              &s);
    assert_int_equal(s.model_count, 4);
    assert_string_equal(s.models[1].definition.name, "second");
    assert_int_equal(s.models[1].definition.timeout_ms, 8000); /* what is written wins */
    assert_int_equal(s.models[1].definition.resources.cpus, 3);
    assert_int_equal(s.models[2].definition.resources.cpus, 3);
    assert_int_equal(s.models[2].definition.timeout_ms, 120000);
    assert_int_equal(s.models[3].definition.timeout_ms, 9000); /* the first of a list wins */
    spec_release(&s);
}

static void a_merged_key_stands_once(void **state)
{
    (void)state;
    char *text = replaced(good, "{psm: 7, lang: eng}", "{<<: {psm: 6, lang: deu}, psm: 7}");
    struct spec s;
    load_good(text, &s);
    assert_string_equal(s.models[0].definition.args, "{\"lang\":\"deu\",\"psm\":7}");
    spec_release(&s);
    free(text);
}

static void an_alias_means_the_newest_anchor_of_its_name(void **state)
{
    (void)state;
    char *text = replaced(good, "{psm: 7, lang: eng}", "{a: &x 1, b: &x 2, c: *x}");
    struct spec s;
    load_good(text, &s);
    assert_string_equal(s.models[0].definition.args, "{\"a\":1,\"b\":2,\"c\":2}");
    spec_release(&s);
    free(text);
}

/* ---- Bad values ---- */

struct bad {
    const char *from, *to; /* in `good` */
    const char *said;
};

#define NINE_E "\u00E9\u00E9\u00E9\u00E9\u00E9\u00E9\u00E9\u00E9\u00E9"
#define TEN_E  NINE_E "\u00E9"

static const struct bad bad_values[] = {
    /* Keys. */
    { "command:", "comand:",
      "sweep.yaml:12: models[0]: the key \"command\" is missing: expected the words of its "
      "command\n"
      "sweep.yaml:14: models[0]: unknown key \"comand\"; did you mean \"command\"? Known keys: "
      "name, host, command, env, args, decoding, revision, precision, role, tasks, resources, "
      "timeout, load_timeout, estimate, priority, concurrency, max_replicas, weight, speculate, "
      "sim\n" },
    { "    kind:", "    xyzzyx: 1\n    kind:",
      "sweep.yaml:5: suites[0]: unknown key \"xyzzyx\". Known keys: name, kind, path, sota, tasks, "
      "limit, scorers\n" },
    { "    host: exec\n", "",
      "sweep.yaml:12: models[0]: the key \"host\" is missing: expected exec or sim\n" },
    { "name: trial\n", "",
      "sweep.yaml:1: the key \"name\" is missing: expected the name of the "
      "sweep\n" },
    { "    path: data\n", "",
      "sweep.yaml:4: suites[0]: the key \"path\" is missing: expected the folder of its data\n" },
    { "    host: exec\n", "    host: exec\n    host: sim\n",
      "sweep.yaml:14: the key \"host\" stands twice (first in line 13)\n" },
    { "    sim: {seed: 7, quality: 0.5, duration: 20ms}\n", "    command: [sh]\n",
      "sweep.yaml:25: models[1].command: a model with \"host: sim\" takes no \"command\"\n" },
    { "    env: {THREADS: 1}\n", "    sim: {seed: 7}\n",
      "sweep.yaml:15: models[0].sim: a model with \"host: exec\" takes no \"sim\"\n" },
    /* Types. */
    { "gpus: 1", "gpus: 0, gpu_memory: 40GiB",
      "sweep.yaml:18: models[0].resources.gpu_memory: means nothing with \"gpus: 0\"; say how many "
      "GPUs it takes\n" },
    { "gpus: 1", "gpus: 1, gpu_types: A100",
      "sweep.yaml:18: models[0].resources.gpu_types: expected a list of types, such as A100, found "
      "\"A100\"\n" },
    { "gpus: 1", "gpus: two",
      "sweep.yaml:18: models[0].resources.gpus: expected a whole number from 0 to 64, found "
      "\"two\"\n" },
    { "gpus: 1", "gpus: 65",
      "sweep.yaml:18: models[0].resources.gpus: expected a whole number from 0 to 64, found "
      "\"65\"\n" },
    { "gpus: 1", "gpus: -1",
      "sweep.yaml:18: models[0].resources.gpus: expected a whole number from 0 to 64, found "
      "\"-1\"\n" },
    { "gpus: 1", "gpus: 0.5",
      "sweep.yaml:18: models[0].resources.gpus: expected a whole number from 0 to 64, found "
      "\"0.5\"\n" },
    { "cpus: 2", "cpus: 0",
      "sweep.yaml:18: models[0].resources.cpus: expected a whole number from 1 to 4096, found "
      "\"0\"\n" },
    { "{gpus: 1, cpus: 2, memory: 2GiB}", "7",
      "sweep.yaml:18: models[0].resources: expected a mapping with the keys gpus, cpus, memory, "
      "gpu_memory, gpu_types, "
      "found \"7\"\n" },
    { "[\"image/**\", nlp/Capitals]", "image/**",
      "sweep.yaml:8: suites[0].tasks: expected a list of globs over task paths, such as "
      "\"image/**\", found \"image/**\"\n" },
    { "[\"image/**\", nlp/Capitals]", "[]",
      "sweep.yaml:8: suites[0].tasks: expected a list of globs over task paths, such as "
      "\"image/**\", found an empty list\n" },
    { "[\"image/**\", nlp/Capitals]", "[\"\"]",
      "sweep.yaml:8: suites[0].tasks[0]: expected a glob such as \"image/**\", found an empty "
      "text\n" },
    { "[\"image/**\", nlp/Capitals]", "[[image]]",
      "sweep.yaml:8: suites[0].tasks[0]: expected text, found a list\n" },
    { "{psm: 7, lang: eng}", "{psm: {deep: 1}}",
      "sweep.yaml:16: models[0].args.psm: expected a text, a number, true, false or null, found a "
      "mapping\n" },
    { "{psm: 7, lang: eng}", "[psm]",
      "sweep.yaml:16: models[0].args: expected a mapping of texts, numbers, true, false or null, "
      "found a list\n" },
    { "name: trial", "name:", "sweep.yaml:1: name: expected text, found nothing\n" },
    { "quality: 0.5", "quality: 1.5",
      "sweep.yaml:25: models[1].sim.quality: expected a number from 0 to 1, found \"1.5\"\n" },
    /* Ranges, durations, sizes, words. */
    { "limit: 50", "limit: 0",
      "sweep.yaml:2: settings.limit: expected a whole number from 1 to 16777216, found \"0\"\n" },
    { "strikes: 2", "strikes: 11",
      "sweep.yaml:2: settings.strikes: expected a whole number from 1 to 10, found \"11\"\n" },
    { "timeout: 30s", "timeout: soon",
      "sweep.yaml:2: settings.timeout: expected a duration from 1ms to 7d 00h, such as 90s or "
      "1h30m, found \"soon\"\n" },
    { "timeout: 60s", "timeout: 0s",
      "sweep.yaml:19: models[0].timeout: expected a duration from 1ms to 7d 00h, such as 90s or "
      "1h30m, found \"0s\"\n" },
    { "load_timeout: 5m", "load_timeout: 8d",
      "sweep.yaml:20: models[0].load_timeout: expected a duration from 1ms to 7d 00h, such as 90s "
      "or 1h30m, found \"8d\"\n" },
    { "load_timeout: 5m", "estimate: {load: 5m, instances: 1s}",
      "sweep.yaml:20: models[0].estimate: unknown key \"instances\"; did you mean \"instance\"? "
      "Known keys: load, instance\n" },
    { "load_timeout: 5m", "estimate: {instance: fast}",
      "sweep.yaml:20: models[0].estimate.instance: expected a duration from 1ms to 7d 00h, such as "
      "90s or 1h30m, found \"fast\"\n" },
    { "memory: 2GiB", "memory: 2 gigs",
      "sweep.yaml:18: models[0].resources.memory: expected a size such as 512MB or 2GiB, or a "
      "number of bytes, found \"2 gigs\"\n" },
    { "memory: 2GiB", "memory: 0",
      "sweep.yaml:18: models[0].resources.memory: expected from 1 to 1125899906842624 bytes, found "
      "\"0\"\n" },
    { "host: exec", "host: exce",
      "sweep.yaml:13: models[0].host: expected exec or sim, found \"exce\"; did you mean "
      "\"exec\"?\n" },
    { "role: specialist", "role: special",
      "sweep.yaml:21: models[0].role: expected generalist or specialist, found \"special\"; did "
      "you mean \"specialist\"?\n" },
    { "seed: 9", "rule: fair",
      "sweep.yaml:2: settings.rule: expected corrected or official, found \"fair\"\n" },
    /* Names. */
    { "name: trial", "name: a/b",
      "sweep.yaml:1: name: expected a name of 1 to 200 letters, digits and any of \"._-\", found "
      "\"a/b\"\n" },
    { "name: trial", "name: ..", /* its reports would be written beside the folder of reports */
      "sweep.yaml:1: name: expected a name of 1 to 200 letters, digits and any of \"._-\", found "
      "\"..\"\n" },
    /* What is long is cut between characters. */
    { "name: trial", "name: x" TEN_E TEN_E TEN_E,
      "sweep.yaml:1: name: expected a name of 1 to 200 letters, digits and any of \"._-\", found "
      "\"x" TEN_E TEN_E NINE_E "\"\n" },
    { "seed: 9", "rule: x" TEN_E TEN_E TEN_E,
      "sweep.yaml:2: settings.rule: expected corrected or official, found \"x" TEN_E TEN_E NINE_E
      "\"...\n" },
    { "name: sim-fast", "name: ocr/tesseract",
      "sweep.yaml:23: models[1].name: the name \"ocr/tesseract\" is taken (line 12); names must "
      "differ\n" },
    { "models:\n", "  - {name: mini, kind: general-bench, path: data}\nmodels:\n",
      "sweep.yaml:11: suites[1].name: the name \"mini\" is taken (line 4); names must differ\n" },
    { "{THREADS: 1}", "{2ND: 1}",
      "sweep.yaml:15: models[0].env.2ND: expected letters, digits and \"_\" as the name of an "
      "environment variable\n" },
    { "{THREADS: 1}", "{MUSTER_FD: 1}",
      "sweep.yaml:15: models[0].env.MUSTER_FD: names that begin with MUSTER_ are muster's own\n" },
    /* Files. */
    { "path: data", "path: dota",
      "sweep.yaml:6: suites[0].path: there is no file or folder \"@/dota\"\n" },
    { "sota: data/sota.csv", "sota: /nowhere/sota.csv",
      "sweep.yaml:7: suites[0].sota: there is no file or folder \"/nowhere/sota.csv\"\n" },
    { "models/ocr.py", "models/orc.py",
      "sweep.yaml:14: models[0].command[1]: there is no file \"@/models/orc.py\"\n" },
    { "[tools/run, models/ocr.py", "[models/ocr.py",
      "sweep.yaml:14: models[0].command[0]: \"@/models/ocr.py\" is not executable; make it so "
      "(chmod +x), or name its interpreter before it\n" },
    { "[tools/run, models/ocr.py", "[pyhton99",
      "sweep.yaml:14: models[0].command[0]: found no program \"pyhton99\": looked for @/pyhton99, "
      "and in PATH\n" },
    { "[tools/run, models/ocr.py", "[tools/rum",
      "sweep.yaml:14: models[0].command[0]: found no program \"tools/rum\": looked for "
      "@/tools/rum\n" },
    { "[tools/run, models/ocr.py", "[models",
      "sweep.yaml:14: models[0].command[0]: found no program \"models\": looked for @/models, and "
      "in PATH\n" },
    { "[tools/run, models/listen.py]", "[tools/run, models/lisen.py]",
      "sweep.yaml:10: suites[0].scorers[\"audio/*\"][1]: there is no file "
      "\"@/models/lisen.py\"\n" },
    /* Variables. */
    { "path: data", "path: ${DATA_DIR}/x",
      "sweep.yaml:6: suites[0].path: the environment variable DATA_DIR is not set; set it, or give "
      "a default: ${DATA_DIR:-text}\n" },
    { "path: data", "path: ${DATA-DIR}",
      "sweep.yaml:6: suites[0].path: expected ${NAME} or ${NAME:-default}; write $${ for ${ "
      "itself\n" },
    { "path: data", "path: ${DATA",
      "sweep.yaml:6: suites[0].path: expected ${NAME} or ${NAME:-default}; write $${ for ${ "
      "itself\n" },
    { "path: data", "path: ${LATIN}",
      "sweep.yaml:6: suites[0].path: the environment variable LATIN is not UTF-8\n" },
    /* YAML. */
    { "    kind:", "\tkind:",
      "sweep.yaml:5: this is not YAML: found a tab character that violates indentation (while "
      "scanning a plain scalar); indent with blanks, not with tabs\n" },
    { "[\"image/**\", nlp/Capitals]", "[\"image/**\"",
      "sweep.yaml:9: this is not YAML: did not find expected ',' or ']' (while parsing a flow "
      "sequence)\n" },
    { "name: trial", "name: \"tri\xFF\x61l\"",
      "sweep.yaml:1: expected UTF-8, found bytes that are none: save the file as UTF-8\n" },
    { "host: exec", "host: \"exec\xE4\"",
      "sweep.yaml:13: expected UTF-8, found bytes that are none: save the file as UTF-8\n" },
    { "host: exec", "host: \x01",
      "sweep.yaml:13: this is not YAML: control characters are not "
      "allowed\n" },
    { "name: trial", "name: \"tri\\0al\"", "sweep.yaml:1: a text holds a NUL character\n" },
    { "role: specialist", "role: !!str specialist",
      "sweep.yaml:21: tags such as !!str are not supported; use quotes for texts\n" },
    { "{psm: 7, lang: eng}", "{? [a]: 1}",
      "sweep.yaml:16: a key must be a text, not a list or mapping\n" },
    { "{psm: 7, lang: eng}", "*nothing",
      "sweep.yaml:16: *nothing: there is no finished &nothing above it\n" },
    { "{psm: 7, lang: eng}", "&self {a: *self}",
      "sweep.yaml:16: *self: there is no finished &self above it\n" },
    { "{psm: 7, lang: eng}", "{<<: 7}",
      "sweep.yaml:16: << takes a mapping, or a list of mappings\n" },
    { "models:\n", "---\nmodels:\n", "sweep.yaml:11: a second document begins here (---)\n" },
};

static void bad_values_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_values); i++) {
        char *text = replaced(good, bad_values[i].from, bad_values[i].to);
        char *said = said_of_text(text);
        assert_string_equal(said, bad_values[i].said);
        free(said);
        free(text);
    }
}

/* ---- Bad files ---- */

static void assert_said(const char *text, const char *expected)
{
    char *said = said_of_text(text);
    assert_string_equal(said, expected);
    free(said);
}

static void an_empty_file_is_told(void **state)
{
    (void)state;
    static const char said[] = "sweep.yaml:1: the file is empty: expected a mapping with the keys "
                               "name, suites and models\n";
    assert_said("", said);
    assert_said("# only a comment\n", said);
}

static void a_file_that_is_no_mapping_is_told(void **state)
{
    (void)state;
    assert_said("- name: x\n", "sweep.yaml:1: expected a mapping with the keys name, settings, "
                               "suites, models, found a list\n");
    assert_said("hello\n", "sweep.yaml:1: expected a mapping with the keys name, settings, suites, "
                           "models, found \"hello\"\n");
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    char *said = said_of("absent.yaml", ERR_NOT_FOUND);
    assert_string_equal(said,
                        "absent.yaml: cannot open 'absent.yaml': No such file or directory\n");
    free(said);
    said = said_of("data", ERR_INVALID);
    assert_string_equal(said, "data: cannot read 'data': it is not a regular file\n");
    free(said);
}

static void a_huge_file_is_not_read(void **state)
{
    (void)state;
    write_file("huge.yaml", "name: x\n", 0644);
    assert_int_equal(truncate("huge.yaml", SWEEP_FILE_BYTES_MAX + 1), 0);
    char *said = said_of("huge.yaml", ERR_LIMIT);
    assert_string_equal(said, "huge.yaml: 'huge.yaml' is larger than 16777216 bytes, the limit for "
                              "such a file\n");
    free(said);
}

/* Each level names the one below ten times: a billion of them at the top, if they were copied. */
static void an_alias_bomb_stays_small(void **state)
{
    (void)state;
    struct buf text = { 0 };
    buf_append_str(&text, "a0: &a0 [x]\n");
    for (int level = 1; level <= 9; level++) {
        buf_printf(&text, "a%d: &a%d [", level, level);
        for (int i = 0; i < 10; i++)
            buf_printf(&text, "%s*a%d", i > 0 ? ", " : "", level - 1);
        buf_append_str(&text, "]\n");
    }
    buf_append_str(&text, "name: *a9\n");
    char *said = said_of_text(buf_cstr(&text));
    assert_non_null(strstr(said, "... and 3 more\n"));
    assert_non_null(strstr(said, "unknown key \"a0\""));
    free(said);
    buf_release(&text);
}

static void merging_cannot_multiply_either(void **state)
{
    (void)state;
    struct buf text = { 0 };
    buf_append_str(&text, "a: &a {");
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "k%d: 1, ", i);
    buf_append_str(&text, "}\nb:\n");
    for (int i = 0; i < 2000; i++)
        buf_append_str(&text, "  - <<: *a\n");
    write_file("sweep.yaml", buf_cstr(&text), 0644);
    char *said = said_of("sweep.yaml", ERR_LIMIT);
    assert_string_equal(said, "sweep.yaml:1046: the file holds more than 1,048,576 values\n");
    free(said);
    buf_release(&text);
}

static void repeat(struct buf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_append_str(out, text);
}

static void sizes_of_the_tree_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *before, *each;
        size_t count;
        const char *said;
    } cases[] = {
        { "a: ", "[", 100000, "sweep.yaml:1: lists and mappings are nested more than 16 deep\n" },
        { "a: [", "b,", 2 << 20, "sweep.yaml:1: the file holds more than 1,048,576 values\n" },
        { "a: [", "&b b,", 300, "sweep.yaml:1: the file holds more than 256 anchors\n" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf text = { 0 };
        buf_append_str(&text, cases[i].before);
        repeat(&text, cases[i].each, cases[i].count);
        write_file("sweep.yaml", buf_cstr(&text), 0644);
        char *said = said_of("sweep.yaml", ERR_LIMIT);
        assert_string_equal(said, cases[i].said);
        free(said);
        buf_release(&text);
    }
}

static void a_mapping_has_a_bound_too(void **state)
{
    (void)state;
    struct buf text = { 0 };
    for (int i = 0; i < 1025; i++)
        buf_printf(&text, "k%d: 1\n", i);
    write_file("sweep.yaml", buf_cstr(&text), 0644);
    char *said = said_of("sweep.yaml", ERR_LIMIT);
    assert_string_equal(said, "sweep.yaml:1025: a mapping holds more than 1,024 keys\n");
    free(said);
    buf_release(&text);
}

static void a_definition_must_fit_into_a_message(void **state)
{
    (void)state;
    struct buf value = { 0 };
    repeat(&value, "0123456789", 10000);
    char *args = xformat("{big: \"%s\"}", buf_cstr(&value));
    char *text = replaced(good, "{psm: 7, lang: eng}", args);
    char *said = said_of_text(text);
    assert_non_null(
        strstr(said, "sweep.yaml:12: models[0]: command, env, args and decoding come to"));
    free(said);
    free(text);
    free(args);
    buf_release(&value);
}

/* ---- Several problems ---- */

static void problems_come_in_the_order_of_the_lines(void **state)
{
    (void)state;
    char *one = replaced(good, "gpus: 1", "gpus: x");
    char *two = replaced(one, "path: data\n", "path: dota\n");
    char *three = replaced(two, "name: trial\n", "name: \"?\"\n");
    char *said = said_of_text(three);
    assert_string_equal(
        said,
        "sweep.yaml:1: name: expected a name of 1 to 200 letters, digits and any of \"._-\", found "
        "\"?\"\n"
        "sweep.yaml:6: suites[0].path: there is no file or folder \"@/dota\"\n"
        "sweep.yaml:18: models[0].resources.gpus: expected a whole number from 0 to 64, found "
        "\"x\"\n");
    free(said);
    free(three);
    free(two);
    free(one);
}

static void the_first_ten_are_shown_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct problems p = { 0 };
    struct buf out = { 0 };
    for (uint32_t line = 14; line > 0; line--) /* the worst order */
        problems_add(&p, line, "line %u", line);
    problems_format(&p, &out);
    assert_string_equal(buf_cstr(&out), "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\nline 7\n"
                                        "line 8\nline 9\nline 10\n... and 4 more\n");
    buf_release(&out);
    problems_release(&p);
}

static void a_problem_is_one_line_and_safe_to_show(void **state)
{
    (void)state;
    struct problems p = { 0 };
    problems_add(&p, 1, "found \"%s\"", "a\nb\x1B[2J");
    assert_string_equal(p.list[0].text, "found \"a\\x0Ab\\x1B[2J\"");
    problems_release(&p);
}

static void a_long_wrong_value_is_shown_in_part(void **state)
{
    (void)state;
    char *text = replaced(good, "gpus: 1",
                          "gpus: \"\\e[31m012345678901234567890123456789012345678901234567890123456"
                          "78901234567890\"");
    char *said = said_of_text(text);
    assert_string_equal(said, "sweep.yaml:18: models[0].resources.gpus: expected a whole number "
                              "from 0 to 64, found \"\\x1B[31m0123456789012345678901234567890123456"
                              "789012345678901234\"...\n");
    free(said);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file_is_read),
        cmocka_unit_test(what_a_model_is_expected_to_take_is_read),
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(paths_are_relative_to_the_file_and_absolute_behind),
        cmocka_unit_test(only_words_that_are_files_become_paths),
        cmocka_unit_test(a_program_may_be_in_the_path),
        cmocka_unit_test(plain_scalars_have_the_type_they_look_like),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(variables_are_filled_in),
        cmocka_unit_test(a_secret_counts_as_it_is_written),
        cmocka_unit_test(mappings_can_be_shared_and_merged),
        cmocka_unit_test(a_merged_key_stands_once),
        cmocka_unit_test(an_alias_means_the_newest_anchor_of_its_name),
        cmocka_unit_test(bad_values_are_told_apart),
        cmocka_unit_test(an_empty_file_is_told),
        cmocka_unit_test(a_file_that_is_no_mapping_is_told),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
        cmocka_unit_test(a_huge_file_is_not_read),
        cmocka_unit_test(an_alias_bomb_stays_small),
        cmocka_unit_test(merging_cannot_multiply_either),
        cmocka_unit_test(sizes_of_the_tree_are_bounded),
        cmocka_unit_test(a_mapping_has_a_bound_too),
        cmocka_unit_test(a_definition_must_fit_into_a_message),
        cmocka_unit_test(problems_come_in_the_order_of_the_lines),
        cmocka_unit_test(the_first_ten_are_shown_and_the_rest_is_counted),
        cmocka_unit_test(a_problem_is_one_line_and_safe_to_show),
        cmocka_unit_test(a_long_wrong_value_is_shown_in_part),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
