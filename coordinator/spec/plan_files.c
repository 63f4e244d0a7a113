/* Whether the files of a plan's commands still are those that it was made with. */
#include "coordinator/spec/identity.h"
#include "coordinator/spec/plan.h"

#define WARNING                                                                                    \
    "changed while the sweep ran: what was started since was recorded as if it were as before; "   \
    "run again, and it is evaluated as it is now"

static bool is_another(err e, const struct identity *now, const struct digest *planned)
{
    return e == OK && !digest_equal(&now->digest, planned); /* what is gone was not started */
}

static void check_model(const struct plan *plan, const struct plan_model *m,
                        struct content *content, struct arena *arena, struct problems *problems)
{
    struct identity now;
    err e = identity_of_model(m->spec, content, arena, &now, NULL);
    if (is_another(e, &now, &m->identity))
        problems_add(problems, m->spec->line, "%s:%u: the program of the model %s " WARNING,
                     plan->spec->path, m->spec->line, m->spec->definition.name);
}

static void check_scorer(const struct plan *plan, const struct plan_task *t,
                         struct content *content, struct arena *arena, struct problems *problems)
{
    struct identity now;
    err e = t->scorer ? identity_of_task(t->suite, t->task, t->scorer, content, arena, &now, NULL)
                      : ERR_NOT_FOUND;
    if (is_another(e, &now, &t->identity))
        problems_add(problems, t->suite->line, "%s:%u: the scorer of %s " WARNING, plan->spec->path,
                     t->suite->line, t->task->path);
}

void plan_check_files(const struct plan *plan, struct problems *problems)
{
    struct content content = { 0 };
    struct arena arena = { 0 };
    for (size_t i = 0; i < plan->model_count; i++)
        check_model(plan, &plan->models[i], &content, &arena, problems);
    for (size_t i = 0; i < plan->task_count; i++)
        check_scorer(plan, &plan->tasks[i], &content, &arena, problems);
    arena_release(&arena);
    content_release(&content);
}
