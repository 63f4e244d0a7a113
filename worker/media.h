/* Generated files: where models put them, and where they stay, named by their content. */
#ifndef MUSTER_WORKER_MEDIA_H
#define MUSTER_WORKER_MEDIA_H

#include <stdint.h>

#include "common/arena.h"
#include "common/err.h"

enum { MEDIA_BYTES_MAX = 256 << 20 }; /* of one file */

struct media;

/* Both folders are made; what lies in tmp_dir from an earlier process is removed. Absolute. */
err media_open(const char *media_dir, const char *tmp_dir, struct media **out, struct errmsg *msg);
void media_close(struct media *m);

/* A path for a request's file, which does not exist yet. From the arena. Its folder is made again
 * if somebody removed it: a cleaner of old folders, or a model. */
err media_output_path(struct media *m, uint32_t slot, uint64_t request, struct arena *arena,
                      const char **out, struct errmsg *msg);

/* When the slot's host is gone: remove what it wrote and did not reply with. */
void media_clear_slot(const struct media *m, uint32_t slot, struct arena *arena);

/* Take the file that a model says it made: a regular file right in tmp_dir, no link. It becomes
 * MEDIA/xx/<digest><extension>, durable when this returns, and is gone from tmp_dir.
 * *out_answer: "<digest> <size> <xx/digest.extension>", as a media row has it; *out_path: where it
 * lies now; both from the arena. ERR_INVALID, ERR_LIMIT, ERR_NOT_FOUND: the model's fault; ERR_IO,
 * ERR_FULL: this machine's. */
err media_take(struct media *m, const char *file, struct arena *arena, const char **out_answer,
               const char **out_path, struct errmsg *msg);

#endif
