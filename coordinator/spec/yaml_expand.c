/* ${NAME} and ${NAME:-default} in the scalars of a file. */
#include "common/text.h"
#include "coordinator/spec/yaml_private.h"

/* What stands between ${ and }. */
struct reference {
    const char *name;     /* in the arena */
    const char *fallback; /* NULL: none */
    const char *behind;   /* the text goes on here */
};

static bool is_name_character(char c, bool is_first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!is_first && c >= '0' && c <= '9');
}

/* at: behind the ${. */
static bool parse_reference(struct arena *arena, const char *at, struct reference *out)
{
    size_t len = 0;
    while (is_name_character(at[len], len == 0))
        len++;
    const char *rest = at + len, *end = strchr(rest, '}');
    if (len == 0 || !end || (end != rest && strncmp(rest, ":-", 2) != 0))
        return false;
    out->name = arena_strndup(arena, at, len);
    out->fallback = end == rest ? NULL : arena_strndup(arena, rest + 2, (size_t)(end - rest) - 2);
    out->behind = end + 1;
    return true;
}

/* The value of the variable, or its default; NULL after a problem. */
static const char *value_of(struct yaml_doc *doc, const struct yaml_node *scalar,
                            const struct reference *r)
{
    const char *value = doc->env ? doc->env(doc->env_owner, r->name) : NULL;
    bool is_set = value && *value;
    if (!is_set && r->fallback)
        return r->fallback;
    if (!value) {
        yaml_problem(doc, scalar,
                     "the environment variable %s is not set; set it, or give a default: "
                     "${%s:-text}",
                     r->name, r->name);
        return NULL;
    }
    if (!text_is_utf8(span_str(value))) {
        yaml_problem(doc, scalar, "the environment variable %s is not UTF-8", r->name);
        return NULL;
    }
    return value;
}

/* Append one reference's value. Gives where the text goes on; NULL after a problem. */
static const char *append_reference(struct yaml_doc *doc, const struct yaml_node *scalar,
                                    const char *at, struct buf *out)
{
    struct reference r;
    if (!parse_reference(doc->arena, at, &r)) {
        yaml_problem(doc, scalar, "expected ${NAME} or ${NAME:-default}; write $${ for ${ itself");
        return NULL;
    }
    const char *value = value_of(doc, scalar, &r);
    if (!value)
        return NULL;
    doc->expanded_bytes += strlen(value);
    if (doc->expanded_bytes > YAML_EXPANDED_BYTES_MAX) {
        yaml_problem(doc, scalar, "the environment variables of this file are over 16 MiB");
        return NULL;
    }
    buf_append_str(out, value);
    return r.behind;
}

static bool expand(struct yaml_doc *doc, const struct yaml_node *scalar, struct buf *out)
{
    const char *at = scalar->text;
    while (at && *at) {
        if (strncmp(at, "$${", 3) == 0) {
            buf_append_str(out, "${");
            at += 3;
        } else if (strncmp(at, "${", 2) == 0) {
            at = append_reference(doc, scalar, at + 2, out);
        } else {
            buf_append_byte(out, (uint8_t)*at++);
        }
    }
    return at != NULL;
}

const char *yaml_expand(struct yaml_doc *doc, const struct yaml_node *scalar)
{
    if (!strstr(scalar->text, "${"))
        return scalar->text;
    struct buf out = { 0 };
    const char *text = NULL;
    if (expand(doc, scalar, &out))
        text = arena_strdup(doc->arena, buf_cstr(&out));
    buf_release(&out);
    return text;
}
