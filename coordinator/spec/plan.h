/* A sweep, worked out: which models run which tasks, on which instances, and under which identity
 * their results are kept.
 *
 * The identity of a model or task is the digest of its record: canonical JSON that says what it is.
 * What changes an answer or its score is in it; where, how fast and how often it runs is not
 * (README.md has the list). A changed identity is another model, and never mixes with the old one.
 *
 * Models stand in the order of the file, tasks in the order of the suites and within a suite in its
 * own. Nothing here depends on the time, the machine or the folder the sweep lies in. */
#ifndef MUSTER_COORDINATOR_SPEC_PLAN_H
#define MUSTER_COORDINATOR_SPEC_PLAN_H

#include "common/bitmap.h"
#include "coordinator/spec/spec.h"

enum {
    PLAN_PAIRS_MAX = 1 << 24
}; /* (model, task) pairs: 10,000 models x 699 tasks are 7 million */

/* What the model may have, of its sweep's rules and its own. */
struct plan_rules {
    int32_t priority; /* by that of the sweep, then by that of the model */
    uint32_t concurrency, max_replicas, strikes;
    double weight;
    bool never_copied;
    size_t part; /* of plan.parts: the sweep that pays */
};

struct plan_model {
    const struct spec_model *spec;
    struct digest identity;
    struct span record;     /* JSON; its digest is the identity */
    struct span definition; /* JSON for workers (proto/definition) */
    const char *revision;   /* given, or from the content of the command's files; NULL: neither */
    struct plan_rules rules;
    size_t first_cell, cell_count; /* its part of plan.cells */
    size_t first_gap, gap_count;   /* its part of plan.gaps */
};

struct plan_task {
    const struct spec_suite *suite;
    const struct task *task;
    const struct spec_command *scorer; /* NULL: none */
    struct digest identity;
    struct span record;
    struct span definition;
    struct bitmap wanted; /* the instances that the sweep asks for, one bit each */
    uint32_t wanted_count;
};

/* A model does a task. Indexes into plan.models and plan.tasks. */
struct plan_cell {
    uint32_t model, task;
};

/* X(name, text): why a model does not do a task. */
#define PLAN_GAP_LIST(X)                                                                           \
    X(PLAN_GAP_TASKS, "not among the model's tasks")                                               \
    X(PLAN_GAP_SCORER, "its metric needs a scorer program, and the suite names none for it")

enum plan_gap_reason {
#define X(name, text) name,
    PLAN_GAP_LIST(X)
#undef X
        PLAN_GAP_REASON_COUNT
};

struct plan_gap {
    uint32_t model, task;
    enum plan_gap_reason reason;
};

struct plan;

/* One of the sweeps that were merged (plan_merge.h). */
struct plan_part {
    const struct plan *plan;
    uint32_t *models, *tasks; /* its index -> the index in the merged plan */
};

struct plan {
    const struct spec *spec;
    struct suite *suites; /* as spec.suites */
    size_t suite_count;
    struct plan_model *models; /* as spec.models */
    size_t model_count;
    struct plan_task *tasks; /* those that the suites' filters let through */
    size_t task_count;
    struct plan_cell *cells; /* by model, then by task */
    size_t cell_count;
    struct plan_gap *gaps; /* every other pair; in the same order */
    size_t gap_count;
    /* Of a merged plan alone: else NULL and 0. */
    struct plan_part *parts;
    size_t part_count;
    const struct bitmap *const *cell_wanted; /* of each cell */
    struct bitmap *unions;                   /* those of cell_wanted that are its own */
    size_t union_count;
    struct arena arena;
};

const char *plan_gap_text(enum plan_gap_reason reason);

/* Whether programs of models and scorers are still what the plan was made with: a line for each one
 * that is not, at the end of a run. A host that was started since may have answered otherwise, and
 * a worker knows nothing of what the plan was made with. Not of merged plans. */
void plan_check_files(const struct plan *plan, struct problems *problems);

/* Open the suites of the spec and plan. The spec is borrowed for the plan's life. On a failure *out
 * is empty and problems has at least one line; the caller releases it in any case. */
err plan_open(const struct spec *spec, struct plan *out, struct problems *problems);
/* The same with suites that are open already: an array from xmalloc, as spec.suites, and theirs to
 * release passes to the plan (on a failure too). */
err plan_take(const struct spec *spec, struct suite *suites, struct plan *out,
              struct problems *problems);
void plan_release(struct plan *p);

/* The instances that are asked for of a cell. */
static inline const struct bitmap *plan_wanted(const struct plan *p, size_t cell)
{
    return p->cell_wanted ? p->cell_wanted[cell] : &p->tasks[p->cells[cell].task].wanted;
}

/* The same of a model and a task, by their indexes; NULL: the model does not do the task. */
const struct bitmap *plan_wanted_of(const struct plan *p, uint32_t model, uint32_t task);

static inline const struct spec *plan_part_spec(const struct plan *p, size_t part)
{
    return p->part_count > 0 ? p->parts[part].plan->spec : p->spec;
}

#endif
