#include "coordinator/report/write.h"

enum { SCREEN_TASKS_MAX = 60, SCREEN_MODELS_MAX = 8 };

static void write_suite(const struct results *r, size_t suite, struct buf *out)
{
    enum gl_rule first = results_first_rule(r);
    enum gl_rule other = first == GL_OFFICIAL ? GL_CORRECTED : GL_OFFICIAL;
    const char *name = r->plan->spec->suites[suite].config.name;
    buf_printf(out, "\n%s: General-Level, %s rule\n", name, gl_rule_text(first));
    write_level_table(r, suite, first, GRID_PLAIN, out);
    buf_printf(out, "\n%s: General-Level, %s rule\n", name, gl_rule_text(other));
    write_level_table(r, suite, other, GRID_PLAIN, out);
    size_t ranked = 0;
    for (size_t i = 0; i < r->plan->model_count; i++)
        ranked += results_is_ranked(r, i) ? 1 : 0;
    if (ranked > SCREEN_MODELS_MAX)
        return; /* the files have it all */
    buf_printf(out, "\n%s: modalities, %s rule\n", name, gl_rule_text(first));
    write_modality_table(r, suite, first, GRID_PLAIN, out);
    if (r->plan->task_count > SCREEN_TASKS_MAX)
        return;
    buf_printf(out, "\n%s: tasks (* reaches the SoTA, ! not every instance was answered)\n", name);
    write_task_table(r, suite, GRID_PLAIN, out);
}

void write_summary(const struct results *r, struct buf *out)
{
    buf_printf(out, "\n%s: ", r->plan->spec->name);
    write_progress_line(r, out);
    for (size_t s = 0; s < r->plan->suite_count; s++)
        write_suite(r, s, out);
    if (r->failed) {
        buf_append_str(out, "\nFailures (muster failures says why, muster run --retry-failures "
                            "tries again)\n");
        write_failure_table(r, GRID_PLAIN, out);
    }
}
