/* Whose slot time it is: the accounts of users, sweeps and models in the core. */
#ifndef MUSTER_COORDINATOR_ACCOUNTS_H
#define MUSTER_COORDINATOR_ACCOUNTS_H

#include "coordinator/core/core.h"
#include "coordinator/spec/plan.h"

struct account_entry {
    uint32_t parent; /* its number; 0: none */
    double weight;
    const char *name; /* for people: "user ada", "sweep nightly", "model qwen" */
};

/* Account i + 1 of the core is list[i]; parents come before their children. */
struct accounts {
    struct account_entry *list;
    uint32_t count;     /* 0: nothing is shared: one sweep, whose models have no shares */
    uint32_t *of_model; /* the number that each of the plan's models charges; 0: none */
};

/* The accounts of a plan. Sweeps of a user share what the user gets. All of it is in the arena,
 * beside texts of the plan. */
void accounts_of(const struct plan *plan, struct arena *arena, struct accounts *out);
/* Open them in a core that has none yet. */
void accounts_open(const struct accounts *a, struct core *core);

#endif
