/* What is said of a wrong value: where it stands, what was expected, what is there. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/text.h"
#include "coordinator/spec/yaml_private.h"

enum { FOUND_BYTES_MAX = 60 }; /* of a wrong value, shown */

/* ---- Where ---- */

static bool is_word(const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_")] == '\0';
}

/* suites[0].scorers["audio/generation/x"] */
static void append_path(struct buf *out, const struct yaml_node *node)
{
    if (!node->parent)
        return;
    append_path(out, node->parent);
    if (!node->key) {
        buf_printf(out, "[%zu]", node->index);
    } else if (is_word(node->key)) {
        buf_append_str(out, out->len > 0 ? "." : "");
        buf_append_str(out, node->key);
    } else {
        struct span key = text_cut(span_str(node->key), FOUND_BYTES_MAX);
        buf_printf(out, "[\"%.*s\"]", (int)key.len, node->key);
    }
}

void yaml_problem_at(struct yaml_doc *doc, const struct yaml_node *node, uint32_t line,
                     const char *sentence)
{
    struct buf path = { 0 };
    append_path(&path, node);
    problems_add(doc->problems, line, "%s:%u: %s%s%s", doc->name, line, buf_cstr(&path),
                 path.len > 0 ? ": " : "", sentence);
    buf_release(&path);
}

void yaml_problem(struct yaml_doc *doc, const struct yaml_node *node, const char *format, ...)
{
    char *sentence;
    va_list args;
    va_start(args, format);
    check(vasprintf(&sentence, format, args) >= 0);
    va_end(args);
    yaml_problem_at(doc, node, node->line, sentence);
    free(sentence);
}

/* ---- What was found ---- */

bool yaml_is_nothing(const struct yaml_node *scalar, const char *text)
{
    return !scalar->quoted &&
           (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
            strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0);
}

const char *yaml_quoted(struct yaml_doc *doc, const char *text)
{
    size_t len = strlen(text), shown = text_cut(span_of(text, len), FOUND_BYTES_MAX).len;
    return arena_format(doc->arena, "\"%.*s\"%s", (int)shown, text, shown < len ? "..." : "");
}

void yaml_wrong(struct yaml_doc *doc, const struct yaml_node *node, const char *text,
                const char *expected)
{
    const char *found = "a mapping";
    if (node->kind == NODE_LIST)
        found = node->count > 0 ? "a list" : "an empty list";
    else if (node->kind == NODE_SCALAR)
        found = yaml_is_nothing(node, text) ? "nothing" : yaml_quoted(doc, text);
    yaml_problem(doc, node, "expected %s, found %s", expected, found);
}
