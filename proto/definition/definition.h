/* What a worker has to know to run a model and to read a task, as one line of JSON each.
 *
 * The coordinator encodes a definition once, from the sweep file; it travels inside a message as
 * text, so that neither the wire format nor the store has to know its fields. Decoding is strict:
 * every key must be known and of its type, and nothing may be missing, since a worker that
 * misunderstands a definition would record results under the wrong identity.
 *
 * To add a field: the struct, encode, decode, and the round trip in tests/unit/test_definition.c.
 */
#ifndef MUSTER_PROTO_DEFINITION_H
#define MUSTER_PROTO_DEFINITION_H

#include "common/arena.h"
#include "common/suite/suite.h"

enum {
    DEFINITION_BYTES_MAX = 96 << 10, /* a control message (CONTROL_BYTES_MAX) holds two of them */
    MODEL_WORDS_MAX = 1024,
    MODEL_ENV_MAX = 256,
    MODEL_GPUS_MAX = 64, /* of one replica: no machine has more */
    MODEL_CPUS_MAX = 4096
};

#define MODEL_TIMEOUT_MS_MAX   (7ll * 24 * 60 * 60 * 1000) /* a week: longer is a typing error */
#define MODEL_MEMORY_BYTES_MAX (1ll << 50)
#define SIM_SPREAD_MAX         5.0

/* In place of a metric's name: a program says the score. */
#define DEFINITION_SCORED "scored"

/* X(name, text): who answers for a model. */
#define HOST_LIST(X)                                                                               \
    X(HOST_EXEC, "exec") /* a program that speaks worker/host/PROTOCOL.md */                       \
    X(HOST_SIM, "sim")   /* made-up answers with a known quality, for trials of everything else */

enum host_kind {
#define X(name, text) name,
    HOST_LIST(X)
#undef X
        HOST_KIND_COUNT
};

const char *host_kind_text(enum host_kind kind);

struct env_entry {
    const char *name, *value;
};

/* What one replica (one loaded copy) of a model takes. */
struct model_resources {
    uint32_t gpus;
    uint32_t cpus;
    uint64_t memory_bytes; /* 0: unlimited */
};

/* HOST_SIM: rates and quality are shares of instances, 0..1. */
struct sim_parameters {
    uint64_t seed;
    double quality;         /* share of right answers */
    double failure_rate;    /* instances of which the model says that it failed, each time */
    double crash_rate;      /* of a request: the host dies by chance; changes no result */
    double poison_rate;     /* instances that kill the host each time */
    int64_t duration_ms;    /* of one instance, its median */
    double duration_spread; /* sigma of the log of the duration; 0: all the same */
    int64_t load_ms;
    uint32_t answer_bytes; /* of made-up text, where the model says a score itself */
};

struct model_definition {
    const char *name;
    enum host_kind host;
    /* HOST_EXEC: the first word is an absolute path, or, without any '/', to be found in the
     * worker's PATH. Words that name files beside the sweep file are absolute paths here. */
    const char *const *command;
    size_t command_count;
    const struct env_entry *env; /* in the order of the file */
    size_t env_count;
    const char *args;     /* one JSON object of scalars, compact, keys sorted; "{}": none */
    const char *decoding; /* the same */
    int64_t timeout_ms;   /* of one instance */
    int64_t load_timeout_ms;
    struct model_resources resources;
    struct sim_parameters sim; /* HOST_SIM only; else zero */
};

/* What task_data_open takes, and the scorer to start. */
struct task_definition {
    struct suite_config suite; /* of its scorers, only this task's */
    struct task task;          /* task.scorer: the command as the sweep file has it */
    const char *const *scorer; /* the same command, ready to be started; as model command words */
    size_t scorer_count;       /* 0: the task needs no scorer */
};

/* Append one line of JSON without a newline. The result may be over DEFINITION_BYTES_MAX: who makes
 * definitions from a person's input checks that. */
void model_definition_encode(const struct model_definition *m, struct buf *out);
void task_definition_encode(const struct task_definition *t, struct buf *out);

/* Strict. Strings live in the arena. ERR_LIMIT: over DEFINITION_BYTES_MAX; ERR_INVALID: anything
 * else, msg names the key. A failure leaves *out zeroed, and perhaps some garbage in the arena. */
err model_definition_decode(struct span json, struct arena *arena, struct model_definition *out,
                            struct errmsg *msg);
err task_definition_decode(struct span json, struct arena *arena, struct task_definition *out,
                           struct errmsg *msg);

#endif
