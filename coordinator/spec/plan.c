#include "coordinator/spec/plan.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/spec/identity.h"

static const char *const gap_texts[PLAN_GAP_REASON_COUNT] = {
#define X(name, text) [name] = text,
    PLAN_GAP_LIST(X)
#undef X
};

const char *plan_gap_text(enum plan_gap_reason reason)
{
    return gap_texts[reason];
}

/* What is at hand while a plan is made. */
struct planner {
    struct plan *plan;
    struct problems *problems;
    struct content content;
};

static void suite_problem(struct problems *problems, const struct spec *spec,
                          const struct spec_suite *suite, const char *sentence)
{
    problems_add(problems, suite->line, "%s:%u: suites[%zu]: %s", spec->path, suite->line,
                 (size_t)(suite - spec->suites), sentence);
}

static struct span keep(struct plan *plan, struct buf *bytes)
{
    struct span kept = span_of(arena_copy(&plan->arena, bytes->data, bytes->len), bytes->len);
    buf_release(bytes);
    return kept;
}

/* ---- Models ---- */

static struct plan_rules rules_of(const struct spec *sweep, const struct spec_model *model)
{
    const struct spec_rules *r = &model->rules;
    uint32_t above = sweep->settings.share.priority * (PRIORITY_MAX + 1);
    return (struct plan_rules){ .priority = (int32_t)(above + r->priority),
                                .concurrency = r->concurrency,
                                .max_replicas = r->max_replicas,
                                .strikes = sweep->settings.strikes,
                                .weight = r->weight,
                                .never_copied =
                                    r->never_copied || sweep->settings.speculation <= 0 };
}

static void plan_one_model(struct planner *p, size_t index)
{
    struct plan *plan = p->plan;
    const struct spec_model *spec = &plan->spec->models[index];
    struct identity identity = { 0 };
    struct errmsg msg = { "" };
    if (identity_of_model(spec, &p->content, &plan->arena, &identity, &msg)) {
        problems_add(p->problems, spec->line, "%s:%u: models[%zu]: %s", plan->spec->path,
                     spec->line, index, msg.text);
        return;
    }
    struct buf definition = { 0 };
    model_definition_encode(&spec->definition, &definition);
    plan->models[index] = (struct plan_model){ .spec = spec,
                                               .identity = identity.digest,
                                               .record = identity.record,
                                               .definition = keep(plan, &definition),
                                               .revision = identity.revision,
                                               .rules = rules_of(plan->spec, spec) };
}

/* ---- Tasks ---- */

/* The command of a task's scorer, as the sweep file has it. */
static const struct spec_command *scorer_of(const struct spec_suite *suite, const struct task *task)
{
    for (size_t i = 0; task->scorer && i < suite->config.scorer_count; i++) {
        if (strcmp(suite->config.scorers[i], task->scorer) == 0)
            return &suite->scorers[i];
    }
    check(!task->scorer); /* suites take scorers from their config alone */
    return NULL;
}

static struct span define(struct plan *plan, const struct spec_suite *suite,
                          const struct task *task, const struct spec_command *scorer)
{
    struct task_definition d = { .suite = suite->config, .task = *task };
    if (scorer) {
        d.scorer = scorer->words;
        d.scorer_count = scorer->count;
    }
    struct buf text = { 0 };
    task_definition_encode(&d, &text);
    return keep(plan, &text);
}

static void add_task(struct planner *p, const struct spec_suite *suite, const struct task *task)
{
    struct plan *plan = p->plan;
    struct plan_task *t = &plan->tasks[plan->task_count];
    const struct spec_command *scorer = scorer_of(suite, task);
    struct identity identity = { 0 };
    struct errmsg msg = { "" };
    if (identity_of_task(suite, task, scorer, &p->content, &plan->arena, &identity, &msg)) {
        suite_problem(p->problems, plan->spec, suite, msg.text);
        return;
    }
    *t = (struct plan_task){ .suite = suite,
                             .task = task,
                             .scorer = scorer,
                             .identity = identity.digest,
                             .record = identity.record,
                             .definition = define(plan, suite, task, scorer) };
    if (t->definition.len > DEFINITION_BYTES_MAX) {
        suite_problem(p->problems, plan->spec, suite,
                      arena_format(&plan->arena,
                                   "the scorer's command for %s is over the limit of %d bytes",
                                   task->path, DEFINITION_BYTES_MAX));
        return;
    }
    task_sample(task, suite->limit, plan->spec->settings.seed, &t->wanted);
    t->wanted_count = bitmap_count(&t->wanted);
    plan->task_count++;
}

/* ---- Globs ----
 *
 * One that matches nothing is a typing error, and would make a quiet hole in the results. */

/* The paths of the tasks of suites [first, end) of the plan, whether they are part of the sweep or
 * not. The caller frees. */
static const char **paths_of(const struct plan *plan, size_t first, size_t end, size_t *out_count)
{
    size_t count = 0, at = 0;
    for (size_t s = first; s < end; s++)
        count += plan->suites[s].task_count;
    const char **paths = xcalloc(count + 1, sizeof(*paths));
    for (size_t s = first; s < end; s++) {
        for (size_t i = 0; i < plan->suites[s].task_count; i++)
            paths[at++] = plan->suites[s].tasks[i].path;
    }
    *out_count = count;
    return paths;
}

/* What is wrong with a glob of this key; NULL: nothing. whose: "its", "the sweep's". */
static const char *glob_problem(struct plan *plan, const char *key, const char *glob,
                                const char *const *paths, size_t count, const char *whose)
{
    for (size_t i = 0; i < count; i++) {
        if (text_glob(glob, paths[i]))
            return NULL;
    }
    const char *near = text_nearest(glob, paths, count);
    return arena_format(&plan->arena, "%s: \"%s\" matches none of %s %zu tasks%s%s%s", key, glob,
                        whose, count, near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
}

static void check_suite_globs(struct planner *p, size_t index)
{
    size_t count;
    const struct spec_suite *suite = &p->plan->spec->suites[index];
    const char **paths = paths_of(p->plan, index, index + 1, &count);
    for (size_t g = 0; g < suite->tasks.count; g++) {
        const char *problem =
            glob_problem(p->plan, "tasks", suite->tasks.patterns[g], paths, count, "its");
        if (problem)
            suite_problem(p->problems, p->plan->spec, suite, problem);
    }
    free(paths);
}

/* A model does tasks of all suites. */
static void check_model_globs(struct planner *p, const char *const *paths, size_t count)
{
    const struct spec *spec = p->plan->spec;
    for (size_t m = 0; m < spec->model_count; m++) {
        const struct spec_globs *globs = &spec->models[m].tasks;
        for (size_t g = 0; g < globs->count; g++) {
            const char *problem =
                glob_problem(p->plan, "tasks", globs->patterns[g], paths, count, "the sweep's");
            if (problem)
                problems_add(p->problems, globs->line, "%s:%u: models[%zu]: %s", spec->path,
                             globs->line, m, problem);
        }
    }
}

/* Suites may share a list of scorers. */
static void check_scorer_globs(struct planner *p, const char *const *paths, size_t count)
{
    const struct spec *spec = p->plan->spec;
    for (size_t s = 0; s < spec->suite_count; s++) {
        const struct suite_config *config = &spec->suites[s].config;
        for (size_t g = 0; g < config->scorer_count; g++) {
            const char *problem = glob_problem(p->plan, "scorers", config->scorer_globs[g], paths,
                                               count, "the sweep's");
            if (problem)
                suite_problem(p->problems, spec, &spec->suites[s], problem);
        }
    }
}

static void check_shared_globs(struct planner *p)
{
    size_t count;
    const char **paths = paths_of(p->plan, 0, p->plan->suite_count, &count);
    check_model_globs(p, paths, count);
    check_scorer_globs(p, paths, count);
    free(paths);
}

static void plan_suite(struct planner *p, size_t index)
{
    const struct spec_suite *suite = &p->plan->spec->suites[index];
    const struct suite *opened = &p->plan->suites[index];
    check_suite_globs(p, index);
    for (size_t i = 0; i < opened->task_count; i++) {
        if (spec_globs_match(&suite->tasks, opened->tasks[i].path))
            add_task(p, suite, &opened->tasks[i]);
    }
}

static void plan_tasks(struct planner *p)
{
    struct plan *plan = p->plan;
    size_t count = 0;
    for (size_t i = 0; i < plan->suite_count; i++)
        count += plan->suites[i].task_count;
    if (count > TASKS_MAX) {
        problems_add(p->problems, 0, "%s: its suites have %zu tasks together; the limit is %d",
                     plan->spec->path, count, TASKS_MAX);
        return;
    }
    plan->tasks = arena_alloc(&plan->arena, (count + 1) * sizeof(*plan->tasks));
    for (size_t i = 0; i < plan->suite_count; i++)
        plan_suite(p, i);
    check_shared_globs(p);
}

/* ---- Cells and gaps ---- */

static bool has_gap(const struct plan_model *model, const struct plan_task *task,
                    enum plan_gap_reason *out)
{
    bool needs_scorer = task->task->metric->kind == METRIC_SCORED && !task->task->scorer;
    if (!spec_globs_match(&model->spec->tasks, task->task->path)) {
        *out = PLAN_GAP_TASKS;
        return true;
    }
    if (needs_scorer && model->spec->definition.host != HOST_SIM) { /* a sim scores itself */
        *out = PLAN_GAP_SCORER;
        return true;
    }
    return false;
}

/* Pairs are many: both lists take the room that they need. */
struct pair_room {
    size_t cells, gaps;
};

static void add_pair(struct plan *plan, struct pair_room *room, uint32_t model, uint32_t task)
{
    enum plan_gap_reason reason;
    if (has_gap(&plan->models[model], &plan->tasks[task], &reason)) {
        plan->gaps = xgrow(plan->gaps, &room->gaps, plan->gap_count + 1, sizeof(*plan->gaps));
        plan->gaps[plan->gap_count++] = (struct plan_gap){ model, task, reason };
    } else {
        plan->cells = xgrow(plan->cells, &room->cells, plan->cell_count + 1, sizeof(*plan->cells));
        plan->cells[plan->cell_count++] = (struct plan_cell){ model, task };
    }
}

static void plan_row(struct plan *plan, struct pair_room *room, uint32_t model)
{
    struct plan_model *m = &plan->models[model];
    m->first_cell = plan->cell_count;
    m->first_gap = plan->gap_count;
    for (uint32_t task = 0; task < plan->task_count; task++)
        add_pair(plan, room, model, task);
    m->cell_count = plan->cell_count - m->first_cell;
    m->gap_count = plan->gap_count - m->first_gap;
}

static void plan_pairs(struct planner *p)
{
    struct plan *plan = p->plan;
    struct pair_room room = { 0 };
    if (plan->model_count * plan->task_count > PLAN_PAIRS_MAX) {
        problems_add(p->problems, 0, "%s: %zu models x %zu tasks; the limit is %d pairs",
                     plan->spec->path, plan->model_count, plan->task_count, PLAN_PAIRS_MAX);
        return;
    }
    for (uint32_t model = 0; model < plan->model_count; model++)
        plan_row(plan, &room, model);
}

/* ---- The plan ---- */

err plan_take(const struct spec *spec, struct suite *suites, struct plan *out,
              struct problems *problems)
{
    *out = (struct plan){ .spec = spec,
                          .suites = suites,
                          .suite_count = spec->suite_count,
                          .model_count = spec->model_count };
    struct planner p = { .plan = out, .problems = problems };
    out->models = arena_alloc(&out->arena, (spec->model_count + 1) * sizeof(*out->models));
    for (size_t i = 0; i < spec->model_count; i++)
        plan_one_model(&p, i);
    plan_tasks(&p);
    if (!problems_any(problems))
        plan_pairs(&p);
    content_release(&p.content);
    if (problems_any(problems)) {
        plan_release(out);
        return ERR_INVALID;
    }
    return OK;
}

err plan_open(const struct spec *spec, struct plan *out, struct problems *problems)
{
    struct suite *suites = xcalloc(spec->suite_count, sizeof(*suites));
    *out = (struct plan){ .spec = spec, .suites = suites, .suite_count = spec->suite_count };
    for (size_t i = 0; i < spec->suite_count; i++) {
        struct errmsg msg = { "" };
        if (suite_open(&spec->suites[i].config, &suites[i], &msg))
            suite_problem(problems, spec, &spec->suites[i], msg.text);
    }
    if (problems_any(problems)) {
        plan_release(out);
        return ERR_INVALID;
    }
    return plan_take(spec, suites, out, problems);
}

void plan_release(struct plan *p)
{
    for (size_t i = 0; i < p->task_count; i++)
        bitmap_release(&p->tasks[i].wanted);
    for (size_t i = 0; i < p->suite_count; i++)
        suite_release(&p->suites[i]);
    free(p->suites);
    for (size_t i = 0; i < p->union_count; i++)
        bitmap_release(&p->unions[i]);
    free(p->unions);
    free(p->cells);
    free(p->gaps);
    arena_release(&p->arena);
    *p = (struct plan){ 0 };
}

const struct bitmap *plan_wanted_of(const struct plan *p, uint32_t model, uint32_t task)
{
    const struct plan_model *m = &p->models[model];
    size_t low = m->first_cell, high = m->first_cell + m->cell_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->cells[middle].task == task)
            return plan_wanted(p, middle);
        if (p->cells[middle].task < task)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
