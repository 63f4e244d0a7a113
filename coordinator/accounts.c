#include "coordinator/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const struct spec_share *share_of(const struct plan *plan, size_t part)
{
    return &plan_part_spec(plan, part)->settings.share;
}

/* The user's account: that of the first sweep of the same one. A sweep of nobody stands alone. */
static uint32_t user_of(const struct plan *plan, struct core *core, size_t part, uint32_t *users)
{
    const char *user = share_of(plan, part)->user;
    if (!*user)
        return 0;
    for (size_t i = 0; i < part; i++)
        if (strcmp(share_of(plan, i)->user, user) == 0)
            return users[i];
    return core_add_account(core, 0, 1);
}

void accounts_open(const struct plan *plan, struct core *core, uint32_t *of_model)
{
    size_t parts = plan->part_count ? plan->part_count : 1;
    memset(of_model, 0, plan->model_count * sizeof(*of_model));
    if (parts == 1 && !share_of(plan, 0)->fair_models)
        return;
    uint32_t *users = xcalloc(parts, sizeof(*users)), *sweeps = xcalloc(parts, sizeof(*sweeps));
    for (size_t i = 0; i < parts; i++) {
        users[i] = user_of(plan, core, i, users);
        sweeps[i] = core_add_account(core, users[i], share_of(plan, i)->weight);
    }
    for (size_t i = 0; i < plan->model_count; i++) {
        const struct plan_rules *r = &plan->models[i].rules;
        of_model[i] = share_of(plan, r->part)->fair_models
                          ? core_add_account(core, sweeps[r->part], r->weight)
                          : sweeps[r->part];
    }
    free(users);
    free(sweeps);
}
