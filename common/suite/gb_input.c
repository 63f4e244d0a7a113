/* The input of an item, as a request has it. An item is {id, input, output}; older tasks keep parts
 * of the input beside it. */
#include <stdlib.h>

#include "common/mem.h"
#include "common/suite/general_bench.h"

/* Inputs that stand beside `input` in an item, and what a request calls them. Nothing else is
 * taken from there: it could be the answer. */
static const struct outer {
    const char *key, *name;
} outers[] = {
    { "document", "document" },   { "document_list", "document_list" },
    { "dialog", "dialog" },       { "language", "language" },
    { "goal", "goal" },           { "context", "context" },
    { "func", "func" },           { "code", "code" },
    { "statement", "statement" }, { "problem", "problem" },
    { "in", "source_lang" },      { "out", "target_lang" },
};

static err resolve_name(const struct gb_item *g, enum gb_field field, const char *key,
                        json_t *value, json_t **out, struct errmsg *msg)
{
    struct errmsg why = { 0 };
    struct buf path = { 0 };
    const char *name = json_string_value(value);
    if (!name)
        return err_say(msg, ERR_INVALID, "%s: expected the name of a file", key);
    err e = gb_media_resolve(g->media, field, name, &path, &why);
    if (e)
        e = err_say(msg, e, "%s: %s", key, why.text);
    else if (!(*out = json_string((const char *)path.data)))
        e = err_say(msg, ERR_INVALID, "%s: '%s' is not UTF-8", key, name);
    buf_release(&path);
    return e;
}

/* The value with names made absolute: text, or a list of texts. The caller owns *out. */
static err resolve_value(const struct gb_item *g, enum gb_field field, const char *key,
                         json_t *value, json_t **out, struct errmsg *msg)
{
    if (json_is_null(value)) {
        *out = json_null();
        return OK;
    }
    if (!json_is_array(value))
        return resolve_name(g, field, key, value, out, msg);
    *out = json_array();
    err e = OK;
    for (size_t i = 0; i < json_array_size(value) && !e; i++) {
        json_t *name = NULL;
        e = resolve_name(g, field, key, json_array_get(value, i), &name, msg);
        if (!e)
            (void)json_array_append_new(*out, name); /* fails for want of memory alone */
    }
    if (e) {
        json_decref(*out);
        *out = NULL;
    }
    return e;
}

err gb_resolve_object(const struct gb_item *g, json_t *object, json_t **out, struct errmsg *msg)
{
    const char *key;
    json_t *value;
    err e = OK;
    json_t *copy = json_copy(object);
    json_object_foreach(object, key, value)
    {
        enum gb_field field = gb_field_of(g->task->modality, key);
        json_t *resolved = NULL;
        if (e || field == GB_PLAIN)
            continue;
        e = resolve_value(g, field, key, value, &resolved, msg);
        if (!e)
            (void)json_object_set_new(copy, key, resolved); /* fails for want of memory alone */
    }
    if (e)
        json_decref(copy);
    else
        *out = copy;
    return e;
}

/* The last <<< of a text before `end`; NULL: none. */
static const char *last_open(const char *text, const char *end)
{
    const char *found = NULL;
    for (const char *at = text; end - at >= 3; at++)
        found = strncmp(at, "<<<", 3) == 0 ? at : found;
    return found;
}

/* Append text with every <<<key>>> replaced by the text that the input has under that key. What is
 * too long for a request anyway is not made longer. */
static void fill_in(const json_t *input, const char *text, struct buf *out)
{
    for (const char *close; out->len < HOST_LINE_BYTES_MAX && (close = strstr(text, ">>>"));) {
        const char *open = last_open(text, close), *value = NULL;
        if (open) {
            char *key = xstrndup(open + 3, (size_t)(close - open) - 3);
            value = json_string_value(json_object_get(input, key));
            free(key);
        }
        buf_append(out, text, (size_t)((value ? open : close + 3) - text));
        buf_append_str(out, value ? value : "");
        text = close + 3;
    }
    buf_append_str(out, text);
}

static void fill_in_prompt(json_t *input)
{
    const char *prompt = json_string_value(json_object_get(input, "prompt"));
    if (!prompt || !strstr(prompt, "<<<"))
        return;
    struct buf filled = { 0 };
    fill_in(input, prompt, &filled);
    (void)json_object_set_new(input, "prompt", json_stringn((const char *)filled.data, filled.len));
    buf_release(&filled);
}

err gb_instance_input(const struct gb_item *g, const json_t *item, json_t **out, struct errmsg *msg)
{
    json_t *given = json_object_get(item, "input"), *input = NULL;
    if (json_is_object(given)) {
        err e = gb_resolve_object(g, given, &input, msg);
        if (e)
            return e;
    } else if (!given || json_is_null(given) || json_is_string(given)) {
        input = json_object();
        if (json_is_string(given))
            (void)json_object_set(input, "text", given);
    } else {
        return err_say(msg, ERR_INVALID, "input: expected an object or text");
    }
    for (size_t i = 0; i < sizeof(outers) / sizeof(outers[0]); i++) {
        json_t *value = json_object_get(item, outers[i].key);
        if (value && !json_object_get(input, outers[i].name))
            (void)json_object_set(input, outers[i].name, value);
    }
    if (json_object_size(input) == 0) {
        json_decref(input);
        return err_say(msg, ERR_INVALID, "input: there is nothing to ask");
    }
    fill_in_prompt(input);
    *out = input;
    return OK;
}
