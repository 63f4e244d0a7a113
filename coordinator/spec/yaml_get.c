/* The typed getters of yaml_doc.h. The one for free mappings is in yaml_scalars.c. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/spec/yaml_private.h"

enum { EXPECTED_BYTES = 128 };

/* The expanded text of something that must be a scalar and not nothing; NULL: not there, or a
 * problem was added. */
static const char *scalar(struct yaml_doc *doc, const struct yaml_node *node, const char *expected)
{
    if (!node)
        return NULL;
    if (node->kind != NODE_SCALAR) {
        yaml_wrong(doc, node, NULL, expected);
        return NULL;
    }
    const char *text = yaml_expand(doc, node);
    if (text && yaml_is_nothing(node, text)) {
        yaml_wrong(doc, node, text, expected);
        return NULL;
    }
    return text;
}

/* ---- Lists and mappings ---- */

const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key)
{
    for (size_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->entries[i].key, key) == 0)
            return mapping->entries[i].node;
    }
    return NULL;
}

const struct yaml_node *yaml_require(struct yaml_doc *doc, const struct yaml_node *mapping,
                                     const char *key, const char *expected)
{
    const struct yaml_node *node = yaml_find(mapping, key);
    if (!node)
        yaml_problem(doc, mapping, "the key \"%s\" is missing: expected %s", key, expected);
    return node;
}

bool yaml_free_mapping(struct yaml_doc *doc, const struct yaml_node *node, const char *expected)
{
    if (!node)
        return false;
    if (node->kind == NODE_MAPPING)
        return true;
    yaml_wrong(doc, node, node->kind == NODE_SCALAR ? node->text : NULL, expected);
    return false;
}

static const char *joined(struct yaml_doc *doc, const char *const *words, size_t count,
                          const char *last)
{
    const char *text = words[0];
    for (size_t i = 1; i < count; i++)
        text = arena_format(doc->arena, "%s%s%s", text, i + 1 < count ? ", " : last, words[i]);
    return text;
}

static const char *did_you_mean(struct yaml_doc *doc, const char *word, const char *const *words,
                                size_t count)
{
    const char *near = text_nearest(word, words, count);
    return near ? arena_format(doc->arena, "; did you mean \"%s\"?", near) : "";
}

static void unknown_key(struct yaml_doc *doc, const struct yaml_node *mapping,
                        const struct yaml_entry *entry, const char *const *keys, size_t count)
{
    const char *hint = did_you_mean(doc, entry->key, keys, count);
    yaml_problem_at(doc, mapping, entry->line,
                    arena_format(doc->arena, "unknown key %s%s%s Known keys: %s",
                                 yaml_quoted(doc, entry->key), hint, *hint ? "" : ".",
                                 joined(doc, keys, count, ", ")));
}

bool yaml_mapping(struct yaml_doc *doc, const struct yaml_node *node, const char *const *keys,
                  size_t key_count)
{
    if (!node || node->kind != NODE_MAPPING) {
        const char *known = joined(doc, keys, key_count, ", ");
        return yaml_free_mapping(doc, node,
                                 arena_format(doc->arena, "a mapping with the keys %s", known));
    }
    for (size_t i = 0; i < node->count; i++) {
        size_t k = 0;
        while (k < key_count && strcmp(node->entries[i].key, keys[k]) != 0)
            k++;
        if (k == key_count)
            unknown_key(doc, node, &node->entries[i], keys, key_count);
    }
    return true;
}

bool yaml_list(struct yaml_doc *doc, const struct yaml_node *node, const char *expected, size_t max)
{
    if (!node)
        return false;
    if (node->kind != NODE_LIST || node->count == 0) {
        yaml_wrong(doc, node, node->kind == NODE_SCALAR ? node->text : NULL, expected);
        return false;
    }
    if (node->count > max) {
        yaml_problem(doc, node, "expected %s of at most %zu elements, found %zu", expected, max,
                     node->count);
        return false;
    }
    return true;
}

/* ---- Scalars ---- */

bool yaml_text(struct yaml_doc *doc, const struct yaml_node *node, const char **out)
{
    const char *text = scalar(doc, node, "text");
    if (text)
        *out = text;
    return text != NULL;
}

bool yaml_texts(struct yaml_doc *doc, const struct yaml_node *node, const char *expected,
                size_t max, const char *const **out, size_t *out_count)
{
    if (!yaml_list(doc, node, expected, max))
        return false;
    const char **texts = arena_alloc(doc->arena, node->count * sizeof(*texts));
    bool fine = true;
    for (size_t i = 0; i < node->count; i++)
        fine &= yaml_text(doc, node->entries[i].node, &texts[i]);
    if (fine) {
        *out = texts;
        *out_count = node->count;
    }
    return fine;
}

bool yaml_whole(struct yaml_doc *doc, const struct yaml_node *node, uint64_t min, uint64_t max,
                uint64_t *out)
{
    char expected[EXPECTED_BYTES];
    (void)snprintf(expected, sizeof(expected), "a whole number from %" PRIu64 " to %" PRIu64, min,
                   max);
    const char *text = scalar(doc, node, expected);
    uint64_t value;
    if (!text)
        return false;
    if (!text_parse_u64(text, &value) || value < min || value > max) {
        yaml_wrong(doc, node, text, expected);
        return false;
    }
    *out = value;
    return true;
}

bool yaml_real(struct yaml_doc *doc, const struct yaml_node *node, double min, double max,
               double *out)
{
    char expected[EXPECTED_BYTES];
    (void)snprintf(expected, sizeof(expected), "a number from %g to %g", min, max);
    const char *text = scalar(doc, node, expected);
    double value;
    if (!text)
        return false;
    if (!text_parse_double(text, &value) || value < min || value > max) {
        yaml_wrong(doc, node, text, expected);
        return false;
    }
    *out = value;
    return true;
}

bool yaml_duration_ms(struct yaml_doc *doc, const struct yaml_node *node, int64_t min, int64_t max,
                      int64_t *out)
{
    char from[32], to[32], expected[EXPECTED_BYTES];
    text_format_duration(from, sizeof(from), min);
    text_format_duration(to, sizeof(to), max);
    (void)snprintf(expected, sizeof(expected), "a duration from %s to %s, such as 90s or 1h30m",
                   from, to);
    const char *text = scalar(doc, node, expected);
    int64_t value;
    if (!text)
        return false;
    if (!text_parse_duration_ms(text, &value) || value < min || value > max) {
        yaml_wrong(doc, node, text, expected);
        return false;
    }
    *out = value;
    return true;
}

bool yaml_bytes(struct yaml_doc *doc, const struct yaml_node *node, uint64_t min, uint64_t max,
                uint64_t *out)
{
    const char *expected = "a size such as 512MB or 2GiB, or a number of bytes";
    const char *text = scalar(doc, node, expected);
    double value;
    if (!text)
        return false;
    if (!text_parse_bytes(text, &value)) {
        yaml_wrong(doc, node, text, expected);
        return false;
    }
    if (value < (double)min || value > (double)max) {
        yaml_wrong(doc, node, text,
                   arena_format(doc->arena, "from %" PRIu64 " to %" PRIu64 " bytes", min, max));
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

bool yaml_choice(struct yaml_doc *doc, const struct yaml_node *node, const char *const *words,
                 size_t count, size_t *out)
{
    if (!node)
        return false;
    const char *expected = joined(doc, words, count, " or ");
    const char *text = scalar(doc, node, expected);
    if (!text)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return true;
        }
    }
    yaml_problem(doc, node, "expected %s, found %s%s", expected, yaml_quoted(doc, text),
                 did_you_mean(doc, text, words, count));
    return false;
}
