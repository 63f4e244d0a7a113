/* CSV as RFC 4180 has it, read strictly: a damaged table must not become scores.
 *
 * Accepted besides the letter of the RFC: a byte order mark, LF for CRLF, no line end at the end,
 * and blank lines, which are left out. Refused, with the line: text behind a closing quote, a quote
 * inside an unquoted field, an unclosed quote, a CR without LF, a NUL, bytes that are not UTF-8,
 * and a record with another number of fields than the first. */
#include "common/io/table.h"

#include "common/io/table_private.h"
#include "common/mem.h"
#include "common/text.h"

#include <stdlib.h>

struct csv {
    const uint8_t *at, *end;
    size_t line; /* of `at`, from 1 */
    const char *name;
    struct errmsg *msg;
    struct arena *arena; /* of the texts */
    struct buf field;    /* the quoted field being read, without its quotes */
    struct cell *cells;  /* record by record */
    size_t cell_count, cell_capacity;
    size_t columns; /* fields of the first record; 0 before it ended */
};

enum csv_end { CSV_COMMA, CSV_LINE, CSV_FILE };

static err csv_fail(struct csv *c, size_t line, const char *what)
{
    return err_say(c->msg, ERR_INVALID, "%s, line %zu: %s", c->name, line, what);
}

/* What follows a field: a comma, a line end, or the end of the text. */
static err csv_field_end(struct csv *c, enum csv_end *out)
{
    if (c->at == c->end) {
        *out = CSV_FILE;
        return OK;
    }
    if (*c->at == ',') {
        c->at++;
        *out = CSV_COMMA;
        return OK;
    }
    if (*c->at == '\r') {
        if (c->end - c->at < 2 || c->at[1] != '\n')
            return csv_fail(c, c->line,
                            "a carriage return without a line feed: save it with "
                            "CRLF or LF line ends");
        c->at++;
    }
    if (*c->at != '\n')
        return csv_fail(c, c->line,
                        "text behind a closing quote: a quote inside a quoted field "
                        "is written twice");
    c->at++;
    c->line++;
    *out = CSV_LINE;
    return OK;
}

static err csv_quoted(struct csv *c, struct span *out)
{
    size_t first_line = c->line;
    c->at++;
    buf_clear(&c->field);
    for (; c->at < c->end; c->at++) {
        if (*c->at == '"') {
            if (c->end - c->at < 2 || c->at[1] != '"') {
                c->at++;
                *out = buf_span(&c->field);
                return OK;
            }
            c->at++;
        } else if (*c->at == '\n') {
            c->line++;
        }
        buf_append_byte(&c->field, *c->at);
    }
    return csv_fail(c, first_line, "a quoted field that is never closed");
}

static err csv_plain(struct csv *c, struct span *out)
{
    const uint8_t *start = c->at;
    while (c->at < c->end && memchr(",\r\n", *c->at, 3) == NULL) {
        if (*c->at == '"')
            return csv_fail(c, c->line,
                            "a quote inside an unquoted field: quote the whole field "
                            "and write the quote twice");
        c->at++;
    }
    *out = span_of(start, (size_t)(c->at - start));
    return OK;
}

static err csv_keep(struct csv *c, struct span text, size_t line)
{
    if (text.len > 0 && memchr(text.data, 0, text.len) != NULL)
        return csv_fail(c, line, "a NUL byte: this is not a CSV file");
    if (!text_is_utf8(text))
        return csv_fail(c, line, "text that is not UTF-8: save the table as CSV UTF-8");
    if (c->cell_count == TABLE_CELLS_MAX)
        return err_say(c->msg, ERR_LIMIT, "%s, line %zu: more than %d cells", c->name, line,
                       TABLE_CELLS_MAX);
    c->cells = xgrow(c->cells, &c->cell_capacity, c->cell_count + 1, sizeof(*c->cells));
    c->cells[c->cell_count++] =
        text.len == 0
            ? (struct cell){ .kind = CELL_EMPTY }
            : (struct cell){ .kind = CELL_TEXT,
                             .text = arena_strndup(c->arena, (const char *)text.data, text.len) };
    return OK;
}

static err csv_record_done(struct csv *c, size_t fields, size_t line)
{
    if (c->columns == 0)
        c->columns = fields;
    if (fields == c->columns)
        return OK;
    return err_say(c->msg, ERR_INVALID, "%s, line %zu: %zu fields where the header has %zu",
                   c->name, line, fields, c->columns);
}

static err csv_record(struct csv *c)
{
    size_t first_line = c->line, fields = 0;
    enum csv_end end = CSV_FILE;
    do {
        struct span text = { 0 };
        size_t line = c->line;
        bool quoted = c->at < c->end && *c->at == '"';
        err e = quoted ? csv_quoted(c, &text) : csv_plain(c, &text);
        if (e == OK)
            e = csv_field_end(c, &end);
        if (e)
            return e;
        if (fields == 0 && !quoted && text.len == 0 && end != CSV_COMMA)
            return OK; /* a blank line */
        if (++fields > TABLE_COLUMNS_MAX)
            return err_say(c->msg, ERR_LIMIT, "%s, line %zu: more than %d columns", c->name, line,
                           TABLE_COLUMNS_MAX);
        e = csv_keep(c, text, line);
        if (e)
            return e;
    } while (end == CSV_COMMA);
    return csv_record_done(c, fields, first_line);
}

static err csv_records(struct csv *c)
{
    static const uint8_t byte_order_mark[] = { 0xEF, 0xBB, 0xBF };
    if (c->end - c->at >= 3 && memcmp(c->at, byte_order_mark, 3) == 0)
        c->at += 3;
    while (c->at < c->end) {
        err e = csv_record(c);
        if (e)
            return e;
    }
    return OK;
}

err workbook_read_csv(struct span text, const char *name, struct workbook *out, struct errmsg *msg)
{
    *out = (struct workbook){ 0 };
    if (text.len > TABLE_BYTES_MAX)
        return err_say(msg, ERR_LIMIT, "%s: more than %d bytes", name, TABLE_BYTES_MAX);

    struct csv csv = { .at = text.data,
                       .end = text.len > 0 ? text.data + text.len : text.data,
                       .line = 1,
                       .name = name,
                       .msg = msg,
                       .arena = &out->arena };
    err e = csv_records(&csv);
    if (e) {
        workbook_release(out);
        goto done;
    }
    struct sheet *sheet = arena_alloc(&out->arena, sizeof(*sheet));
    sheet->name = "";
    sheet->column_count = csv.columns;
    sheet->row_count = csv.columns == 0 ? 0 : csv.cell_count / csv.columns;
    if (csv.cell_count > 0) {
        sheet->cells = arena_alloc(&out->arena, csv.cell_count * sizeof(*csv.cells));
        memcpy(sheet->cells, csv.cells, csv.cell_count * sizeof(*csv.cells));
    }
    out->sheets = sheet;
    out->sheet_count = 1;
done:
    buf_release(&csv.field);
    free(csv.cells);
    return e;
}
