/* The sweeps of a run: their files, the plan of each, and all of them together. */
#ifndef MUSTER_COORDINATOR_SWEEPS_H
#define MUSTER_COORDINATOR_SWEEPS_H

#include "coordinator/spec/plan.h"

struct store;

enum { SWEEPS_MAX = 8 };

/* When a sweep should be done. */
struct sweep_deadline {
    int64_t mono_ns; /* INT64_MAX: it does not say */
    int64_t wall_ms; /* the same for people */
};

struct sweeps {
    struct spec specs[SWEEPS_MAX];
    struct plan plans[SWEEPS_MAX];
    size_t count;
    struct plan merged;
    const struct plan *all; /* what is run: merged, or the only one */
    char *name;             /* of all of them, for people */
    /* A deadline that is a duration counts from here; 0: not submitted yet, from now. */
    int64_t submitted_wall_ms[SWEEPS_MAX];
    struct sweep_deadline deadlines[SWEEPS_MAX];
};

/* Reads the files; problems has lines after a failure. The caller releases in any case. */
err sweeps_open(const char *const *files, size_t count, struct sweeps *out,
                struct problems *problems);
void sweeps_release(struct sweeps *s);

/* When they were submitted, as the store knows it: the start that found a sweep new, or over, was
 * its submission, and those that went on with it are not. */
err sweeps_recall(struct sweeps *s, struct store *store, struct errmsg *msg);
/* The same for a coordinator, at its start: those that are not known are submitted now, durably. */
err sweeps_submit(struct sweeps *s, struct store *store, struct errmsg *msg);
/* All that they ask for is recorded: whoever asks for more submits them anew. */
err sweeps_end(const struct sweeps *s, struct store *store, struct errmsg *msg);

/* Where the report of a sweep is: state/report, or of several in one run in a folder of its name
 * below it. The caller frees. */
char *sweeps_report_dir(const char *state, const char *sweep, bool is_one_of_several);
/* Where the newest run of a sweep writes it, which may have been of several. */
err sweeps_find_report_dir(const char *state, const char *sweep, struct store *store, char **out,
                           struct errmsg *msg);
/* The report of each, as one of them all. */
err sweeps_report(const struct sweeps *s, struct store *store, const char *state,
                  struct errmsg *msg);

#endif
