#include "common/io/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/text.h"

/* A line names an event; what is longer than this has a file of its own. */
enum { LINE_BYTES_MAX = 4096 };

/* The one sink of the process: a log that had to be handed around would not be used. */
static struct {
    int fd;
    enum log_level level;
    struct buf line; /* reused */
} sink = { STDERR_FILENO, LOG_INFO, { 0 } };

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

int log_open(const char *path, enum log_level level)
{
    int fd = STDERR_FILENO;
    if (path)
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return -1;
    if (sink.fd != STDERR_FILENO)
        (void)close(sink.fd); /* every line was written at once: there is nothing left to fail */
    sink.fd = fd;
    sink.level = level;
    return 0;
}

static void append_time(struct buf *line)
{
    int64_t wall_ms = clock_wall_ms();
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    check(gmtime_r(&seconds, &utc));
    buf_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
               utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(wall_ms % 1000));
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > sink.level)
        return;
    char event[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(event, sizeof(event), format, args);
    va_end(args);
    check(len >= 0);

    struct buf *line = &sink.line;
    buf_clear(line);
    append_time(line);
    buf_printf(line, " %s ", level_names[level]);
    text_append_safe(line, span_str(event));
    buf_append_str(line, (size_t)len < sizeof(event) ? "\n" : "...\n");
    /* A full disk must not stop the work, and there is nobody to tell: a lost line stays lost. */
    ssize_t written;
    do {
        written = write(sink.fd, line->data, line->len);
    } while (written < 0 && errno == EINTR);
}
