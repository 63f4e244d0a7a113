/* Tables as they look on a page and on a screen. */
#include "tests/lib/test.h"

#include "coordinator/report/grid.h"

#include <math.h>

static const char *const header[] = { "Task", "Score" };

/* Two columns, the first of them text; rows of (name, score). */
static char *table(enum grid_style style, size_t rows, const char *const *names,
                   const double *scores)
{
    struct grid g;
    struct buf out = { 0 };
    grid_init(&g, 2, 1);
    grid_add_header(&g, header);
    for (size_t i = 0; i < rows; i++) {
        grid_add(&g, "%s", names[i]);
        grid_add_number(&g, scores[i]);
    }
    grid_write(&g, style, &out);
    grid_release(&g);
    char *text = strdup(buf_cstr(&out));
    buf_release(&out);
    return text;
}

static void expect(enum grid_style style, size_t rows, const char *const *names,
                   const double *scores, const char *expected)
{
    char *text = table(style, rows, names, scores);
    assert_string_equal(text, expected);
    free(text);
}

static void markdown_aligns_text_left_and_numbers_right(void **state)
{
    (void)state;
    expect(GRID_MARKDOWN, 2, (const char *const[]){ "Dogs", "OcrLines" },
           (const double[]){ 7, 93.456 },
           "| Task     | Score |\n"
           "|:---------|------:|\n"
           "| Dogs     |  7.00 |\n"
           "| OcrLines | 93.46 |\n");
}

static void a_screen_gets_no_rules_and_no_blanks_at_the_end(void **state)
{
    (void)state;
    expect(GRID_PLAIN, 2, (const char *const[]){ "Dogs", "OcrLines" },
           (const double[]){ 7, 93.456 },
           "Task      Score\n"
           "Dogs       7.00\n"
           "OcrLines  93.46\n");
}

static void the_last_text_column_of_a_screen_is_not_padded(void **state)
{
    (void)state;
    struct grid g;
    struct buf out = { 0 };
    grid_init(&g, 2, 2);
    grid_add_header(&g, (const char *const[]){ "A", "Long title" });
    grid_add(&g, "%d", 1);
    grid_add(&g, "x");
    grid_write(&g, GRID_PLAIN, &out);
    assert_string_equal(buf_cstr(&out), "A  Long title\n1  x\n");
    grid_release(&g);
    buf_release(&out);
}

static void a_number_that_is_none_is_a_dash(void **state)
{
    (void)state;
    expect(GRID_PLAIN, 2, (const char *const[]){ "a", "b" }, (const double[]){ NAN, -1.005 },
           "Task  Score\n"
           "a         -\n"
           "b     -1.00\n");
}

static void columns_are_as_wide_as_their_characters_not_their_bytes(void **state)
{
    (void)state;
    expect(GRID_MARKDOWN, 2, (const char *const[]){ "Vögel", "日本" }, (const double[]){ 1, 2 },
           "| Task  | Score |\n"
           "|:------|------:|\n"
           "| Vögel |  1.00 |\n"
           "| 日本    |  2.00 |\n");
}

static void a_name_cannot_break_the_table_or_steer_the_terminal(void **state)
{
    (void)state;
    expect(GRID_MARKDOWN, 1, (const char *const[]){ "a|b\nc\x1b[2J\x7f" }, (const double[]){ 1 },
           "| Task       | Score |\n"
           "|:-----------|------:|\n"
           "| a/b/c/[2J/ |  1.00 |\n");
    /* C1's own way to begin a sequence, and a control that turns the text behind it around */
    expect(GRID_PLAIN, 1,
           (const char *const[]){ "a\xc2\x9b"
                                  "2J\u202e" },
           (const double[]){ 1 },
           "Task               Score\n"
           "a\\u{9B}2J\\u{202E}   1.00\n");
}

static void a_cell_is_as_long_as_its_text(void **state)
{
    (void)state;
    char name[1001] = "";
    memset(name, 'x', 1000);
    char *text = table(GRID_PLAIN, 1, (const char *const[]){ name }, (const double[]){ 1 });
    assert_non_null(strstr(text, name));
    free(text);
}

static void a_table_without_rows_is_its_header(void **state)
{
    (void)state;
    expect(GRID_MARKDOWN, 0, NULL, NULL, "| Task | Score |\n|:-----|------:|\n");
    expect(GRID_PLAIN, 0, NULL, NULL, "Task  Score\n");
}

static void write_half_a_row(void)
{
    struct grid g;
    struct buf out = { 0 };
    grid_init(&g, 2, 1);
    grid_add(&g, "alone");
    grid_write(&g, GRID_PLAIN, &out);
}

static void a_row_that_is_not_full_is_a_bug(void **state)
{
    (void)state;
    assert_true(test_aborts(write_half_a_row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markdown_aligns_text_left_and_numbers_right),
        cmocka_unit_test(a_screen_gets_no_rules_and_no_blanks_at_the_end),
        cmocka_unit_test(the_last_text_column_of_a_screen_is_not_padded),
        cmocka_unit_test(a_number_that_is_none_is_a_dash),
        cmocka_unit_test(columns_are_as_wide_as_their_characters_not_their_bytes),
        cmocka_unit_test(a_name_cannot_break_the_table_or_steer_the_terminal),
        cmocka_unit_test(a_cell_is_as_long_as_its_text),
        cmocka_unit_test(a_table_without_rows_is_its_header),
        cmocka_unit_test(a_row_that_is_not_full_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
