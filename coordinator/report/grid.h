/* A table of texts, laid out with aligned columns: as Markdown, or plain for a terminal. */
#ifndef MUSTER_COORDINATOR_REPORT_GRID_H
#define MUSTER_COORDINATOR_REPORT_GRID_H

#include "common/arena.h"
#include "common/buf.h"

enum grid_style { GRID_MARKDOWN, GRID_PLAIN };

struct grid {
    struct arena arena;
    const char **cells; /* row by row; row 0 is the header */
    size_t columns, count, capacity;
    unsigned left_columns; /* the first ones are text, aligned left; the rest to the right */
};

void grid_init(struct grid *g, size_t columns, unsigned left_columns);
/* The first row: a title a column. */
void grid_add_header(struct grid *g, const char *const *titles);
/* The next cell. `|` and control characters become `/`, those beyond ASCII \u{...}. */
void grid_add(struct grid *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
void grid_add_number(struct grid *g, double value); /* two decimals; "-" for NAN */
/* Every row must be full. Characters count as one column each: wide ones stick out. */
void grid_write(const struct grid *g, enum grid_style style, struct buf *out);
void grid_release(struct grid *g);

#endif
