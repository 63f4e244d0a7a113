#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/io/table.h"
#include "coordinator/report/write.h"

void write_number(double value, struct buf *out)
{
    char text[40] = "";
    for (int digits = 15; !isnan(value) && digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_append_str(out, text);
}

static void field(struct buf *out, const char *text)
{
    csv_append_field(out, span_str(text), true);
    buf_append_byte(out, ',');
}

static void number(struct buf *out, double value)
{
    write_number(value, out);
    buf_append_byte(out, ',');
}

static void end_line(struct buf *out)
{
    out->data[out->len - 1] = '\n'; /* in place of the last comma */
}

void write_csv(const struct results *r, struct buf *out)
{
    buf_append_str(out, "model,role,suite,task_path,task,modality,paradigm,metric,score,sota,"
                        "sota_by,instances,answered,failed,missing\n");
    for (size_t i = 0; i < r->plan->cell_count; i++) {
        const struct plan_cell *at = &r->plan->cells[i];
        const struct report_cell *c = results_cell(r, at->model, at->task);
        const struct plan_task *t = &r->plan->tasks[at->task];
        const struct report_task *reference = &r->tasks[at->task];
        const struct spec_model *m = r->plan->models[at->model].spec;
        field(out, m->definition.name);
        field(out, spec_role_text(m->role));
        field(out, t->suite->config.name);
        field(out, t->task->path);
        field(out, t->task->name);
        field(out, modality_text(t->task->modality));
        field(out, paradigm_text(t->task->paradigm));
        field(out, t->task->metric_name);
        number(out, c->score);
        number(out, reference->sota);
        field(out, reference->specialist ? reference->specialist : "");
        buf_printf(out, "%llu,%llu,%llu,%llu,", (unsigned long long)c->wanted,
                   (unsigned long long)c->answered, (unsigned long long)(c->ended - c->answered),
                   (unsigned long long)(c->wanted - c->ended));
        end_line(out);
    }
}

/* In the form that suites and `muster levels` read. */
void write_sota_csv(const struct results *r, size_t suite, struct buf *out)
{
    size_t number_of_row = 0;
    buf_append_str(out, "modality,paradigm,no,task,metric,sota,specialist\n");
    for (size_t i = 0; i < r->plan->task_count; i++) {
        const struct task *t = r->plan->tasks[i].task;
        if (r->plan->tasks[i].suite != &r->plan->spec->suites[suite])
            continue;
        field(out, modality_text(t->modality));
        field(out, paradigm_text(t->paradigm));
        buf_printf(out, "%zu,", ++number_of_row);
        field(out, t->name);
        field(out, t->metric_name);
        number(out, r->tasks[i].sota);
        field(out, r->tasks[i].specialist ? r->tasks[i].specialist : "");
        end_line(out);
    }
}
