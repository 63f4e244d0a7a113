/* Who did what when. */
#include "coordinator/simulate/timeline.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    PICTURE_WIDTH = 1200,
    ROW_HEIGHT = 5,
    AXIS_HEIGHT = 24,
    AXIS_TICKS = 8,
    LEGEND_MODELS_MAX = 100,
    TEXT_BYTES = 32
};
static const double THINNEST = 0.2; /* pixels: what is narrower is not drawn */

static int by_slot_and_time(const void *a, const void *b)
{
    const struct outcome_span *x = a, *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static void sort(struct outcome *o)
{
    check(o->keeps_spans);
    if (o->span_count > 0)
        qsort(o->spans, o->span_count, sizeof(*o->spans), by_slot_and_time);
}

static const char *kind_text(enum span_kind kind)
{
    return kind == SPAN_LOAD ? "load" : "run";
}

/* ---- CSV ---- */

static void append_quoted(struct buf *out, const char *text)
{
    buf_append_byte(out, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)*c);
    }
    buf_append_byte(out, '"');
}

void timeline_csv(struct outcome *o, struct buf *out)
{
    sort(o);
    buf_append_str(out, "slot,worker,gpu,model,kind,start_seconds,end_seconds\n");
    for (size_t i = 0; i < o->span_count; i++) {
        const struct outcome_span *s = &o->spans[i];
        buf_printf(out, "%u,%u,", s->slot, o->fleet->worker_of[s->slot]);
        append_quoted(out, fleet_group_of(o->fleet, s->slot)->gpu);
        buf_append_byte(out, ',');
        append_quoted(out, o->work->models[s->model].name);
        buf_printf(out, ",%s,%.3f,%.3f\n", kind_text(s->kind), (double)s->start_ns / 1e9,
                   (double)s->end_ns / 1e9);
    }
}

/* ---- HTML ---- */

static void append_html(struct buf *out, const char *text)
{
    struct buf safe = { 0 };
    text_append_safe(&safe, span_str(text));
    for (size_t i = 0; i < safe.len; i++) {
        switch (safe.data[i]) {
        case '&': buf_append_str(out, "&amp;"); break;
        case '<': buf_append_str(out, "&lt;"); break;
        case '>': buf_append_str(out, "&gt;"); break;
        case '"': buf_append_str(out, "&quot;"); break;
        default: buf_append_byte(out, safe.data[i]);
        }
    }
    buf_release(&safe);
}

/* Neighbouring models get hues far apart: steps of the golden angle. */
static unsigned hue(size_t model)
{
    return (unsigned)(model * 137508 / 1000 % 360);
}

static void append_style(const struct outcome *o, struct buf *out)
{
    buf_append_str(out, "<style>body{font:14px sans-serif;margin:24px}"
                        "text{font:11px sans-serif}.l{fill-opacity:.35}"
                        "ul{columns:5;list-style:none;padding:0}"
                        "i{display:inline-block;width:12px;height:12px;margin-right:6px}");
    for (size_t i = 0; i < o->work->model_count; i++)
        buf_printf(out, ".m%zu{fill:hsl(%u,65%%,%u%%);background:hsl(%u,65%%,%u%%)}", i, hue(i),
                   i % 2 ? 42 : 58, hue(i), i % 2 ? 42 : 58);
    buf_append_str(out, "</style>\n");
}

static void append_axis(const struct outcome *o, uint32_t rows, struct buf *out)
{
    for (int i = 0; i <= AXIS_TICKS; i++) {
        char text[TEXT_BYTES];
        int x = i * PICTURE_WIDTH / AXIS_TICKS;
        text_format_duration(text, sizeof(text), o->makespan_ns / 1000000 * i / AXIS_TICKS);
        buf_printf(out,
                   "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%u\" stroke=\"#ccc\"/>"
                   "<text x=\"%d\" y=\"14\" text-anchor=\"%s\">%s</text>\n",
                   x, x, AXIS_HEIGHT - 6, AXIS_HEIGHT + rows * ROW_HEIGHT, x,
                   i == 0            ? "start"
                   : i == AXIS_TICKS ? "end"
                                     : "middle",
                   text);
    }
}

static void append_span(const struct outcome *o, const struct outcome_span *s, uint32_t row,
                        struct buf *out)
{
    double scale = PICTURE_WIDTH / (double)(o->makespan_ns > 0 ? o->makespan_ns : 1);
    double x = (double)s->start_ns * scale, width = (double)(s->end_ns - s->start_ns) * scale;
    if (width < THINNEST)
        return;
    buf_printf(out, "<rect class=\"m%u%s\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\"/>\n",
               s->model, s->kind == SPAN_LOAD ? " l" : "", x, AXIS_HEIGHT + row * ROW_HEIGHT, width,
               ROW_HEIGHT - 1);
}

static void append_picture(const struct outcome *o, uint32_t rows, struct buf *out)
{
    uint32_t slots = o->fleet->slot_count;
    uint32_t *row_of = xmalloc(slots * sizeof(*row_of));
    for (uint32_t i = 0; i < slots; i++)
        row_of[i] = UINT32_MAX;
    for (uint32_t row = 0; row < rows; row++)
        row_of[(uint64_t)row * slots / rows] = row;
    buf_printf(out, "<svg viewBox=\"0 0 %d %u\" width=\"100%%\">\n", PICTURE_WIDTH,
               AXIS_HEIGHT + rows * ROW_HEIGHT);
    append_axis(o, rows, out);
    for (size_t i = 0; i < o->span_count; i++)
        if (row_of[o->spans[i].slot] != UINT32_MAX)
            append_span(o, &o->spans[i], row_of[o->spans[i].slot], out);
    buf_append_str(out, "</svg>\n");
    free(row_of);
}

static void append_legend(const struct outcome *o, struct buf *out)
{
    size_t count = o->work->model_count;
    buf_append_str(out, "<ul>\n");
    for (size_t i = 0; i < count && i < LEGEND_MODELS_MAX; i++) {
        buf_printf(out, "<li><i class=\"m%zu\"></i>", i);
        append_html(out, o->work->models[i].name);
        buf_append_str(out, "</li>\n");
    }
    if (count > LEGEND_MODELS_MAX)
        buf_printf(out, "<li>and %zu more</li>\n", count - LEGEND_MODELS_MAX);
    buf_append_str(out, "</ul>\n");
}

void timeline_html(struct outcome *o, const char *title, struct buf *out)
{
    sort(o);
    uint32_t slots = o->fleet->slot_count;
    uint32_t rows = slots < TIMELINE_ROWS_MAX ? slots : TIMELINE_ROWS_MAX;
    buf_append_str(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    append_html(out, title);
    buf_append_str(out, "</title>\n");
    append_style(o, out);
    buf_append_str(out, "</head><body><h1>");
    append_html(out, title);
    buf_printf(out, "</h1><p>%u of %u slots, a row each. Pale: the model is loading. White: idle.",
               rows, slots);
    buf_append_str(out, "</p>\n");
    append_picture(o, rows, out);
    append_legend(o, out);
    buf_append_str(out, "</body></html>\n");
}
