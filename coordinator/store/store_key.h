/* The tables of the store and their keys. Numbers in keys are big endian, so that LMDB's order of
 * bytes is the order of (model, task, number) and the rows of one cell lie side by side.
 * To add a table: a line here, its number's width in store_key.c, and a section in STORAGE.md. */
#ifndef MUSTER_COORDINATOR_STORE_STORE_KEY_H
#define MUSTER_COORDINATOR_STORE_STORE_KEY_H

#include "common/digest.h"
#include "common/limits.h"

/* X(name, text): the text is the table's name on disk. */
#define STORE_TABLE_LIST(X)                                                                        \
    X(TABLE_META, "meta")         /* name: the head, and small values of the coordinator */        \
    X(TABLE_MODEL, "model")       /* digest: id and what it is */                                  \
    X(TABLE_TASK, "task")         /* digest: id, size and what it is */                            \
    X(TABLE_BLOCK, "block")       /* (model, task, number): results as they came */                \
    X(TABLE_DONE, "done")         /* (model, task, page): which instances ended */                 \
    X(TABLE_TALLY, "tally")       /* (model, task): what they come to */                           \
    X(TABLE_FAILURE, "failure")   /* (model, task, instance): those that ended without OK */       \
    X(TABLE_STRIKE, "strike")     /* (model, task, instance): failed, may be tried again */        \
    X(TABLE_REOPENED, "reopened") /* (model, task, instance): rows that a retry made void */

enum store_table {
#define X(name, text) name,
    STORE_TABLE_LIST(X)
#undef X
        TABLE_COUNT
};

const char *store_table_name(enum store_table table);

enum { STORE_KEY_BYTES_MAX = NAME_BYTES_MAX }; /* LMDB takes 511 */

struct store_key {
    size_t len;
    uint8_t bytes[STORE_KEY_BYTES_MAX];
};

/* What a key of the tables from TABLE_BLOCK on says. */
struct store_place {
    uint32_t model, task;
    uint64_t number; /* a block's number, a page or an instance; 0 in TABLE_TALLY */
};

enum { STORE_CELL_KEY_BYTES = 8, STORE_MODEL_KEY_BYTES = 4 }; /* prefixes of such keys */

struct store_key store_key_head(void);
/* A name that a caller of store_batch_meta chose: 1 to STORE_KEY_BYTES_MAX bytes. Never the head's
 * key, which begins with a NUL. */
struct store_key store_key_meta(const char *name);
struct store_key store_key_digest(const struct digest *digest);
struct store_key store_key_place(enum store_table table, uint32_t model, uint32_t task,
                                 uint64_t number);
/* False if the key has another length than this table's keys. */
bool store_key_parse(enum store_table table, struct span key, struct store_place *out);

/* "failure (model 3, task 7, 12)", for people. */
enum { STORE_KEY_TEXT_BYTES = 128 };
void store_key_text(enum store_table table, struct span key, char out[STORE_KEY_TEXT_BYTES]);

static inline struct span store_key_span(const struct store_key *key)
{
    return span_of(key->bytes, key->len);
}

#endif
