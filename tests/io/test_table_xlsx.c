/* .xlsx workbooks, made part by part with libzip, so that each test shows the XML it is about. */
#include "tests/lib/test.h"

#include "common/buf.h"
#include "common/io/table.h"

#include <zip.h>

#define XML     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define MAIN_NS "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\""
#define RELS_OPEN                                                                                  \
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
#define TYPE "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

struct part {
    const char *name, *text;
};

static const char root_rels[] =
    XML RELS_OPEN "<Relationship Id=\"r1\" Type=\"" TYPE
                  "officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
static const char workbook_one[] = XML
    "<workbook " MAIN_NS " xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/"
    "relationships\"><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"s1\"/></sheets></workbook>";
static const char rels_one[] =
    XML RELS_OPEN "<Relationship Id=\"s1\" Type=\"" TYPE "worksheet\" Target=\"worksheets/a.xml\"/>"
                  "<Relationship Id=\"x\" Type=\"" TYPE "sharedStrings\" Target=\"strings.xml\"/>"
                  "</Relationships>";
static const char strings_three[] = XML
    "<sst " MAIN_NS "><si><t>plain</t></si><si><r><t xml:space=\"preserve\">rich </t></r><r><rPr/>"
    "<t>text</t></r><rPh sb=\"0\" eb=\"1\"><t>reading</t></rPh></si><si><t/></si></sst>";

static char *path_in(const char *dir)
{
    static char path[600];
    snprintf(path, sizeof(path), "%s/t.xlsx", dir);
    return path;
}

static void write_zip(const char *path, const struct part *parts, size_t count)
{
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    for (size_t i = 0; i < count; i++) {
        zip_source_t *source = zip_source_buffer(zip, parts[i].text, strlen(parts[i].text), 0);
        assert_non_null(source);
        assert_true(zip_file_add(zip, parts[i].name, source, 0) >= 0);
    }
    assert_int_equal(zip_close(zip), 0);
}

/* A workbook of one sheet whose rows are this XML. */
static err read_rows(const char *rows, struct workbook *out, struct errmsg *msg)
{
    struct buf sheet = { 0 };
    buf_printf(&sheet, XML "<worksheet " MAIN_NS "><sheetData>%s</sheetData></worksheet>", rows);
    const struct part parts[] = { { "_rels/.rels", root_rels },
                                  { "xl/workbook.xml", workbook_one },
                                  { "xl/_rels/workbook.xml.rels", rels_one },
                                  { "xl/strings.xml", strings_three },
                                  { "xl/worksheets/a.xml", buf_cstr(&sheet) } };
    char *dir = test_dir();
    write_zip(path_in(dir), parts, 5);
    err e = workbook_read(path_in(dir), out, msg);
    test_rm_rf(dir);
    buf_release(&sheet);
    return e;
}

static struct workbook read_fine(const char *rows)
{
    struct workbook w;
    struct errmsg msg = { "" };
    if (read_rows(rows, &w, &msg))
        fail_msg("refused: %s", msg.text);
    assert_int_equal(w.sheet_count, 1);
    assert_ptr_equal(workbook_find(&w, "One"), &w.sheets[0]);
    assert_null(workbook_find(&w, "Two"));
    return w;
}

static void assert_text(const struct workbook *w, size_t row, size_t column, const char *text)
{
    const struct cell *cell = sheet_cell(&w->sheets[0], row, column);
    assert_int_equal(cell->kind, CELL_TEXT);
    assert_string_equal(cell->text, text);
}

static void assert_number(const struct workbook *w, size_t row, size_t column, double number)
{
    const struct cell *cell = sheet_cell(&w->sheets[0], row, column);
    assert_int_equal(cell->kind, CELL_NUMBER);
    assert_true(cell->number == number);
}

static void every_type_of_cell(void **state)
{
    (void)state;
    struct workbook w =
        read_fine("<row r=\"1\">"
                  "<c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>"
                  "<c r=\"C1\" t=\"inlineStr\"><is><t>in</t><r><t>line</t></r></is></c>"
                  "<c r=\"D1\"><v>83.33</v></c><c r=\"E1\" t=\"n\"><v>-1.5E-3</v></c>"
                  "<c r=\"F1\" t=\"b\"><v>1</v></c>"
                  "<c r=\"G1\" t=\"str\"><f>CONCAT(\"a\",\"b\")</f><v>ab &amp; c</v></c>"
                  "<c r=\"H1\"><f>1+1</f><v>2</v></c><c r=\"I1\" t=\"e\"><v>#DIV/0!</v></c>"
                  "</row>");
    assert_text(&w, 0, 0, "plain");
    assert_text(&w, 0, 1, "rich text");
    assert_text(&w, 0, 2, "inline");
    assert_number(&w, 0, 3, 83.33);
    assert_number(&w, 0, 4, -1.5e-3);
    assert_number(&w, 0, 5, 1);
    assert_text(&w, 0, 6, "ab & c");
    assert_number(&w, 0, 7, 2);
    assert_text(&w, 0, 8, "#DIV/0!");
    workbook_release(&w);
}

static void sparse_cells_stand_where_they_belong(void **state)
{
    (void)state;
    struct workbook w = read_fine("<row r=\"2\"><c r=\"B2\"><v>1</v></c><c r=\"AA2\"><v>2</v></c>"
                                  "</row><row r=\"4\"><c r=\"A4\"><v>3</v></c><c><v>4</v></c></row>"
                                  "<row><c><v>5</v></c></row>");
    const struct sheet *s = &w.sheets[0];
    assert_int_equal(s->row_count, 5);
    assert_int_equal(s->column_count, 27);
    assert_number(&w, 1, 1, 1);
    assert_number(&w, 1, 26, 2);
    assert_number(&w, 3, 0, 3);
    assert_number(&w, 3, 1, 4);
    assert_number(&w, 4, 0, 5);
    assert_int_equal(sheet_cell(s, 0, 0)->kind, CELL_EMPTY);
    assert_int_equal(sheet_cell(s, 2, 5)->kind, CELL_EMPTY);
    workbook_release(&w);
}

static void cells_without_a_value_do_not_count(void **state)
{
    (void)state;
    struct workbook w = read_fine("<row r=\"1\"><c r=\"A1\"><v>1</v></c><c r=\"B1\" s=\"4\"/></row>"
                                  "<row r=\"9\"><c r=\"A9\" t=\"s\"><v>2</v></c><c r=\"B9\"><v></v>"
                                  "</c></row>");
    assert_int_equal(w.sheets[0].row_count, 1);
    assert_int_equal(w.sheets[0].column_count, 1);
    workbook_release(&w);

    w = read_fine("");
    assert_int_equal(w.sheets[0].row_count, 0);
    workbook_release(&w);
}

static void bad_cells_are_refused_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *rows, *sentence; /* behind the path */
    } cases[] = {
        { "<row><c><v>12,5</v></c></row>",
          "sheet One, row 1, column 1: a number that cannot be read" },
        { "<row><c/><c t=\"s\"><v>3</v></c></row>",
          "sheet One, row 1, column 2: a shared string that is not in the file" },
        { "<row><c t=\"z\"><v>3</v></c></row>",
          "sheet One, row 1, column 1: a type of cell that is not known" },
        { "<row><c r=\"1A\"><v>3</v></c></row>",
          "sheet One, row 1, column 1: the next cell's reference is not like A1 or E117" },
        { "<row><c r=\"XFE1\"><v>3</v></c></row>",
          "sheet One, row 1, column 1: the next cell's reference is not like A1 or E117" },
        { "<row r=\"1048577\"/>", "sheet One: a row number that is not 1..1048576" },
        { "<row r=\"0\"/>", "sheet One: a row number that is not 1..1048576" },
        { "<row><c r=\"A1\"><v>1</v></c><c r=\"XFD1048576\"><v>1</v></c></row>",
          "sheet One: 1048576 rows x 16384 columns; a workbook may have 1048576 cells" },
        { "<row><c><v>1</v></row>", "part xl/worksheets/a.xml, line 1: mismatched tag" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct workbook w;
        struct errmsg msg;
        assert_int_not_equal(read_rows(cases[i].rows, &w, &msg), OK);
        const char *sentence = strstr(msg.text, "t.xlsx, ");
        assert_non_null(sentence);
        assert_string_equal(sentence + strlen("t.xlsx, "), cases[i].sentence);
        assert_int_equal(w.sheet_count, 0);
        assert_null(w.arena.chunks);
    }
}

static err read_parts(const struct part *parts, size_t count, struct workbook *w,
                      struct errmsg *msg)
{
    char *dir = test_dir();
    write_zip(path_in(dir), parts, count);
    err e = workbook_read(path_in(dir), w, msg);
    test_rm_rf(dir);
    return e;
}

/* Prefixes, absolute and ".." targets, another folder, a chart sheet, a hidden sheet. */
static void packages_are_laid_out_in_many_ways(void **state)
{
    (void)state;
    const struct part parts[] = {
        { "_rels/.rels",
          XML RELS_OPEN "<Relationship Id=\"r1\" Type=\"" TYPE
                        "officeDocument\" Target=\"/a/b/book.xml\"/></Relationships>" },
        { "a/b/book.xml",
          XML "<x:workbook xmlns:x=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" "
              "xmlns:q=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">"
              "<x:sheets><x:sheet name=\"B\" sheetId=\"7\" q:id=\"two\"/>"
              "<x:sheet name=\"Chart\" sheetId=\"8\" q:id=\"three\"/>"
              "<x:sheet name=\"A\" sheetId=\"9\" state=\"hidden\" "
              "q:id=\"one\"/></x:sheets></x:workbook>" },
        { "a/b/_rels/book.xml.rels", XML RELS_OPEN
          "<Relationship Id=\"one\" Type=\"" TYPE "worksheet\" Target=\"/a/one.xml\"/>"
          "<Relationship Id=\"two\" Type=\"" TYPE "worksheet\" Target=\"./../two.xml\"/>"
          "<Relationship Id=\"three\" Type=\"" TYPE "chartsheet\" Target=\"c.xml\"/>"
          "</Relationships>" },
        { "a/one.xml",
          XML "<worksheet " MAIN_NS "><sheetData><row><c><v>1</v></c></row></sheetData>"
              "</worksheet>" },
        { "a/two.xml", XML "<x:worksheet xmlns:x=\"u\"><x:sheetData><x:row><x:c><x:v>2</x:v></x:c>"
                           "</x:row></x:sheetData></x:worksheet>" },
    };
    struct workbook w;
    struct errmsg msg = { "" };
    if (read_parts(parts, 5, &w, &msg))
        fail_msg("%s", msg.text);
    assert_int_equal(w.sheet_count, 2);
    assert_string_equal(w.sheets[0].name, "B");
    assert_string_equal(w.sheets[1].name, "A");
    assert_true(w.sheets[0].cells[0].number == 2);
    assert_true(w.sheets[1].cells[0].number == 1);
    workbook_release(&w);
}

static void incomplete_packages_are_refused(void **state)
{
    (void)state;
    const struct part parts[] = { { "_rels/.rels", root_rels },
                                  { "xl/workbook.xml", workbook_one },
                                  { "xl/_rels/workbook.xml.rels", rels_one } };
    static const char *const missing[] = { "xl/workbook.xml", "xl/_rels/workbook.xml.rels",
                                           "xl/strings.xml" };
    for (size_t count = 1; count <= 3; count++) {
        struct workbook w;
        struct errmsg msg;
        assert_int_equal(read_parts(parts, count, &w, &msg), ERR_NOT_FOUND);
        assert_non_null(strstr(msg.text, "part"));
        assert_non_null(strstr(msg.text, count == 1 ? missing[1] : missing[count - 1]));
    }
}

static void what_is_no_zip_is_refused(void **state)
{
    (void)state;
    char *dir = test_dir();
    struct workbook w;
    struct errmsg msg;
    assert_int_equal(workbook_read(path_in(dir), &w, &msg), ERR_NOT_FOUND);
    FILE *file = fopen(path_in(dir), "w");
    assert_non_null(file);
    fputs("a,b\n1,2\n", file);
    fclose(file);
    assert_int_equal(workbook_read(path_in(dir), &w, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "not an .xlsx file"));
    test_rm_rf(dir);
}

/* A document type could declare entities that grow a thousandfold, level by level. */
static void entities_are_refused(void **state)
{
    (void)state;
    const struct part parts[] = {
        { "_rels/.rels", "<!DOCTYPE a [<!ENTITY b \"bomb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>" }
    };
    struct workbook w;
    struct errmsg msg;
    assert_int_equal(read_parts(parts, 1, &w, &msg), ERR_INVALID);
    assert_non_null(strstr(msg.text, "document type"));
}

/* 65 MiB of blanks pack into 64 KiB. */
static void zip_bombs_are_refused(void **state)
{
    (void)state;
    size_t length = (size_t)65 << 20;
    char *blanks = malloc(length + 1);
    assert_non_null(blanks);
    memset(blanks, ' ', length);
    blanks[length] = '\0';
    memcpy(blanks, "<a>", 3);
    const struct part parts[] = { { "_rels/.rels", blanks } };
    struct workbook w;
    struct errmsg msg;
    assert_int_equal(read_parts(parts, 1, &w, &msg), ERR_LIMIT);
    assert_non_null(strstr(msg.text, "unpacks to more than 67108864 bytes"));
    free(blanks);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct buf deep = { 0 };
    for (int i = 0; i < 1000; i++)
        buf_append_str(&deep, "<a>");
    const struct part parts[] = { { "_rels/.rels", buf_cstr(&deep) } };
    struct workbook w;
    struct errmsg msg;
    assert_int_equal(read_parts(parts, 1, &w, &msg), ERR_LIMIT);
    buf_release(&deep);
}

/* One byte after the other turned: an error each time, and nothing worse. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    char *dir = test_dir();
    const struct part parts[] = { { "_rels/.rels", root_rels },
                                  { "xl/workbook.xml", workbook_one },
                                  { "xl/_rels/workbook.xml.rels", rels_one },
                                  { "xl/strings.xml", strings_three } };
    write_zip(path_in(dir), parts, 4);
    FILE *file = fopen(path_in(dir), "r+");
    assert_non_null(file);
    char bytes[4096];
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    for (size_t at = 0; at < length; at += 3) {
        char flipped = (char)(bytes[at] ^ 0x55);
        assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
        assert_int_equal(fwrite(&flipped, 1, 1, file), 1);
        fflush(file);
        struct workbook w;
        struct errmsg msg;
        assert_int_not_equal(workbook_read(path_in(dir), &w, &msg), OK); /* a.xml is missing */
        assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
        assert_int_equal(fwrite(&bytes[at], 1, 1, file), 1);
    }
    fclose(file);
    test_rm_rf(dir);
}

/* A real workbook, as its authors saved it with a spreadsheet program. */
static void the_reference_s_workbook(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof(path), "%s/data/general-bench/sota_result.xlsx", test_shared());
    if (access(path, R_OK) != 0)
        skip();
    struct workbook w;
    struct errmsg msg = { "" };
    if (workbook_read(path, &w, &msg))
        fail_msg("%s", msg.text);
    assert_int_equal(w.sheet_count, 9);
    static const struct {
        const char *name;
        size_t rows;
    } sheets[] = { { "NLP", 115 },
                   { "Image-Comprehension", 271 },
                   { "Image-Generation", 45 },
                   { "Video-Comprehension", 126 },
                   { "Video-Generation", 46 },
                   { "Audio-Comprehension", 24 },
                   { "Audio-Generation", 20 },
                   { "3D-Comprehension", 30 },
                   { "3D-Generation", 22 } };
    for (size_t i = 0; i < 9; i++) {
        assert_string_equal(w.sheets[i].name, sheets[i].name);
        assert_int_equal(w.sheets[i].row_count, sheets[i].rows + 1);
        assert_int_equal(w.sheets[i].column_count, 5);
    }
    assert_string_equal(sheet_cell(&w.sheets[0], 1, 1)->text, "Commonsense Reasoning");
    assert_true(sheet_cell(&w.sheets[0], 1, 4)->number == 83.33);
    workbook_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_cell),
        cmocka_unit_test(sparse_cells_stand_where_they_belong),
        cmocka_unit_test(cells_without_a_value_do_not_count),
        cmocka_unit_test(bad_cells_are_refused_with_their_place),
        cmocka_unit_test(packages_are_laid_out_in_many_ways),
        cmocka_unit_test(incomplete_packages_are_refused),
        cmocka_unit_test(what_is_no_zip_is_refused),
        cmocka_unit_test(entities_are_refused),
        cmocka_unit_test(zip_bombs_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(the_reference_s_workbook),
    };
    return cmocka_run_group_tests_name("table_xlsx", tests, NULL, NULL);
}
