/* What `muster levels` prints, as text and as JSON. */
#ifndef MUSTER_OPS_CLI_LEVELS_REPORT_H
#define MUSTER_OPS_CLI_LEVELS_REPORT_H

#include "common/buf.h"
#include "coordinator/level/general_level.h"

/* What one rule says of a model. */
struct levels_outcome {
    bool wanted;
    const char **errors; /* sentences; without any, levels holds */
    size_t error_count;
    struct gl_levels levels;
};

struct levels_report {
    const char *model, *table; /* table: its path */
    const struct gl_row *rows;
    struct levels_outcome outcome[GL_RULE_COUNT];
    const struct gl_difference *differences; /* if both rules were wanted and have no errors */
    size_t difference_count;
};

/* For people: two decimals, tables. */
void levels_report_text(const struct levels_report *r, struct buf *out);

/* For programs: 17 significant digits. One object a rule: rule, final {level2 .. level5},
 * modality {Image {level2, level3, level4, supported, tasks, wins}, ..., NLP {supported, tasks,
 * wins}}, or rule and errors. If both rules are wanted, the object is the official rule's, with two
 * more keys: corrected (the other rule's object) and differences. A number that JSON lacks (-inf
 * under the official rule) is null. */
void levels_report_json(const struct levels_report *r, struct buf *out);

#endif
