/* Score tables, as people have them: one row a task, one column a model.
 *
 * .xlsx  the reference's result workbook: the sheets NLP, Image-Comprehension, Image-Generation,
 * ... (a sheet "level-scores", in any case, is ignored) with the columns No, Task Name, Task Short
 * Name, Metrics and one column a model. CSV    the same in one table: modality, paradigm, no, task,
 * metric, sota and one column a model.
 *
 * A column that is none of these is a model; "score" is the usual name where there is one model.
 * The SoTA is a column "SoTA Performance" (CSV: sota) of the table itself, or of a second table in
 * either form. Two tables are joined as the reference does it, by sheet and row position: both must
 * have the same sheets and as many rows in each; tasks, metrics and the order are those of the SoTA
 * table. Task names are compared, but a difference is only counted. */
#ifndef MUSTER_COORDINATOR_LEVEL_TABLE_SCORE_TABLE_H
#define MUSTER_COORDINATOR_LEVEL_TABLE_SCORE_TABLE_H

#include "common/io/table.h"
#include "coordinator/level/general_level.h"

/* Where a row's cell stands in its file. */
struct score_place {
    const struct sheet *sheet;
    size_t row;
};

struct score_table {
    struct gl_row *rows; /* their scores are empty until score_table_choose */
    size_t row_count;
    const char **models; /* names as in the header, without blanks around them */
    size_t model_count;
    size_t renamed;       /* rows whose task has another name in the SoTA table ... */
    size_t first_renamed; /* ... and the first of them */

    /* Private. */
    struct workbook scores, sota; /* sota: no sheets if the table has its own */
    const char *scores_path, *sota_path;
    struct score_place *score_places, *sota_places; /* one a row */
    struct arena arena;
};

/* sota_path: NULL if the table has its own SoTA column; otherwise it decides even then. Errors name
 * file, sheet and row (the header is row 1). */
err score_table_read(const char *scores_path, const char *sota_path, struct score_table *out,
                     struct errmsg *msg);
void score_table_release(struct score_table *t);

/* Fill in the scores of a model (its name case-insensitive; NULL: the only one). ERR_NOT_FOUND:
 * there is no such model, or not in every sheet; msg lists what there is. ERR_INVALID: two columns
 * have its name. */
err score_table_choose(struct score_table *t, const char *model, struct errmsg *msg);

/* The sheet that a row belongs to: "Image-Generation", "NLP". */
const char *score_table_sheet(const struct gl_row *row);

/* Say a fault of the chosen model's rows in one sentence: file, sheet, row, task, what. */
void score_table_say(const struct score_table *t, const struct gl_fault *fault, struct errmsg *msg);

#endif
