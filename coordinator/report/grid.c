#include "coordinator/report/grid.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"

void grid_init(struct grid *g, size_t columns, unsigned left_columns)
{
    *g = (struct grid){ .columns = columns, .left_columns = left_columns };
}

void grid_add(struct grid *g, const char *format, ...)
{
    struct buf text = { 0 }, safe = { 0 };
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '|' || text.data[i] < ' ' || text.data[i] == 0x7f)
            text.data[i] = '/'; /* a name must not break the table, nor steer a terminal */
    text_append_safe(&safe, buf_span(&text));
    const char *cell = arena_strdup(&g->arena, buf_cstr(&safe));
    buf_release(&text);
    buf_release(&safe);
    g->cells = xgrow(g->cells, &g->capacity, g->count + 1, sizeof(*g->cells));
    g->cells[g->count++] = cell;
}

void grid_add_header(struct grid *g, const char *const *titles)
{
    check(g->count == 0);
    for (size_t i = 0; i < g->columns; i++)
        grid_add(g, "%s", titles[i]);
}

void grid_add_number(struct grid *g, double value)
{
    if (isnan(value))
        grid_add(g, "-");
    else
        grid_add(g, "%.2f", value);
}

/* Columns a text takes on a screen: its characters, not its bytes. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void pad(struct buf *out, size_t count, char with)
{
    while (count-- > 0)
        buf_append_byte(out, (uint8_t)with);
}

static void write_row(const struct grid *g, size_t row, const size_t *width, enum grid_style style,
                      struct buf *out)
{
    bool markdown = style == GRID_MARKDOWN;
    buf_append_str(out, markdown ? "|" : "");
    for (size_t i = 0; i < g->columns; i++) {
        const char *text = g->cells[row * g->columns + i];
        size_t space = width[i] - width_of(text);
        bool left = i < g->left_columns, last = i + 1 == g->columns;
        buf_append_str(out, markdown || i > 0 ? " " : "");
        pad(out, left ? 0 : space, ' ');
        buf_append_str(out, text);
        pad(out, left && (markdown || !last) ? space : 0, ' ');
        buf_append_str(out, markdown ? " |" : last ? "" : " ");
    }
    buf_append_byte(out, '\n');
}

/* Markdown's line under the header; the colons say how a column is aligned. */
static void write_rule(const struct grid *g, const size_t *width, struct buf *out)
{
    buf_append_byte(out, '|');
    for (size_t i = 0; i < g->columns; i++) {
        bool left = i < g->left_columns;
        buf_append_byte(out, left ? ':' : '-');
        pad(out, width[i], '-');
        buf_append_str(out, left ? "-|" : ":|");
    }
    buf_append_byte(out, '\n');
}

void grid_write(const struct grid *g, enum grid_style style, struct buf *out)
{
    check(g->columns > 0 && g->count % g->columns == 0);
    size_t *width = xcalloc(g->columns, sizeof(*width));
    for (size_t i = 0; i < g->count; i++) {
        size_t w = width_of(g->cells[i]);
        if (w > width[i % g->columns])
            width[i % g->columns] = w;
    }
    for (size_t row = 0; row * g->columns < g->count; row++) {
        write_row(g, row, width, style, out);
        if (row == 0 && style == GRID_MARKDOWN)
            write_rule(g, width, out);
    }
    free(width);
}

void grid_release(struct grid *g)
{
    free(g->cells);
    arena_release(&g->arena);
    *g = (struct grid){ 0 };
}
