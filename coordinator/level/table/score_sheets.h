/* The rows of a score table, by the sheet they belong to, whether the file is a workbook or one CSV
 * table with the columns modality and paradigm. For score_table.c alone. */
#ifndef MUSTER_COORDINATOR_LEVEL_TABLE_SCORE_SHEETS_H
#define MUSTER_COORDINATOR_LEVEL_TABLE_SCORE_SHEETS_H

#include "common/io/table.h"
#include "common/suite/suite.h"

enum { SCORE_SHEETS_MAX = MODALITY_COUNT * PARADIGM_COUNT };

/* The columns that are not models. -1: the sheet has none of it. */
struct score_columns {
    int task, metric, sota;
};

struct score_sheet {
    enum modality modality;
    enum paradigm paradigm;
    const struct sheet *sheet; /* where its rows are */
    struct score_columns columns;
    size_t *rows; /* row numbers in `sheet`, ascending; from the arena */
    size_t row_count;
};

struct score_sheets {
    const char *path; /* for messages */
    bool is_csv;
    struct score_sheet items[SCORE_SHEETS_MAX]; /* in the order of the file */
    size_t count;
};

/* Borrows book and path. Errors: a sheet that is not one of General-Level's, an empty row (rows are
 * joined by position), a row of an unknown modality. */
err score_sheets_scan(const struct workbook *book, const char *path, struct arena *arena,
                      struct score_sheets *out, struct errmsg *msg);

/* NULL: there is none. */
const struct score_sheet *score_sheets_find(const struct score_sheets *s, enum modality m,
                                            enum paradigm p);

/* ERR_INVALID: task, metric or SoTA stand in several columns. */
err score_columns_check(const struct sheet *sheet, const char *path, struct errmsg *msg);

/* Is this header (trimmed, any case) one of the columns that are not models? */
bool score_column_is_known(const char *header);

#endif
