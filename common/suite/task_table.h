/* Tables of tasks: the specialists' scores (SoTA) of a suite, and the whole of a synthetic one.
 *
 * Columns, in any order and case: task (or "Task Name", task_name), metric (Metrics), sota ("SoTA
 * Performance"), instances. The sheet that a task belongs to comes from a column `sheet`
 * ("Image-Comprehension"), from columns `modality` and `paradigm`, or, in a workbook, from the name
 * of the sheet; a sheet "level-scores" is passed over. Rows without a task are, too. */
#ifndef MUSTER_COMMON_SUITE_TASK_TABLE_H
#define MUSTER_COMMON_SUITE_TASK_TABLE_H

#include "common/suite/suite.h"

struct task_row {
    enum modality modality;
    enum paradigm paradigm;
    const char *name;   /* byte for byte, less a quote that guards = + - @ */
    const char *bare;   /* without blanks at its ends */
    const char *metric; /* NULL: none given */
    double sota;        /* NAN: none given */
    uint32_t instances; /* 0: none given */
    const char *where;  /* "FILE, sheet NAME, line 7", for messages */
    const char *key;    /* the name's letters and digits in lower case */
};

struct task_table {
    struct task_row *rows; /* in the order of the file */
    size_t count;
    const struct task_row **sorted; /* by sheet and key */
};

/* Everything lives in `arena`. Two rows of one name in one sheet are an error. */
err task_table_read(const char *path, struct arena *arena, struct task_table *out,
                    struct errmsg *msg);

/* The row of a task: by its bare name, else by the only one that has the same letters and
 * digits (causal_reasoning is "Causal Reasoning"). NULL: none. */
const struct task_row *task_table_find(const struct task_table *t, enum modality modality,
                                       enum paradigm paradigm, const char *name);

/* The text without blanks at its ends. */
const char *trimmed(const char *text, struct arena *arena);

#endif
