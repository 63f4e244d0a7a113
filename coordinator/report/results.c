#include "coordinator/report/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"

/* ---- From the store ---- */

static err load_tally(struct store *store, const struct plan_model *m, const struct plan_task *t,
                      struct report_cell *cell, struct errmsg *msg)
{
    uint32_t model = store_find_model(store, &m->identity);
    uint32_t task = store_find_task(store, &t->identity);
    if (model == 0 || task == 0)
        return OK; /* nothing of it was ever recorded */
    struct bitmap ended;
    err e = store_load_cell(store, model, task, t->task->size, &ended, &cell->tally, msg);
    if (e)
        return e;
    if (!bitmap_subset(&ended, &t->wanted)) /* a smaller sample than what is stored */
        e = store_recount(store, model, task, t->task->size, &t->wanted, &cell->tally, msg);
    bitmap_release(&ended);
    return e;
}

static err load_cell(struct results *r, struct store *store, const struct plan_cell *at,
                     struct errmsg *msg)
{
    const struct plan_task *t = &r->plan->tasks[at->task];
    struct report_cell *cell = &r->cells[at->model * r->plan->task_count + at->task];
    err e = load_tally(store, &r->plan->models[at->model], t, cell, msg);
    if (e)
        return e;
    cell->planned = true;
    cell->wanted = t->wanted_count;
    for (int s = 0; s < STATUS_COUNT; s++)
        cell->ended += cell->tally.count[s];
    cell->answered = cell->tally.count[STATUS_OK];
    cell->score = metric_value(t->task->metric, cell->tally.stats, cell->answered);
    struct report_model *m = &r->models[at->model];
    m->wanted += cell->wanted;
    m->ended += cell->ended;
    m->failed += cell->ended - cell->answered;
    return OK;
}

/* ---- References ---- */

static bool is_better(const struct metric *m, double a, double than)
{
    return m->lower_is_better ? a < than : a > than;
}

/* The suite's table, or the best specialist. */
static void find_reference(struct results *r, size_t task)
{
    const struct task *t = r->plan->tasks[task].task;
    struct report_task *out = &r->tasks[task];
    out->sota = t->sota;
    if (!isnan(t->sota))
        return;
    for (size_t i = 0; i < r->plan->model_count; i++) {
        const struct report_cell *cell = results_cell(r, i, task);
        if (results_is_ranked(r, i) || !cell->planned || isnan(cell->score))
            continue;
        if (!isnan(out->sota) && !is_better(t->metric, cell->score, out->sota))
            continue;
        out->sota = cell->score;
        out->specialist = r->plan->models[i].spec->definition.name;
    }
}

/* ---- Levels ---- */

static struct gl_cell cell_of(double value)
{
    return isnan(value) ? (struct gl_cell){ .kind = GL_CELL_EMPTY } : gl_cell_number(value);
}

struct gl_row *results_rows(const struct results *r, size_t model, size_t suite,
                            struct arena *arena, size_t *out_count, size_t **out_tasks)
{
    const struct plan *plan = r->plan;
    struct gl_row *rows = arena_alloc(arena, plan->task_count * sizeof(*rows));
    size_t *tasks = arena_alloc(arena, plan->task_count * sizeof(*tasks));
    size_t count = 0;
    for (size_t i = 0; i < plan->task_count; i++) {
        const struct plan_task *t = &plan->tasks[i];
        if (t->suite != &plan->spec->suites[suite])
            continue;
        const struct report_cell *cell = results_cell(r, model, i);
        tasks[count] = i;
        rows[count++] = (struct gl_row){ .modality = t->task->modality,
                                         .paradigm = t->task->paradigm,
                                         .task = t->task->path,
                                         .metric = t->task->metric_name,
                                         .sota = cell_of(r->tasks[i].sota),
                                         .score = cell_of(cell->score) };
    }
    *out_count = count;
    if (out_tasks)
        *out_tasks = tasks;
    return rows;
}

static void compute_levels(struct results *r, size_t model)
{
    size_t suites = r->plan->suite_count;
    struct report_model *m = &r->models[model];
    m->levels = arena_alloc(&r->arena, suites * GL_RULE_COUNT * sizeof(*m->levels));
    struct arena scratch = { 0 };
    for (size_t s = 0; s < suites; s++) {
        size_t count;
        struct gl_row *rows = results_rows(r, model, s, &scratch, &count, NULL);
        for (int rule = 0; rule < GL_RULE_COUNT; rule++) {
            struct report_levels *l = &m->levels[s * GL_RULE_COUNT + (size_t)rule];
            l->ok = gl_compute((enum gl_rule)rule, rows, count, &l->levels, &l->faults) == OK;
        }
        arena_clear(&scratch);
    }
    arena_release(&scratch);
}

/* ---- The door ---- */

err results_load(const struct plan *plan, struct store *store, struct results *out,
                 struct errmsg *msg)
{
    *out = (struct results){ .plan = plan };
    size_t pairs = plan->model_count * plan->task_count;
    out->cells = xcalloc(pairs ? pairs : 1, sizeof(*out->cells));
    out->tasks = arena_alloc(&out->arena, plan->task_count * sizeof(*out->tasks));
    out->models = arena_alloc(&out->arena, plan->model_count * sizeof(*out->models));
    for (size_t i = 0; i < pairs; i++)
        out->cells[i].score = NAN; /* what is not planned has no score either */
    err e = OK;
    for (size_t i = 0; !e && i < plan->cell_count; i++)
        e = load_cell(out, store, &plan->cells[i], msg);
    if (e) {
        results_release(out);
        return e;
    }
    for (size_t i = 0; i < plan->task_count; i++)
        find_reference(out, i);
    for (size_t i = 0; i < plan->model_count; i++) {
        compute_levels(out, i);
        out->wanted += out->models[i].wanted;
        out->ended += out->models[i].ended;
        out->failed += out->models[i].failed;
    }
    return OK;
}

void results_release(struct results *r)
{
    free(r->cells);
    arena_release(&r->arena);
    *r = (struct results){ 0 };
}

bool results_is_ranked(const struct results *r, size_t model)
{
    return r->plan->models[model].spec->role != SPEC_ROLE_SPECIALIST;
}

bool results_has_specialists(const struct results *r, size_t suite)
{
    for (size_t i = 0; i < r->plan->task_count; i++) {
        if (r->tasks[i].specialist && r->plan->tasks[i].suite == &r->plan->spec->suites[suite])
            return true;
    }
    return false;
}

/* The task of a row that results_rows gives. */
static const struct task *task_of_row(const struct results *r, size_t suite, size_t row)
{
    const struct plan *plan = r->plan;
    for (size_t i = 0; i < plan->task_count; i++) {
        if (plan->tasks[i].suite == &plan->spec->suites[suite] && row-- == 0)
            return plan->tasks[i].task;
    }
    check(!"a row of the suite");
    return NULL;
}

void results_say_no_levels(const struct results *r, size_t model, size_t suite, enum gl_rule rule,
                           struct buf *out)
{
    const struct gl_faults *faults = &results_levels(r, model, suite, rule)->faults;
    const struct gl_fault *first = &faults->first[0];
    check(faults->count > 0);
    if (first->row != SIZE_MAX) {
        const struct task *task = task_of_row(r, suite, first->row);
        text_append_safe(out, span_str(task->path));
        buf_append_str(out, " (");
        text_append_safe(out, span_str(task->metric_name));
        buf_append_str(out, first->in_sota ? "): SoTA: " : "): ");
    }
    buf_append_str(out, gl_fault_text(first->kind));
    if (faults->count > 1)
        buf_printf(out, " (and %zu more)", faults->count - 1);
}

double results_level(const struct report_levels *l, int level)
{
    if (!l->ok)
        return 0;
    switch (level) {
    case 2: return l->levels.level2;
    case 3: return l->levels.level3;
    case 4: return l->levels.level4;
    case 5: return l->levels.level5;
    default: check(!"a level"); return 0;
    }
}

int results_class(const struct report_levels *l)
{
    int level = 5;
    while (level > 1 && !(results_level(l, level) > 0))
        level--;
    return level;
}

struct rank {
    size_t model;
    int class;
    double score;
    const char *name;
};

static int by_rank(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->class != y->class)
        return y->class - x->class;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return strcmp(x->name, y->name);
}

size_t *results_ranking(const struct results *r, size_t suite, enum gl_rule rule,
                        struct arena *arena, size_t *out_count)
{
    size_t models = r->plan->model_count, count = 0;
    struct rank *ranks = arena_alloc(arena, models * sizeof(*ranks));
    for (size_t i = 0; i < models; i++) {
        if (!results_is_ranked(r, i))
            continue;
        const struct report_levels *l = results_levels(r, i, suite, rule);
        int class = results_class(l);
        ranks[count++] = (struct rank){ .model = i,
                                        .class = class,
                                        .score = class > 1 ? results_level(l, class) : 0,
                                        .name = r->plan->models[i].spec->definition.name };
    }
    qsort(ranks, count, sizeof(*ranks), by_rank);
    size_t *order = arena_alloc(arena, models * sizeof(*order));
    for (size_t i = 0; i < count; i++)
        order[i] = ranks[i].model;
    *out_count = count;
    return order;
}

enum gl_rule results_first_rule(const struct results *r)
{
    return r->plan->spec->settings.rule == SPEC_RULE_OFFICIAL ? GL_OFFICIAL : GL_CORRECTED;
}
