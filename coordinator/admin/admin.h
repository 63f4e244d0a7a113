/* The operators' API: JSON asks and their JSON answers. README.md lists them. */
#ifndef MUSTER_COORDINATOR_ADMIN_ADMIN_H
#define MUSTER_COORDINATOR_ADMIN_ADMIN_H

#include "coordinator/admin/progress.h"
#include "coordinator/catalog.h"
#include "coordinator/commit.h"
#include "coordinator/core/core.h"
#include "coordinator/door.h"
#include "coordinator/sweeps.h"
#include "coordinator/translate.h"

/* What answers are made of. Borrowed; the loop thread's. */
struct admin {
    const char *sweep_name;
    uint64_t epoch;
    const struct catalog *catalog;
    const struct plan *plan;                /* of all sweeps; NULL: nothing is told of them */
    const struct sweep_deadline *deadlines; /* of each */
    struct core *core; /* looked into; only explain brings its estimates up to date */
    const struct commit *commit;
    const struct translate *translate;
    const struct door *door;
    struct store *store;
    struct progress progress;
    int64_t now_mono_ns;           /* of this ask */
    const struct waiting *waiting; /* of this ask; NULL: its answer waits for its commit itself */
};

/* What an ask wants done besides its answer. */
enum admin_order_kind { ADMIN_NOTHING, ADMIN_STEP, ADMIN_STOP };
struct admin_order {
    enum admin_order_kind kind;
    struct core_event event; /* ADMIN_STEP: a CORE_* order; its texts live in the arena given */
    bool is_durable;         /* the answer tells nothing that waits for its commit: say it now */
};

/* Append the answer's JSON: at most a message's size, whatever is asked. False: it is
 * {"error": ...}. order is always set; the caller carries it out. Reads the store for failures. */
bool admin_answer(struct admin *a, struct span ask, struct arena *arena, struct buf *out,
                  struct admin_order *order);

/* Twice a second or so: how far it is, for the rate that status tells. Of what is durable alone. */
void admin_sample(struct admin *a, int64_t now_mono_ns);

#endif
