/* A sweep in virtual time: how long it takes under a policy, on machines that need not exist.
 *
 * POLICY_MUSTER is no model of the scheduler but the scheduler: coordinator/core, driven by
 * simulated workers that behave as worker/agent does. The other three are what people do without
 * one, on the same durations, with every doubt in their favour (README.md). Deterministic: the same
 * work, fleet and options give the same outcome. */
#ifndef MUSTER_COORDINATOR_SIMULATE_SIMULATE_H
#define MUSTER_COORDINATOR_SIMULATE_SIMULATE_H

#include "coordinator/simulate/outcome.h"

/* X(name, text)
 * To add a policy: a line here, a policy_*.c with its function, its case in simulate(). */
#define POLICY_LIST(X)                                                                             \
    X(POLICY_MUSTER, "muster")             /* coordinator/core */                                  \
    X(POLICY_STATIC_RANK, "static-rank")   /* instances dealt out by rank, a barrier a model */    \
    X(POLICY_CHUNK_RELOAD, "chunk-reload") /* a process for each chunk, which loads the model */   \
    X(POLICY_CHUNK_QUEUE, "chunk-queue")   /* one queue of chunks, whatever slot is free */

enum policy {
#define X(name, text) name,
    POLICY_LIST(X)
#undef X
        POLICY_COUNT
};

extern const char *const policy_texts[POLICY_COUNT];

enum { CHUNK_INSTANCES = 256 }; /* of the chunk policies, unless told */

struct simulate_options {
    enum policy policy;
    uint32_t chunk; /* instances; chunk-reload, chunk-queue. 0: CHUNK_INSTANCES */
    bool keeps_spans;
    bool tells_timing; /* muster is told each model's load and mean instance, as by `estimate` */
    uint64_t seed;     /* of the core's own draws */
};

/* Every model with work fits some slot of the fleet, or several of a worker (fleet_fits_gang). work
 * and fleet are borrowed for the life of the outcome. */
void simulate(const struct work *work, const struct fleet *fleet,
              const struct simulate_options *options, struct outcome *out);

#endif
