/* The tables that Markdown and screen share. */
#include <math.h>
#include <string.h>

#include "coordinator/report/write.h"

static const char *model_name(const struct results *r, size_t model)
{
    return r->plan->models[model].spec->definition.name;
}

void write_progress_line(const struct results *r, struct buf *out)
{
    if (r->ended < r->wanted)
        buf_printf(out, "INCOMPLETE: %llu of %llu instances have a result.",
                   (unsigned long long)r->ended, (unsigned long long)r->wanted);
    else
        buf_printf(out, "Complete: %llu instances.", (unsigned long long)r->wanted);
    if (r->failed)
        buf_printf(out, " %llu of them failed, and are not scored.", (unsigned long long)r->failed);
    buf_append_byte(out, '\n');
}

/* Of the suite alone: a model may do others. */
static void add_answered(struct grid *g, const struct results *r, size_t model, size_t suite)
{
    uint64_t answered = 0, wanted = 0;
    for (size_t t = 0; t < r->plan->task_count; t++) {
        const struct report_cell *c = results_cell(r, model, t);
        if (r->plan->tasks[t].suite != &r->plan->spec->suites[suite])
            continue;
        answered += c->answered;
        wanted += c->wanted;
    }
    grid_add(g, "%llu/%llu", (unsigned long long)answered, (unsigned long long)wanted);
}

void write_level_table(const struct results *r, size_t suite, enum gl_rule rule,
                       enum grid_style style, struct buf *out)
{
    struct grid g;
    struct arena scratch = { 0 };
    size_t count;
    const size_t *order = results_ranking(r, suite, rule, &scratch, &count);
    static const char *const header[] = { "#",       "Model",   "Class",   "Level 2",
                                          "Level 3", "Level 4", "Level 5", "Answered" };
    grid_init(&g, 8, 2);
    grid_add_header(&g, header);
    for (size_t i = 0; i < count; i++) {
        const struct report_levels *l = results_levels(r, order[i], suite, rule);
        grid_add(&g, "%zu", i + 1);
        grid_add(&g, "%s", model_name(r, order[i]));
        grid_add(&g, "%d", results_class(l));
        for (int level = 2; level <= 5; level++)
            grid_add_number(&g, l->ok ? results_level(l, level) : NAN);
        add_answered(&g, r, order[i], suite);
    }
    grid_write(&g, style, out);
    grid_release(&g);
    for (size_t i = 0; i < count; i++) {
        const struct report_levels *l = results_levels(r, order[i], suite, rule);
        if (l->ok)
            continue;
        buf_append_str(out, style == GRID_MARKDOWN ? "\n" : ""); /* else it were another row */
        buf_printf(out, "%s: no levels: ", model_name(r, order[i]));
        results_say_no_levels(r, order[i], suite, rule, out);
        buf_append_byte(out, '\n');
    }
    arena_release(&scratch);
}

void write_modality_table(const struct results *r, size_t suite, enum gl_rule rule,
                          enum grid_style style, struct buf *out)
{
    struct grid g;
    struct arena scratch = { 0 };
    size_t count;
    const size_t *order = results_ranking(r, suite, rule, &scratch, &count);
    static const char *const header[] = { "Model", "Modality", "Tasks",   "Supported",
                                          "Wins",  "Level 2",  "Level 3", "Level 4" };
    grid_init(&g, 8, 2);
    grid_add_header(&g, header);
    for (size_t i = 0; i < count; i++) {
        const struct report_levels *l = results_levels(r, order[i], suite, rule);
        for (int m = 0; l->ok && m < MODALITY_COUNT; m++) {
            const struct gl_modality *v = &l->levels.modality[m];
            if (v->tasks == 0)
                continue;
            bool nlp = m == MODALITY_NLP;
            grid_add(&g, "%s", model_name(r, order[i]));
            grid_add(&g, "%s", modality_text((enum modality)m));
            grid_add(&g, "%u", v->tasks);
            grid_add(&g, "%u", v->supported);
            grid_add(&g, "%u", v->wins);
            grid_add_number(&g, nlp ? NAN : v->level2);
            grid_add_number(&g, nlp ? NAN : v->level3);
            grid_add_number(&g, nlp ? NAN : v->level4);
        }
    }
    grid_write(&g, style, out);
    grid_release(&g);
    arena_release(&scratch);
}

/* A score; with a star if it reaches the reference, with a mark if not all was answered. */
static void add_score(struct grid *g, const struct results *r, size_t model, size_t task)
{
    const struct report_cell *c = results_cell(r, model, task);
    const struct metric *m = r->plan->tasks[task].task->metric;
    double sota = r->tasks[task].sota;
    if (!c->planned || isnan(c->score)) {
        grid_add(g, c->planned ? "none" : "-");
        return;
    }
    bool reaches = !isnan(sota) && (m->lower_is_better ? c->score <= sota : c->score >= sota);
    grid_add(g, "%.2f%s%s", c->score, reaches ? "*" : "", c->answered < c->wanted ? "!" : "");
}

void write_task_table(const struct results *r, size_t suite, enum grid_style style, struct buf *out)
{
    const struct plan *plan = r->plan;
    struct arena scratch = { 0 };
    size_t models;
    const size_t *order = results_ranking(r, suite, results_first_rule(r), &scratch, &models);
    struct grid g;
    grid_init(&g, 5 + models, 2);
    grid_add(&g, "Task");
    grid_add(&g, "Metric");
    grid_add(&g, "Instances");
    grid_add(&g, "SoTA");
    grid_add(&g, "by");
    for (size_t i = 0; i < models; i++)
        grid_add(&g, "%s", model_name(r, order[i]));
    for (size_t t = 0; t < plan->task_count; t++) {
        const struct plan_task *task = &plan->tasks[t];
        if (task->suite != &plan->spec->suites[suite])
            continue;
        grid_add(&g, "%s", task->task->path);
        grid_add(&g, "%s %s", task->task->metric_name,
                 task->task->metric->lower_is_better ? "(lower)" : "(higher)");
        grid_add(&g, "%u", task->wanted_count);
        grid_add_number(&g, r->tasks[t].sota);
        grid_add(&g, "%s",
                 r->tasks[t].specialist    ? r->tasks[t].specialist
                 : isnan(r->tasks[t].sota) ? "-"
                                           : "table");
        for (size_t i = 0; i < models; i++)
            add_score(&g, r, order[i], t);
    }
    grid_write(&g, style, out);
    grid_release(&g);
    arena_release(&scratch);
}

void write_failure_table(const struct results *r, enum grid_style style, struct buf *out)
{
    static const char *const header[] = { "Model", "Task", "Status", "Instances" };
    struct grid g;
    grid_init(&g, 4, 3);
    grid_add_header(&g, header);
    for (size_t i = 0; i < r->plan->cell_count; i++) {
        const struct plan_cell *at = &r->plan->cells[i];
        const struct report_cell *c = results_cell(r, at->model, at->task);
        for (int s = 0; s < STATUS_COUNT; s++) {
            if (s == STATUS_OK || c->tally.count[s] == 0)
                continue;
            grid_add(&g, "%s", model_name(r, at->model));
            grid_add(&g, "%s", r->plan->tasks[at->task].task->path);
            grid_add(&g, "%s", status_text((status)s));
            grid_add(&g, "%llu", (unsigned long long)c->tally.count[s]);
        }
    }
    grid_write(&g, style, out);
    grid_release(&g);
}
