/* Printing levels. */
#include "ops/cli/levels_report.h"

#include "common/check.h"
#include "common/suite/suite.h"
#include "common/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static void print_modality(const struct gl_levels *levels, enum modality m, struct buf *out)
{
    const struct gl_modality *modality = &levels->modality[m];
    if (modality->tasks == 0)
        return;
    buf_printf(out, "  %-8s %6u %10u %6u", modality_text(m), modality->tasks, modality->supported,
               modality->wins);
    if (m != MODALITY_NLP)
        buf_printf(out, " %10.2f %10.2f %10.2f", modality->level2, modality->level3,
                   modality->level4);
    buf_append_str(out, "\n");
}

static void print_outcome(enum gl_rule rule, const struct levels_outcome *outcome, struct buf *out)
{
    const struct gl_levels *levels = &outcome->levels;
    buf_printf(out, "\nrule: %s\n", gl_rule_text(rule));
    if (outcome->error_count > 0) {
        buf_append_str(out, "  no levels: the errors say why\n");
        return;
    }
    buf_printf(out, "  %-8s %6s %10s %6s %10s %10s %10s %10s\n", "", "tasks", "supported", "wins",
               "level 2", "level 3", "level 4", "level 5");
    for (int m = 0; m < MODALITY_COUNT; m++) {
        if (m != MODALITY_NLP)
            print_modality(levels, (enum modality)m, out);
    }
    print_modality(levels, MODALITY_NLP, out);
    buf_printf(out, "  %-8s %6s %10s %6s %10.2f %10.2f %10.2f %10.2f\n", "final", "", "", "",
               levels->level2, levels->level3, levels->level4, levels->level5);
}

static void print_verdict(const struct gl_verdict *v, struct buf *out)
{
    const double numbers[] = { v->score, v->sota };
    for (size_t i = 0; i < 2; i++) {
        if (isnan(numbers[i]))
            buf_printf(out, " %9s", "-");
        else
            buf_printf(out, " %9.4g", numbers[i]);
    }
    buf_printf(out, " %-4s", v->win ? "win" : "");
}

static void print_difference(const struct levels_report *r, const struct gl_difference *d,
                             struct buf *out)
{
    const struct gl_row *row = &r->rows[d->row];
    buf_printf(out, "  %-20s", sheet_name_of(row->modality, row->paradigm));
    print_verdict(&d->verdict[GL_OFFICIAL], out);
    print_verdict(&d->verdict[GL_CORRECTED], out);
    buf_append_str(out, " ");
    text_append_safe(out, span_str(row->task));
    buf_append_str(out, " (");
    text_append_safe(out, span_str(row->metric));
    buf_append_str(out, ")\n");
}

static void print_reason(const struct levels_report *r, enum gl_reason reason, struct buf *out)
{
    bool said = false;
    for (size_t i = 0; i < r->difference_count; i++) {
        if (r->differences[i].reason != reason)
            continue;
        if (!said)
            buf_printf(out, "  %s:\n", gl_reason_text(reason));
        said = true;
        print_difference(r, &r->differences[i], out);
    }
}

static void print_differences(const struct levels_report *r, struct buf *out)
{
    buf_printf(out, "\ntasks on which the rules differ: %zu\n", r->difference_count);
    if (r->difference_count == 0)
        return;
    buf_printf(out, "  %-20s %19s %24s\n", "", "official score, SoTA", "corrected score, SoTA");
    for (int reason = 0; reason < GL_REASON_COUNT; reason++)
        print_reason(r, (enum gl_reason)reason, out);
}

void levels_report_text(const struct levels_report *r, struct buf *out)
{
    buf_append_str(out, "General-Level of ");
    text_append_safe(out, span_str(r->model));
    buf_append_str(out, " (");
    text_append_safe(out, span_str(r->table));
    buf_append_str(out, ")\n");
    bool all = true;
    for (int rule = 0; rule < GL_RULE_COUNT; rule++) {
        const struct levels_outcome *outcome = &r->outcome[rule];
        all = all && outcome->wanted && outcome->error_count == 0;
        if (outcome->wanted)
            print_outcome((enum gl_rule)rule, outcome, out);
    }
    if (all)
        print_differences(r, out);
}

/* jansson fails for lack of memory and for what a caller can rule out: bytes that are not UTF-8. */
static json_t *made(json_t *value)
{
    check(value != NULL);
    return value;
}

static void set(json_t *object, const char *key, json_t *value)
{
    check(json_object_set_new(object, key, made(value)) == 0);
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* The tables' readers refuse what is not UTF-8; a name from the command line may be anything. */
static json_t *text(const char *bytes)
{
    struct buf clean = { 0 };
    text_append_utf8(&clean, span_str(bytes));
    json_t *value = made(json_string(buf_cstr(&clean)));
    buf_release(&clean);
    return value;
}

static json_t *modality_json(enum modality m, const struct gl_modality *modality)
{
    json_t *object = made(json_object());
    if (m != MODALITY_NLP) {
        set(object, "level2", number(modality->level2));
        set(object, "level3", number(modality->level3));
        set(object, "level4", number(modality->level4));
    }
    set(object, "supported", json_integer(modality->supported));
    set(object, "tasks", json_integer(modality->tasks));
    set(object, "wins", json_integer(modality->wins));
    return object;
}

static json_t *levels_json(const struct gl_levels *levels)
{
    json_t *object = made(json_object());
    set(object, "level2", number(levels->level2));
    set(object, "level3", number(levels->level3));
    set(object, "level4", number(levels->level4));
    set(object, "level5", number(levels->level5));
    return object;
}

static json_t *outcome_json(enum gl_rule rule, const struct levels_outcome *outcome)
{
    json_t *object = made(json_object());
    set(object, "rule", json_string(gl_rule_text(rule)));
    if (outcome->error_count > 0) {
        json_t *errors = made(json_array());
        for (size_t i = 0; i < outcome->error_count; i++)
            check(json_array_append_new(errors, text(outcome->errors[i])) == 0);
        set(object, "errors", errors);
        return object;
    }
    json_t *modalities = made(json_object());
    for (int i = 1; i <= MODALITY_COUNT; i++) { /* NLP, the first, goes last */
        enum modality m = (enum modality)(i % MODALITY_COUNT);
        const struct gl_modality *modality = &outcome->levels.modality[m];
        if (modality->tasks > 0)
            set(modalities, modality_text(m), modality_json(m, modality));
    }
    set(object, "final", levels_json(&outcome->levels));
    set(object, "modality", modalities);
    return object;
}

static json_t *verdict_json(const struct gl_verdict *v)
{
    json_t *object = made(json_object());
    set(object, "score", number(v->score));
    set(object, "sota", number(v->sota));
    set(object, "win", json_boolean(v->win));
    return object;
}

static json_t *difference_json(const struct levels_report *r, const struct gl_difference *d)
{
    const struct gl_row *row = &r->rows[d->row];
    json_t *object = made(json_object());
    set(object, "sheet", json_string(sheet_name_of(row->modality, row->paradigm)));
    set(object, "task", text(row->task));
    set(object, "metric", text(row->metric));
    set(object, "reason", json_string(gl_reason_text(d->reason)));
    set(object, "official", verdict_json(&d->verdict[GL_OFFICIAL]));
    set(object, "corrected", verdict_json(&d->verdict[GL_CORRECTED]));
    return object;
}

static json_t *report_json(const struct levels_report *r)
{
    const struct levels_outcome *official = &r->outcome[GL_OFFICIAL];
    const struct levels_outcome *corrected = &r->outcome[GL_CORRECTED];
    if (!official->wanted)
        return outcome_json(GL_CORRECTED, corrected);
    json_t *object = outcome_json(GL_OFFICIAL, official);
    if (!corrected->wanted)
        return object;
    json_t *differences = made(json_array());
    for (size_t i = 0; i < r->difference_count; i++)
        check(json_array_append_new(differences, difference_json(r, &r->differences[i])) == 0);
    set(object, "corrected", outcome_json(GL_CORRECTED, corrected));
    set(object, "differences", differences);
    return object;
}

void levels_report_json(const struct levels_report *r, struct buf *out)
{
    json_t *object = report_json(r);
    char *dumped = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    check(dumped != NULL);
    buf_append_str(out, dumped);
    buf_append_str(out, "\n");
    free(dumped);
    json_decref(object);
}
