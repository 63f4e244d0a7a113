/* What came of a simulation. */
#ifndef MUSTER_COORDINATOR_SIMULATE_OUTCOME_H
#define MUSTER_COORDINATOR_SIMULATE_OUTCOME_H

#include "coordinator/simulate/fleet.h"
#include "coordinator/simulate/work.h"

enum span_kind { SPAN_RUN, SPAN_LOAD };

/* A slot did one thing for one model. Neighbours of the same kind and model are one span. */
struct outcome_span {
    uint32_t slot, model;
    enum span_kind kind;
    int64_t start_ns, end_ns;
};

struct outcome_model {
    uint32_t loads;
    uint32_t holders, holders_max; /* slots that have it or load it: now, and at most */
    int64_t first_ns, last_ns;     /* from its first load to its last result; -1: never */
};

/* Slot time of a group of workers. */
struct outcome_group {
    double run_ns, load_ns;
    double total_ns; /* of all its slots, each until its worker died or the sweep was over */
};

struct outcome {
    bool is_complete;
    const char *why;     /* not complete: why it came to an end. Static */
    int64_t makespan_ns; /* of what was done */
    uint64_t instances;  /* done, each counted once */
    uint64_t attempts;   /* ranges that were handed out; of static-rank: shares */
    uint64_t loads;
    uint64_t run_twice; /* results that came a second time */
    double lost_ns;     /* slot time whose results never came: the worker died */
    struct outcome_model *models;
    struct outcome_group *groups;

    const struct work *work;
    const struct fleet *fleet;
    bool keeps_spans;
    struct outcome_span *spans; /* by the time of their end */
    size_t span_count, span_capacity;
    struct outcome_span *newest; /* of each slot; end_ns -1: none */
    uint32_t *held;              /* the model of each slot; UINT32_MAX: none */
};

/* keeps_spans: for a timeline. */
void outcome_init(struct outcome *o, const struct work *work, const struct fleet *fleet,
                  bool keeps_spans);
void outcome_release(struct outcome *o);

/* The slot begins to load a model, or (model UINT32_MAX) has none any more. */
void outcome_load(struct outcome *o, uint32_t slot, uint32_t model, int64_t now_ns);
/* The slot was at it in this time. */
void outcome_add(struct outcome *o, uint32_t slot, uint32_t model, enum span_kind kind,
                 int64_t start_ns, int64_t end_ns);
void outcome_done(struct outcome *o, uint32_t model, uint64_t instances, int64_t now_ns);
/* All is over: nothing is added behind. why NULL: complete. */
void outcome_close(struct outcome *o, const char *why);

#endif
