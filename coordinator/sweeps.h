/* The sweeps of a run: their files, the plan of each, and all of them together. */
#ifndef MUSTER_COORDINATOR_SWEEPS_H
#define MUSTER_COORDINATOR_SWEEPS_H

#include "coordinator/spec/plan.h"

struct store;

enum { SWEEPS_MAX = 8 };

struct sweeps {
    struct spec specs[SWEEPS_MAX];
    struct plan plans[SWEEPS_MAX];
    size_t count;
    struct plan merged;
    const struct plan *all; /* what is run: merged, or the only one */
    char *name;             /* of all of them, for people */
    /* When each should be done, on the monotonic clock; INT64_MAX: it does not say. */
    int64_t deadline_mono_ns[SWEEPS_MAX];
};

/* Reads the files; problems has lines after a failure. The caller releases in any case. */
err sweeps_open(const char *const *files, size_t count, struct sweeps *out,
                struct problems *problems);
void sweeps_release(struct sweeps *s);

/* One sweep: in state/report; several: in a folder each below it. */
err sweeps_report(const struct sweeps *s, struct store *store, const char *state,
                  struct errmsg *msg);

#endif
