/* Tables as CSV, in memory, and what every table can do. Workbooks: tests/io/test_table_xlsx.c. */
#include "tests/lib/test.h"

#include "common/buf.h"
#include "common/io/table.h"

static struct workbook read_fine(const char *text)
{
    struct workbook w;
    struct errmsg msg = { "" };
    err e = workbook_read_csv(span_str(text), "t.csv", &w, &msg);
    if (e)
        fail_msg("refused: %s", msg.text);
    assert_int_equal(w.sheet_count, 1);
    assert_string_equal(w.sheets[0].name, "");
    return w;
}

static void assert_refused(struct span text, err expected, const char *sentence)
{
    struct workbook w;
    struct errmsg msg;
    assert_int_equal(workbook_read_csv(text, "t.csv", &w, &msg), expected);
    assert_string_equal(msg.text, sentence);
    assert_int_equal(w.sheet_count, 0);
    assert_null(w.arena.chunks);
}

static void assert_text(const struct sheet *s, size_t row, size_t column, const char *text)
{
    const struct cell *cell = sheet_cell(s, row, column);
    assert_int_equal(cell->kind, text[0] == '\0' ? CELL_EMPTY : CELL_TEXT);
    if (cell->kind == CELL_TEXT)
        assert_string_equal(cell->text, text);
}

static void fields_become_cells(void **state)
{
    (void)state;
    /* Every form of the same table. */
    static const char *const forms[] = {
        "a,b,c\r\n1,,x y\r\n",
        "a,b,c\n1,,x y\n",
        "a,b,c\n1,,x y",
        "\357\273\277a,b,c\n1,,x y\n",
        "\n\na,b,c\n\r\n1,,x y\n\n\n",
        "\"a\",\"b\",\"c\"\r\n\"1\",\"\",\"x y\"\r\n",
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct workbook w = read_fine(forms[i]);
        const struct sheet *s = &w.sheets[0];
        assert_int_equal(s->row_count, 2);
        assert_int_equal(s->column_count, 3);
        assert_text(s, 0, 0, "a");
        assert_text(s, 0, 2, "c");
        assert_text(s, 1, 0, "1");
        assert_text(s, 1, 1, "");
        assert_text(s, 1, 2, "x y");
        workbook_release(&w);
    }
}

static void quoted_fields_hold_anything(void **state)
{
    (void)state;
    struct workbook w =
        read_fine("\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\",\" \xE2\x88\x9E \"\n");
    const struct sheet *s = &w.sheets[0];
    assert_int_equal(s->column_count, 4);
    assert_text(s, 0, 0, "a,b");
    assert_text(s, 0, 1, "say \"hi\"");
    assert_text(s, 0, 2, "two\r\nlines");
    assert_text(s, 0, 3, " \xE2\x88\x9E ");
    workbook_release(&w);
}

static void nothing_is_a_sheet_without_rows(void **state)
{
    (void)state;
    static const char *const forms[] = { "", "\n\r\n", "\xEF\xBB\xBF" };
    for (size_t i = 0; i < 3; i++) {
        struct workbook w = read_fine(forms[i]);
        assert_int_equal(w.sheets[0].row_count, 0);
        const char *const name = "a";
        assert_int_equal(sheet_column(&w.sheets[0], &name, 1), -1);
        workbook_release(&w);
    }
}

static void damage_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "a,b\n1,\"x\" y\n", "t.csv, line 2: text behind a closing quote: a quote inside a quoted "
                              "field is written twice" },
        { "a,b\n1,x\"y\n", "t.csv, line 2: a quote inside an unquoted field: quote the whole field "
                           "and write the quote twice" },
        { "a\n\"two\nlines\"\n\"x\ny", "t.csv, line 4: a quoted field that is never closed" },
        { "a\rb\n", "t.csv, line 1: a carriage return without a line feed: save it with CRLF or LF "
                    "line ends" },
        { "a,b\n\"1\n2\",3\n4\n", "t.csv, line 4: 1 fields where the header has 2" },
        { "a,b\n1,2,3\n", "t.csv, line 2: 3 fields where the header has 2" },
        { "a,b\n1,\xFF\n", "t.csv, line 2: text that is not UTF-8: save the table as CSV UTF-8" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(span_str(cases[i].text), ERR_INVALID, cases[i].sentence);
    assert_refused(span_of("a,b\0c", 5), ERR_INVALID,
                   "t.csv, line 1: a NUL byte: this is not a CSV file");
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    size_t length = (size_t)3 << 20;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, ',', length);
    assert_refused(span_of(text, length), ERR_LIMIT, "t.csv, line 1: more than 16384 columns");
    for (size_t i = 0; i < length; i++)
        text[i] = i % 2 ? '\n' : 'x';
    assert_refused(span_of(text, length), ERR_LIMIT,
                   "t.csv, line 1048577: more than 1048576 cells");
    assert_refused(span_of(text, (size_t)65 << 20), ERR_LIMIT, "t.csv: more than 67108864 bytes");
    free(text);
}

static void columns_are_found_by_any_of_their_names(void **state)
{
    (void)state;
    struct workbook w = read_fine("No, Task Name ,METRICS,task\n");
    const struct sheet *s = &w.sheets[0];
    const char *const task[] = { "task", "task name" }, *const metric[] = { " metrics" };
    const char *const sota[] = { "sota", "metric" };
    assert_int_equal(sheet_column(s, task, 2), 1);
    assert_int_equal(sheet_column(s, metric, 1), 2);
    assert_int_equal(sheet_column(s, sota, 2), -1);
    workbook_release(&w);
}

static void numbers_are_written_as_short_as_they_read_back(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = { { 0.1, "0.1" },
                  { 83.33, "83.33" },
                  { 300, "300" },
                  { 1.0 / 3, "0.3333333333333333" },
                  { 0.1 + 0.2, "0.30000000000000004" },
                  { -1e-300, "-1e-300" } };
    struct arena arena = { 0 };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cell cell = { .kind = CELL_NUMBER, .number = cases[i].number };
        assert_string_equal(cell_text(&cell, &arena), cases[i].text);
    }
    struct cell empty = { .kind = CELL_EMPTY };
    assert_string_equal(cell_text(&empty, &arena), "");
    arena_release(&arena);
}

static void written_fields_are_quoted_where_needed_and_guarded_where_asked(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool guard;
        const char *csv;
    } cases[] = {
        { "plain", true, "plain" },
        { "a,b", false, "\"a,b\"" },
        { "a\"b", false, "\"a\"\"b\"" },
        { "a\nb", false, "\"a\nb\"" },
        { "=1+1", true, "'=1+1" },
        { "=1+1", false, "=1+1" },
        { "-x,y", true, "\"'-x,y\"" },
        { "@x", true, "'@x" },
        { "+1", true, "'+1" },
        { "1-2", true, "1-2" },
        { "", true, "" },
    };
    struct buf out = { 0 };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_clear(&out);
        csv_append_field(&out, span_str(cases[i].field), cases[i].guard);
        assert_string_equal(buf_cstr(&out), cases[i].csv);
    }
    buf_release(&out);
}

static void what_was_written_reads_back(void **state)
{
    (void)state;
    static const char *const fields[] = { "\xEF\xBB\xBF", "a,\"b\"",  "line\r\nline",
                                          "  blanks ",    "\xC3\xA9", "," };
    const size_t count = sizeof(fields) / sizeof(fields[0]);
    struct buf out = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_byte(&out, ',');
        csv_append_field(&out, span_str(fields[i]), false);
    }
    struct workbook w = read_fine(buf_cstr(&out));
    for (size_t i = 0; i < count; i++)
        assert_text(&w.sheets[0], 0, i, fields[i]);
    workbook_release(&w);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_cells),
        cmocka_unit_test(quoted_fields_hold_anything),
        cmocka_unit_test(nothing_is_a_sheet_without_rows),
        cmocka_unit_test(damage_is_refused_with_its_line),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(columns_are_found_by_any_of_their_names),
        cmocka_unit_test(numbers_are_written_as_short_as_they_read_back),
        cmocka_unit_test(written_fields_are_quoted_where_needed_and_guarded_where_asked),
        cmocka_unit_test(what_was_written_reads_back),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
