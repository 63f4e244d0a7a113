/* The forms of the report. Each appends to out; none fails. */
#ifndef MUSTER_COORDINATOR_REPORT_WRITE_H
#define MUSTER_COORDINATOR_REPORT_WRITE_H

#include "common/buf.h"
#include "coordinator/report/grid.h"
#include "coordinator/report/results.h"

void write_markdown(const struct results *r, struct buf *out);
void write_csv(const struct results *r, struct buf *out);
void write_json(const struct results *r, struct buf *out);
void write_sota_csv(const struct results *r, size_t suite, struct buf *out);
/* For the screen: the levels, modalities, and as many task scores as fit. */
void write_summary(const struct results *r, struct buf *out);

/* Shared by Markdown and summary. */
void write_level_table(const struct results *r, size_t suite, enum gl_rule rule,
                       enum grid_style style, struct buf *out);
void write_modality_table(const struct results *r, size_t suite, enum gl_rule rule,
                          enum grid_style style, struct buf *out);
void write_task_table(const struct results *r, size_t suite, enum grid_style style,
                      struct buf *out);
void write_failure_table(const struct results *r, enum grid_style style, struct buf *out);
/* One line: complete, or how much is missing. */
void write_progress_line(const struct results *r, struct buf *out);

/* A number in the shortest form that reads back as the same double; "" for NAN. */
void write_number(double value, struct buf *out);

#endif
