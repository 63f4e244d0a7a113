/* The faults that a run may suffer, and the luck of each.
 *
 * Each class draws from a stream of its own, so that switching one off, or suppressing one of its
 * injections by number, does not shift the draws of the others. Which classes are on, and how hard
 * they strike, is drawn a seed (swarm testing): a run with every fault on hides the bugs that need
 * a quiet spell.
 *
 * In one seed of ten it is not the instance: a machine fails with all that it is given, or a model
 * on a type of GPU. Then nothing else goes wrong but instances that always fail, so that there is
 * no doubt that the instance could have been tried elsewhere.
 *
 * To add a class: a line here, and the place that asks for it. Those with a mean are events that
 * chaos.c brings about; those with a chance are asked for by fault_strikes. */
#ifndef MUSTER_TESTS_SIM_FAULT_H
#define MUSTER_TESTS_SIM_FAULT_H

#include <stdbool.h>

#include "common/rng.h"

/* X(name, text, mean seconds between two at full level, chance in 1000 at full level) */
#define FAULT_LIST(X)                                                                              \
    X(FAULT_COORDINATOR_CRASH, "coordinator-crash", 40, 0)                                         \
    X(FAULT_COORDINATOR_PAUSE, "coordinator-pause", 50, 0)                                         \
    X(FAULT_COORDINATOR_STOP, "coordinator-stop", 120, 0)                                          \
    X(FAULT_WORKER_CRASH, "worker-crash", 25, 0)                                                   \
    X(FAULT_WORKER_PAUSE, "worker-pause", 25, 0)                                                   \
    X(FAULT_WORKER_LEAVE, "worker-leave", 90, 0)                                                   \
    X(FAULT_WORKER_TWIN, "worker-twin", 90, 0) /* a second process under the name */               \
    X(FAULT_LINK_BREAK, "link-break", 10, 0)   /* frames in flight are lost from some on */        \
    X(FAULT_LINK_CLOG, "link-clog", 15, 0)     /* one way or both, shorter or longer */            \
    X(FAULT_ORDER_DRAIN, "order-drain", 60, 0)                                                     \
    X(FAULT_ORDER_PAUSE, "order-pause", 40, 0)                                                     \
    X(FAULT_HOST_CRASH, "host-crash", 10, 0)                                                       \
    X(FAULT_FRAME_LOST, "frame-lost", 0, 15) /* harsher than life: the connection stays */         \
    X(FAULT_FRAME_TWICE, "frame-twice", 0, 40)                                                     \
    X(FAULT_FRAME_LATE, "frame-late", 0, 400) /* an old connection's, behind a new one's */        \
    X(FAULT_COMMIT_SLOW, "commit-slow", 0, 40)                                                     \
    X(FAULT_STORE_FULL, "store-full", 0, 15)                                                       \
    X(FAULT_COMMIT_FAILS, "commit-fails", 0, 4)                                                    \
    X(FAULT_WORKER_MORTAL, "worker-mortal", 0, 400) /* a worker whose time is limited */           \
    X(FAULT_HOST_NO_START, "host-no-start", 0, 300)                                                \
    X(FAULT_HOST_NEVER, "host-never", 0, 250) /* a model does not start on a machine */            \
    X(FAULT_HOST_SLOW_START, "host-slow-start", 0, 60)                                             \
    X(FAULT_HOST_UNDEAD, "host-undead", 0, 150)   /* does not die when it is told to */            \
    X(FAULT_MACHINE_SLOW, "machine-slow", 0, 400) /* several times, for good */                    \
    X(FAULT_REQUEST_ERROR, "request-error", 0, 25)                                                 \
    X(FAULT_REQUEST_CRASH, "request-crash", 0, 15)                                                 \
    X(FAULT_REQUEST_HANG, "request-hang", 0, 6)                                                    \
    X(FAULT_DATA_MISSING, "data-missing", 0, 4)   /* now and then, or a task on a machine */       \
    X(FAULT_POISON, "poison", 0, 60)              /* share of instances that always fail */        \
    X(FAULT_WORKER_BAD, "worker-bad", 0, 0)       /* a machine on which all fails */               \
    X(FAULT_MODEL_ON_TYPE, "model-on-type", 0, 0) /* a model fails on a type of GPU */

enum fault {
#define X(name, text, mean, chance) name,
    FAULT_LIST(X)
#undef X
        FAULT_COUNT
};

struct sim_options;

struct fault_class {
    double level; /* 0: off */
    struct rng rng;
    uint64_t hits; /* injections, suppressed ones included */
    uint64_t done;
};

struct faults {
    const struct sim_options *options;
    struct fault_class classes[FAULT_COUNT];
    bool healed; /* nothing strikes any more */
};

const char *fault_text(enum fault f);
bool fault_find(const char *text, enum fault *out);

void faults_init(struct faults *all, const struct sim_options *options, uint64_t seed);
bool faults_any(const struct faults *all); /* some class is on */

bool fault_is_on(const struct faults *all, enum fault f);
/* By chance; or, for those that come with time, whether this one takes place. */
bool fault_strikes(struct faults *all, enum fault f);
/* How hard: [0, 1). */
double fault_draw(struct faults *all, enum fault f);
/* A duration between the two, short ones more often. */
int64_t fault_draw_ns(struct faults *all, enum fault f, int64_t least, int64_t most);
/* Until the next one of those that come with time. */
int64_t fault_wait_ns(struct faults *all, enum fault f);

#endif
