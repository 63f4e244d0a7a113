/* What a model or a task is, as canonical JSON (compact, keys sorted), and the digest of it.
 *
 * To make something part of an identity: its key here, in the order of the alphabet, and a row in
 * the tables of tests/io/test_plan.c. It gives every model or task a new identity: results that
 * are stored under the old one are kept, and no longer count. */
#ifndef MUSTER_COORDINATOR_SPEC_IDENTITY_H
#define MUSTER_COORDINATOR_SPEC_IDENTITY_H

#include "coordinator/spec/content.h"
#include "coordinator/spec/spec.h"

struct identity {
    struct digest digest;
    struct span record;   /* in the arena, with a NUL behind it */
    const char *revision; /* of a model: given, or from the content of its files; NULL: neither */
};

/* Reads the files of the command, unless the model has a revision. */
err identity_of_model(const struct spec_model *model, struct content *content, struct arena *arena,
                      struct identity *out, struct errmsg *msg);
/* scorer: the command that scores it; NULL: none. Reads its files. */
err identity_of_task(const struct spec_suite *suite, const struct task *task,
                     const struct spec_command *scorer, struct content *content,
                     struct arena *arena, struct identity *out, struct errmsg *msg);

#endif
