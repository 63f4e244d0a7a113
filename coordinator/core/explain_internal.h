/* What the files of explain share. */
#ifndef MUSTER_COORDINATOR_CORE_EXPLAIN_INTERNAL_H
#define MUSTER_COORDINATOR_CORE_EXPLAIN_INTERNAL_H

#include "coordinator/core/explain.h"
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

enum { LIMIT_COUNT = LIMIT_CONCURRENCY + 1 };

/* How the connected slots that take work stand to a model. */
struct survey {
    uint32_t workers, slots;      /* connected, and not draining */
    uint32_t limits[LIMIT_COUNT]; /* slots, by what keeps the model from them */
    uint32_t refused;             /* slots of workers that refuse it, whatever else */
    uint32_t outranked;           /* of those without a limit: a higher priority has work there */
    const struct slot *usable;    /* one that it could have; NULL: none */
    const struct slot *gang;      /* of the group that is held for it, or nearest to being free */
    bool is_gang_held;
    double gang_wait_ns;
    double longest_left_ns; /* of a worker's time */
};

void explain_survey(struct core *c, const struct model *m, struct survey *out);

/* By the worker: nothing of the work that is left could be given to it. */
bool explain_is_refused(const struct core *c, const struct model *m, const struct worker *w);
const char *explain_name(const struct explain_names *names, const struct model *m,
                         const struct core *c);
/* "2 GPUs of 80 GiB, 8 cores" */
void explain_put_need(const struct core_need *need, struct buf *out);
/* ", 16 GiB" of a slot or worker, if the model says that it needs some and they are limited. */
void explain_put_memory(const struct core_need *need, uint64_t bytes, struct buf *out);
/* "is capped: ..."; limit: LIMIT_REPLICAS or LIMIT_CONCURRENCY */
void explain_put_cap(const struct model *m, enum limit limit, struct buf *out);

/* explain_share.c. Whether the slot would go to the model of an account that is behind: says so. */
bool explain_share_waits(struct core *c, const struct explain_names *names, const struct model *m,
                         const struct slot *s, struct buf *out);
/* "; sweep a has 6 of 8 slots, its share by weight is 5.33" where others have work that share with
 * it. */
void explain_put_share(const struct core *c, const struct explain_names *names,
                       const struct model *m, struct buf *out);
/* "42s" */
void explain_put_ns(struct buf *out, double ns);
static inline const char *explain_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

#endif
