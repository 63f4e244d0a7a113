/* Why things are where they are: one sentence with numbers, for a model, a task, a worker or an
 * attempt. Says what choose.c, limits.c and gang.c say of them, by asking these; nothing is decided
 * or changed. */
#ifndef MUSTER_COORDINATOR_CORE_EXPLAIN_H
#define MUSTER_COORDINATOR_CORE_EXPLAIN_H

#include "common/buf.h"
#include "coordinator/core/core.h"

/* X(name, text): what it comes down to, for programs. */
#define EXPLAIN_LIST(X)                                                                            \
    X(EXPLAIN_DONE, "done")                                                                        \
    X(EXPLAIN_RUNS, "runs")                                                                        \
    X(EXPLAIN_LOADS, "loads")                                                                      \
    X(EXPLAIN_CAPPED, "capped") /* it runs, and may not run on more */                             \
    X(EXPLAIN_PAUSED, "paused")                                                                    \
    X(EXPLAIN_STOPPING, "stopping")   /* the sweep was told to */                                  \
    X(EXPLAIN_NO_WORKER, "no_worker") /* none is connected, or all drain */                        \
    X(EXPLAIN_TOO_LARGE, "too_large") /* for any slot, and any slots together */                   \
    X(EXPLAIN_GANG, "gang")           /* its slots are not free together, or are held for it */    \
    X(EXPLAIN_LIFETIME, "lifetime")   /* no worker has the time for it */                          \
    X(EXPLAIN_SICK, "sick")           /* a process that cannot be killed holds each slot for it */ \
    X(EXPLAIN_REFUSED, "refused")     /* by every worker that could */                             \
    X(EXPLAIN_TYPE, "failing") /* on every type of GPU that there is, and tried again later */     \
    X(EXPLAIN_OUTRANKED, "outranked") /* work of a higher priority comes first */                  \
    X(EXPLAIN_BACKOFF, "backoff")     /* failures wait to be tried again */                        \
    X(EXPLAIN_SHARE, "share")         /* those who share the slots are behind it */                \
    X(EXPLAIN_TURN, "turn")           /* the slots that could run it have other work */            \
    X(EXPLAIN_QUEUED, "queued")       /* an attempt behind another one */                          \
    X(EXPLAIN_OVER, "over")           /* an attempt that is not leased */                          \
    X(EXPLAIN_WORKS, "works")                                                                      \
    X(EXPLAIN_IDLE, "idle")                                                                        \
    X(EXPLAIN_DRAINS, "drains")                                                                    \
    X(EXPLAIN_LOST, "lost")

enum explain_reason {
#define X(name, text) name,
    EXPLAIN_LIST(X)
#undef X
        EXPLAIN_REASON_COUNT
};
const char *explain_reason_text(enum explain_reason reason);

/* What the indexes of models and tasks are called, and the numbers of accounts ("sweep nightly").
 */
struct explain_names {
    const void *owner;
    const char *(*model)(const void *owner, uint32_t model);
    const char *(*task)(const void *owner, uint32_t task);
    const char *(*account)(const void *owner, uint32_t account);
};

/* Each appends its sentence, without a newline, to `out`. Texts of workers and models are in it as
 * they are. now_mono_ns: no earlier than the last step. */
enum explain_reason explain_model(struct core *c, const struct explain_names *names, uint32_t model,
                                  int64_t now_mono_ns, struct buf *out);
/* model UINT32_MAX: of all models. */
enum explain_reason explain_task(struct core *c, const struct explain_names *names, uint32_t model,
                                 uint32_t task, int64_t now_mono_ns, struct buf *out);
enum explain_reason explain_worker(struct core *c, const struct explain_names *names,
                                   uint32_t worker, int64_t now_mono_ns, struct buf *out);
enum explain_reason explain_attempt(struct core *c, const struct explain_names *names,
                                    uint64_t attempt, int64_t now_mono_ns, struct buf *out);

#endif
