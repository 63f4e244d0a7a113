/* What the store holds, worked out by task and model: scores, references, levels. */
#ifndef MUSTER_COORDINATOR_REPORT_RESULTS_H
#define MUSTER_COORDINATOR_REPORT_RESULTS_H

#include "coordinator/level/general_level.h"
#include "coordinator/spec/plan.h"
#include "coordinator/store/store.h"

/* One (model, task). */
struct report_cell {
    bool planned;                     /* false: the model does not do the task */
    uint64_t wanted, ended, answered; /* instances; ended - answered failed */
    struct tally tally;               /* of the wanted instances */
    double score; /* in the metric's unit; NAN: not planned, or nothing was answered */
};

/* Where a task's reference score is from. */
struct report_task {
    double sota;            /* NAN: none */
    const char *specialist; /* the model that gave it; NULL: the suite's table, or nobody */
};

/* A model on a suite. */
struct report_levels {
    bool ok; /* levels holds; else faults says why not */
    struct gl_levels levels;
    struct gl_faults faults;
};

struct report_model {
    uint64_t wanted, ended, failed;
    /* [suite * GL_RULE_COUNT + rule] */
    struct report_levels *levels;
};

struct results {
    const struct plan *plan;
    struct report_cell *cells;   /* [model * task_count + task] */
    struct report_task *tasks;   /* as plan.tasks */
    struct report_model *models; /* as plan.models */
    uint64_t wanted, ended, failed;
    struct arena arena;
};

/* plan is borrowed for the life of the results; the store is read, and no longer needed. */
err results_load(const struct plan *plan, struct store *store, struct results *out,
                 struct errmsg *msg);
void results_release(struct results *r);

static inline const struct report_cell *results_cell(const struct results *r, size_t model,
                                                     size_t task)
{
    return &r->cells[model * r->plan->task_count + task];
}

static inline const struct report_levels *results_levels(const struct results *r, size_t model,
                                                         size_t suite, enum gl_rule rule)
{
    return &r->models[model].levels[suite * GL_RULE_COUNT + rule];
}

/* Why a model has no levels on a suite (their ok is false), for people: the task, and what is wrong
 * with its score. Appended to out. */
void results_say_no_levels(const struct results *r, size_t model, size_t suite, enum gl_rule rule,
                           struct buf *out);

/* The rows of General-Level of a model on a suite: the suite's tasks of this sweep in their order.
 * From the arena given; *out_tasks: their places in plan.tasks. */
struct gl_row *results_rows(const struct results *r, size_t model, size_t suite,
                            struct arena *arena, size_t *out_count, size_t **out_tasks);

bool results_is_ranked(const struct results *r, size_t model); /* not a specialist */

/* Whether a specialist gives the reference of one of the suite's tasks. */
bool results_has_specialists(const struct results *r, size_t suite);

/* The highest level at which a model scores above 0 (1: none), as the paper classes models. */
int results_class(const struct report_levels *l);
double results_level(const struct report_levels *l, int level); /* 2..5; 0 without levels */

/* Places of the ranked models, best first: by class, then by the score at it, then by name. */
size_t *results_ranking(const struct results *r, size_t suite, enum gl_rule rule,
                        struct arena *arena, size_t *out_count);

/* The rule that the sweep file wants to see first. */
enum gl_rule results_first_rule(const struct results *r);

#endif
