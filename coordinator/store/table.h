/* The door to LMDB: transactions, and sealed records by key. Every record that goes through it is
 * checked against its checksum. Only this file's functions, and opening (store.c), know LMDB.
 *
 * A failure is said in `msg` once, here: callers pass it on. */
#ifndef MUSTER_COORDINATOR_STORE_TABLE_H
#define MUSTER_COORDINATOR_STORE_TABLE_H

#include "coordinator/store/store_impl.h"

struct MDB_txn;
struct MDB_cursor;

struct store_txn {
    struct store *store;
    struct MDB_txn *mdb;
    int rc;                 /* of LMDB, behind the last failure; 0: it was none of LMDB's */
    struct store_head head; /* as it stood when the transaction began */
};

/* A read transaction: any thread, short. Keeps the map in place, so the same thread must not write
 * before it ends. head is read. */
err store_read_begin(struct store *s, struct store_txn *t, struct errmsg *msg);
void store_read_end(struct store_txn *t);

/* A write transaction: `apply` does the work; OK makes it durable, everything else leaves no trace.
 * Before it the epoch is compared (ERR_STALE) and room for `need` bytes is set aside (ERR_FULL).
 * The map grows when it is full; then apply is called again, on a fresh transaction: it may change
 * nothing but the store. */
typedef err store_apply_f(struct store_txn *t, void *context, struct errmsg *msg);
err store_write(struct store *s, uint64_t need, store_apply_f *apply, void *context,
                struct errmsg *msg);
enum { STORE_NEED_SMALL = 1 << 20 }; /* enough for a handful of small records */

/* Write t->head, after changing it. */
err store_put_head(struct store_txn *t, struct errmsg *msg);

/* ERR_NOT_FOUND says nothing in msg. The payload borrows from the map until the transaction ends
 * or, in a write transaction, until the next put or delete. */
err store_get(struct store_txn *t, enum store_table table, const struct store_key *key,
              struct span *payload, struct errmsg *msg);
err store_put(struct store_txn *t, enum store_table table, const struct store_key *key,
              struct span payload, struct errmsg *msg);
/* The last record before `next`, if its key has the same first prefix_len bytes and its payload at
 * most bytes_max bytes, else ERR_NOT_FOUND. From `next` on there must be none with that prefix:
 * ERR_CORRUPT if there is. Key and payload borrow as those of store_get do. */
err store_get_last(struct store_txn *t, enum store_table table, const struct store_key *next,
                   size_t prefix_len, size_t bytes_max, struct span *key, struct span *payload,
                   struct errmsg *msg);
/* A record that must be there: ERR_CORRUPT if it is not. */
err store_delete(struct store_txn *t, enum store_table table, const struct store_key *key,
                 struct errmsg *msg);
/* The number of the state that a read transaction sees. */
uint64_t store_txn_id(const struct store_txn *t);
/* How many records a table has. */
err store_count(struct store_txn *t, enum store_table table, uint64_t *out, struct errmsg *msg);

/* ERR_CORRUPT, naming the record: for payloads that pass their checksum but make no sense. */
err store_damaged(const struct store_txn *t, enum store_table table, struct span key,
                  const char *what, struct errmsg *msg);

/* The records of a table in the order of their keys:
 *
 *     struct store_cursor c;
 *     err e = store_cursor_open(&c, t, TABLE_STRIKE, &from, prefix_len, msg);
 *     while (!e && store_cursor_next(&c))
 *         e = ...;
 *     return store_cursor_close(&c, e);
 *
 * From the first key >= from, as long as the first prefix_len bytes are those of `from`. A record
 * that fails its checksum ends the loop and is the result of closing; a caller that wants to see
 * the rest may ask for the next one again. */
struct store_cursor {
    struct store_txn *txn;
    struct MDB_cursor *mdb;
    enum store_table table;
    struct store_key from;
    size_t prefix_len;
    bool started;
    struct span key, payload; /* of the record the cursor stands on */
    err failure;
    struct errmsg *msg;
};

err store_cursor_open(struct store_cursor *c, struct store_txn *t, enum store_table table,
                      const struct store_key *from, size_t prefix_len, struct errmsg *msg);
bool store_cursor_next(struct store_cursor *c);
/* e if it is one, else what ended the loop early. */
err store_cursor_close(struct store_cursor *c, err e);

#endif
