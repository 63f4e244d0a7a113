#include "coordinator/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"

static const struct spec_share *share_of(const struct plan *plan, size_t part)
{
    return &plan_part_spec(plan, part)->settings.share;
}

static uint32_t add(struct accounts *a, uint32_t parent, double weight, const char *name)
{
    a->list[a->count] = (struct account_entry){ .parent = parent, .weight = weight, .name = name };
    return ++a->count;
}

/* The user's account: that of the first sweep of the same one. A sweep of nobody stands alone. */
static uint32_t user_of(const struct plan *plan, size_t part, const uint32_t *users,
                        struct arena *arena, struct accounts *out)
{
    const char *user = share_of(plan, part)->user;
    if (!*user)
        return 0;
    for (size_t i = 0; i < part; i++)
        if (strcmp(share_of(plan, i)->user, user) == 0)
            return users[i];
    return add(out, 0, 1, arena_format(arena, "user %s", user));
}

static uint32_t model_of(const struct plan *plan, size_t model, uint32_t sweep, struct arena *arena,
                         struct accounts *out)
{
    const struct plan_model *m = &plan->models[model];
    if (!share_of(plan, m->rules.part)->fair_models)
        return sweep;
    return add(out, sweep, m->rules.weight,
               arena_format(arena, "model %s", m->spec->definition.name));
}

void accounts_of(const struct plan *plan, struct arena *arena, struct accounts *out)
{
    size_t parts = plan->part_count ? plan->part_count : 1;
    *out = (struct accounts){ .of_model = arena_alloc(arena, (plan->model_count + 1) *
                                                                 sizeof(*out->of_model)) };
    memset(out->of_model, 0, plan->model_count * sizeof(*out->of_model));
    if (parts == 1 && !share_of(plan, 0)->fair_models)
        return;
    out->list = arena_alloc(arena, (2 * parts + plan->model_count) * sizeof(*out->list));
    uint32_t *users = xcalloc(parts, sizeof(*users)), *sweeps = xcalloc(parts, sizeof(*sweeps));
    for (size_t i = 0; i < parts; i++) {
        users[i] = user_of(plan, i, users, arena, out);
        sweeps[i] = add(out, users[i], share_of(plan, i)->weight,
                        arena_format(arena, "sweep %s", plan_part_spec(plan, i)->name));
    }
    for (size_t i = 0; i < plan->model_count; i++)
        out->of_model[i] = model_of(plan, i, sweeps[plan->models[i].rules.part], arena, out);
    free(users);
    free(sweeps);
}

void accounts_open(const struct accounts *a, struct core *core)
{
    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t number = core_add_account(core, a->list[i].parent, a->list[i].weight);
        check(number == i + 1);
    }
}
