/* The models and tasks of the running sweep, as the shell needs them: the core counts them from 0,
 * store and wire name them by the store's ids. */
#ifndef MUSTER_COORDINATOR_CATALOG_H
#define MUSTER_COORDINATOR_CATALOG_H

#include "common/map.h"
#include "coordinator/accounts.h"
#include "coordinator/spec/plan.h"
#include "coordinator/store/store.h"

struct catalog_entry {
    uint32_t id;            /* the store's */
    const char *name;       /* for people: a model's name, a task's path */
    struct span definition; /* JSON for workers (proto/definition) */
};

struct catalog {
    struct catalog_entry *models, *tasks; /* by the core's index: the order of the plan */
    uint32_t model_count, task_count;
    uint32_t *task_sizes;
    uint8_t *task_stats; /* numbers that each row of it has: its metric's */
    struct digest store; /* that the ids are of */
    struct accounts accounts;
    struct map model_index, task_index; /* the store's id -> index + 1 */
    struct arena arena;
};

/* Gives every model and task of the plan its id in the store (recording new ones). The plan is
 * borrowed for the catalog's life. */
err catalog_open(const struct plan *plan, struct store *store, struct catalog *out,
                 struct errmsg *msg);
void catalog_release(struct catalog *c);

/* UINT32_MAX: not of this sweep. */
uint32_t catalog_model_index(const struct catalog *c, uint32_t id);
uint32_t catalog_task_index(const struct catalog *c, uint32_t id);

#endif
