#include <jansson.h>
#include <math.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"
#include "coordinator/report/write.h"

enum { SCHEMA = 1 };

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* A folder's name may be no UTF-8, which jansson would refuse. */
static json_t *text(const char *s)
{
    if (!s)
        return json_null();
    struct buf clean = { 0 };
    text_append_utf8(&clean, span_str(s));
    json_t *o = json_stringn(buf_cstr(&clean), clean.len);
    buf_release(&clean);
    return o;
}

static json_t *modality_json(const struct gl_modality *m, bool nlp)
{
    json_t *o = json_object();
    json_object_set_new(o, "tasks", count(m->tasks));
    json_object_set_new(o, "supported", count(m->supported));
    json_object_set_new(o, "wins", count(m->wins));
    if (nlp)
        return o;
    json_object_set_new(o, "level2", number(m->level2));
    json_object_set_new(o, "level3", number(m->level3));
    json_object_set_new(o, "level4", number(m->level4));
    return o;
}

static json_t *no_levels_json(const struct results *r, size_t model, size_t suite,
                              enum gl_rule rule)
{
    struct buf why = { 0 };
    results_say_no_levels(r, model, suite, rule, &why);
    json_t *o = json_object();
    json_object_set_new(o, "error", text(buf_cstr(&why)));
    buf_release(&why);
    return o;
}

static json_t *levels_json(const struct results *r, size_t model, size_t suite, enum gl_rule rule)
{
    const struct report_levels *l = results_levels(r, model, suite, rule);
    if (!l->ok)
        return no_levels_json(r, model, suite, rule);
    json_t *o = json_object();
    json_t *final = json_object();
    json_object_set_new(final, "level2", number(l->levels.level2));
    json_object_set_new(final, "level3", number(l->levels.level3));
    json_object_set_new(final, "level4", number(l->levels.level4));
    json_object_set_new(final, "level5", number(l->levels.level5));
    json_object_set_new(o, "class", json_integer(results_class(l)));
    json_object_set_new(o, "final", final);
    json_t *modalities = json_object();
    for (int m = 0; m < MODALITY_COUNT; m++)
        if (l->levels.modality[m].tasks)
            json_object_set_new(modalities, modality_text((enum modality)m),
                                modality_json(&l->levels.modality[m], m == MODALITY_NLP));
    json_object_set_new(o, "modality", modalities);
    return o;
}

static json_t *cell_json(const struct results *r, size_t model, size_t task)
{
    const struct report_cell *c = results_cell(r, model, task);
    json_t *o = json_object();
    json_object_set_new(o, "task", text(r->plan->tasks[task].task->path));
    json_object_set_new(o, "suite", text(r->plan->tasks[task].suite->config.name));
    json_object_set_new(o, "score", number(c->score));
    json_object_set_new(o, "instances", count(c->wanted));
    json_object_set_new(o, "answered", count(c->answered));
    json_object_set_new(o, "missing", count(c->wanted - c->ended));
    json_t *failed = json_object();
    for (int s = 0; s < STATUS_COUNT; s++)
        if (s != STATUS_OK && c->tally.count[s])
            json_object_set_new(failed, status_text((status)s), count(c->tally.count[s]));
    json_object_set_new(o, "failed", failed);
    return o;
}

static json_t *model_json(const struct results *r, size_t model)
{
    const struct plan_model *m = &r->plan->models[model];
    const struct report_model *v = &r->models[model];
    char identity[DIGEST_HEX_BYTES];
    digest_hex(&m->identity, identity);
    json_t *o = json_object();
    json_object_set_new(o, "name", text(m->spec->definition.name));
    json_object_set_new(o, "role", text(spec_role_text(m->spec->role)));
    json_object_set_new(o, "identity", text(identity));
    json_object_set_new(o, "revision", text(m->revision));
    json_object_set_new(o, "precision", text(m->spec->precision));
    json_object_set_new(o, "instances", count(v->wanted));
    json_object_set_new(o, "ended", count(v->ended));
    json_object_set_new(o, "failed", count(v->failed));
    json_t *levels = json_object();
    for (size_t s = 0; results_is_ranked(r, model) && s < r->plan->suite_count; s++) {
        json_t *rules = json_object();
        for (int rule = 0; rule < GL_RULE_COUNT; rule++)
            json_object_set_new(rules, gl_rule_text((enum gl_rule)rule),
                                levels_json(r, model, s, (enum gl_rule)rule));
        json_object_set_new(levels, r->plan->spec->suites[s].config.name, rules);
    }
    json_object_set_new(o, "levels", levels);
    json_t *tasks = json_array();
    for (size_t t = 0; t < r->plan->task_count; t++)
        if (results_cell(r, model, t)->planned)
            json_array_append_new(tasks, cell_json(r, model, t));
    json_object_set_new(o, "tasks", tasks);
    return o;
}

static json_t *task_json(const struct results *r, size_t task)
{
    const struct plan_task *t = &r->plan->tasks[task];
    char identity[DIGEST_HEX_BYTES];
    digest_hex(&t->identity, identity);
    json_t *o = json_object();
    json_object_set_new(o, "suite", text(t->suite->config.name));
    json_object_set_new(o, "task", text(t->task->path));
    json_object_set_new(o, "name", text(t->task->name));
    json_object_set_new(o, "identity", text(identity));
    json_object_set_new(o, "modality", text(modality_text(t->task->modality)));
    json_object_set_new(o, "paradigm", text(paradigm_text(t->task->paradigm)));
    json_object_set_new(o, "metric", text(t->task->metric_name));
    json_object_set_new(o, "lower_is_better", json_boolean(t->task->metric->lower_is_better));
    json_object_set_new(o, "sota", number(r->tasks[task].sota));
    json_object_set_new(o, "sota_by", text(r->tasks[task].specialist));
    json_object_set_new(o, "size", count(t->task->size));
    json_object_set_new(o, "instances", count(t->wanted_count));
    return o;
}

static json_t *head_json(const struct results *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(SCHEMA));
    json_object_set_new(o, "sweep", text(r->plan->spec->name));
    json_object_set_new(o, "complete", json_boolean(r->ended == r->wanted));
    json_object_set_new(o, "instances", count(r->wanted));
    json_object_set_new(o, "ended", count(r->ended));
    json_object_set_new(o, "failed", count(r->failed));
    return o;
}

/* ---- Part by part ----
 *
 * 100 models on 700 tasks are 70,000 scores: as one tree of values they took more memory than the
 * whole sweep. So the document is put together from the texts of its parts, a model at a time. */

struct part {
    struct buf *out;
    size_t depth; /* of the part in the document; a level is a space */
};

static int on_text(const char *text, size_t len, void *owner)
{
    static const char spaces[] = "        ";
    const struct part *part = owner;
    check(part->depth < sizeof(spaces));
    const char *end = text + len, *stop;
    while ((stop = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        buf_append(part->out, text, (size_t)(stop + 1 - text));
        buf_append(part->out, spaces, part->depth); /* no string of JSON holds a line's end */
        text = stop + 1;
    }
    buf_append(part->out, text, (size_t)(end - text));
    return 0;
}

static void append_part(struct buf *out, json_t *part, size_t depth)
{
    struct part to = { out, depth };
    check(json_dump_callback(part, on_text, &to, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) == 0);
    json_decref(part);
}

static void append_list(struct buf *out, const char *name, const struct results *r, size_t count,
                        json_t *(*item)(const struct results *r, size_t i))
{
    buf_printf(out, ",\n \"%s\": [", name);
    for (size_t i = 0; i < count; i++) {
        buf_append_str(out, i ? ",\n  " : "\n  ");
        append_part(out, item(r, i), 2);
    }
    buf_append_str(out, count ? "\n ]" : "]");
}

void write_json(const struct results *r, struct buf *out)
{
    append_part(out, head_json(r), 0);
    out->len -= strlen("\n}"); /* it goes on */
    append_list(out, "tasks", r, r->plan->task_count, task_json);
    append_list(out, "models", r, r->plan->model_count, model_json);
    buf_append_str(out, "\n}\n");
}
