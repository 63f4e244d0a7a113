#include "coordinator/report/write.h"

/* A row for each task that the rules score differently for this model. */
static void add_differences(const struct results *r, size_t suite, size_t model,
                            struct arena *scratch, struct grid *g)
{
    size_t count, *tasks;
    struct gl_row *rows = results_rows(r, model, suite, scratch, &count, &tasks);
    struct gl_verdict *verdicts[GL_RULE_COUNT];
    struct gl_faults faults;
    for (int rule = 0; rule < GL_RULE_COUNT; rule++) {
        verdicts[rule] = arena_alloc(scratch, count * sizeof(*verdicts[rule]));
        if (gl_judge((enum gl_rule)rule, rows, count, verdicts[rule], &faults) != OK)
            return; /* it has no levels, and its table says why */
    }
    struct gl_difference *d = arena_alloc(scratch, count * sizeof(*d));
    size_t found = gl_compare(rows, count, verdicts[GL_OFFICIAL], verdicts[GL_CORRECTED], d);
    for (size_t i = 0; i < found; i++) {
        size_t task = tasks[d[i].row];
        grid_add(g, "%s", r->plan->tasks[task].task->path);
        grid_add(g, "%s", r->plan->models[model].spec->definition.name);
        grid_add(g, "%s", gl_reason_text(d[i].reason));
        grid_add_number(g, results_cell(r, model, task)->score);
        grid_add_number(g, d[i].verdict[GL_OFFICIAL].scored);
        grid_add_number(g, d[i].verdict[GL_CORRECTED].scored);
    }
}

static void write_differences(const struct results *r, size_t suite, struct buf *out)
{
    static const char *const header[] = {
        "Task", "Model", "Why", "Score", "official", "corrected"
    };
    struct arena scratch = { 0 };
    struct grid g;
    grid_init(&g, 6, 3);
    grid_add_header(&g, header);
    for (size_t m = 0; m < r->plan->model_count; m++) {
        if (results_is_ranked(r, m))
            add_differences(r, suite, m, &scratch, &g);
        arena_clear(&scratch);
    }
    if (g.count > g.columns) {
        buf_append_str(out, "\n### Where the two rules differ\n\n");
        grid_write(&g, GRID_MARKDOWN, out);
    }
    grid_release(&g);
    arena_release(&scratch);
}

static void write_suite(const struct results *r, size_t suite, struct buf *out)
{
    enum gl_rule first = results_first_rule(r);
    enum gl_rule other = first == GL_OFFICIAL ? GL_CORRECTED : GL_OFFICIAL;
    buf_printf(out, "\n## %s\n\n### Levels, %s rule\n\n", r->plan->spec->suites[suite].config.name,
               gl_rule_text(first));
    write_level_table(r, suite, first, GRID_MARKDOWN, out);
    buf_printf(out, "\n### Levels, %s rule\n\n", gl_rule_text(other));
    write_level_table(r, suite, other, GRID_MARKDOWN, out);
    buf_printf(out, "\n### Modalities, %s rule\n\n", gl_rule_text(first));
    write_modality_table(r, suite, first, GRID_MARKDOWN, out);
    write_differences(r, suite, out);
    buf_append_str(out,
                   "\n### Tasks\n\n`*` reaches the reference (SoTA); `!` not every instance was "
                   "answered; `-` not among the model's tasks.\n\n");
    write_task_table(r, suite, GRID_MARKDOWN, out);
}

void write_markdown(const struct results *r, struct buf *out)
{
    buf_printf(out, "# %s\n\n", r->plan->spec->name);
    write_progress_line(r, out);
    for (size_t s = 0; s < r->plan->suite_count; s++)
        write_suite(r, s, out);
    if (r->failed) {
        buf_append_str(out, "\n## Failures\n\n");
        write_failure_table(r, GRID_MARKDOWN, out);
    }
}
