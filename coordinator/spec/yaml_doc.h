/* YAML for a person's file: a bounded tree in which every node knows where it stands, and getters
 * that say what is wrong with a value, where, and what was expected.
 *
 *     sweep.yaml:12: models[1].resources.gpus: expected a whole number from 0 to 64, found "two"
 *
 * Of YAML: mappings with text keys, lists, scalars, anchors, aliases and the merge key `<<`. Not:
 * tags, several documents in a file, keys that stand twice. An alias shares its node and copies
 * nothing, so that a small file cannot become a large tree; a value read through one is reported
 * at its anchor.
 *
 * Values of scalars may name environment variables: ${NAME}, or ${NAME:-text} with a default for
 * one that is unset or empty; $${ stands for ${ itself. They are filled in by the getters. */
#ifndef MUSTER_COORDINATOR_SPEC_YAML_DOC_H
#define MUSTER_COORDINATOR_SPEC_YAML_DOC_H

#include "common/err.h"
#include "common/span.h"
#include "coordinator/spec/problems.h"

enum {
    YAML_DEPTH_MAX = 16,      /* a sweep file needs 6 */
    YAML_NODES_MAX = 1 << 20, /* 10,000 models of 40 keys are 400,000 */
    YAML_ANCHORS_MAX = 256,
    YAML_KEYS_MAX = 1024,              /* of one mapping */
    YAML_EXPANDED_BYTES_MAX = 16 << 20 /* all ${} of a file together */
};

enum yaml_node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct yaml_node;

/* What a list or a mapping holds. */
struct yaml_entry {
    const char *key; /* NULL in a list */
    uint32_t line;   /* of the key */
    const struct yaml_node *node;
};

struct yaml_node {
    enum yaml_node_kind kind;
    bool quoted;           /* a scalar in quotes, or a block: text, whatever it looks like */
    uint32_t line, column; /* from 1 */
    const char *text;      /* scalar: as written */
    const struct yaml_entry *entries;
    size_t count;
    /* Where it stands, for messages: in `parent` under `key`, or as number `index`. */
    const struct yaml_node *parent;
    const char *key;
    size_t index;
};

/* The value of an environment variable; NULL: unset. */
typedef const char *yaml_env_f(void *owner, const char *name);

struct yaml_doc {
    const char *name; /* of the file, for messages */
    const struct yaml_node *root;
    struct arena *arena;
    struct problems *problems;
    yaml_env_f *env;
    void *env_owner;
    size_t expanded_bytes;
};

/* Fills doc->root. name, arena, problems and env are the caller's, set in *doc before, and must
 * outlive it; nodes and texts live in the arena. ERR_INVALID or ERR_LIMIT: one problem was added.
 */
err yaml_parse(struct yaml_doc *doc, struct span text);

/* Add a problem with the place of the node in front of it. */
void yaml_problem(struct yaml_doc *doc, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The value of a key; NULL if it is not there. */
const struct yaml_node *yaml_find(const struct yaml_node *mapping, const char *key);
/* The same, and a problem if it is not there. expected: "a list of suites". */
const struct yaml_node *yaml_require(struct yaml_doc *doc, const struct yaml_node *mapping,
                                     const char *key, const char *expected);

/* Getters. node NULL (an optional key that is not there): false, without a problem, and *out stays
 * what it was: its default. Otherwise true, or a problem and false. */

/* A mapping with no other keys than these; those unknown are reported, the others can be read. */
bool yaml_mapping(struct yaml_doc *doc, const struct yaml_node *node, const char *const *keys,
                  size_t key_count);
/* A mapping with keys of any name; expected: "a mapping of texts". */
bool yaml_free_mapping(struct yaml_doc *doc, const struct yaml_node *node, const char *expected);
/* A list of 1 to `max` elements. */
bool yaml_list(struct yaml_doc *doc, const struct yaml_node *node, const char *expected,
               size_t max);
/* Any scalar that is not nothing: 7 and true are texts where a text is asked for. */
bool yaml_text(struct yaml_doc *doc, const struct yaml_node *node, const char **out);
/* A list of 1 to `max` texts. */
bool yaml_texts(struct yaml_doc *doc, const struct yaml_node *node, const char *expected,
                size_t max, const char *const **out, size_t *out_count);
bool yaml_whole(struct yaml_doc *doc, const struct yaml_node *node, uint64_t min, uint64_t max,
                uint64_t *out);
bool yaml_real(struct yaml_doc *doc, const struct yaml_node *node, double min, double max,
               double *out);
bool yaml_duration_ms(struct yaml_doc *doc, const struct yaml_node *node, int64_t min, int64_t max,
                      int64_t *out);
/* 2GiB, 512MB, 1.5TiB, or a number of bytes. */
bool yaml_bytes(struct yaml_doc *doc, const struct yaml_node *node, uint64_t min, uint64_t max,
                uint64_t *out);
/* One of these words; *out is its index. */
bool yaml_choice(struct yaml_doc *doc, const struct yaml_node *node, const char *const *words,
                 size_t count, size_t *out);
enum yaml_deadline_kind { DEADLINE_NONE, DEADLINE_AFTER, DEADLINE_AT };
struct yaml_deadline {
    enum yaml_deadline_kind kind;
    int64_t ms; /* AFTER: its submission; AT: since 1970, UTC */
};
bool yaml_deadline(struct yaml_doc *doc, const struct yaml_node *node, struct yaml_deadline *out);
/* A mapping of scalars as one JSON object, compact, keys sorted. Plain true, false, null, whole
 * numbers and reals are what they look like; everything else, and everything in quotes, is text. */
bool yaml_scalars(struct yaml_doc *doc, const struct yaml_node *node, const char **out_json);

#endif
