/* What was learned of a model's times: kept in the store, so that a coordinator that starts again,
 * or a later sweep, does not begin to learn anew. Of no account to results. */
#ifndef MUSTER_COORDINATOR_LEARNED_H
#define MUSTER_COORDINATOR_LEARNED_H

#include "common/arena.h"
#include "coordinator/core/effect.h"
#include "coordinator/store/store.h"

struct learned {
    uint64_t load_ns;     /* 0: not known */
    uint64_t instance_ns; /* a slot's time an instance, the mean over its tasks; 0: not known */
};

/* model: the store's id. */
void learned_store(struct store_batch *b, uint32_t model, const struct learned *learned);
/* All 0 if nothing is stored, or nothing that makes sense: it is only an estimate. */
err learned_load(struct store *s, uint32_t model, struct learned *out, struct errmsg *msg);

/* How it stands to types of GPUs: the first is the one that instance_ns is of. Loaded into the
 * arena; none if none are stored, or any makes no sense. */
void learned_store_factors(struct store_batch *b, uint32_t model, const struct core_factor *factors,
                           size_t count);
err learned_load_factors(struct store *s, uint32_t model, struct arena *arena,
                         struct core_factor **out, size_t *out_count, struct errmsg *msg);

#endif
