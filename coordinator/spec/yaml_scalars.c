/* A mapping of scalars, whose types are what they look like, as JSON. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/text.h"
#include "coordinator/spec/yaml_private.h"
#include "proto/definition/json_text.h"

static int by_key(const void *a, const void *b)
{
    const struct yaml_entry *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static bool is_true(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "True") == 0 || strcmp(text, "TRUE") == 0;
}

static bool is_false(const char *text)
{
    return strcmp(text, "false") == 0 || strcmp(text, "False") == 0 || strcmp(text, "FALSE") == 0;
}

/* [-+] digits, without the leading zeros that some readers take for octal. */
static bool parse_integer(const char *text, int64_t *out)
{
    bool is_negative = *text == '-';
    text += *text == '-' || *text == '+';
    uint64_t value;
    if ((text[0] == '0' && text[1]) || !text_parse_u64(text, &value) || value > INT64_MAX)
        return false;
    *out = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool is_real(const char *text, double *out)
{
    return strpbrk(text, ".eE") && text_parse_double(text, out);
}

static void append_scalar(struct buf *out, const struct yaml_node *node, const char *text)
{
    int64_t integer;
    double real;
    if (node->quoted)
        json_append_text(out, text);
    else if (yaml_is_nothing(node, text))
        buf_append_str(out, "null");
    else if (is_true(text) || is_false(text))
        buf_append_str(out, is_true(text) ? "true" : "false");
    else if (parse_integer(text, &integer))
        buf_printf(out, "%" PRId64, integer);
    else if (is_real(text, &real))
        json_append_real(out, real);
    else
        json_append_text(out, text);
}

static bool append_scalars(struct yaml_doc *doc, const struct yaml_entry *entries, size_t count,
                           struct buf *out)
{
    bool fine = true;
    buf_append_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *value = entries[i].node;
        const char *text = value->kind == NODE_SCALAR ? yaml_expand(doc, value) : NULL;
        if (value->kind != NODE_SCALAR)
            yaml_wrong(doc, value, NULL, "a text, a number, true, false or null");
        if (!text) {
            fine = false;
            continue;
        }
        json_key(out, entries[i].key);
        append_scalar(out, value, text);
    }
    buf_append_byte(out, '}');
    return fine;
}

bool yaml_scalars(struct yaml_doc *doc, const struct yaml_node *node, const char **out_json)
{
    if (!yaml_free_mapping(doc, node, "a mapping of texts, numbers, true, false or null"))
        return false;
    struct yaml_entry *sorted = arena_alloc(doc->arena, (node->count + 1) * sizeof(*sorted));
    if (node->count > 0)
        memcpy(sorted, node->entries, node->count * sizeof(*sorted));
    qsort(sorted, node->count, sizeof(*sorted), by_key);
    struct buf out = { 0 };
    bool fine = append_scalars(doc, sorted, node->count, &out);
    if (fine)
        *out_json = arena_strdup(doc->arena, buf_cstr(&out));
    buf_release(&out);
    return fine;
}
