/* From libyaml's events to the tree. The events are used and not libyaml's own documents, because
 * only here can nodes be counted while they come, and aliases be told from what they stand for. */
#include "coordinator/spec/yaml_doc.h"

#include <stdlib.h>
#include <yaml.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/text.h"

/* A list or mapping that is still open. */
struct frame {
    struct yaml_node *node;
    struct yaml_entry *entries; /* grows; copied into the arena when it is closed */
    size_t count, capacity;
    const char *key; /* mapping: read, its value is still to come */
    uint32_t key_line;
    const char *anchor; /* to be known when it is closed, so that nothing can hold itself */
};

struct anchor {
    const char *name;
    const struct yaml_node *node;
};

struct builder {
    struct yaml_doc *doc;
    struct span text;
    yaml_parser_t parser;
    struct frame stack[YAML_DEPTH_MAX];
    size_t depth;
    struct anchor anchors[YAML_ANCHORS_MAX];
    size_t anchor_count;
    size_t node_count; /* and keys merged */
    size_t document_count;
    err failure;
};

static void fail(struct builder *b, err e, size_t line_index, const char *sentence)
{
    uint32_t line = (uint32_t)line_index + 1; /* libyaml counts from 0 */
    if (b->failure)
        return;
    problems_add(b->doc->problems, line, "%s:%u: %s", b->doc->name, line, sentence);
    b->failure = e;
}

/* ---- Nodes ---- */

static void count_nodes(struct builder *b, size_t count, size_t line_index)
{
    b->node_count += count;
    if (b->node_count > YAML_NODES_MAX)
        fail(b, ERR_LIMIT, line_index, "the file holds more than 1,048,576 values");
}

static struct yaml_node *new_node(struct builder *b, enum yaml_node_kind kind, yaml_mark_t at)
{
    count_nodes(b, 1, at.line);
    struct yaml_node *node = arena_alloc(b->doc->arena, sizeof(*node));
    node->kind = kind;
    node->line = (uint32_t)at.line + 1;
    node->column = (uint32_t)at.column + 1;
    if (b->depth > 0) {
        const struct frame *in = &b->stack[b->depth - 1];
        node->parent = in->node;
        node->key = in->key;
        node->index = in->count;
    }
    return node;
}

static void remember_anchor(struct builder *b, const char *name, const struct yaml_node *node)
{
    if (!name)
        return;
    if (b->anchor_count == YAML_ANCHORS_MAX) {
        fail(b, ERR_LIMIT, node->line - 1, "the file holds more than 256 anchors");
        return;
    }
    b->anchors[b->anchor_count++] = (struct anchor){ name, node };
}

/* The newest of that name: YAML lets a name be used again. */
static const struct yaml_node *find_anchor(const struct builder *b, const char *name)
{
    for (size_t i = b->anchor_count; i-- > 0;) {
        if (strcmp(b->anchors[i].name, name) == 0)
            return b->anchors[i].node;
    }
    return NULL;
}

/* Put a finished value where it belongs: into the list or mapping that is open. */
static void attach(struct builder *b, const struct yaml_node *node, uint32_t line)
{
    if (b->depth == 0) {
        b->doc->root = node;
        return;
    }
    struct frame *in = &b->stack[b->depth - 1];
    in->entries = xgrow(in->entries, &in->capacity, in->count + 1, sizeof(*in->entries));
    in->entries[in->count++] = (struct yaml_entry){ in->key, in->key ? in->key_line : line, node };
    in->key = NULL;
}

/* Among the first `count` entries. */
static const struct yaml_entry *find_entry(const struct frame *in, size_t count, const char *key)
{
    check(key);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(in->entries[i].key, key) == 0)
            return &in->entries[i];
    }
    return NULL;
}

/* ---- Events ---- */

static char *copy(struct builder *b, const yaml_char_t *text)
{
    return text ? arena_strdup(b->doc->arena, (const char *)text) : NULL;
}

static bool wants_key(const struct builder *b)
{
    if (b->depth == 0)
        return false;
    const struct frame *in = &b->stack[b->depth - 1];
    return in->node->kind == NODE_MAPPING && !in->key;
}

static void on_key(struct builder *b, const char *key, size_t line_index)
{
    struct frame *in = &b->stack[b->depth - 1];
    const struct yaml_entry *twice = find_entry(in, in->count, key);
    count_nodes(b, 1, line_index);
    if (twice) {
        fail(b, ERR_INVALID, line_index,
             arena_format(b->doc->arena, "the key \"%s\" stands twice (first in line %u)", key,
                          twice->line));
    } else if (in->count == YAML_KEYS_MAX) {
        fail(b, ERR_LIMIT, line_index, "a mapping holds more than 1,024 keys");
    }
    in->key = key;
    in->key_line = (uint32_t)line_index + 1;
}

static void on_scalar(struct builder *b, const yaml_event_t *event)
{
    size_t line = event->start_mark.line;
    if (event->data.scalar.tag)
        fail(b, ERR_INVALID, line, "tags such as !!str are not supported; use quotes for texts");
    if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        fail(b, ERR_INVALID, line, "a text holds a NUL character");
    const char *text = copy(b, event->data.scalar.value);
    if (wants_key(b)) {
        on_key(b, text, line);
        return;
    }
    struct yaml_node *node = new_node(b, NODE_SCALAR, event->start_mark);
    node->text = text;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    remember_anchor(b, copy(b, event->data.scalar.anchor), node);
    attach(b, node, node->line);
}

static void on_alias(struct builder *b, const yaml_event_t *event)
{
    size_t line = event->start_mark.line;
    const char *name = (const char *)event->data.alias.anchor;
    const struct yaml_node *node = find_anchor(b, name);
    count_nodes(b, 1, line);
    if (wants_key(b)) {
        fail(b, ERR_INVALID, line, "a key must be a text, not an alias");
    } else if (!node) {
        fail(b, ERR_INVALID, line,
             arena_format(b->doc->arena, "*%s: there is no finished &%s above it", name, name));
    } else {
        attach(b, node, (uint32_t)line + 1);
    }
}

static void on_open(struct builder *b, const yaml_event_t *event, enum yaml_node_kind kind,
                    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    size_t line = event->start_mark.line;
    if (tag)
        fail(b, ERR_INVALID, line, "tags such as !!map are not supported");
    if (wants_key(b))
        fail(b, ERR_INVALID, line, "a key must be a text, not a list or mapping");
    if (b->depth == YAML_DEPTH_MAX)
        fail(b, ERR_LIMIT, line, "lists and mappings are nested more than 16 deep");
    if (b->failure)
        return;
    struct yaml_node *node = new_node(b, kind, event->start_mark);
    struct frame *frame = &b->stack[b->depth++];
    *frame = (struct frame){ .node = node, .anchor = copy(b, anchor) };
}

/* The keys of `from` that the open mapping does not have, as if written there. */
static void merge(struct builder *b, struct frame *into, const struct yaml_node *from,
                  uint32_t line)
{
    if (from->kind != NODE_MAPPING) {
        fail(b, ERR_INVALID, line - 1, "<< takes a mapping, or a list of mappings");
        return;
    }
    count_nodes(b, from->count, line - 1);
    if (into->count + from->count > YAML_KEYS_MAX)
        fail(b, ERR_LIMIT, line - 1, "a mapping holds more than 1,024 keys");
    const size_t own = into->count; /* those of `from` differ among themselves */
    for (size_t i = 0; i < from->count && !b->failure; i++) {
        if (find_entry(into, own, from->entries[i].key))
            continue;
        into->entries =
            xgrow(into->entries, &into->capacity, into->count + 1, sizeof(*into->entries));
        into->entries[into->count++] = from->entries[i];
    }
}

/* Replace the key << by what it stands for. Keys that are written win over merged ones, and
 * earlier mappings of a list over later ones. */
static void merge_all(struct builder *b, struct frame *frame)
{
    const struct yaml_entry *found = find_entry(frame, frame->count, "<<");
    if (!found)
        return;
    struct yaml_entry entry = *found;
    size_t place = (size_t)(found - frame->entries);
    memmove(&frame->entries[place], &frame->entries[place + 1],
            (frame->count - place - 1) * sizeof(entry));
    frame->count--;
    if (entry.node->kind != NODE_LIST) {
        merge(b, frame, entry.node, entry.line);
        return;
    }
    for (size_t i = 0; i < entry.node->count && !b->failure; i++)
        merge(b, frame, entry.node->entries[i].node, entry.line);
}

static void on_close(struct builder *b)
{
    struct frame *frame = &b->stack[b->depth - 1];
    struct yaml_node *node = frame->node;
    if (node->kind == NODE_MAPPING)
        merge_all(b, frame);
    struct yaml_entry *entries = arena_alloc(b->doc->arena, (frame->count + 1) * sizeof(*entries));
    if (frame->count > 0)
        memcpy(entries, frame->entries, frame->count * sizeof(*entries));
    node->entries = entries;
    node->count = frame->count;
    free(frame->entries);
    b->depth--;
    remember_anchor(b, frame->anchor, node);
    attach(b, node, node->line);
}

static void on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->document_count++ > 0)
            fail(b, ERR_INVALID, event->start_mark.line, "a second document begins here (---)");
        break;
    case YAML_SCALAR_EVENT: on_scalar(b, event); break;
    case YAML_ALIAS_EVENT: on_alias(b, event); break;
    case YAML_SEQUENCE_START_EVENT:
        on_open(b, event, NODE_LIST, event->data.sequence_start.anchor,
                event->data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        on_open(b, event, NODE_MAPPING, event->data.mapping_start.anchor,
                event->data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: on_close(b); break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    }
}

/* ---- The parser's own complaints ---- */

static size_t line_of_offset(struct span text, size_t offset)
{
    size_t line = 0;
    for (size_t i = 0; i < offset && i < text.len; i++)
        line += text.data[i] == '\n';
    return line;
}

/* The most frequent mistake, which libyaml's own words do not name. */
static bool is_indented_by_tab(struct span text, size_t line_index)
{
    size_t i = 0;
    while (i < text.len && line_index > 0)
        line_index -= text.data[i++] == '\n';
    while (i < text.len && text.data[i] == ' ')
        i++;
    return i < text.len && text.data[i] == '\t';
}

static void on_syntax_error(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    size_t line = p->error == YAML_READER_ERROR ? line_of_offset(b->text, p->problem_offset)
                                                : p->problem_mark.line;
    const char *context = p->context ? p->context : "";
    const char *hint =
        is_indented_by_tab(b->text, line) ? "; indent with blanks, not with tabs" : "";
    fail(b, ERR_INVALID, line,
         arena_format(b->doc->arena, "this is not YAML: %s%s%s%s%s", p->problem ? p->problem : "?",
                      *context ? " (" : "", context, *context ? ")" : "", hint));
}

/* No character holds a newline, so a line at a time will do. */
static size_t first_line_not_utf8(struct span text)
{
    size_t line = 0;
    while (text.len > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.data) + 1 : text.len;
        if (!text_is_utf8(span_of(text.data, len)))
            break;
        text = span_of(text.data + len, text.len - len);
        line++;
    }
    return line;
}

static void build(struct builder *b)
{
    bool is_done = false;
    while (!is_done && !b->failure) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event)) {
            on_syntax_error(b);
            return;
        }
        on_event(b, &event);
        is_done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
}

err yaml_parse(struct yaml_doc *doc, struct span text)
{
    struct builder b = { .doc = doc, .text = text };
    doc->root = NULL;
    if (!text_is_utf8(text)) {
        fail(&b, ERR_INVALID, first_line_not_utf8(text),
             "expected UTF-8, found bytes that are none: save the file as UTF-8");
        return b.failure;
    }
    check(yaml_parser_initialize(&b.parser));
    yaml_parser_set_input_string(&b.parser, text.data, text.len);
    build(&b);
    while (b.depth > 0) /* what a failure left open */
        free(b.stack[--b.depth].entries);
    yaml_parser_delete(&b.parser);
    if (b.failure)
        doc->root = NULL;
    return b.failure;
}
