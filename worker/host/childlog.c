#include "worker/host/childlog.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    FILE_BYTES = HOST_LOG_BYTES_MAX / 2,
    RATE_BYTES = 64 << 10, /* a second */
    BURST_BYTES = 256 << 10
};

static void childlog_open_file(struct childlog *l, int flags)
{
    l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    struct stat st;
    l->file_bytes = l->fd >= 0 && fstat(l->fd, &st) == 0 ? (size_t)st.st_size : 0;
}

void childlog_open(struct childlog *l, const char *path, int64_t now_mono_ns)
{
    *l = (struct childlog){
        .path = xstrdup(path),
        .allowance = BURST_BYTES,
        .refilled_mono_ns = now_mono_ns,
    };
    childlog_open_file(l, 0);
}

static void childlog_rotate(struct childlog *l)
{
    char *older = xformat("%s.1", l->path);
    (void)close(l->fd);
    (void)rename(l->path, older); /* if it fails, the file begins again */
    free(older);
    childlog_open_file(l, O_TRUNC);
}

static void childlog_append(struct childlog *l, struct span bytes)
{
    while (bytes.len > 0 && l->fd >= 0) {
        if (l->file_bytes >= FILE_BYTES)
            childlog_rotate(l);
        size_t room = FILE_BYTES - l->file_bytes;
        ssize_t written = write(l->fd, bytes.data, bytes.len < room ? bytes.len : room);
        if (written <= 0) { /* the disk is full: this log is not worth a fight */
            l->dropped += bytes.len;
            return;
        }
        l->file_bytes += (size_t)written;
        bytes = span_of(bytes.data + written, bytes.len - (size_t)written);
    }
}

static void childlog_say_dropped(struct childlog *l)
{
    char line[80];
    int len = snprintf(line, sizeof line, "\n[%" PRIu64 " bytes dropped]\n", l->dropped);
    l->dropped_all += l->dropped;
    l->dropped = 0;
    childlog_append(l, span_of(line, (size_t)len));
}

static void childlog_remember(struct childlog *l, struct span bytes)
{
    size_t from = bytes.len > LAST_WORDS_BYTES ? bytes.len - LAST_WORDS_BYTES : 0;
    for (size_t i = from; i < bytes.len; i++)
        l->tail[l->tail_end++ % LAST_WORDS_BYTES] = bytes.data[i];
}

void childlog_write(struct childlog *l, struct span bytes, int64_t now_mono_ns)
{
    childlog_remember(l, bytes);
    l->allowance += (double)(now_mono_ns - l->refilled_mono_ns) * 1e-9 * RATE_BYTES;
    if (l->allowance > BURST_BYTES)
        l->allowance = BURST_BYTES;
    l->refilled_mono_ns = now_mono_ns;
    if (l->allowance < (double)bytes.len) {
        l->dropped += bytes.len;
        return;
    }
    l->allowance -= (double)bytes.len;
    if (l->dropped > 0)
        childlog_say_dropped(l);
    childlog_append(l, bytes);
}

void childlog_close(struct childlog *l)
{
    if (l->dropped > 0)
        childlog_say_dropped(l);
    if (l->fd >= 0)
        (void)close(l->fd);
    free(l->path);
    l->path = NULL;
    l->fd = -1;
}

void childlog_last_words(const struct childlog *l, struct buf *out)
{
    size_t len = l->tail_end < LAST_WORDS_BYTES ? (size_t)l->tail_end : LAST_WORDS_BYTES;
    uint8_t words[LAST_WORDS_BYTES];
    for (size_t i = 0; i < len; i++)
        words[i] = l->tail[(l->tail_end - len + i) % LAST_WORDS_BYTES];
    size_t start = 0;
    while (len > 0 && (words[len - 1] == '\n' || words[len - 1] == ' '))
        len--;
    if (l->tail_end > LAST_WORDS_BYTES) { /* do not begin in the middle of a line */
        const uint8_t *newline = memchr(words, '\n', len);
        if (newline)
            start = (size_t)(newline - words) + 1;
    }
    for (size_t i = start; i < len; i++)
        if (words[i] == '\n')
            words[i] = ' ';
    text_append_safe(out, span_of(words + start, len - start));
}
