#include "ops/cli/progress_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"
#include "ops/cli/common.h"

enum {
    MODEL_LINES_MAX = 12,
    OTHER_LINES = 3, /* the counts, the sum of the models, and the cursor's */
    BAR_CELLS = 20,
    BAR_COLUMNS = 72, /* in a narrower window the counts count for more than a bar */
    COLUMNS_MIN = 20
};
static const int64_t PLAIN_EVERY_NS = 5000000000;

/* One that goes up a line when it is told to. */
static bool is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && kind && *kind && strcmp(kind, "dumb") != 0;
}

void progress_view_init(struct progress_view *v)
{
    *v = (struct progress_view){ .terminal = is_terminal(), .last_done = -1 };
}

static int64_t whole(const json_t *o, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(o, key));
}

static void append_counts(struct buf *out, const json_t *status)
{
    char done[32], total[32], eta[32] = "?";
    int64_t all = whole(status, "total"), ended = whole(status, "done");
    text_format_count(done, sizeof(done), (uint64_t)ended);
    text_format_count(total, sizeof(total), (uint64_t)all);
    const json_t *left = json_object_get(status, "eta_s");
    const char *state = json_string_value(json_object_get(status, "state"));
    bool is_stalled = state && strcmp(state, "stalled") == 0; /* nothing that could run is left */
    if (json_is_number(left) && !is_stalled)
        text_format_duration(eta, sizeof(eta), (int64_t)(json_number_value(left) * 1000));
    double rate = json_number_value(json_object_get(status, "rate_per_s"));
    buf_printf(out, "%s/%s  %5.1f%%  %.1f/s  eta %s  %lld failed  ", done, total,
               all ? 100.0 * (double)ended / (double)all : 100.0, rate, ended == all ? "0s" : eta,
               (long long)whole(status, "failed"));
    append_fleet(out, status);
    const char *blocked = json_string_value(json_object_get(status, "blocked"));
    if (whole(status, "workers") == 0 && ended < all)
        buf_append_str(out, "  no worker yet");
    if (state && strcmp(state, "running") != 0)
        buf_printf(out, "  %s", state);
    if (json_is_true(json_object_get(status, "insecure")))
        buf_append_str(out, "  INSECURE");
    if (blocked) {
        buf_append_str(out, "  NOT RECORDING: ");
        text_append_safe(out, span_str(blocked));
    }
}

static void append_bar(struct buf *out, int64_t done, int64_t total)
{
    int full = total > 0 ? (int)(BAR_CELLS * done / total) : BAR_CELLS;
    buf_append_byte(out, '[');
    for (int i = 0; i < BAR_CELLS; i++)
        buf_append_byte(out, i < full ? '#' : '.');
    buf_append_byte(out, ']');
}

/* Columns and rows; 0: not known. */
static struct winsize window(void)
{
    struct winsize size = { 0 };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < COLUMNS_MIN)
        return (struct winsize){ 0 };
    return size;
}

static void append_model(struct buf *out, const json_t *m, bool is_narrow)
{
    int64_t done = whole(m, "done"), total = whole(m, "total");
    const char *name = json_string_value(json_object_get(m, "name"));
    if (is_narrow) {
        buf_printf(out, "  %-14.14s", name ? name : "?");
    } else {
        buf_printf(out, "  %-24.24s ", name ? name : "?");
        append_bar(out, done, total);
    }
    buf_printf(out, " %lld/%lld", (long long)done, (long long)total);
    if (whole(m, "failed") > 0)
        buf_printf(out, "  %lld failed", (long long)whole(m, "failed"));
    buf_append_str(out, "  ");
    append_model_state(out, m);
}

/* Those that run or are unfinished, in their order; the finished ones are told in the end. */
static unsigned append_models(struct buf *out, const json_t *status, const struct winsize *size)
{
    bool is_narrow = size->ws_col > 0 && size->ws_col < BAR_COLUMNS;
    unsigned most = MODEL_LINES_MAX; /* what has left the window could not be drawn over */
    if (size->ws_row > OTHER_LINES && size->ws_row < OTHER_LINES + MODEL_LINES_MAX)
        most = size->ws_row - OTHER_LINES;
    unsigned lines = 0, finished = 0, left_off = 0;
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(status, "models"), i, m)
    {
        if (whole(m, "done") == whole(m, "total")) {
            finished++;
        } else if (lines == most) {
            left_off++;
        } else {
            append_model(out, m, is_narrow);
            buf_append_str(out, "\x1b[K\n");
            lines++;
        }
    }
    buf_printf(out, "  %u models finished, %u more to come\x1b[K\n", finished, left_off);
    return lines + 1;
}

/* A line longer than the window would wrap, and going up would miss it. */
static void clip_lines(struct buf *text, const struct winsize *size)
{
    if (size->ws_col == 0)
        return;
    struct buf out = { 0 };
    size_t column = 0;
    for (size_t i = 0; i < text->len; i++) {
        uint8_t byte = text->data[i];
        bool is_rest = (byte & 0xC0) == 0x80; /* of a character */
        if (byte == '\n' || byte == 0x1b)
            column = 0;
        if (byte == 0x1b && i + 2 < text->len) {
            buf_append(&out, text->data + i, 3);
            i += 2;
        } else if (byte == '\n' || (column += !is_rest) < size->ws_col) {
            buf_append_byte(&out, byte);
        }
    }
    buf_release(text);
    *text = out;
}

static void draw(struct progress_view *v, const json_t *status)
{
    struct buf text = { 0 };
    struct winsize size = window();
    if (v->lines_drawn)
        buf_printf(&text, "\x1b[%uA", v->lines_drawn);
    struct buf body = { 0 };
    append_counts(&body, status);
    buf_append_str(&body, "\x1b[K\n");
    unsigned lines = 1 + append_models(&body, status, &size);
    clip_lines(&body, &size);
    buf_append_span(&text, buf_span(&body));
    for (unsigned i = lines; i < v->lines_drawn; i++)
        buf_append_str(&text, "\x1b[K\n");
    if (lines < v->lines_drawn)
        buf_printf(&text, "\x1b[%uA", v->lines_drawn - lines);
    v->lines_drawn = lines;
    fwrite(text.data, 1, text.len, stdout);
    fflush(stdout);
    buf_release(&body);
    buf_release(&text);
}

static void print_line(struct progress_view *v, const json_t *status, int64_t now_ns)
{
    int64_t done = whole(status, "done");
    bool blocked = json_is_string(json_object_get(status, "blocked"));
    bool due = now_ns - v->last_line_ns >= PLAIN_EVERY_NS && done != v->last_done;
    if (v->last_line_ns && !due && blocked == v->last_blocked)
        return;
    v->last_line_ns = now_ns;
    v->last_blocked = blocked;
    v->last_done = done;
    struct buf text = { 0 };
    append_counts(&text, status);
    puts(buf_cstr(&text));
    fflush(stdout);
    buf_release(&text);
}

void progress_view_show(struct progress_view *v, const json_t *status, int64_t now_ns)
{
    if (v->terminal)
        draw(v, status);
    else
        print_line(v, status, now_ns);
}

void progress_view_end(struct progress_view *v)
{
    v->lines_drawn = 0;
}
