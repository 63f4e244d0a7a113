/* General-Level against the executed reference ranker and the published boards, on its own
 * workbooks: MUSTER_SHARED/data/general-bench. */
#include "tests/lib/test.h"

#include "coordinator/level/table/score_table.h"

#include <jansson.h>
#include <math.h>

static const char *shared_file(const char *name)
{
    static char path[4][1024];
    static int next;
    char *out = path[next = (next + 1) % 4];
    snprintf(out, sizeof(path[0]), "%s/data/general-bench/%s", test_shared(), name);
    return out;
}

static void skip_without_data(void)
{
    if (access(shared_file("sota_result.xlsx"), R_OK) != 0)
        skip();
}

static struct score_table read_table(const char *scores, const char *sota)
{
    struct score_table t;
    struct errmsg msg = { "" };
    if (score_table_read(shared_file(scores), sota != NULL ? shared_file(sota) : NULL, &t, &msg))
        fail_msg("%s", msg.text);
    return t;
}

static struct workbook read_csv(const char *name)
{
    struct workbook w;
    struct errmsg msg = { "" };
    if (workbook_read(shared_file(name), &w, &msg))
        fail_msg("%s", msg.text);
    return w;
}

/* "" for an empty cell. */
static const char *csv_at(const struct sheet *s, size_t row, const char *column)
{
    int at = sheet_column(s, &column, 1);
    if (at < 0)
        fail_msg("no column %s", column);
    const struct cell *cell = sheet_cell(s, row, (size_t)at);
    return cell->kind == CELL_TEXT ? cell->text : "";
}

static void assert_close(const char *what, const char *key, double actual, double expected,
                         double tolerance)
{
    if (!(fabs(actual - expected) <= tolerance))
        fail_msg("%s %s: %.17g is not %.17g", what, key, actual, expected);
}

static struct gl_levels compute(enum gl_rule rule, const struct score_table *t)
{
    struct gl_levels levels;
    struct gl_faults faults;
    if (gl_compute(rule, t->rows, t->row_count, &levels, &faults)) {
        struct errmsg msg;
        score_table_say(t, &faults.first[0], &msg);
        fail_msg("%s: %s", gl_rule_text(rule), msg.text);
    }
    return levels;
}

/* Level cases: made-up score tables, and what the reference says of them to the last digit. */

static const char *const level_cases[] = { "weak-0",  "strong-1",    "odd-2",
                                           "nogen-3", "imageonly-4", "superhuman-5" };

static double json_number_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void assert_json(const char *what, const json_t *object, const char *key, double actual)
{
    double expected = json_number_at(object, key);
    assert_close(what, key, actual, expected, 1e-9 * fabs(expected));
}

static void assert_counts(const char *what, const json_t *expected, const struct gl_modality *m)
{
    if (m->supported != json_number_at(expected, "supported") ||
        m->tasks != json_number_at(expected, "tasks") ||
        m->wins != json_number_at(expected, "wins"))
        fail_msg("%s: supported %u, tasks %u, wins %u", what, m->supported, m->tasks, m->wins);
}

static void assert_levels(const struct gl_levels *levels, const json_t *expected)
{
    const json_t *full = json_object_get(expected, "full_precision");
    const json_t *final = json_object_get(full, "final");
    assert_json("final", final, "level2", levels->level2);
    assert_json("final", final, "level3", levels->level3);
    assert_json("final", final, "level4", levels->level4);
    assert_json("final", final, "level5", levels->level5);
    static const struct {
        const char *name;
        enum modality modality;
    } modalities[] = { { "Image", MODALITY_IMAGE },
                       { "Video", MODALITY_VIDEO },
                       { "Audio", MODALITY_AUDIO },
                       { "3D", MODALITY_3D } };
    const json_t *counts = json_object_get(expected, "modality");
    for (size_t i = 0; i < 4; i++) {
        const struct gl_modality *m = &levels->modality[modalities[i].modality];
        const json_t *want = json_object_get(json_object_get(full, "modality"), modalities[i].name);
        assert_json(modalities[i].name, want, "level2", m->level2);
        assert_json(modalities[i].name, want, "level3", m->level3);
        assert_json(modalities[i].name, want, "level4", m->level4);
        assert_counts(modalities[i].name, json_object_get(counts, modalities[i].name), m);
    }
    assert_counts("NLP", json_object_get(counts, "NLP"), &levels->modality[MODALITY_NLP]);
}

static void official_levels_of(const char *scores_suffix, const char *sota)
{
    for (size_t i = 0; i < sizeof(level_cases) / sizeof(level_cases[0]); i++) {
        char scores[100], expected[100];
        snprintf(scores, sizeof(scores), "level-cases/%s.scores.%s", level_cases[i], scores_suffix);
        snprintf(expected, sizeof(expected), "level-cases/%s.expected.json", level_cases[i]);
        struct score_table t = read_table(scores, sota);
        struct errmsg msg = { "" };
        assert_int_equal(score_table_choose(&t, NULL, &msg), OK);
        assert_int_equal(t.renamed, 0);
        json_t *want = json_load_file(shared_file(expected), 0, NULL);
        assert_non_null(want);
        struct gl_levels levels = compute(GL_OFFICIAL, &t);
        assert_levels(&levels, want);
        json_decref(want);
        score_table_release(&t);
    }
}

static void official_levels_of_csv_tables(void **state)
{
    (void)state;
    skip_without_data();
    official_levels_of("csv", NULL);
}

static void official_levels_of_workbooks(void **state)
{
    (void)state;
    skip_without_data();
    official_levels_of("xlsx", "sota_result.xlsx");
}

static void official_levels_of_csv_tables_with_the_workbook_s_sota(void **state)
{
    (void)state;
    skip_without_data();
    official_levels_of("csv", "sota_result.xlsx");
}

static void corrected_levels_keep_the_paper_s_order(void **state)
{
    (void)state;
    skip_without_data();
    for (size_t i = 0; i < sizeof(level_cases) / sizeof(level_cases[0]); i++) {
        char scores[100];
        snprintf(scores, sizeof(scores), "level-cases/%s.scores.csv", level_cases[i]);
        struct score_table t = read_table(scores, NULL);
        struct errmsg msg = { "" };
        assert_int_equal(score_table_choose(&t, "score", &msg), OK);
        struct gl_levels l = compute(GL_CORRECTED, &t);
        assert_true(0 <= l.level5 && l.level5 <= l.level4 && l.level4 <= l.level3 &&
                    l.level3 <= l.level2 && l.level2 <= 100);
        score_table_release(&t);
    }
}

/* The template that the reference's users fill in: its model column is not there yet. */
static void the_reference_s_template_reads(void **state)
{
    (void)state;
    skip_without_data();
    struct score_table t = read_table("template_result.xlsx", "sota_result.xlsx");
    assert_int_equal(t.row_count, 699);
    assert_int_equal(t.model_count, 0);
    score_table_release(&t);
}

/* The ranker oracle: inputs made from the workbook by rule, and the reference's outputs. */

static struct gl_cell empty(void)
{
    return (struct gl_cell){ .kind = GL_CELL_EMPTY };
}

static struct gl_cell infinity_sign(void)
{
    return (struct gl_cell){ .kind = GL_CELL_INFINITY };
}

static bool is_image(const struct gl_row *row)
{
    return row->modality == MODALITY_IMAGE;
}

static struct gl_cell mixed(const struct gl_row *row, size_t i)
{
    bool nlp = row->modality == MODALITY_NLP;
    if (nlp && strcmp(row->metric, "RMSE") == 0)
        return row->sota;
    if (i % 3 == 2)
        return empty();
    if (i % 5 == 4)
        return nlp ? empty() : infinity_sign();
    if (i % 7 == 6)
        return gl_cell_number(0);
    return gl_cell_number(1.1 * row->sota.number);
}

/* The score of row i (of its sheet) by the `construction` of a case; false: unknown case. */
static bool construct(const char *name, const struct gl_row *row, size_t i, struct gl_cell *out)
{
    bool nlp = row->modality == MODALITY_NLP;
    if (strcmp(name, "all_equal_sota") == 0)
        *out = row->sota;
    else if (strcmp(name, "all_blank") == 0)
        *out = empty();
    else if (strcmp(name, "all_inf_symbol_nlp_blank") == 0)
        *out = nlp ? empty() : infinity_sign();
    else if (strcmp(name, "all_zero") == 0)
        *out = gl_cell_number(0);
    else if (strcmp(name, "half_sota") == 0)
        *out = gl_cell_number(0.5 * row->sota.number);
    else if (strcmp(name, "sota_plus_10pct") == 0)
        *out = gl_cell_number(1.1 * row->sota.number);
    else if (strcmp(name, "mix") == 0)
        *out = mixed(row, i);
    else if (strcmp(name, "only_3dcomp_equal") == 0)
        *out = strcmp(score_table_sheet(row), "3D-Comprehension") == 0 ? row->sota : empty();
    else if (strcmp(name, "image_and_nlp_equal") == 0)
        *out = is_image(row) || nlp ? row->sota : empty();
    else if (strcmp(name, "negative_special") == 0)
        *out = i == 0 && strcmp(score_table_sheet(row), "Image-Generation") == 0
                   ? gl_cell_number(-1)
                   : (is_image(row) ? row->sota : empty());
    else
        return false;
    return true;
}

/* The row at this place of a sheet. */
static struct gl_row *row_at(struct score_table *t, const char *sheet, size_t index)
{
    for (size_t i = 0; i + index < t->row_count; i++) {
        if (strcmp(score_table_sheet(&t->rows[i]), sheet) == 0)
            return &t->rows[i + index];
    }
    fail_msg("no row %zu in sheet %s", index, sheet);
    return NULL;
}

/* The published cells of one model; all others are empty. */
static void fill_published(struct score_table *t, const struct sheet *published, const char *model)
{
    size_t filled = 0;
    for (size_t i = 0; i < t->row_count; i++)
        t->rows[i].score = empty();
    for (size_t row = 1; row < published->row_count; row++) {
        if (strcmp(csv_at(published, row, "model"), model) != 0)
            continue;
        struct gl_row *at = row_at(t, csv_at(published, row, "sheet"),
                                   strtoul(csv_at(published, row, "row_index"), NULL, 10));
        assert_string_equal(at->task, csv_at(published, row, "task"));
        at->score = gl_cell_of_text(csv_at(published, row, "score"));
        if (at->score.kind == GL_CELL_NUMBER && at->score.number == INFINITY)
            at->score = infinity_sign();
        filled++;
    }
    if (filled == 0)
        fail_msg("no published cells of %s", model);
}

static void fill_case(struct score_table *t, const struct sheet *published, const char *name)
{
    if (strncmp(name, "published:", 10) == 0) {
        fill_published(t, published, name + 10);
        return;
    }
    const char *sheet = "";
    for (size_t i = 0, first = 0; i < t->row_count; i++) {
        if (strcmp(score_table_sheet(&t->rows[i]), sheet) != 0) {
            sheet = score_table_sheet(&t->rows[i]);
            first = i;
        }
        if (!construct(name, &t->rows[i], i - first, &t->rows[i].score))
            fail_msg("case %s: no rule to construct it", name);
    }
}

static void assert_oracle_number(const struct sheet *oracle, size_t row, const char *column,
                                 double actual)
{
    double expected = strtod(csv_at(oracle, row, column), NULL);
    assert_close(csv_at(oracle, row, "case"), column, actual, expected,
                 0.51e-8 + 1e-9 * fabs(expected)); /* printed with 8 decimals */
}

/* Printed with two decimals, by the reference as by C. */
static void assert_oracle_text(const struct sheet *oracle, size_t row, const char *column,
                               double actual)
{
    char text[64];
    snprintf(text, sizeof(text), "%.2f", actual);
    assert_string_equal(text, csv_at(oracle, row, column));
}

static void assert_oracle_row(const struct sheet *oracle, size_t row, const struct gl_levels *l)
{
    static const struct {
        const char *name;
        enum modality modality;
    } modalities[] = { { "image", MODALITY_IMAGE },
                       { "video", MODALITY_VIDEO },
                       { "audio", MODALITY_AUDIO },
                       { "3d", MODALITY_3D },
                       { "nlp", MODALITY_NLP } };
    for (size_t i = 0; i < 5; i++) {
        const struct gl_modality *m = &l->modality[modalities[i].modality];
        const struct {
            const char *suffix;
            double actual;
        } columns[] = { { "supported", m->supported }, { "total", m->tasks }, { "wins", m->wins },
                        { "l2", m->level2 },           { "l3", m->level3 },   { "l4", m->level4 } };
        size_t count = modalities[i].modality == MODALITY_NLP ? 3 : 6;
        for (size_t k = 0; k < count; k++) {
            char column[40];
            snprintf(column, sizeof(column), "%s_%s", modalities[i].name, columns[k].suffix);
            assert_oracle_number(oracle, row, column, columns[k].actual);
        }
    }
    assert_oracle_text(oracle, row, "final_l2_2dp", l->level2);
    assert_oracle_text(oracle, row, "final_l3_2dp", l->level3);
    assert_oracle_text(oracle, row, "final_l4_2dp", l->level4);
    assert_oracle_text(oracle, row, "final_l5_2dp", l->level5);
    assert_oracle_number(oracle, row, "final_l5", l->level5);
}

/* The error column holds "ZeroDivisionError: float division by zero". */
static void assert_oracle_fault(const struct sheet *oracle, size_t row,
                                const struct gl_fault *fault)
{
    const char *error = csv_at(oracle, row, "error");
    const char *exception = gl_fault_exception(fault->kind);
    size_t length = strcspn(error, ":");
    if (length != strlen(exception) || strncmp(error, exception, length) != 0)
        fail_msg("case %s: %s, expected %s", csv_at(oracle, row, "case"), exception, error);
}

static void the_ranker_oracle(void **state)
{
    (void)state;
    skip_without_data();
    struct score_table t = read_table("sota_result.xlsx", NULL);
    struct workbook oracle = read_csv("ranker-oracle.csv");
    struct workbook published = read_csv("published-task-scores.csv");
    const struct sheet *cases = &oracle.sheets[0];
    assert_true(cases->row_count > 30);
    for (size_t row = 1; row < cases->row_count; row++) {
        struct gl_levels levels;
        struct gl_faults faults;
        fill_case(&t, &published.sheets[0], csv_at(cases, row, "case"));
        bool failed = gl_compute(GL_OFFICIAL, t.rows, t.row_count, &levels, &faults) != OK;
        bool expected = csv_at(cases, row, "error")[0] != '\0';
        if (failed != expected)
            fail_msg("case %s: %s", csv_at(cases, row, "case"), failed ? "fails" : "does not fail");
        if (failed)
            assert_oracle_fault(cases, row, &faults.first[0]);
        else
            assert_oracle_row(cases, row, &levels);
    }
    workbook_release(&published);
    workbook_release(&oracle);
    score_table_release(&t);
}

/* The published boards, where `status` says that they follow from the published task scores. */

static double level_of(const struct gl_levels *l, const char *modality, const char *level)
{
    enum modality m = strcmp(modality, "audio") == 0   ? MODALITY_AUDIO
                      : strcmp(modality, "video") == 0 ? MODALITY_VIDEO
                      : strcmp(modality, "image") == 0 ? MODALITY_IMAGE
                                                       : MODALITY_3D;
    switch (level[0]) {
    case '2': return l->modality[m].level2;
    case '3': return l->modality[m].level3;
    default: return l->modality[m].level4;
    }
}

static void assert_published(const struct sheet *s, size_t row, const struct score_table *t,
                             enum gl_rule rule)
{
    struct gl_levels levels = compute(rule, t);
    double actual = level_of(&levels, csv_at(s, row, "modality"), csv_at(s, row, "level"));
    assert_close(csv_at(s, row, "model"), gl_rule_text(rule), actual,
                 strtod(csv_at(s, row, "published"), NULL), 0.01);
}

static void the_published_levels(void **state)
{
    (void)state;
    skip_without_data();
    struct score_table t = read_table("sota_result.xlsx", NULL);
    struct workbook levels = read_csv("published-levels.csv");
    struct workbook published = read_csv("published-task-scores.csv");
    const struct sheet *s = &levels.sheets[0];
    size_t both = 0, percent = 0;
    for (size_t row = 1; row < s->row_count; row++) {
        const char *status = csv_at(s, row, "status");
        bool by_both = strcmp(status, "match (both rules)") == 0;
        bool by_percent = strcmp(status, "match (WER in percent only)") == 0;
        if (!by_both && !by_percent)
            continue;
        fill_published(&t, &published.sheets[0], csv_at(s, row, "model"));
        if (by_both)
            assert_published(s, row, &t, GL_OFFICIAL);
        assert_published(s, row, &t, GL_CORRECTED);
        both += by_both;
        percent += by_percent;
    }
    assert_true(both > 20 && percent > 0);
    workbook_release(&published);
    workbook_release(&levels);
    score_table_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(official_levels_of_csv_tables),
        cmocka_unit_test(official_levels_of_workbooks),
        cmocka_unit_test(official_levels_of_csv_tables_with_the_workbook_s_sota),
        cmocka_unit_test(corrected_levels_keep_the_paper_s_order),
        cmocka_unit_test(the_reference_s_template_reads),
        cmocka_unit_test(the_ranker_oracle),
        cmocka_unit_test(the_published_levels),
    };
    return cmocka_run_group_tests_name("level_cases", tests, NULL, NULL);
}
