/* Digests of the files that commands name, each file read once. */
#ifndef MUSTER_COORDINATOR_SPEC_CONTENT_H
#define MUSTER_COORDINATOR_SPEC_CONTENT_H

#include "common/arena.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/map.h"

/* A script, a small model, an archive. Weights that are larger have a revision of their own. */
enum { CONTENT_BYTES_MAX = 256 << 20 };

/* `struct content c = { 0 };` is empty. */
struct content {
    struct map known; /* of path -> digest */
    struct arena arena;
};

/* ERR_LIMIT: over CONTENT_BYTES_MAX. */
err content_digest(struct content *c, const char *path, struct digest *out, struct errmsg *msg);
void content_release(struct content *c);

#endif
