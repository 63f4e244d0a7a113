/* Any bytes as a CSV table. What is read is written again and reads the same. */
#include "tests/fuzz/fuzz.h"

#include "common/io/table.h"

#include "common/buf.h"

static void write_sheet(const struct sheet *s, struct buf *out)
{
    for (size_t row = 0; row < s->row_count; row++) {
        for (size_t column = 0; column < s->column_count; column++) {
            const struct cell *cell = sheet_cell(s, row, column);
            check((cell->kind == CELL_TEXT) == (cell->text && cell->text[0]));
            check(cell->kind != CELL_NUMBER);
            if (column > 0)
                buf_append_byte(out, ',');
            if (cell->kind == CELL_TEXT)
                csv_append_field(out, span_str(cell->text), false);
            else if (s->column_count == 1)
                buf_append_str(out, "\"\""); /* a line of its own, not a blank one */
        }
        buf_append_str(out, "\r\n");
    }
}

static void check_same(const struct sheet *a, const struct sheet *b)
{
    check(a->row_count == b->row_count && a->column_count == b->column_count);
    for (size_t i = 0; i < a->row_count * a->column_count; i++) {
        check(a->cells[i].kind == b->cells[i].kind);
        check(a->cells[i].kind == CELL_EMPTY || strcmp(a->cells[i].text, b->cells[i].text) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct workbook w, back;
    struct errmsg msg = { "" };
    err e = workbook_read_csv(span_of(data, size), "t.csv", &w, &msg);
    check((e == OK) == (msg.text[0] == '\0'));
    if (e) {
        check(strstr(msg.text, "t.csv"));
        return 0;
    }
    check(w.sheet_count == 1);
    struct buf text = { 0 };
    write_sheet(&w.sheets[0], &text);
    if (w.sheets[0].row_count > 0) {
        check(workbook_read_csv(buf_span(&text), "again.csv", &back, &msg) == OK);
        check_same(&w.sheets[0], &back.sheets[0]);
        workbook_release(&back);
    }
    buf_release(&text);
    workbook_release(&w);
    return 0;
}
