/* From the parts of a workbook to its texts and cells. */
#include "common/io/xlsx_cells.h"

#include "common/io/table_private.h"
#include "common/mem.h"
#include "common/text.h"

#include <stdlib.h>

enum { ROWS_MAX = 1 << 20 }; /* what a spreadsheet can hold */

static void runs_start(struct text_runs *t, const char *element)
{
    if (strcmp(element, "rPh") == 0)
        t->in_phonetic = true;
    else if (strcmp(element, "t") == 0)
        t->in_text = !t->in_phonetic;
}

static void runs_end(struct text_runs *t, const char *element)
{
    if (strcmp(element, "rPh") == 0)
        t->in_phonetic = false;
    else if (strcmp(element, "t") == 0)
        t->in_text = false;
}

static err strings_start(void *reader, const char *element, const char **attributes)
{
    struct xlsx_strings *s = reader;
    (void)attributes;
    if (strcmp(element, "si") == 0)
        buf_clear(&s->runs.text);
    runs_start(&s->runs, element);
    return OK;
}

static err strings_end(void *reader, const char *element)
{
    struct xlsx_strings *s = reader;
    runs_end(&s->runs, element);
    if (strcmp(element, "si") != 0)
        return OK;
    if (s->count == TABLE_CELLS_MAX)
        return err_say(s->xlsx->msg, ERR_LIMIT, "%s: more than %d shared strings", s->xlsx->name,
                       TABLE_CELLS_MAX);
    s->items = xgrow(s->items, &s->capacity, s->count + 1, sizeof(*s->items));
    s->items[s->count++] = arena_strdup(s->arena, buf_cstr(&s->runs.text));
    return OK;
}

static err strings_text(void *reader, struct span text)
{
    struct xlsx_strings *s = reader;
    if (s->runs.in_text)
        buf_append_span(&s->runs.text, text);
    return OK;
}

err xlsx_strings_read(struct xlsx_strings *s, const char *part)
{
    static const struct xlsx_handlers handlers = { strings_start, strings_end, strings_text };
    return xlsx_parse(s->xlsx, part, &handlers, s);
}

void xlsx_strings_release(struct xlsx_strings *s)
{
    free(s->items);
    buf_release(&s->runs.text);
}

struct placed_cell {
    uint32_t row, column;
    struct cell cell;
};

struct sheet_reader {
    struct xlsx *xlsx;
    struct arena *arena;
    const char *sheet_name;
    const struct xlsx_strings *strings;
    bool in_data, in_value; /* inside sheetData; inside v */
    uint32_t row, column;   /* of the cell being read */
    uint32_t next_row, next_column;
    char type[12];             /* its t attribute */
    struct text_runs runs;     /* its value as text */
    struct placed_cell *cells; /* those with a value, in the order of the part */
    size_t count, capacity;
};

static err cell_fail(const struct sheet_reader *s, err e, const char *what)
{
    return err_say(s->xlsx->msg, e, "%s, sheet %s, row %u, column %u: %s", s->xlsx->name,
                   s->sheet_name, s->row + 1, s->column + 1, what);
}

/* "AB12" -> row 11, column 27. */
static bool parse_reference(const char *text, uint32_t *row, uint32_t *column)
{
    uint64_t number;
    uint32_t letters = 0;
    for (; *text >= 'A' && *text <= 'Z' && letters <= TABLE_COLUMNS_MAX; text++)
        letters = letters * 26 + (uint32_t)(*text - 'A' + 1);
    if (letters == 0 || letters > TABLE_COLUMNS_MAX || !text_parse_u64(text, &number) ||
        number == 0 || number > ROWS_MAX)
        return false;
    *row = (uint32_t)number - 1;
    *column = letters - 1;
    return true;
}

static err row_start(struct sheet_reader *s, const char **attributes)
{
    const char *reference = xlsx_attribute(attributes, "r");
    uint64_t number = (uint64_t)s->next_row + 1;
    if (reference != NULL && (!text_parse_u64(reference, &number) || number == 0))
        number = UINT64_MAX;
    if (number > ROWS_MAX)
        return err_say(s->xlsx->msg, ERR_INVALID, "%s, sheet %s: a row number that is not 1..%d",
                       s->xlsx->name, s->sheet_name, ROWS_MAX);
    s->row = (uint32_t)number - 1;
    s->next_row = s->row + 1;
    s->next_column = 0;
    return OK;
}

static err cell_start(struct sheet_reader *s, const char **attributes)
{
    const char *reference = xlsx_attribute(attributes, "r");
    const char *type = xlsx_attribute(attributes, "t");
    s->column = s->next_column;
    if (reference != NULL && !parse_reference(reference, &s->row, &s->column))
        return cell_fail(s, ERR_INVALID, "the next cell's reference is not like A1 or E117");
    if (s->column >= TABLE_COLUMNS_MAX)
        return cell_fail(s, ERR_LIMIT, "too many columns");
    s->next_column = s->column + 1;
    buf_clear(&s->runs.text);
    if (type == NULL)
        type = "n";
    if (strlen(type) >= sizeof(s->type))
        return cell_fail(s, ERR_UNSUPPORTED, "a type of cell that is not known");
    memcpy(s->type, type, strlen(type) + 1);
    return OK;
}

static err sheet_start(void *reader, const char *element, const char **attributes)
{
    struct sheet_reader *s = reader;
    if (strcmp(element, "sheetData") == 0)
        s->in_data = true;
    if (!s->in_data)
        return OK;
    if (strcmp(element, "row") == 0)
        return row_start(s, attributes);
    if (strcmp(element, "c") == 0)
        return cell_start(s, attributes);
    if (strcmp(element, "v") == 0)
        s->in_value = true;
    else
        runs_start(&s->runs, element);
    return OK;
}

/* What the cell is, from its type and the text of its value, which is not empty. */
static err cell_value(struct sheet_reader *s, struct cell *out)
{
    const char *text = buf_cstr(&s->runs.text);
    uint64_t index;
    *out = (struct cell){ .kind = CELL_NUMBER };
    if (strcmp(s->type, "n") == 0 || strcmp(s->type, "b") == 0)
        return text_parse_double(text, &out->number)
                   ? OK
                   : cell_fail(s, ERR_INVALID, "a number that cannot be read");
    out->kind = CELL_TEXT;
    if (strcmp(s->type, "s") == 0) {
        if (!text_parse_u64(text, &index) || index >= s->strings->count)
            return cell_fail(s, ERR_CORRUPT, "a shared string that is not in the file");
        out->text = s->strings->items[index];
        return OK;
    }
    static const char *const texts[] = { "str", "inlineStr", "e", "d" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(s->type, texts[i]) == 0) {
            out->text = arena_strdup(s->arena, text);
            return OK;
        }
    }
    return cell_fail(s, ERR_UNSUPPORTED, "a type of cell that is not known");
}

static err cell_end(struct sheet_reader *s)
{
    struct cell cell;
    if (s->runs.text.len == 0)
        return OK;
    err e = cell_value(s, &cell);
    if (e)
        return e;
    if (cell.kind == CELL_TEXT && cell.text[0] == '\0')
        return OK;
    if (s->count == TABLE_CELLS_MAX)
        return cell_fail(s, ERR_LIMIT, "more cells than a table may have");
    s->cells = xgrow(s->cells, &s->capacity, s->count + 1, sizeof(*s->cells));
    s->cells[s->count++] = (struct placed_cell){ s->row, s->column, cell };
    return OK;
}

static err sheet_end(void *reader, const char *element)
{
    struct sheet_reader *s = reader;
    if (strcmp(element, "sheetData") == 0)
        s->in_data = false;
    if (!s->in_data)
        return OK;
    if (strcmp(element, "c") == 0)
        return cell_end(s);
    if (strcmp(element, "v") == 0)
        s->in_value = false;
    else
        runs_end(&s->runs, element);
    return OK;
}

static err sheet_text(void *reader, struct span text)
{
    struct sheet_reader *s = reader;
    if (s->in_value || s->runs.in_text)
        buf_append_span(&s->runs.text, text);
    return OK;
}

/* The cells in rows and columns. budget: cells that the workbook may still have. */
static err sheet_place(const struct sheet_reader *s, struct sheet *out, size_t *budget)
{
    size_t rows = 0, columns = 0;
    for (size_t i = 0; i < s->count; i++) {
        rows = s->cells[i].row >= rows ? s->cells[i].row + (size_t)1 : rows;
        columns = s->cells[i].column >= columns ? s->cells[i].column + (size_t)1 : columns;
    }
    if (rows * columns > *budget)
        return err_say(s->xlsx->msg, ERR_LIMIT,
                       "%s, sheet %s: %zu rows x %zu columns; a workbook may have %d cells",
                       s->xlsx->name, s->sheet_name, rows, columns, TABLE_CELLS_MAX);
    *budget -= rows * columns;
    *out = (struct sheet){ .name = s->sheet_name, .row_count = rows, .column_count = columns };
    if (s->count == 0)
        return OK;
    out->cells = arena_alloc(s->arena, rows * columns * sizeof(*out->cells));
    for (size_t i = 0; i < s->count; i++)
        out->cells[s->cells[i].row * columns + s->cells[i].column] = s->cells[i].cell;
    return OK;
}

err xlsx_sheet_read(struct xlsx *x, struct arena *arena, const struct xlsx_strings *strings,
                    const char *part, const char *sheet_name, size_t *budget, struct sheet *out)
{
    static const struct xlsx_handlers handlers = { sheet_start, sheet_end, sheet_text };
    struct sheet_reader s = {
        .xlsx = x, .arena = arena, .sheet_name = sheet_name, .strings = strings
    };
    err e = xlsx_parse(x, part, &handlers, &s);
    if (e == OK)
        e = sheet_place(&s, out, budget);
    buf_release(&s.runs.text);
    free(s.cells);
    return e;
}
