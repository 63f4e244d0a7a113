/* A time in which no policy whatever can do the work, even if it knew every duration beforehand,
 * and messages took no time, as long as it keeps the caps on models. README.md has the proof. */
#ifndef MUSTER_COORDINATOR_SIMULATE_LOWER_BOUND_H
#define MUSTER_COORDINATOR_SIMULATE_LOWER_BOUND_H

#include "coordinator/simulate/fleet.h"
#include "coordinator/simulate/work.h"

/* X(name, text): what the bound comes from. */
#define BOUND_LIST(X)                                                                              \
    X(BOUND_WORK, "all work, and the loads that doing it in that time takes, on the slots that "   \
                  "fit")                                                                           \
    X(BOUND_INSTANCE, "the longest instance, behind its model's load")                             \
    X(BOUND_CAP, "the work of a model that may have no more slots or requests at once")

enum bound_kind {
#define X(name, text) name,
    BOUND_LIST(X)
#undef X
        BOUND_KIND_COUNT
};

struct lower_bound {
    int64_t ns;
    enum bound_kind kind; /* the one that is largest */
    double work_ns;       /* of all models, at speed 1 */
    /* The mean over all orders of the models takes at least so long if nobody is told what differs
     * between them; as `ns` where more is known of them, or of the slots (README.md). */
    int64_t blind_ns;
};

const char *bound_text(enum bound_kind kind);

/* Every model with work fits some slot. O(instances). */
void lower_bound(const struct work *work, const struct fleet *fleet, struct lower_bound *out);

#endif
