/* What a sweep file says: checked, with its defaults, and with absolute paths.
 *
 * The format is described for its users in README.md here. To add a key: its struct below, its
 * line in the table of keys and its getter in spec_suite.c or spec_model.c, the README, and, if it
 * changes what a model answers, its line in identity.c and its definition. */
#ifndef MUSTER_COORDINATOR_SPEC_SPEC_H
#define MUSTER_COORDINATOR_SPEC_SPEC_H

#include "coordinator/spec/problems.h"
#include "coordinator/spec/yaml_doc.h"
#include "proto/definition/definition.h"

enum { SUITES_MAX = 1000, GLOBS_MAX = 10000, STRIKES_MAX = 10, GPU_TYPES_NAMED_MAX = 64 };

/* X(name, text): the rule of General-Level that is shown first; both are always computed. */
#define SPEC_RULE_LIST(X)                                                                          \
    X(SPEC_RULE_CORRECTED, "corrected")                                                            \
    X(SPEC_RULE_OFFICIAL, "official")

enum spec_rule {
#define X(name, text) name,
    SPEC_RULE_LIST(X)
#undef X
        SPEC_RULE_COUNT
};

/* X(name, text): specialists give the reference scores, and are not ranked. */
#define SPEC_ROLE_LIST(X)                                                                          \
    X(SPEC_ROLE_GENERALIST, "generalist")                                                          \
    X(SPEC_ROLE_SPECIALIST, "specialist")

enum spec_role {
#define X(name, text) name,
    SPEC_ROLE_LIST(X)
#undef X
        SPEC_ROLE_COUNT
};

const char *spec_rule_text(enum spec_rule rule);
const char *spec_role_text(enum spec_role role);

enum { PRIORITY_MAX = 100, PRIORITY_DEFAULT = 50, CONCURRENCY_MAX = 1000000, WEIGHT_MAX = 1000000 };

/* What a sweep gets of the slots, beside others. */
struct spec_share {
    const char *user;  /* "": nobody's in particular */
    double weight;     /* among the sweeps of its user */
    uint32_t priority; /* 0 to PRIORITY_MAX: the highest first */
    bool fair_models;  /* its models have a share each, by their weights */
};

/* What a model may have, beside what it needs. */
struct spec_rules {
    uint32_t priority;     /* in its sweep: 0 to PRIORITY_MAX */
    uint32_t concurrency;  /* requests at once over all workers; 0: no cap */
    uint32_t max_replicas; /* slots that work on it at once; 0: no cap */
    double weight;         /* among the models of a sweep with fair_models */
    bool never_copied;     /* `speculate: false`: no instance of it is run by two slots at once */
};

struct spec_settings {
    int64_t timeout_ms;
    uint32_t strikes;
    uint32_t limit; /* 0: all instances */
    uint64_t seed;
    enum spec_rule rule;
    double speculation; /* share of the slot time that copies of slow instances may take; 0: none */
    struct spec_share share;
    struct yaml_deadline deadline; /* told about, not enforced */
};

/* Globs over task paths. count 0: all tasks. */
struct spec_globs {
    const char *const *patterns;
    size_t count;
    uint32_t line;
};

/* A command as it was written (variables filled in), and as it is started: words that name files
 * beside the sweep file are absolute there, all others are the same pointers. */
struct spec_command {
    const char *const *written;
    const char *const *words;
    size_t count;
};

struct spec_suite {
    /* path and sota are absolute; scorers are JSON arrays of the words as written, so that a
     * task's data digest does not depend on where the sweep file lies. */
    struct suite_config config;
    const struct spec_command *scorers; /* as config.scorers, config.scorer_count of them */
    struct spec_globs tasks;
    uint32_t limit; /* 0: all */
    uint32_t line;
};

/* Where replicas may run, beside what definition.resources asks for. Of no account to workers. */
struct spec_gpus {
    uint64_t memory_bytes;    /* of each; 0: no need stated */
    const char *const *types; /* whole words of the names of their types */
    size_t type_count;        /* 0: any */
};

/* What its owner expects of it, until muster has measured it. 0: nothing is said. */
struct spec_estimate {
    int64_t load_ms;
    int64_t instance_ms; /* a slot's time an instance, the mean over its tasks */
};

struct spec_model {
    struct model_definition definition; /* its command is command.words */
    struct spec_command command;        /* HOST_EXEC */
    /* The environment as it counts for the identity, in the order of definition.env: the value, or
     * for a secret (its name ends in KEY, TOKEN, SECRET or PASSWORD) that comes from a variable,
     * the reference as written: changing a password changes no answer, and stores no password. */
    const char *const *env_identity;
    struct spec_gpus gpus;
    struct spec_rules rules;
    struct spec_estimate estimate;
    const char *revision;  /* NULL: from the content of the command's files */
    const char *precision; /* NULL: not given */
    enum spec_role role;
    struct spec_globs tasks;
    uint32_t line;
};

struct spec {
    const char *name;
    const char *path;   /* of the file, as given: it begins each message */
    const char *folder; /* absolute: what relative paths are relative to */
    struct spec_settings settings;
    struct spec_suite *suites;
    size_t suite_count;
    struct spec_model *models;
    size_t model_count;
    struct arena arena; /* owns everything above */
};

/* Where values of ${NAME} and the PATH come from. NULL fields: the process's environment. */
struct spec_env {
    yaml_env_f *get;
    void *owner;
};

/* Read and check the file. On a failure *out is empty and problems has at least one line:
 * ERR_NOT_FOUND, ERR_LIMIT, ERR_IO if it cannot be read, else ERR_INVALID. problems must be empty
 * before; the caller releases it in any case. */
err spec_load(const char *path, struct spec_env env, struct spec *out, struct problems *problems);
void spec_release(struct spec *s);

/* Whether one of the globs matches, or there are none. */
bool spec_globs_match(const struct spec_globs *g, const char *task_path);

#endif
