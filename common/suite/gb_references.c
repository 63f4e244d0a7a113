/* The references of an item. Which part of the output they are depends on the annotation's `type`.
 * To add a type: a line in `types`. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/mem.h"
#include "common/suite/general_bench.h"

/* How an output becomes references. */
enum form {
    FORM_VALUE,  /* the value of the first key of `keys` that is there */
    FORM_PROOF,  /* the steps, a line each, and the conclusion */
    FORM_SERIES, /* the value, a list being one reference */
    FORM_FIRST,  /* the value of the first key, whatever it is */
    FORM_LABELS  /* as FORM_FIRST: labels with ", " between them, or a list of labels */
};

static const struct type {
    const char *name;
    enum form form;
    const char *keys[2]; /* a dot goes one object deeper */
} types[] = {
    { "MultipleChoiceQA", FORM_VALUE, { "answer" } },
    { "OpenQA", FORM_VALUE, { "answer" } },
    { "Summarization", FORM_VALUE, { "summary", "highlights" } },
    { "Translation", FORM_VALUE, { "translation" } },
    { "Story Generation", FORM_VALUE, { "story" } },
    { "Dialogue", FORM_VALUE, { "reference", "response" } },
    { "Code Generation", FORM_VALUE, { "response.content" } },
    { "Code Repair", FORM_VALUE, { "repairCode" } },
    { "Code Defect Detection", FORM_VALUE, { "target" } },
    { "Text to SQL", FORM_VALUE, { "sql" } },
    { "Code Explanation", FORM_VALUE, { "nl" } },
    { "Proof", FORM_PROOF, { NULL } },
    { "Mathematical Word Problem Solving", FORM_VALUE, { "solution.final_answer" } },
    { "Paraphrase Generation", FORM_VALUE, { "paraphraseSentence" } },
    { "Grammar Correction", FORM_VALUE, { "Standard English" } },
    { "Text Style Transfer", FORM_VALUE, { "answer" } },
    { "Table-to-Text Generation", FORM_VALUE, { "response.text" } },
    { "Time Series", FORM_SERIES, { "target" } },
    { "classification", FORM_FIRST, { NULL } },
    { "multiple choice", FORM_FIRST, { NULL } },
    { "multi label classification", FORM_LABELS, { NULL } },
    { "ner", FORM_LABELS, { NULL } },
    { "extraction", FORM_LABELS, { NULL } },
    { "relation extraction", FORM_LABELS, { NULL } },
    { "event detection", FORM_LABELS, { NULL } },
    { "parsing", FORM_LABELS, { NULL } },
};

/* Every other type: `text` and `answer` are what comprehension tasks call it. */
static const char *const usual_keys[] = { "text", "answer", "prediction" };

/* The fewest digits that read back as the same number, without an exponent where people write none:
 * 100 and not 1e+02, which no answer would equal. */
static const char *real_text(double value, struct arena *arena)
{
    char text[32];
    int digits = 1;
    snprintf(text, sizeof(text), "%.0e", value);
    while (digits < 17 && strtod(text, NULL) != value)
        snprintf(text, sizeof(text), "%.*e", digits++, value);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10), decimals = digits - 1 - exponent;
    if (exponent < -4 || exponent > 15)
        return arena_strdup(arena, text);
    return arena_format(arena, "%.*f", decimals > 0 ? decimals : 0, value);
}

const char *gb_scalar_text(const json_t *value, struct arena *arena)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        return arena_format(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return real_text(json_real_value(value), arena);
    return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : NULL;
}

struct references {
    const struct gb_item *g;
    struct span *list; /* REFERENCES_MAX */
    size_t count;
    struct errmsg *msg;
};

static err add_text(struct references *r, struct span text)
{
    if (r->count == REFERENCES_MAX)
        return err_say(r->msg, ERR_INVALID, "output: more than %d references", REFERENCES_MAX);
    if (text.len > ANSWER_BYTES_MAX)
        return err_say(r->msg, ERR_INVALID, "output: a reference of %zu bytes; the limit is %d",
                       text.len, ANSWER_BYTES_MAX);
    r->list[r->count++] = text;
    return OK;
}

/* One reference: text as it is, anything else as JSON. */
static err add_value(struct references *r, const json_t *value)
{
    if (json_is_string(value))
        return add_text(r, span_of(json_string_value(value), json_string_length(value)));
    const char *scalar = gb_scalar_text(value, r->g->arena);
    if (scalar)
        return add_text(r, span_str(scalar));
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *text = arena_strdup(r->g->arena, dump ? dump : "null");
    free(dump);
    return add_text(r, span_str(text));
}

/* A list of texts or numbers is so many references; every other value is one. */
static err add_values(struct references *r, const json_t *value)
{
    bool plain = json_is_array(value) && json_array_size(value) > 0;
    for (size_t i = 0; i < json_array_size(value); i++)
        plain = plain && gb_scalar_text(json_array_get(value, i), r->g->arena);
    if (!plain)
        return add_value(r, value);
    err e = OK;
    for (size_t i = 0; i < json_array_size(value) && !e; i++)
        e = add_value(r, json_array_get(value, i));
    return e;
}

static const json_t *find_dotted(const json_t *object, const char *key)
{
    const char *dot = strchr(key, '.');
    if (!dot)
        return json_object_get(object, key);
    char *outer = xstrndup(key, (size_t)(dot - key));
    const json_t *inner = json_object_get(object, outer);
    free(outer);
    return json_object_get(inner, dot + 1);
}

static const json_t *first_value(json_t *object)
{
    return json_object_iter_value(json_object_iter(object));
}

/* A scorer program may do without. */
static err take_none(const struct references *r)
{
    if (r->g->task->metric->kind == METRIC_SCORED)
        return OK;
    return err_say(r->msg, ERR_INVALID,
                   "output: there is no reference (a closed set is scored by its owners)");
}

/* Something to compare with: not null, not an empty list or object. */
static bool says_something(const json_t *value)
{
    if (!value || json_is_null(value))
        return false;
    return !(json_is_array(value) && json_array_size(value) == 0) &&
           !(json_is_object(value) && json_object_size(value) == 0);
}

static const json_t *find_keys(const json_t *output, const char *const *keys, size_t count)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < count && !found; i++) {
        const json_t *value = keys[i] ? find_dotted(output, keys[i]) : NULL;
        found = says_something(value) ? value : NULL;
    }
    return found;
}

static err add_proof(struct references *r, const json_t *output)
{
    const json_t *proof = json_object_get(output, "proof");
    const json_t *steps = json_object_get(proof, "steps");
    const char *conclusion = json_string_value(json_object_get(proof, "conclusion"));
    struct buf text = { 0 };
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *step = json_string_value(json_array_get(steps, i));
        buf_printf(&text, "%s%s", i ? "\n" : "", step ? step : "");
    }
    buf_printf(&text, "\nConclusion: %s", conclusion ? conclusion : "");
    const char *kept = arena_copy(r->g->arena, text.data, text.len);
    size_t len = text.len;
    buf_release(&text);
    if (!json_is_object(proof))
        return err_say(r->msg, ERR_INVALID, "output: expected 'proof', an object");
    return add_text(r, span_of(kept, len));
}

/* Labels with <p> between them, as METRIC_MICRO_F1 wants them. */
static err add_labels(struct references *r, const json_t *value)
{
    struct buf text = { 0 };
    err e = OK;
    if (json_is_string(value)) {
        const char *at = json_string_value(value);
        for (const char *comma; (comma = strstr(at, ", ")); at = comma + 2) {
            buf_append(&text, at, (size_t)(comma - at));
            buf_append_str(&text, "<p>");
        }
        buf_append_str(&text, at);
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value) && !e; i++) {
            const char *label = gb_scalar_text(json_array_get(value, i), r->g->arena);
            buf_printf(&text, "%s%s", i ? "<p>" : "", label ? label : "");
            e = label ? OK : err_say(r->msg, ERR_INVALID, "output: a label is no text");
        }
    } else {
        e = err_say(r->msg, ERR_INVALID, "output: expected labels, as text or a list");
    }
    const char *kept = arena_copy(r->g->arena, text.data, text.len);
    if (!e)
        e = add_text(r, span_of(kept, text.len));
    buf_release(&text);
    return e;
}

/* For a scorer program everything may matter: a single value as such, more as the whole object. */
static err add_whole(struct references *r, json_t *output)
{
    return json_object_size(output) == 1 ? add_values(r, first_value(output))
                                         : add_value(r, output);
}

static err add_usual(struct references *r, json_t *output)
{
    const json_t *value = find_keys(output, usual_keys, sizeof(usual_keys) / sizeof(usual_keys[0]));
    if (!value && r->g->task->metric->kind == METRIC_SCORED)
        return add_whole(r, output);
    value = value ? value : first_value(output);
    return says_something(value) ? add_values(r, value) : take_none(r);
}

static err add_by_type(struct references *r, json_t *output)
{
    const struct type *type = NULL;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && !type; i++)
        type = strcasecmp(types[i].name, r->g->type) == 0 ? &types[i] : NULL;
    if (!type)
        return add_usual(r, output);
    const json_t *value = type->keys[0] ? find_keys(output, type->keys, 2) : first_value(output);
    if (!value && type->form != FORM_PROOF)
        return err_say(r->msg, ERR_INVALID, "output: a %s needs '%s'%s%s%s", type->name,
                       type->keys[0] ? type->keys[0] : "a value", type->keys[1] ? " or '" : "",
                       type->keys[1] ? type->keys[1] : "", type->keys[1] ? "'" : "");
    /* The first key may be there and hold nothing; but no labels at all are labels, too. */
    bool no_labels = type->form == FORM_LABELS && json_is_array(value);
    if (type->form != FORM_PROOF && !no_labels && !says_something(value))
        return take_none(r);
    switch (type->form) {
    case FORM_PROOF: return add_proof(r, output);
    case FORM_LABELS: return add_labels(r, value);
    case FORM_SERIES: return add_value(r, value);
    case FORM_VALUE:
    case FORM_FIRST: break;
    }
    return add_values(r, value);
}

static err add_output(struct references *r, json_t *output)
{
    if (!json_is_object(output))
        return add_values(r, output);
    json_t *resolved = NULL;
    err e = gb_resolve_object(r->g, output, &resolved, r->msg);
    if (!e)
        e = add_by_type(r, resolved);
    if (resolved) { /* its texts are borrowed: keep them as long as the arena */
        for (size_t i = 0; i < r->count; i++) {
            const struct span s = r->list[i];
            r->list[i] = span_of(arena_copy(r->g->arena, s.data, s.len), s.len);
        }
        json_decref(resolved);
    }
    return e;
}

err gb_instance_references(const struct gb_item *g, const json_t *item, struct span **out,
                           size_t *out_count, struct errmsg *msg)
{
    struct references r = { .g = g, .msg = msg };
    r.list = arena_alloc(g->arena, REFERENCES_MAX * sizeof(*r.list));
    json_t *output = json_object_get(item, "output");
    err e = says_something(output) ? add_output(&r, output) : take_none(&r);
    if (e)
        return e;
    *out = r.list;
    *out_count = r.count;
    return OK;
}
