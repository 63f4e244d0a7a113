/* The store: everything durable, in one LMDB environment. Nothing else knows LMDB.
 *
 * One process, one writer: store_commit runs on one thread at a time (a work thread, one commit in
 * flight); reads run on the loop thread at start, and for reports. A failed commit is final: the
 * process ends, and restart is the recovery path. Tables, keys and record versions: STORAGE.md.
 * Callbacks of reads run inside a read transaction: they may read more, but never write, and what
 * they take long over keeps old pages of the file alive.
 *
 * Ids of models and tasks are the store's own, dense from 1, given once for a digest (the identity)
 * and never reused. A result is keyed by (model, task, instance). */
#ifndef MUSTER_COORDINATOR_STORE_STORE_H
#define MUSTER_COORDINATOR_STORE_STORE_H

#include "common/bitmap.h"
#include "common/block.h"
#include "common/digest.h"

struct store;

struct store_config {
    const char *path;      /* a folder, made if absent, mode 0700 */
    size_t map_bytes;      /* address space of the map; 0: 256 GiB */
    bool read_only;        /* fsck and offline reports: no lock is taken over, no epoch raised */
    bool allow_network_fs; /* see file_refuse_network */
};

/* What is known of one open store. */
struct store_info {
    uint64_t epoch; /* of this incarnation: raised durably by a writing store_open */
    uint32_t schema;
    struct digest uuid; /* of the store, made once */
    bool was_clean;     /* the last writer closed it properly */
    uint32_t model_count, task_count;
};

/* Open, or make. Takes the store's own lock, looks at the file's structure before LMDB trusts it,
 * at the schema (newer: ERR_UNSUPPORTED) and at every identity; raises the epoch in a first
 * transaction. Children inherit none of its descriptors. Never twice in one process.
 * ERR_BUSY: another coordinator holds it; msg names pid and host. ERR_UNSUPPORTED: network file
 * system. ERR_CORRUPT: truncated, damaged or foreign. ERR_NOT_FOUND: nothing there to read. */
err store_open(const struct store_config *config, struct store **out, struct errmsg *msg);
void store_info(const struct store *s, struct store_info *out);
/* Marks it clean, unless a commit failed for good. No commit may be in flight. */
void store_close(struct store *s);

/* Ids of identities: found, or given and recorded durably. `record` is JSON that says what it is,
 * kept for people and exports; it is written only the first time. The loop thread.
 * store_task_id: ERR_INVALID if the task is known with another size. */
err store_model_id(struct store *s, const struct digest *identity, struct span record,
                   uint32_t *out_id, struct errmsg *msg);
err store_task_id(struct store *s, const struct digest *identity, uint32_t size, struct span record,
                  uint32_t *out_id, struct errmsg *msg);
/* The same for many at once, in one transaction: a sweep has hundreds of tasks, and a disk may take
 * milliseconds to make each durable. out_ids: `count` of them. */
struct store_naming {
    bool is_task;
    struct digest identity;
    uint32_t size; /* of a task */
    struct span record;
};
err store_ids(struct store *s, const struct store_naming *namings, size_t count, uint32_t *out_ids,
              struct errmsg *msg);
/* The id if it is known, else 0. Reads only; a store that cannot be read ends the process. */
uint32_t store_find_model(struct store *s, const struct digest *identity);
uint32_t store_find_task(struct store *s, const struct digest *identity);

/* Every model, or task, that was ever recorded, in the order of identities. size: of a task; 0 of a
 * model. The record borrows until the call returns; nothing may be written meanwhile. */
typedef void store_identity_f(void *owner, uint32_t id, const struct digest *identity,
                              uint32_t size, struct span record);
err store_each_model(struct store *s, store_identity_f *each, void *owner, struct errmsg *msg);
err store_each_task(struct store *s, store_identity_f *each, void *owner, struct errmsg *msg);

/* How many results the store holds of a model, over all tasks. */
err store_count_results(struct store *s, uint32_t model, uint64_t *out, struct errmsg *msg);

/* What all ended instances of one (model, task) come to. Merged by addition alone. */
struct tally {
    uint64_t count[STATUS_COUNT]; /* instances ended, by status */
    int64_t stats[STATS_MAX];     /* sums over STATUS_OK */
    uint64_t micros;              /* model time, all rows */
};

/* The running state of one (model, task). ended: initialised by the call to `size` bits.
 * A pair without results gives an empty bitmap and tally. */
err store_load_cell(struct store *s, uint32_t model, uint32_t task, uint32_t size,
                    struct bitmap *ended, struct tally *tally, struct errmsg *msg);

/* Recount from the blocks, counting only instances of `wanted` (NULL: all). For samples smaller
 * than what is stored, and for fsck. */
err store_recount(struct store *s, uint32_t model, uint32_t task, uint32_t size,
                  const struct bitmap *wanted, struct tally *tally, struct errmsg *msg);

/* A strike: an instance failed and may be tried again. Kept so that a restart does not forgive. */
struct strike {
    uint32_t model, task, instance;
    uint32_t count;     /* so far, 1.. */
    status status;      /* of the newest failure */
    struct span reason; /* for people */
    uint64_t attempt;   /* in which it failed last: told twice, it is one strike */
};
typedef void store_strike_f(void *owner, const struct strike *strike);
err store_each_strike(struct store *s, store_strike_f *each, void *owner, struct errmsg *msg);

/* Quarantined or otherwise failed results, in key order, from behind `after` (0,0,0: from the
 * start; pass the last one seen to continue), at most `max`. Returns how many were given. The
 * reason borrows until the callback returns. */
err store_each_failure(struct store *s, uint32_t model /* 0: all */, struct strike after,
                       size_t max, store_strike_f *each, void *owner, size_t *out_given,
                       struct errmsg *msg);

/* Results in key order of one (model, task): for exports. Stop by returning false. */
typedef bool store_result_f(void *owner, const struct result *result);
err store_each_result(struct store *s, uint32_t model, uint32_t task, store_result_f *each,
                      void *owner, struct errmsg *msg);

/* One transaction. Filled by the loop thread, then handed over whole: the writer reads nothing
 * else. All of it becomes durable, or nothing. */
struct store_batch;
struct store_batch *store_batch_new(void);
void store_batch_clear(struct store_batch *b);
void store_batch_free(struct store_batch *b);
size_t store_batch_rows(const struct store_batch *b);
size_t store_batch_bytes(const struct store_batch *b); /* memory that it fills, nearly */
bool store_batch_empty(const struct store_batch *b);
/* Each block in it, also while it is being committed; all of the block but its answers. */
typedef void store_batch_block_f(void *owner, uint32_t model, uint32_t task,
                                 const struct block *block);
void store_batch_each_block(const struct store_batch *b, store_batch_block_f *each, void *owner);
/* Record these rows (an encoded block, plain or packed, copied). Strikes of its instances end with
 * it. It must be a good one (check). */
void store_batch_block(struct store_batch *b, uint32_t model, uint32_t task, uint32_t size,
                       struct span block);
/* The same, of somebody who has it decoded: *decoded becomes the batch's, and is empty then. */
void store_batch_take(struct store_batch *b, uint32_t model, uint32_t task, uint32_t size,
                      struct span block, struct block *decoded);
void store_batch_strike(struct store_batch *b, const struct strike *strike);
/* Open failed instances again (operator's `retry`): takes them out of bitmap, tally and failures;
 * their rows in old blocks are superseded. model or task 0: all. */
void store_batch_retry(struct store_batch *b, uint32_t model, uint32_t task);
/* A small named value, for what the coordinator must know again after a restart. */
void store_batch_meta(struct store_batch *b, const char *key, struct span value);

/* Any thread, one at a time. Checks first that the file is still there (ERR_NOT_FOUND: it was
 * removed, moved away or replaced), that nobody else wrote to it (ERR_STALE: another coordinator
 * took over) and that no row was recorded before (a bug: check). ERR_FULL: no space; nothing was
 * written, the batch can be committed again. Every other failure is final. */
err store_commit(struct store *s, const struct store_batch *b, struct errmsg *msg);
err store_meta(struct store *s, const char *key, struct buf *out, struct errmsg *msg);

/* Verify: structure, checksums, order, membership (ids known, instances below size), each instance
 * recorded once, bitmap and tally equal to a recount, failures equal to failed rows. Each violation
 * is one call of `each`. bytes: of pages in use; block_bytes: of the blocks that lie in them. */
struct fsck_summary {
    uint64_t models, tasks, cells, blocks, rows, failures, strikes, bytes, block_bytes, violations;
};
typedef void store_violation_f(void *owner, const char *sentence);
err store_fsck(struct store *s, store_violation_f *each, void *owner, struct fsck_summary *out,
               struct errmsg *msg);

#endif
