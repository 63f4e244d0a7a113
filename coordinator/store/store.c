/* Opening, making and closing the store.
 *
 * data.mdb exists only as a whole store: it is made under another name, with all its tables and its
 * head, and renamed. So a file that is empty, cut or without a head is damage, never a beginning.
 */
#include "coordinator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/store/guard.h"
#include "coordinator/store/ident.h"
#include "coordinator/store/pages.h"
#include "coordinator/store/store_impl.h"
#include "coordinator/store/table.h"

/* Address space, not memory or disk; a store of 10^9 results is about 60 GiB. */
static const size_t map_bytes_default = (size_t)256 << 30;
static const size_t map_bytes_new = 1 << 20; /* while it is made: only empty tables */

enum { LOOK_TRIES = 100 }; /* a reader beside a busy writer may look at a moving state */

static err say_lmdb(int rc, const char *doing, const char *path, struct errmsg *msg)
{
    return err_say(msg, ERR_IO, "cannot %s the store '%s': %s", doing, path, mdb_strerror(rc));
}

/* LMDB found its own file inconsistent: memory cannot be trusted any more. */
static void on_lmdb_assert(MDB_env *env, const char *sentence)
{
    (void)env;
    check_failed(sentence, "lmdb", 0);
}

static int new_env(size_t map_bytes, MDB_env **out)
{
    MDB_env *env;
    int rc = mdb_env_create(&env);
    if (rc)
        return rc;
    rc = mdb_env_set_mapsize(env, map_bytes);
    if (!rc)
        rc = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (!rc)
        rc = mdb_env_set_assert(env, on_lmdb_assert);
    if (rc)
        mdb_env_close(env);
    else
        *out = env;
    return rc;
}

/* A new store: epoch 0, no ids given. */
static int put_first_head(MDB_txn *txn, MDB_dbi meta)
{
    struct store_head head = { .schema = STORE_SCHEMA, .clean = true };
    file_random(head.uuid.bytes, sizeof(head.uuid.bytes));
    struct buf payload = { 0 };
    store_head_encode(&head, &payload);
    struct store_key key = store_key_head();
    MDB_val k = { .mv_size = key.len, .mv_data = key.bytes };
    MDB_val v = { .mv_size = STORE_SEAL_BYTES + payload.len };
    int rc = mdb_put(txn, meta, &k, &v, MDB_RESERVE);
    if (!rc)
        store_record_seal(TABLE_META, store_key_span(&key), buf_span(&payload), v.mv_data);
    buf_release(&payload);
    return rc;
}

static int make_tables(MDB_env *env)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc)
        return rc;
    for (unsigned i = 0; i < TABLE_COUNT && !rc; i++) {
        MDB_dbi dbi;
        rc = mdb_dbi_open(txn, store_table_name(i), MDB_CREATE, &dbi);
        if (!rc && i == TABLE_META)
            rc = put_first_head(txn, dbi);
    }
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* What a start that was cut short may have left. */
static void remove_leftovers(const char *new_path, const char *new_lock)
{
    (void)unlink(new_path);
    (void)unlink(new_lock);
}

static err make_store(const char *folder, const char *data_path, struct errmsg *msg)
{
    char *new_path = xformat("%s.new", data_path);
    char *new_lock = xformat("%s-lock", new_path); /* LMDB's name for it */
    remove_leftovers(new_path, new_lock);
    MDB_env *env = NULL;
    int rc = new_env(map_bytes_new, &env);
    if (!rc)
        rc = mdb_env_open(env, new_path, MDB_NOSUBDIR, 0600);
    if (!rc)
        rc = make_tables(env);
    if (env)
        mdb_env_close(env);
    if (!rc && rename(new_path, data_path))
        rc = errno;
    remove_leftovers(new_path, new_lock);
    free(new_path);
    free(new_lock);
    return rc ? say_lmdb(rc, "make", folder, msg) : OK;
}

/* Before LMDB trusts the file: are its first pages what it thinks? */
static err look_at_metas(const struct store *s, const char *folder, struct errmsg *msg)
{
    int fd = open(s->data_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_say(msg, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                       "cannot open the store '%s': %s", folder, strerror(errno));
    err e = store_pages_check_metas(fd, s->data_path, msg);
    (void)close(fd); /* nothing was written */
    return e;
}

static err open_env(struct store *s, const struct store_config *config, struct errmsg *msg)
{
    size_t map_bytes = config->map_bytes ? config->map_bytes : map_bytes_default;
    /* Default flags but one: every commit is on the disk before it returns. NOTLS: read
     * transactions belong to no thread. */
    unsigned flags = MDB_NOTLS | (s->read_only ? MDB_RDONLY : 0);
    int rc = new_env(map_bytes, &s->env);
    if (!rc)
        rc = mdb_env_open(s->env, config->path, flags, 0600);
    if (rc == ENOMEM)
        return err_say(msg, ERR_IO,
                       "cannot map %zu bytes for the store '%s': raise the limit of address space "
                       "(ulimit -v)",
                       map_bytes, config->path);
    if (!rc)
        rc = mdb_env_get_fd(s->env, &s->data_fd);
    if (rc)
        return say_lmdb(rc, "open", config->path, msg);
    /* LMDB leaves this descriptor to children on purpose; ours must not have it. */
    int fd_flags = fcntl(s->data_fd, F_GETFD);
    check(fd_flags >= 0 && fcntl(s->data_fd, F_SETFD, fd_flags | FD_CLOEXEC) == 0);
    (void)mdb_reader_check(s->env, NULL); /* slots of dead readers only cost room */
    return OK;
}

/* The whole state must be sound before LMDB walks it. The reader's slot keeps it in place. */
static err look_at_pages(struct store *s, struct errmsg *msg)
{
    err e = ERR_AGAIN;
    for (int i = 0; e == ERR_AGAIN && i < LOOK_TRIES; i++) {
        MDB_txn *txn;
        int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
        if (rc)
            return say_lmdb(rc, "read", s->data_path, msg);
        uint64_t used_bytes;
        e = store_pages_check(s->data_fd, s->data_path, mdb_txn_id(txn), false, &used_bytes, msg);
        mdb_txn_abort(txn);
    }
    return e;
}

static err open_tables(struct store *s, struct errmsg *msg)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return say_lmdb(rc, "read", s->data_path, msg);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        rc = mdb_dbi_open(txn, store_table_name(i), 0, &s->table[i]);
        if (rc) {
            mdb_txn_abort(txn);
            if (rc != MDB_NOTFOUND)
                return say_lmdb(rc, "read", s->data_path, msg);
            return err_say(msg, ERR_CORRUPT, "'%s' is no store of muster: it has no table '%s'",
                           s->data_path, store_table_name(i));
        }
    }
    rc = mdb_txn_commit(txn); /* keeps the handles */
    return rc ? say_lmdb(rc, "read", s->data_path, msg) : OK;
}

static err read_info(struct store *s, struct errmsg *msg)
{
    struct store_txn t;
    err e = store_read_begin(s, &t, msg);
    if (e)
        return e;
    s->info = (struct store_info){
        .epoch = t.head.epoch,
        .schema = t.head.schema,
        .uuid = t.head.uuid,
        .was_clean = t.head.clean,
        .model_count = t.head.model_count,
        .task_count = t.head.task_count,
    };
    e = store_ident_check(&t, msg);
    store_read_end(&t);
    return e;
}

err store_put_head(struct store_txn *t, struct errmsg *msg)
{
    struct buf *payload = &t->store->scratch;
    buf_clear(payload);
    store_head_encode(&t->head, payload);
    struct store_key key = store_key_head();
    return store_put(t, TABLE_META, &key, buf_span(payload), msg);
}

static err raise_epoch(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context;
    t->head.epoch++;
    t->head.clean = false;
    return store_put_head(t, msg);
}

static err mark_clean(struct store_txn *t, void *context, struct errmsg *msg)
{
    (void)context;
    t->head.clean = true;
    return store_put_head(t, msg);
}

/* From the folder to a store that can be read, and written unless it is read-only. */
static err open_all(struct store *s, const struct store_config *config, struct errmsg *msg)
{
    err e =
        s->read_only ? store_guard_look(config, msg) : store_guard_take(config, &s->lock_fd, msg);
    if (!e && !s->read_only && file_is_absent(s->data_path))
        e = make_store(config->path, s->data_path, msg);
    if (!e && !s->read_only)
        e = store_guard_sync(config->path, msg);
    if (!e)
        e = look_at_metas(s, config->path, msg);
    if (!e)
        e = open_env(s, config, msg);
    if (!e)
        e = look_at_pages(s, msg);
    if (!e)
        e = open_tables(s, msg);
    if (!e)
        e = read_info(s, msg);
    if (!e && !s->read_only)
        e = store_write(s, STORE_NEED_SMALL, raise_epoch, NULL, msg);
    if (!e && !s->read_only)
        s->info.epoch++;
    return e;
}

static void free_store(struct store *s)
{
    if (s->env)
        mdb_env_close(s->env);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd); /* gives back the lock; what it holds is only for people */
    check(pthread_mutex_destroy(&s->writing) == 0);
    check(pthread_rwlock_destroy(&s->mapping) == 0);
    buf_release(&s->scratch);
    buf_release(&s->bundle);
    free(s->data_path);
    free(s);
}

err store_open(const struct store_config *config, struct store **out, struct errmsg *msg)
{
    struct store *s = xcalloc(1, sizeof(*s));
    s->data_path = file_join(config->path, "data.mdb");
    s->read_only = config->read_only;
    s->lock_fd = -1;
    check(pthread_mutex_init(&s->writing, NULL) == 0);
    check(pthread_rwlock_init(&s->mapping, NULL) == 0);
    err e = open_all(s, config, msg);
    if (e) {
        free_store(s);
        return e;
    }
    *out = s;
    return OK;
}

void store_info(const struct store *s, struct store_info *out)
{
    *out = s->info;
}

void store_close(struct store *s)
{
    /* Without the mark the next start only knows less: it looks closer. */
    if (!s->read_only && !s->failed)
        (void)store_write(s, STORE_NEED_SMALL, mark_clean, NULL, NULL);
    free_store(s);
}
