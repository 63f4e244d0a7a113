/* Score tables: columns, models, joining with the specialists' table, and what is refused. Mostly
 * as CSV, which is joined by the same code as workbooks; tests/io/test_level_cases.c reads real
 * ones. */
#include "tests/lib/test.h"

#include "common/buf.h"
#include "coordinator/level/table/score_table.h"

#include <math.h>
#include <zip.h>

static const char scores_csv[] = "modality,paradigm,no,task,metric,sota,Model A,model b\n"
                                 "NLP,,1,Sums,ACC,50,60,\n"
                                 "Image,Generation,1,Cats,FID,20,30,inf\n"
                                 "Image,Comprehension,1,Dogs,Acc,70,N/A,\xE2\x88\x9E\n"
                                 "Image,Generation,2,Birds,PSNR,30,31.5,-\n";

struct files {
    char *dir;
    char scores[600], sota[600];
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* sota: NULL for none. */
static struct files files_with(const char *scores, const char *sota)
{
    struct files f = { .dir = test_dir() };
    snprintf(f.scores, sizeof(f.scores), "%s/scores.csv", f.dir);
    snprintf(f.sota, sizeof(f.sota), "%s/sota.csv", f.dir);
    write_text(f.scores, scores);
    if (sota != NULL)
        write_text(f.sota, sota);
    return f;
}

static struct score_table read_fine(const char *scores, const char *sota)
{
    struct files f = files_with(scores, sota);
    struct score_table t;
    struct errmsg msg = { "" };
    if (score_table_read(f.scores, sota != NULL ? f.sota : NULL, &t, &msg))
        fail_msg("refused: %s", msg.text);
    test_rm_rf(f.dir);
    return t;
}

static void assert_refused(const char *scores, const char *sota, const char *sentence)
{
    struct files f = files_with(scores, sota);
    struct score_table t;
    struct errmsg msg;
    assert_int_equal(score_table_read(f.scores, sota != NULL ? f.sota : NULL, &t, &msg),
                     ERR_INVALID);
    if (strstr(msg.text, sentence) == NULL)
        fail_msg("'%s' does not say '%s'", msg.text, sentence);
    assert_null(t.arena.chunks);
    assert_null(t.scores.arena.chunks);
    test_rm_rf(f.dir);
}

static void choose(struct score_table *t, const char *model)
{
    struct errmsg msg = { "" };
    if (score_table_choose(t, model, &msg))
        fail_msg("refused: %s", msg.text);
}

/* Rows come sheet by sheet, in the order in which the sheets first appear. */
static void rows_come_sheet_by_sheet(void **state)
{
    (void)state;
    struct score_table t = read_fine(scores_csv, NULL);
    static const struct {
        const char *sheet, *task, *metric;
        double sota;
    } expected[] = { { "NLP", "Sums", "ACC", 50 },
                     { "Image-Generation", "Cats", "FID", 20 },
                     { "Image-Generation", "Birds", "PSNR", 30 },
                     { "Image-Comprehension", "Dogs", "Acc", 70 } };
    assert_int_equal(t.row_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(score_table_sheet(&t.rows[i]), expected[i].sheet);
        assert_string_equal(t.rows[i].task, expected[i].task);
        assert_string_equal(t.rows[i].metric, expected[i].metric);
        assert_int_equal(t.rows[i].sota.kind, GL_CELL_NUMBER);
        assert_true(t.rows[i].sota.number == expected[i].sota);
    }
    score_table_release(&t);
}

static void a_model_is_chosen_by_name_in_any_case(void **state)
{
    (void)state;
    struct score_table t = read_fine(scores_csv, NULL);
    assert_int_equal(t.model_count, 2);
    assert_string_equal(t.models[0], "Model A");
    assert_string_equal(t.models[1], "model b");
    choose(&t, "MODEL A");
    assert_true(t.rows[0].score.number == 60);
    assert_int_equal(t.rows[3].score.kind, GL_CELL_EMPTY);
    choose(&t, "Model B");
    assert_int_equal(t.rows[0].score.kind, GL_CELL_EMPTY);
    assert_true(t.rows[1].score.number == INFINITY);
    assert_int_equal(t.rows[2].score.kind, GL_CELL_TEXT);
    assert_int_equal(t.rows[3].score.kind, GL_CELL_INFINITY);
    score_table_release(&t);
}

static void no_choice_is_refused_where_there_are_several(void **state)
{
    (void)state;
    struct score_table t = read_fine(scores_csv, NULL);
    struct errmsg msg;
    assert_int_equal(score_table_choose(&t, NULL, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "2 models; choose one with --model: Model A, model b"));
    assert_int_equal(score_table_choose(&t, "c", &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "no model 'c'; there are: Model A, model b"));
    score_table_release(&t);

    t = read_fine("modality,paradigm,task,metric,sota\nNLP,,Sums,ACC,50\n", NULL);
    assert_int_equal(score_table_choose(&t, NULL, &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "no column with a model's scores"));
    score_table_release(&t);
}

static void the_only_model_needs_no_name(void **state)
{
    (void)state;
    struct score_table t =
        read_fine("modality,paradigm,task,metric,sota,score\nNLP,,Sums,ACC,50,61\n", NULL);
    choose(&t, NULL);
    assert_true(t.rows[0].score.number == 61);
    score_table_release(&t);
}

/* Order, tasks and metrics are the SoTA table's; inside a sheet the position decides. */
static void two_tables_are_joined_by_sheet_and_position(void **state)
{
    (void)state;
    struct score_table t = read_fine(scores_csv, "modality,paradigm,task,metric,sota\n"
                                                 "Image,Comprehension,Hounds,Acc,71\n"
                                                 "Image,Generation,Cats,FID,21\n"
                                                 "Image,Generation,Birds,PSNR,31\n"
                                                 "NLP,,Sums,ACC,51\n");
    choose(&t, "Model A");
    assert_string_equal(t.rows[0].task, "Hounds");
    assert_true(t.rows[2].sota.number == 31 && t.rows[2].score.number == 31.5);
    assert_true(t.rows[3].sota.number == 51 && t.rows[3].score.number == 60);
    assert_int_equal(t.renamed, 1);
    assert_int_equal(t.first_renamed, 0);
    score_table_release(&t);
}

static void tables_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const char head[] = "modality,paradigm,task,metric,sota,score\n";
    static const struct {
        const char *scores, *sota, *sentence;
    } cases[] = {
        { "NLP,,a,ACC,1,1\n", "NLP,,a,ACC,1,\nAudio,Generation,b,WER,1,\n",
          "scores.csv: no sheet Audio-Generation, which " },
        { "NLP,,a,ACC,1,1\nAudio,Generation,b,WER,1,\n", "NLP,,a,ACC,1,\n",
          "scores.csv: sheet Audio-Generation is not in " },
        { "NLP,,a,ACC,1,1\n", "NLP,,a,ACC,1,\nNLP,,b,ACC,1,\n",
          "scores.csv, sheet NLP: 1 tasks, but " },
        { "NLP,,a,ACC,1,1\n", "NLP,,a,,1,\n", "sota.csv, row 2: no metric" },
        { "NLP,,,ACC,1,1\n", NULL, "scores.csv, row 2: no task name" },
        { "NLP,Generation,a,ACC,1,1\n", NULL,
          "scores.csv, row 2: modality 'NLP' with paradigm 'Generation': expected" },
        { "Image,,a,ACC,1,1\n", NULL, "scores.csv, row 2: modality 'Image' with paradigm '':" },
        { "Touch,Generation,a,ACC,1,1\n", NULL, "modality 'Touch' with paradigm 'Generation'" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char scores[400], sota[400];
        snprintf(scores, sizeof(scores), "%s%s", head, cases[i].scores);
        if (cases[i].sota != NULL)
            snprintf(sota, sizeof(sota), "%s%s", head, cases[i].sota);
        assert_refused(scores, cases[i].sota != NULL ? sota : NULL, cases[i].sentence);
    }
    assert_refused("task,score\nSums,3\n", NULL, "no column 'modality'");
    assert_refused("modality,paradigm,task,metric,score\nNLP,,a,ACC,1\n", NULL,
                   "no column 'sota'; name the table of specialists with --sota");
    assert_refused("modality,paradigm,task,metric,sota,SoTA Performance,m\nNLP,,a,ACC,1,2,3\n",
                   NULL, "the columns 5 ('sota') and 6 ('SoTA Performance') mean the same");
}

/* Which of the two would be published? */
static void a_model_s_column_stands_once(void **state)
{
    (void)state;
    struct score_table t = read_fine("modality,paradigm,task,metric,sota,gpt,other, GPT\n"
                                     "NLP,,Sums,ACC,50,10,20,90\n",
                                     NULL);
    struct errmsg msg;
    assert_int_equal(score_table_choose(&t, "gpt", &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "scores.csv: the columns 6 ('gpt') and 8 (' GPT') mean"));
    assert_int_equal(score_table_choose(&t, "other", &msg), OK);
    score_table_release(&t);
}

static void faults_are_said_with_their_place(void **state)
{
    (void)state;
    struct score_table t =
        read_fine("modality,paradigm,task,metric,sota,score\nNLP,,Sums,ACC,50,-3\n", NULL);
    const struct gl_fault fault = { .kind = GL_FAULT_NEGATIVE, .row = 0 };
    const struct gl_fault of_all = { .kind = GL_FAULT_NO_NLP, .row = SIZE_MAX };
    struct errmsg msg;
    score_table_say(&t, &fault, &msg);
    assert_non_null(strstr(msg.text, "scores.csv, row 2, task 'Sums' (ACC): below the metric's "));
    score_table_say(&t, &of_all, &msg);
    assert_non_null(strstr(msg.text, "scores.csv: no rows of NLP"));
    score_table_release(&t);
}

/* A sheet of a workbook: rows of cells, as CSV without quotes. */
struct sheet_text {
    const char *name, *rows;
};

static void append_sheet(struct buf *out, const char *rows)
{
    buf_append_str(out, "<worksheet><sheetData>");
    for (const char *row = rows; *row != '\0'; row += strcspn(row, "\n") + 1) {
        buf_append_str(out, "<row>");
        for (const char *cell = row;; cell++) {
            size_t length = strcspn(cell, ",\n");
            buf_printf(out, "<c t=\"inlineStr\"><is><t>%.*s</t></is></c>", (int)length, cell);
            cell += length;
            if (*cell != ',')
                break;
        }
        buf_append_str(out, "</row>");
    }
    buf_append_str(out, "</sheetData></worksheet>");
}

static void add_part(zip_t *zip, const char *name, struct buf *text)
{
    zip_source_t *source = zip_source_buffer(zip, strdup(buf_cstr(text)), text->len, 1);
    assert_true(zip_file_add(zip, name, source, 0) >= 0);
    buf_clear(text);
}

static void write_workbook(const char *path, const struct sheet_text *sheets, size_t count)
{
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    struct buf part = { 0 };
    assert_non_null(zip);
    buf_append_str(&part, "<R><Relationship Id=\"b\" Type=\"t/officeDocument\" "
                          "Target=\"book.xml\"/></R>");
    add_part(zip, "_rels/.rels", &part);
    buf_append_str(&part, "<workbook xmlns:r=\"r\"><sheets>");
    for (size_t i = 0; i < count; i++)
        buf_printf(&part, "<sheet name=\"%s\" r:id=\"s%zu\"/>", sheets[i].name, i);
    buf_append_str(&part, "</sheets></workbook>");
    add_part(zip, "book.xml", &part);
    buf_append_str(&part, "<R>");
    for (size_t i = 0; i < count; i++)
        buf_printf(&part, "<Relationship Id=\"s%zu\" Type=\"t/worksheet\" Target=\"%zu.xml\"/>", i,
                   i);
    buf_append_str(&part, "</R>");
    add_part(zip, "_rels/book.xml.rels", &part);
    for (size_t i = 0; i < count; i++) {
        char name[40];
        snprintf(name, sizeof(name), "%zu.xml", i);
        append_sheet(&part, sheets[i].rows);
        add_part(zip, name, &part);
    }
    assert_int_equal(zip_close(zip), 0);
    buf_release(&part);
}

static err read_workbook(const struct sheet_text *sheets, size_t count, struct score_table *out,
                         struct errmsg *msg)
{
    char *dir = test_dir(), path[600];
    snprintf(path, sizeof(path), "%s/t.xlsx", dir);
    write_workbook(path, sheets, count);
    err e = score_table_read(path, NULL, out, msg);
    test_rm_rf(dir);
    return e;
}

#define NLP_HEAD "No,Task Name,Task Short Name,Metrics,SoTA Performance,M,N\n"
#define NLP_ROWS NLP_HEAD "1,Sums,S,ACC,50,61,62\n"

static void workbooks_have_a_sheet_a_half(void **state)
{
    (void)state;
    const struct sheet_text sheets[] = {
        { "NLP", NLP_ROWS },
        { "Level-Scores", "anything,at all\n" },
        { "3D-Generation", "Task Name,Metrics,m,SoTA Performance\nShapes,FID,7,8\n" },
    };
    struct score_table t;
    struct errmsg msg = { "" };
    if (read_workbook(sheets, 3, &t, &msg))
        fail_msg("%s", msg.text);
    assert_int_equal(t.row_count, 2);
    assert_int_equal(t.model_count, 2);
    choose(&t, "m");
    assert_true(t.rows[0].score.number == 61);
    assert_true(t.rows[1].score.number == 7 && t.rows[1].sota.number == 8);
    assert_string_equal(score_table_sheet(&t.rows[1]), "3D-Generation");

    assert_int_equal(score_table_choose(&t, "N", &msg), ERR_NOT_FOUND);
    assert_non_null(strstr(msg.text, "t.xlsx, sheet 3D-Generation: no column for model 'N'"));
    const struct gl_fault fault = { .kind = GL_FAULT_NAN, .row = 1, .in_sota = true };
    score_table_say(&t, &fault, &msg);
    assert_non_null(strstr(msg.text, "t.xlsx, sheet 3D-Generation, row 2, task 'Shapes' (FID): "
                                     "SoTA: not a number"));
    score_table_release(&t);
}

static void workbooks_that_are_not_score_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct sheet_text second;
        const char *sentence;
    } cases[] = {
        { { "Notes", "x\n" }, "t.xlsx: sheet 'Notes' is not one of General-Level's: expected NLP" },
        { { "image-generation", "x\n" }, "sheet 'image-generation' is not one of" },
        { { "NLP-Generation", "x\n" }, "sheet 'NLP-Generation' is not one of" },
        { { "NLP", NLP_ROWS }, "t.xlsx: sheet 'NLP' is there twice" },
        { { "3D-Generation", NLP_ROWS ",,\n2,More,S,ACC,1,2,3\n" },
          "t.xlsx, sheet 3D-Generation, row 3: the row is empty" },
        { { "3D-Generation", "Task Name,SoTA Performance\na,1\n" },
          "t.xlsx, sheet 3D-Generation: no column 'Metrics'" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sheet_text sheets[] = { { "NLP", NLP_ROWS }, cases[i].second };
        struct score_table t;
        struct errmsg msg = { "" };
        assert_int_equal(read_workbook(sheets, 2, &t, &msg), ERR_INVALID);
        if (strstr(msg.text, cases[i].sentence) == NULL)
            fail_msg("'%s' does not say '%s'", msg.text, cases[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_sheet_by_sheet),
        cmocka_unit_test(a_model_is_chosen_by_name_in_any_case),
        cmocka_unit_test(no_choice_is_refused_where_there_are_several),
        cmocka_unit_test(the_only_model_needs_no_name),
        cmocka_unit_test(two_tables_are_joined_by_sheet_and_position),
        cmocka_unit_test(tables_that_do_not_fit_are_refused),
        cmocka_unit_test(a_model_s_column_stands_once),
        cmocka_unit_test(faults_are_said_with_their_place),
        cmocka_unit_test(workbooks_have_a_sheet_a_half),
        cmocka_unit_test(workbooks_that_are_not_score_tables_are_refused),
    };
    return cmocka_run_group_tests_name("score_table", tests, NULL, NULL);
}
