/* What a model prints, kept within bounds: the last HOST_LOG_BYTES_MAX in two files (PATH and the
 * older PATH.1), at no more than a steady rate; a flood is read, counted and dropped, so that it
 * blocks neither the model nor the loop. And the last words, for the sentence on its end. */
#ifndef MUSTER_WORKER_HOST_CHILDLOG_H
#define MUSTER_WORKER_HOST_CHILDLOG_H

#include "common/buf.h"

enum { LAST_WORDS_BYTES = 512 };

struct childlog {
    char *path;
    int fd; /* -1: cannot be written */
    size_t file_bytes;
    double allowance; /* bytes that may be written now */
    int64_t refilled_mono_ns;
    uint64_t dropped; /* not yet said */
    uint64_t dropped_all;
    uint8_t tail[LAST_WORDS_BYTES]; /* a ring of what was printed, dropped or not */
    uint64_t tail_end;              /* bytes ever put into it */
};

/* A log that cannot be opened is no reason not to run the model: it is kept as last words only. */
void childlog_open(struct childlog *l, const char *path, int64_t now_mono_ns);
void childlog_write(struct childlog *l, struct span bytes, int64_t now_mono_ns);
void childlog_close(struct childlog *l);

/* Append the last lines that were printed, as one line of safe text; nothing if there are none. */
void childlog_last_words(const struct childlog *l, struct buf *out);

#endif
