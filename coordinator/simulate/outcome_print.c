/* Outcomes for people and for programs. */
#include "coordinator/simulate/outcome_print.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"

enum { CELL_BYTES = 32, SCHEMA = 1, MODEL_COLUMNS = 28 };

static double seconds(double ns)
{
    return ns / 1e9;
}

static double ratio(const struct outcome *o, const struct lower_bound *bound)
{
    return bound->ns > 0 ? (double)o->makespan_ns / (double)bound->ns : 1;
}

void outcome_shares(const struct outcome *o, double *out_run, double *out_load)
{
    double run = 0, load = 0, total = 0;
    for (size_t i = 0; i < o->fleet->cluster->group_count; i++) {
        run += o->groups[i].run_ns;
        load += o->groups[i].load_ns;
        total += o->groups[i].total_ns;
    }
    *out_run = total > 0 ? run / total : 0;
    *out_load = total > 0 ? load / total : 0;
}

/* ---- Text ---- */

static void print_duration(struct buf *out, double ns)
{
    char text[CELL_BYTES];
    text_format_duration(text, sizeof(text), (int64_t)(ns / 1e6));
    buf_append_str(out, text);
}

static void print_count(struct buf *out, uint64_t count)
{
    char text[CELL_BYTES];
    text_format_count(text, sizeof(text), count);
    buf_append_str(out, text);
}

static void print_head(const struct outcome_list *list, struct buf *out)
{
    const struct outcome *o = &list->outcomes[0];
    print_count(out, o->work->instances);
    buf_printf(out, " instances of %zu model%s, on ", o->work->model_count,
               o->work->model_count == 1 ? "" : "s");
    print_count(out, o->fleet->slot_count);
    buf_append_str(out, " slots of ");
    print_count(out, o->fleet->worker_count);
    buf_append_str(out, " workers\nNo policy can take less than ");
    print_duration(out, (double)list->bound.ns);
    buf_printf(out, ": %s\n\n", bound_text(list->bound.kind));
}

static void print_row(const struct outcome_list *list, size_t i, struct buf *out)
{
    const struct outcome *o = &list->outcomes[i];
    double run, load;
    char makespan[CELL_BYTES], loads[CELL_BYTES], attempts[CELL_BYTES], twice[CELL_BYTES];
    outcome_shares(o, &run, &load);
    text_format_duration(makespan, sizeof(makespan), o->makespan_ns / 1000000);
    text_format_count(loads, sizeof(loads), o->loads);
    text_format_count(attempts, sizeof(attempts), o->attempts);
    text_format_count(twice, sizeof(twice), o->run_twice);
    buf_printf(out, "%-13s %10s %8.3f %6.1f%% %6.1f%% %6.1f%% %9s %10s %9s %8.1f\n",
               policy_texts[list->policies[i]], makespan, ratio(o, &list->bound), 100 * run,
               100 * load, 100 * (1 - run - load), loads, attempts, twice,
               seconds(o->lost_ns) / 3600);
}

static void print_groups(const struct outcome *o, struct buf *out)
{
    for (size_t i = 0; i < o->fleet->cluster->group_count; i++) {
        const struct cluster_group *c = &o->fleet->cluster->groups[i];
        const struct outcome_group *g = &o->groups[i];
        double total = g->total_ns > 0 ? g->total_ns : 1;
        buf_printf(out, "  %u workers of %u slots", c->count, c->slots);
        if (*c->gpu) {
            buf_append_str(out, ", ");
            text_append_safe(out, span_str(c->gpu));
        }
        buf_printf(out, ": busy %.1f %%, loading %.1f %%, idle %.1f %%\n", 100 * g->run_ns / total,
                   100 * g->load_ns / total, 100 - 100 * (g->run_ns + g->load_ns) / total);
    }
}

/* ---- Of the models, those that were done last ---- */

enum { MODELS_SHOWN = 12 };

static int by_end_falling(const void *a, const void *b)
{
    const struct outcome_model *x = *(const struct outcome_model *const *)a;
    const struct outcome_model *y = *(const struct outcome_model *const *)b;
    return (x->last_ns < y->last_ns) - (x->last_ns > y->last_ns);
}

static void print_model(const struct outcome *o, const struct outcome_model *m, struct buf *out)
{
    const struct work_model *work = &o->work->models[m - o->models];
    char began[CELL_BYTES], ended[CELL_BYTES], instances[CELL_BYTES];
    text_format_duration(began, sizeof(began), m->first_ns / 1000000);
    text_format_duration(ended, sizeof(ended), m->last_ns / 1000000);
    text_format_count(instances, sizeof(instances), work->instances);
    buf_append_str(out, "  ");
    text_append_safe(out, span_of(work->name, strnlen(work->name, MODEL_COLUMNS)));
    size_t len = strnlen(work->name, MODEL_COLUMNS);
    buf_printf(out, "%*s %13s %8u %8u %12s %12s\n", (int)(MODEL_COLUMNS - len), "", instances,
               m->loads, m->holders_max, began, ended);
}

static void print_models(const struct outcome *o, struct buf *out)
{
    const struct outcome_model **order = xcalloc(o->work->model_count + 1, sizeof(*order));
    size_t count = 0;
    for (size_t i = 0; i < o->work->model_count; i++)
        if (o->models[i].last_ns >= 0)
            order[count++] = &o->models[i];
    qsort(order, count, sizeof(*order), by_end_falling);
    size_t shown = count < MODELS_SHOWN ? count : MODELS_SHOWN;
    if (count > 0)
        buf_printf(out, "\n  %-*s %13s %8s %8s %12s %12s\n", MODEL_COLUMNS,
                   shown < count ? "the last models" : "model", "instances", "loads", "slots",
                   "waited", "done after");
    for (size_t i = 0; i < shown; i++)
        print_model(o, order[i], out);
    if (shown < count)
        buf_printf(out, "  %zu more were done before; --json has all\n", count - shown);
    free(order);
}

void outcome_text(const struct outcome_list *list, struct buf *out)
{
    print_head(list, out);
    buf_append_str(out, "policy          makespan  / bound    busy    load    idle     loads   "
                        "attempts run twice  lost h\n");
    for (size_t i = 0; i < list->count; i++)
        print_row(list, i, out);
    if (list->count == 1 && list->outcomes[0].fleet->cluster->group_count > 1) {
        buf_append_str(out, "\n");
        print_groups(&list->outcomes[0], out);
    }
    if (list->count == 1)
        print_models(&list->outcomes[0], out);
    for (size_t i = 0; i < list->count; i++) {
        const struct outcome *o = &list->outcomes[i];
        if (o->is_complete)
            continue;
        buf_printf(out, "\n%s does not finish: ", policy_texts[list->policies[i]]);
        print_count(out, o->work->instances - o->instances);
        buf_printf(out, " instances are left, and %s.\n", o->why);
    }
}

/* ---- JSON ---- */

static json_t *json_of_groups(const struct outcome *o)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < o->fleet->cluster->group_count; i++) {
        const struct cluster_group *c = &o->fleet->cluster->groups[i];
        const struct outcome_group *g = &o->groups[i];
        json_array_append_new(groups, json_pack("{s:s, s:i, s:i, s:f, s:f, s:f}", "gpu", c->gpu,
                                                "workers", (int)c->count, "slots", (int)c->slots,
                                                "busy_seconds", seconds(g->run_ns), "load_seconds",
                                                seconds(g->load_ns), "idle_seconds",
                                                seconds(g->total_ns - g->run_ns - g->load_ns)));
    }
    return groups;
}

static json_t *json_of_models(const struct outcome *o)
{
    json_t *models = json_array();
    for (size_t i = 0; i < o->work->model_count; i++) {
        const struct outcome_model *m = &o->models[i];
        if (m->first_ns < 0)
            continue;
        json_array_append_new(
            models, json_pack("{s:s, s:I, s:i, s:i, s:f, s:f}", "name", o->work->models[i].name,
                              "instances", (json_int_t)o->work->models[i].instances, "loads",
                              (int)m->loads, "slots_max", (int)m->holders_max, "first_seconds",
                              seconds((double)m->first_ns), "last_seconds",
                              m->last_ns < 0 ? -1 : seconds((double)m->last_ns)));
    }
    return models;
}

static json_t *json_of_outcome(const struct outcome_list *list, size_t i)
{
    const struct outcome *o = &list->outcomes[i];
    double run, load;
    outcome_shares(o, &run, &load);
    json_t *j = json_pack(
        "{s:s, s:b, s:f, s:f, s:f, s:f, s:f}", "policy", policy_texts[list->policies[i]],
        "complete", o->is_complete, "makespan_seconds", seconds((double)o->makespan_ns), "of_bound",
        ratio(o, &list->bound), "busy", run, "load", load, "idle", 1 - run - load);
    check(j);
    if (o->why)
        json_object_set_new(j, "why", json_string(o->why));
    json_object_set_new(j, "instances", json_integer((json_int_t)o->instances));
    json_object_set_new(j, "attempts", json_integer((json_int_t)o->attempts));
    json_object_set_new(j, "loads", json_integer((json_int_t)o->loads));
    json_object_set_new(j, "run_twice", json_integer((json_int_t)o->run_twice));
    json_object_set_new(j, "lost_seconds", json_real(seconds(o->lost_ns)));
    json_object_set_new(j, "groups", json_of_groups(o));
    json_object_set_new(j, "models", json_of_models(o));
    return j;
}

void outcome_json(const struct outcome_list *list, struct buf *out)
{
    const struct work *work = list->outcomes[0].work;
    json_t *blocked = json_array(), *policies = json_array();
    for (size_t i = 0; i < work->model_count; i++)
        if (work->models[i].is_blocked)
            json_array_append_new(blocked, json_string(work->models[i].name));
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(policies, json_of_outcome(list, i));
    json_t *root = json_pack("{s:i, s:I, s:{s:f, s:s}, s:f, s:o, s:o}", "schema", SCHEMA,
                             "instances", (json_int_t)work->instances, "lower_bound", "seconds",
                             seconds((double)list->bound.ns), "from", bound_text(list->bound.kind),
                             "work_seconds", seconds(list->bound.work_ns), "blocked", blocked,
                             "policies", policies);
    check(root);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    check(text);
    buf_append_str(out, text);
    buf_append_str(out, "\n");
    free(text);
    json_decref(root);
}
