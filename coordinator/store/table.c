#include "coordinator/store/table.h"

#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>

#include "common/check.h"
#include "coordinator/store/guard.h"

/* Slots of readers that died (an interrupted fsck) keep old pages alive: look for them so often. */
enum { READER_CHECK_WRITES = 256 };

static err code_of(int rc)
{
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE: return ERR_CORRUPT;
    case MDB_VERSION_MISMATCH: return ERR_UNSUPPORTED;
    default: return ERR_IO;
    }
}

static err fail(struct store_txn *t, int rc, const char *doing, struct errmsg *msg)
{
    t->rc = rc;
    return err_say(msg, code_of(rc), "cannot %s '%s': %s", doing, t->store->data_path,
                   mdb_strerror(rc));
}

err store_damaged(const struct store_txn *t, enum store_table table, struct span key,
                  const char *what, struct errmsg *msg)
{
    char place[STORE_KEY_TEXT_BYTES];
    store_key_text(table, key, place);
    return err_say(msg, ERR_CORRUPT,
                   "%s: the record %s %s; the file is damaged: restore it from a backup",
                   t->store->data_path, place, what);
}

static MDB_val val_of(struct span s)
{
    /* LMDB takes a plain pointer, but only reads keys and values. */
    return (MDB_val){ .mv_size = s.len, .mv_data = (void *)(uintptr_t)s.data };
}

static err open_record(const struct store_txn *t, enum store_table table, struct span key,
                       MDB_val v, struct span *payload, struct errmsg *msg)
{
    err e = store_record_open(table, key, span_of(v.mv_data, v.mv_size), payload);
    if (e == ERR_CORRUPT)
        return store_damaged(t, table, key, "fails its checksum", msg);
    if (e == ERR_UNSUPPORTED) {
        char place[STORE_KEY_TEXT_BYTES];
        store_key_text(table, key, place);
        return err_say(msg, e, "%s: the record %s was written by a newer muster",
                       t->store->data_path, place);
    }
    return e;
}

static err read_head(struct store_txn *t, struct errmsg *msg)
{
    struct store_key key = store_key_head();
    struct span payload;
    err e = store_get(t, TABLE_META, &key, &payload, msg);
    if (e == ERR_NOT_FOUND)
        return err_say(msg, ERR_CORRUPT, "%s is no store of muster: it has no head",
                       t->store->data_path);
    if (!e && !store_head_decode(payload, &t->head))
        e = store_damaged(t, TABLE_META, store_key_span(&key), "cannot be read", msg);
    if (!e && t->head.schema > STORE_SCHEMA)
        e = err_say(msg, ERR_UNSUPPORTED,
                    "%s has schema %u, made by a newer muster; this one reads up to %d",
                    t->store->data_path, t->head.schema, STORE_SCHEMA);
    return e;
}

/* Another process may have grown the map (MDB_MAP_RESIZED): follow it. */
static err resize_map(struct store_txn *t, size_t bytes, struct errmsg *msg)
{
    struct store *s = t->store;
    check(pthread_rwlock_wrlock(&s->mapping) == 0);
    int rc = mdb_env_set_mapsize(s->env, bytes);
    check(pthread_rwlock_unlock(&s->mapping) == 0);
    t->rc = 0;
    return rc ? fail(t, rc, "map", msg) : OK;
}

err store_read_begin(struct store *s, struct store_txn *t, struct errmsg *msg)
{
    *t = (struct store_txn){ .store = s };
    check(pthread_rwlock_rdlock(&s->mapping) == 0);
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t->mdb);
    while (rc == MDB_MAP_RESIZED) {
        check(pthread_rwlock_unlock(&s->mapping) == 0);
        err e = resize_map(t, 0, msg);
        if (e)
            return e;
        check(pthread_rwlock_rdlock(&s->mapping) == 0);
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t->mdb);
    }
    err e = rc ? fail(t, rc, "read", msg) : read_head(t, msg);
    if (e)
        store_read_end(t);
    return e;
}

void store_read_end(struct store_txn *t)
{
    if (t->mdb)
        mdb_txn_abort(t->mdb);
    t->mdb = NULL;
    check(pthread_rwlock_unlock(&t->store->mapping) == 0);
}

/* Of the newest transaction in the file, whoever wrote it. */
static uint64_t newest_write(struct store *s)
{
    MDB_envinfo info;
    check(mdb_env_info(s->env, &info) == 0);
    return info.me_last_txnid;
}

static uint64_t used_bytes(struct store *s)
{
    MDB_envinfo info;
    MDB_stat stat;
    check(mdb_env_info(s->env, &info) == 0 && mdb_env_stat(s->env, &stat) == 0);
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

static err reserve(struct store *s, uint64_t need, struct errmsg *msg)
{
    return store_guard_reserve(s->data_fd, s->data_path, used_bytes(s), need, msg);
}

static err commit(struct store_txn *t, uint64_t need, struct errmsg *msg)
{
    int rc = mdb_txn_commit(t->mdb);
    if (!rc) {
        t->store->last_write = newest_write(t->store);
        return OK;
    }
    /* A short write is an EIO to LMDB: ask the file system again. */
    if (rc == EIO && reserve(t->store, 2 * need, msg) == ERR_FULL)
        return ERR_FULL;
    return fail(t, rc, "commit to", msg);
}

static err write_once(struct store_txn *t, uint64_t need, store_apply_f *apply, void *context,
                      struct errmsg *msg)
{
    struct store *s = t->store;
    int rc = mdb_txn_begin(s->env, NULL, 0, &t->mdb);
    if (rc)
        return fail(t, rc, "write", msg);
    err e = read_head(t, msg);
    if (!e && t->head.epoch != s->info.epoch)
        e = err_say(msg, ERR_STALE,
                    "another coordinator took over the store %s (epoch %" PRIu64
                    ", ours is %" PRIu64 ")",
                    s->data_path, t->head.epoch, s->info.epoch);
    if (!e && s->last_write != 0 && newest_write(s) != s->last_write)
        e = err_say(
            msg, ERR_STALE,
            "somebody else wrote to '%s' while it was in use: is it a copy that was put over "
            "it, or were its locks removed?",
            s->data_path);
    if (!e)
        e = apply(t, context, msg);
    if (!e)
        return commit(t, need, msg);
    mdb_txn_abort(t->mdb);
    return e;
}

err store_write(struct store *s, uint64_t need, store_apply_f *apply, void *context,
                struct errmsg *msg)
{
    check(!s->read_only);
    check(pthread_mutex_lock(&s->writing) == 0);
    if (s->writes++ % READER_CHECK_WRITES == 0)
        (void)mdb_reader_check(s->env, NULL); /* only saves room */
    err e = store_guard_keep(s->data_fd, s->data_path, &s->file_bytes, msg);
    if (!e)
        e = reserve(s, need, msg);
    for (bool again = !e; again;) {
        struct store_txn t = { .store = s };
        e = write_once(&t, need, apply, context, msg);
        MDB_envinfo info;
        check(mdb_env_info(s->env, &info) == 0);
        again = e && (t.rc == MDB_MAP_FULL || t.rc == MDB_MAP_RESIZED);
        if (again) {
            e = resize_map(&t, t.rc == MDB_MAP_FULL ? 2 * info.me_mapsize : 0, msg);
            again = !e;
            if (again && msg)
                msg->text[0] = '\0'; /* it was no failure after all */
        }
    }
    if (e && e != ERR_FULL)
        s->failed = true;
    check(pthread_mutex_unlock(&s->writing) == 0);
    return e;
}

err store_get(struct store_txn *t, enum store_table table, const struct store_key *key,
              struct span *payload, struct errmsg *msg)
{
    MDB_val k = val_of(store_key_span(key)), v;
    int rc = mdb_get(t->mdb, t->store->table[table], &k, &v);
    if (rc == MDB_NOTFOUND)
        return ERR_NOT_FOUND;
    if (rc)
        return fail(t, rc, "read", msg);
    return open_record(t, table, store_key_span(key), v, payload, msg);
}

static bool has_prefix(MDB_val key, const struct store_key *of, size_t prefix_len)
{
    return key.mv_size >= prefix_len && memcmp(key.mv_data, of->bytes, prefix_len) == 0;
}

err store_get_last(struct store_txn *t, enum store_table table, const struct store_key *next,
                   size_t prefix_len, size_t bytes_max, struct span *key, struct span *payload,
                   struct errmsg *msg)
{
    MDB_cursor *cursor;
    MDB_val k = val_of(store_key_span(next)), v;
    int rc = mdb_cursor_open(t->mdb, t->store->table[table], &cursor);
    if (rc)
        return fail(t, rc, "read", msg);
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    bool is_behind = !rc && has_prefix(k, next, prefix_len);
    if (!is_behind && (!rc || rc == MDB_NOTFOUND))
        rc = mdb_cursor_get(cursor, &k, &v, rc ? MDB_LAST : MDB_PREV);
    mdb_cursor_close(cursor);
    if (rc && rc != MDB_NOTFOUND)
        return fail(t, rc, "read", msg);
    if (rc || !has_prefix(k, next, prefix_len))
        return ERR_NOT_FOUND;
    *key = span_of(k.mv_data, k.mv_size);
    if (is_behind)
        return store_damaged(t, table, *key, "is there, but is not counted", msg);
    if (v.mv_size > STORE_SEAL_BYTES + bytes_max)
        return ERR_NOT_FOUND;
    return open_record(t, table, *key, v, payload, msg);
}

err store_put(struct store_txn *t, enum store_table table, const struct store_key *key,
              struct span payload, struct errmsg *msg)
{
    MDB_val k = val_of(store_key_span(key));
    MDB_val v = { .mv_size = STORE_SEAL_BYTES + payload.len };
    int rc = mdb_put(t->mdb, t->store->table[table], &k, &v, MDB_RESERVE);
    if (rc)
        return fail(t, rc, "write", msg);
    store_record_seal(table, store_key_span(key), payload, v.mv_data);
    return OK;
}

err store_delete(struct store_txn *t, enum store_table table, const struct store_key *key,
                 struct errmsg *msg)
{
    MDB_val k = val_of(store_key_span(key));
    int rc = mdb_del(t->mdb, t->store->table[table], &k, NULL);
    if (rc == MDB_NOTFOUND)
        return store_damaged(t, table, store_key_span(key), "is missing", msg);
    return rc ? fail(t, rc, "write", msg) : OK;
}

uint64_t store_txn_id(const struct store_txn *t)
{
    return mdb_txn_id(t->mdb);
}

err store_count(struct store_txn *t, enum store_table table, uint64_t *out, struct errmsg *msg)
{
    MDB_stat stat;
    int rc = mdb_stat(t->mdb, t->store->table[table], &stat);
    if (rc)
        return fail(t, rc, "read", msg);
    *out = stat.ms_entries;
    return OK;
}

err store_cursor_open(struct store_cursor *c, struct store_txn *t, enum store_table table,
                      const struct store_key *from, size_t prefix_len, struct errmsg *msg)
{
    *c = (struct store_cursor){
        .txn = t, .table = table, .from = *from, .prefix_len = prefix_len, .msg = msg
    };
    check(prefix_len <= from->len);
    int rc = mdb_cursor_open(t->mdb, t->store->table[table], &c->mdb);
    return rc ? fail(t, rc, "read", msg) : OK;
}

bool store_cursor_next(struct store_cursor *c)
{
    MDB_val k = val_of(store_key_span(&c->from)), v;
    MDB_cursor_op op = MDB_NEXT;
    if (!c->started)
        op = c->from.len > 0 ? MDB_SET_RANGE : MDB_FIRST;
    c->started = true;
    c->failure = OK;
    int rc = mdb_cursor_get(c->mdb, &k, &v, op);
    if (rc == MDB_NOTFOUND)
        return false;
    if (rc) {
        c->failure = fail(c->txn, rc, "read", c->msg);
        return false;
    }
    c->key = span_of(k.mv_data, k.mv_size);
    if (!has_prefix(k, &c->from, c->prefix_len))
        return false;
    c->failure = open_record(c->txn, c->table, c->key, v, &c->payload, c->msg);
    return c->failure == OK;
}

err store_cursor_close(struct store_cursor *c, err e)
{
    if (c->mdb)
        mdb_cursor_close(c->mdb);
    c->mdb = NULL;
    return e ? e : c->failure;
}
