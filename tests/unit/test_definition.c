/* Definitions survive the way to the worker, and nothing else passes for one. */
#include "tests/lib/test.h"

#include <math.h>

#include "common/mem.h"
#include "proto/definition/definition.h"
#include "proto/definition/json_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const words[] = { "/usr/bin/python3", "/sweeps/models/ocr.py", "--psm", "7" };
static const struct env_entry env[] = { { "B", "zwei \"2\"" }, { "A", "" } };

static struct model_definition exec_model(void)
{
    return (struct model_definition){
        .name = "ocr/tesseract",
        .host = HOST_EXEC,
        .command = words,
        .command_count = COUNT(words),
        .env = env,
        .env_count = COUNT(env),
        .args = "{\"psm\":7}",
        .decoding = "{\"temperature\":0.1}",
        .timeout_ms = 60000,
        .load_timeout_ms = 300000,
        .resources = { .gpus = 2, .cpus = 4, .memory_bytes = 2ull << 30 },
    };
}

static struct model_definition sim_model(void)
{
    return (struct model_definition){
        .name = "sim",
        .host = HOST_SIM,
        .args = "{}",
        .decoding = "{}",
        .timeout_ms = 1,
        .load_timeout_ms = 1,
        .resources = { .cpus = 1 },
        .sim = { .seed = INT64_MAX,
                 .quality = 0.8,
                 .failure_rate = 1e-3,
                 .poison_rate = 1e-7,
                 .duration_ms = 20,
                 .duration_spread = 0.5,
                 .load_ms = 1000 },
    };
}

static struct task_definition ocr_task(void)
{
    static const char *const scorer[] = { "/usr/bin/python3", "/sweeps/listen.py" };
    struct task_definition t = {
        .suite = { .name = "mini", .kind = "general-bench", .path = "/data", .sota = NULL },
        .task = { .name = "OCR Lines",
                  .path = "image/comprehension/OcrLines",
                  .modality = MODALITY_IMAGE,
                  .paradigm = PARADIGM_COMPREHENSION,
                  .metric_name = "ACC",
                  .scorer = "[\"/usr/bin/python3\",\"listen.py\"]",
                  .sota = 71.25,
                  .size = 24 },
        .scorer = scorer,
        .scorer_count = COUNT(scorer),
    };
    for (uint8_t i = 0; i < DIGEST_BYTES; i++)
        t.task.data.bytes[i] = (uint8_t)(i * 17);
    return t;
}

static char *model_text(const struct model_definition *m)
{
    struct buf out = { 0 };
    model_definition_encode(m, &out);
    char *text = xstrdup(buf_cstr(&out));
    buf_release(&out);
    return text;
}

static char *task_text(const struct task_definition *t)
{
    struct buf out = { 0 };
    task_definition_encode(t, &out);
    char *text = xstrdup(buf_cstr(&out));
    buf_release(&out);
    return text;
}

static void every_field_of_a_program_model_survives(void **state)
{
    (void)state;
    struct model_definition m = exec_model(), got;
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    char *text = model_text(&m);
    assert_int_equal(model_definition_decode(span_str(text), &arena, &got, &msg), OK);
    assert_string_equal(got.name, "ocr/tesseract");
    assert_int_equal(got.host, HOST_EXEC);
    assert_int_equal(got.command_count, 4);
    for (size_t i = 0; i < COUNT(words); i++)
        assert_string_equal(got.command[i], words[i]);
    assert_int_equal(got.env_count, 2);
    assert_string_equal(got.env[0].name, "B"); /* the order of the file */
    assert_string_equal(got.env[0].value, "zwei \"2\"");
    assert_string_equal(got.env[1].value, "");
    assert_string_equal(got.args, "{\"psm\":7}");
    assert_string_equal(got.decoding, "{\"temperature\":0.1}"); /* to the byte */
    assert_int_equal(got.timeout_ms, 60000);
    assert_int_equal(got.load_timeout_ms, 300000);
    assert_int_equal(got.resources.gpus, 2);
    assert_int_equal(got.resources.cpus, 4);
    assert_int_equal(got.resources.memory_bytes, 2ull << 30);
    free(text);
    arena_release(&arena);
}

static void the_numbers_of_a_sim_survive_exactly(void **state)
{
    (void)state;
    struct model_definition m = sim_model(), got;
    struct arena arena = { 0 };
    char *text = model_text(&m);
    assert_int_equal(model_definition_decode(span_str(text), &arena, &got, NULL), OK);
    assert_memory_equal(&got.sim, &m.sim, sizeof(m.sim));
    free(text);
    arena_release(&arena);
}

static void every_field_of_a_task_survives(void **state)
{
    (void)state;
    struct task_definition t = ocr_task(), got;
    struct arena arena = { 0 };
    char *text = task_text(&t);
    assert_int_equal(task_definition_decode(span_str(text), &arena, &got, NULL), OK);
    assert_string_equal(got.suite.name, "mini");
    assert_string_equal(got.suite.kind, "general-bench");
    assert_string_equal(got.suite.path, "/data");
    assert_null(got.suite.sota);
    assert_int_equal(got.suite.scorer_count, 1);
    assert_string_equal(got.suite.scorer_globs[0], t.task.path);
    assert_string_equal(got.suite.scorers[0], t.task.scorer);
    assert_string_equal(got.task.name, "OCR Lines");
    assert_string_equal(got.task.path, t.task.path);
    assert_int_equal(got.task.modality, MODALITY_IMAGE);
    assert_int_equal(got.task.paradigm, PARADIGM_COMPREHENSION);
    assert_string_equal(got.task.metric_name, "ACC");
    assert_ptr_equal(got.task.metric, metric_find("ACC"));
    assert_true(got.task.sota == 71.25);
    assert_int_equal(got.task.size, 24);
    assert_true(digest_equal(&got.task.data, &t.task.data));
    assert_int_equal(got.scorer_count, 2);
    assert_string_equal(got.scorer[1], "/sweeps/listen.py");
    free(text);
    arena_release(&arena);
}

/* The name in the table says one thing, the suite made another of it: the worker has to know. */
static void a_suites_scoring_survives(void **state)
{
    (void)state;
    const struct metric scored = metric_as_scored(metric_find("ACC"));
    const struct metric *const made_of_acc[] = { metric_find("ACC"), metric_find("Choice"),
                                                 &scored };
    for (size_t i = 0; i < COUNT(made_of_acc); i++) {
        struct task_definition t = ocr_task(), got;
        struct arena arena = { 0 };
        struct errmsg msg = { "" };
        t.task.metric = made_of_acc[i];
        char *text = task_text(&t);
        assert_int_equal(task_definition_decode(span_str(text), &arena, &got, &msg), OK);
        assert_string_equal(got.task.metric_name, "ACC");
        assert_int_equal(got.task.metric->kind, made_of_acc[i]->kind);
        assert_int_equal(got.task.metric->stat_count, made_of_acc[i]->stat_count);
        free(text);
        arena_release(&arena);
    }
}

static void a_task_needs_neither_specialist_nor_scorer(void **state)
{
    (void)state;
    struct task_definition t = ocr_task(), got;
    t.task.sota = NAN;
    t.task.scorer = NULL;
    t.scorer_count = 0;
    struct arena arena = { 0 };
    char *text = task_text(&t);
    assert_int_equal(task_definition_decode(span_str(text), &arena, &got, NULL), OK);
    assert_true(isnan(got.task.sota));
    assert_null(got.task.scorer);
    assert_int_equal(got.suite.scorer_count, 0);
    free(text);
    arena_release(&arena);
}

/* `text` with the first `from` replaced by `to`. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    return xformat("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

struct damage {
    const char *from, *to;
    const char *said; /* NULL: the JSON parser's own words */
};

static void damaged_models_are_refused(void **state)
{
    (void)state;
    static const struct damage cases[] = {
        { "{", "[", NULL },
        { "\"name\":\"ocr/tesseract\",", "", "model definition: name: expected to be there" },
        { "\"name\":\"ocr/tesseract\"", "\"name\":1", "model definition: name: expected text" },
        { "{\"name\"", "{\"nmae\":1,\"name\"",
          "model definition: the definition: expected no other keys than the known ones" },
        { "{\"name\"", "{\"name\":\"x\",\"name\"", NULL },
        { "\"exec\"", "\"exce\"", "model definition: host: expected a known word" },
        { "\"exec\"", "\"sim\"", "model definition: sim: expected to be there" },
        { "[\"/usr/bin/python3\",", "[3,", "model definition: command: expected a list of words" },
        { "[\"B\",", "[", "model definition: env: expected pairs of a name and a value" },
        { "{\\\"psm\\\":7}", "{\\\"psm\\\":[7]}",
          "model definition: args: expected an object of scalars, as text" },
        { "{\\\"psm\\\":7}", "7",
          "model definition: args: expected an object of scalars, as text" },
        { "\"timeout_ms\":60000", "\"timeout_ms\":-1",
          "model definition: timeout_ms: expected a whole number in range" },
        { "\"timeout_ms\":60000", "\"timeout_ms\":0",
          "model definition: timeout_ms: expected a whole number in range" },
        { "\"gpus\":2", "\"gpus\":2.0",
          "model definition: gpus: expected a whole number in range" },
        { "\"gpus\":2", "\"gpus\":65", "model definition: gpus: expected a whole number in range" },
        { "\"gpus\":2,", "", "model definition: gpus: expected to be there" },
    };
    struct model_definition m = exec_model(), got;
    char *text = model_text(&m);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = { 0 };
        struct errmsg msg = { "" };
        char *bad = replaced(text, cases[i].from, cases[i].to);
        assert_int_equal(model_definition_decode(span_str(bad), &arena, &got, &msg), ERR_INVALID);
        if (cases[i].said)
            assert_string_equal(msg.text, cases[i].said);
        assert_null(got.name);
        free(bad);
        arena_release(&arena);
    }
    free(text);
}

static void damaged_tasks_are_refused(void **state)
{
    (void)state;
    static const struct damage cases[] = {
        { "\"kind\":\"general-bench\",", "", "task definition: kind: expected to be there" },
        { "\"Image\"", "\"Smell\"", "task definition: modality: expected a known word" },
        { "\"ACC\"", "\"ACCURATE\"", "task definition: metric: expected the name of a metric" },
        { "\"size\":24", "\"size\":0", "task definition: size: expected a whole number in range" },
        { "\"data\":\"00", "\"data\":\"g0",
          "task definition: data: expected 32 hexadecimal digits" },
        { "\"data\":\"00", "\"data\":\"0g",
          "task definition: data: expected 32 hexadecimal digits" },
        { "\"data\":\"00", "\"data\":\"0",
          "task definition: data: expected 32 hexadecimal digits" },
        { "[\"/usr/bin/python3\",\"/sweeps/listen.py\"]", "[]",
          "task definition: scorer_command: expected words if, and only if, there is a scorer" },
    };
    struct task_definition t = ocr_task(), got;
    char *text = task_text(&t);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = { 0 };
        struct errmsg msg = { "" };
        char *bad = replaced(text, cases[i].from, cases[i].to);
        assert_int_equal(task_definition_decode(span_str(bad), &arena, &got, &msg), ERR_INVALID);
        assert_string_equal(msg.text, cases[i].said);
        assert_null(got.task.name);
        free(bad);
        arena_release(&arena);
    }
    free(text);
}

static void no_prefix_of_a_definition_is_one(void **state)
{
    (void)state;
    struct model_definition m = sim_model(), got;
    char *text = model_text(&m);
    for (size_t len = 0; len < strlen(text); len++) {
        struct arena arena = { 0 };
        struct span prefix = span_of(text, len);
        assert_int_equal(model_definition_decode(prefix, &arena, &got, NULL), ERR_INVALID);
        arena_release(&arena);
    }
    free(text);
}

static void an_oversized_definition_is_not_even_parsed(void **state)
{
    (void)state;
    struct buf text = { 0 };
    while (text.len <= DEFINITION_BYTES_MAX)
        buf_append_str(&text, "          ");
    struct arena arena = { 0 };
    struct model_definition model;
    struct task_definition task;
    assert_int_equal(model_definition_decode(buf_span(&text), &arena, &model, NULL), ERR_LIMIT);
    assert_int_equal(task_definition_decode(buf_span(&text), &arena, &task, NULL), ERR_LIMIT);
    assert_null(arena.chunks);
    buf_release(&text);
}

static void reals_are_short_and_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0.1, "0.1" },
        { 0, "0.0" },
        { -2, "-2.0" },
        { 1e300, "1e+300" },
        { 1.0 / 3, "0.3333333333333333" },
        { NAN, "null" },
        { INFINITY, "null" },
        { 0.1 + 0.2, "0.30000000000000004" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = { 0 };
        json_append_real(&out, cases[i].value);
        assert_string_equal(buf_cstr(&out), cases[i].text);
        buf_release(&out);
    }
}

static void texts_are_quoted_and_valid(void **state)
{
    (void)state;
    struct buf out = { 0 };
    json_append_text(&out, "a\"b\\c\n\t\x01\x7f\xC3\xBC\xFF");
    assert_string_equal(buf_cstr(&out), "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\xC3\xBC\xEF\xBF\xBD\"");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_program_model_survives),
        cmocka_unit_test(the_numbers_of_a_sim_survive_exactly),
        cmocka_unit_test(every_field_of_a_task_survives),
        cmocka_unit_test(a_suites_scoring_survives),
        cmocka_unit_test(a_task_needs_neither_specialist_nor_scorer),
        cmocka_unit_test(damaged_models_are_refused),
        cmocka_unit_test(damaged_tasks_are_refused),
        cmocka_unit_test(no_prefix_of_a_definition_is_one),
        cmocka_unit_test(an_oversized_definition_is_not_even_parsed),
        cmocka_unit_test(reals_are_short_and_read_back),
        cmocka_unit_test(texts_are_quoted_and_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
