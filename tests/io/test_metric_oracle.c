/* The reference implementation of General-Bench, executed, against our metrics; and the names of
 * its workbook. */
#include <jansson.h>
#include <math.h>

#include "common/io/table.h"
#include "common/text.h"
#include "tests/lib/score.h"

static void read_shared(const char *name, struct workbook *out)
{
    char path[1024];
    struct errmsg msg = { 0 };
    test_need_shared();
    snprintf(path, sizeof(path), "%s/data/general-bench/%s", test_shared(), name);
    if (workbook_read(path, out, &msg))
        fail_msg("%s", msg.text);
}

static const char *text_at(const struct workbook *w, size_t row, const char *column)
{
    int at = sheet_column(&w->sheets[0], &column, 1);
    assert_true(at >= 0);
    const struct cell *c = sheet_cell(&w->sheets[0], row, (size_t)at);
    return c->kind == CELL_TEXT ? c->text : "";
}

/* The number of a JSON value that is one, or reads as one; NAN otherwise. */
static double number_of(const json_t *value)
{
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    if (json_is_string(value))
        (void)text_parse_double(json_string_value(value), &number);
    return number;
}

/* A reference's answer as ours: text stays, a number is written out. */
static const char *answer_of(const json_t *value, char *out, size_t bytes)
{
    if (json_is_string(value))
        return json_string_value(value);
    snprintf(out, bytes, "%g", json_number_value(value));
    return out;
}

static void score_row(const char *metric, json_t *answers, json_t *references, double expected)
{
    struct test_answer cases[8];
    char numbers[8][2][32];
    size_t count = 0;
    bool numeric = strcmp(metric, "MAE") == 0;
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *answer = json_array_get(answers, i), *expect = json_array_get(references, i);
        /* The reference passes over answers that are no number; here they say 0, which
         * test_metric shows. */
        if (numeric && isnan(number_of(answer)))
            continue;
        assert_true(count < 8);
        struct test_answer *c = &cases[count];
        *c = (struct test_answer){ .answer = answer_of(answer, numbers[count][0], 32) };
        size_t several = json_is_array(expect) ? json_array_size(expect) : 1;
        assert_true(several <= TEST_REFERENCES_MAX);
        for (size_t k = 0; k < several; k++)
            c->references[k] = answer_of(json_is_array(expect) ? json_array_get(expect, k) : expect,
                                         numbers[count][1], 32);
        count++;
    }
    double score = count ? test_score_of(metric, cases, count) : 0;
    test_close(metric_find(metric)->percent ? score / 100 : score, expected, 1e-8);
}

static void the_reference_s_scores_are_ours(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        { "exact_match", "ACC" }, { "token_f1", "F1" }, { "micro_f1", "Micro-F1" }, { "mae", "MAE" }
    };
    struct workbook cases;
    read_shared("nlp-metric-cases.csv", &cases);
    size_t seen = 0;
    for (size_t row = 1; row < cases.sheets[0].row_count; row++) {
        for (size_t n = 0; n < 4; n++) {
            if (strcmp(text_at(&cases, row, "metric"), names[n][0]) != 0)
                continue;
            json_t *answers = json_loads(text_at(&cases, row, "predictions_json"), 0, NULL);
            json_t *references = json_loads(text_at(&cases, row, "references_json"), 0, NULL);
            double score;
            assert_true(text_parse_double(text_at(&cases, row, "score"), &score));
            score_row(names[n][1], answers, references, score);
            json_decref(answers);
            json_decref(references);
            seen++;
        }
    }
    assert_int_equal(seen, 18);
    workbook_release(&cases);
}

static void every_metric_of_the_workbook_is_known_with_its_direction(void **state)
{
    (void)state;
    struct workbook tasks;
    read_shared("tasks.csv", &tasks);
    size_t rows = tasks.sheets[0].row_count;
    for (size_t row = 1; row < rows; row++) {
        const char *name = text_at(&tasks, row, "metric");
        const struct metric *m = metric_find(name);
        if (!m)
            fail_msg("'%s' is not known", name);
        bool lower = strcmp(text_at(&tasks, row, "better"), "lower") == 0;
        if (m->lower_is_better != lower)
            fail_msg("'%s' has the wrong direction", name);
    }
    assert_int_equal(rows, 700);
    workbook_release(&tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_s_scores_are_ours),
        cmocka_unit_test(every_metric_of_the_workbook_is_known_with_its_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
