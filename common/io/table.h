/* Tables of cells, as people keep them: CSV (RFC 4180) and .xlsx workbooks. A CSV file is a
 * workbook of one sheet with the name "". */
#ifndef MUSTER_COMMON_IO_TABLE_H
#define MUSTER_COMMON_IO_TABLE_H

#include "common/arena.h"
#include "common/err.h"
#include "common/span.h"

enum cell_kind { CELL_EMPTY, CELL_NUMBER, CELL_TEXT };

struct cell {
    enum cell_kind kind; /* CSV: EMPTY or TEXT; a reader decides what a text means */
    double number;       /* NUMBER */
    const char *text;    /* TEXT: not empty; kept byte for byte, blanks included */
};

struct sheet {
    const char *name;
    size_t row_count, column_count;
    struct cell *cells; /* row_count x column_count, row by row; the header is row 0 */
};

struct workbook {
    struct sheet *sheets;
    size_t sheet_count;
    struct arena arena; /* owns everything above */
};

/* By file name: *.xlsx is a workbook, everything else CSV. Bounded in size, rows and columns.
 * Errors name file, sheet and line. */
err workbook_read(const char *path, struct workbook *out, struct errmsg *msg);
/* The CSV reader alone, for text in memory. `name` is for messages. */
err workbook_read_csv(struct span text, const char *name, struct workbook *out, struct errmsg *msg);
void workbook_release(struct workbook *w);

const struct sheet *workbook_find(const struct workbook *w, const char *sheet_name);
/* The column whose header is one of the names (case-insensitive, trimmed); -1 if there is none. */
int sheet_column(const struct sheet *s, const char *const *names, size_t name_count);
/* ERR_INVALID if several columns have one of the names: which of them is meant? msg names both. */
err sheet_column_once(const struct sheet *s, const char *const *names, size_t name_count,
                      const char *path, struct errmsg *msg);
static inline const struct cell *sheet_cell(const struct sheet *s, size_t row, size_t column)
{
    return &s->cells[row * s->column_count + column];
}
/* A cell as text; numbers in the shortest form that reads back. Empty cell: "". From the arena. */
const char *cell_text(const struct cell *c, struct arena *arena);

/* Append one CSV field, quoted if needed. guard: prefix text that a spreadsheet would run as a
 * formula (= + - @) with a single quote. */
struct buf;
void csv_append_field(struct buf *out, struct span field, bool guard);

#endif
