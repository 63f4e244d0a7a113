/* What CSV and .xlsx have in common: choosing the reader, finding sheets and columns, cells as
 * text. */
#include "common/io/table.h"

#include "common/buf.h"
#include "common/io/file.h"
#include "common/io/table_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool has_suffix(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    return length >= tail && strcasecmp(path + length - tail, suffix) == 0;
}

err workbook_read(const char *path, struct workbook *out, struct errmsg *msg)
{
    struct buf bytes = { 0 };

    *out = (struct workbook){ 0 };
    err e = file_read(path, TABLE_BYTES_MAX, &bytes, msg);
    if (e == OK) {
        e = has_suffix(path, ".xlsx") ? workbook_read_xlsx(buf_span(&bytes), path, out, msg)
                                      : workbook_read_csv(buf_span(&bytes), path, out, msg);
    }
    buf_release(&bytes);
    return e;
}

void workbook_release(struct workbook *w)
{
    arena_release(&w->arena);
    *w = (struct workbook){ 0 };
}

const struct sheet *workbook_find(const struct workbook *w, const char *sheet_name)
{
    for (size_t i = 0; i < w->sheet_count; i++) {
        if (strcmp(w->sheets[i].name, sheet_name) == 0)
            return &w->sheets[i];
    }
    return NULL;
}

static struct span trimmed(const char *text)
{
    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        length--;
    return span_of(text, length);
}

static bool same_header(const struct cell *header, const char *name)
{
    if (header->kind != CELL_TEXT)
        return false;
    struct span a = trimmed(header->text), b = trimmed(name);
    return a.len == b.len && strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0;
}

static int column_from(const struct sheet *s, size_t first, const char *const *names,
                       size_t name_count)
{
    if (s->row_count == 0)
        return -1;
    for (size_t column = first; column < s->column_count; column++) {
        for (size_t i = 0; i < name_count; i++) {
            if (same_header(sheet_cell(s, 0, column), names[i]))
                return (int)column;
        }
    }
    return -1;
}

int sheet_column(const struct sheet *s, const char *const *names, size_t name_count)
{
    return column_from(s, 0, names, name_count);
}

err sheet_column_once(const struct sheet *s, const char *const *names, size_t name_count,
                      const char *path, struct errmsg *msg)
{
    int first = column_from(s, 0, names, name_count);
    int again = first < 0 ? -1 : column_from(s, (size_t)first + 1, names, name_count);
    if (again < 0)
        return OK;
    return err_say(msg, ERR_INVALID,
                   "%s%s%s: the columns %d ('%s') and %d ('%s') mean the same; keep one of them",
                   path, *s->name ? ", sheet " : "", s->name, first + 1,
                   sheet_cell(s, 0, (size_t)first)->text, again + 1,
                   sheet_cell(s, 0, (size_t)again)->text);
}

/* The fewest of 15, 16 or 17 digits that read back as the same number. */
static const char *number_text(double number, struct arena *arena)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    return arena_strdup(arena, text);
}

const char *cell_text(const struct cell *c, struct arena *arena)
{
    switch (c->kind) {
    case CELL_EMPTY: return "";
    case CELL_NUMBER: return number_text(c->number, arena);
    case CELL_TEXT: return c->text;
    }
    return "";
}

void csv_append_field(struct buf *out, struct span field, bool guard)
{
    bool formula = guard && field.len > 0 && memchr("=+-@", field.data[0], 4) != NULL;
    /* In front of a file this character would be taken for a mark of its byte order. */
    bool quote = field.len >= 3 && memcmp(field.data, "\xEF\xBB\xBF", 3) == 0;
    for (size_t i = 0; i < field.len && !quote; i++)
        quote = memchr("\",\r\n", field.data[i], 4) != NULL;

    if (quote)
        buf_append_byte(out, '"');
    if (formula)
        buf_append_byte(out, '\'');
    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, field.data[i]);
    }
    if (quote)
        buf_append_byte(out, '"');
}
