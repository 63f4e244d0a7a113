#include <lmdb.h>

#include "tests/io/failing.h"

WRAP(int, mdb_env_create, (MDB_env * *env), (env), failing_code())
WRAP(int, mdb_env_set_mapsize, (MDB_env * env, size_t bytes), (env, bytes), failing_code())
WRAP(int, mdb_env_set_maxdbs, (MDB_env * env, MDB_dbi count), (env, count), failing_code())
WRAP(int, mdb_env_set_assert, (MDB_env * env, MDB_assert_func *f), (env, f), failing_code())
WRAP(int, mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
     (env, path, flags, mode), failing_code())
WRAP(int, mdb_env_get_fd, (MDB_env * env, mdb_filehandle_t *fd), (env, fd), failing_code())
WRAP(int, mdb_txn_begin, (MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **out),
     (env, parent, flags, out), failing_code())
WRAP(int, mdb_dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *out),
     (txn, name, flags, out), failing_code())
WRAP(int, mdb_stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *out), (txn, dbi, out), failing_code())
WRAP(int, mdb_get, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value),
     (txn, dbi, key, value), failing_code())
WRAP(int, mdb_put, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned flags),
     (txn, dbi, key, value, flags), failing_code())
WRAP(int, mdb_del, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value),
     (txn, dbi, key, value), failing_code())
WRAP(int, mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **out), (txn, dbi, out),
     failing_code())
WRAP(int, mdb_cursor_get, (MDB_cursor * cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op),
     (cursor, key, value, op), failing_code())

/* Not a failure: under the name "moving", the state that was asked for is not in the file any more.
 */
size_t __real_mdb_txn_id(MDB_txn *txn); /* NOLINT: the linker's names */
size_t __wrap_mdb_txn_id(MDB_txn *txn); /* NOLINT */
size_t __wrap_mdb_txn_id(MDB_txn *txn)  /* NOLINT */
{
    return failing_now("moving") ? 0 : __real_mdb_txn_id(txn);
}

/* LMDB gives up the transaction of a commit that fails. */
static int give_up(MDB_txn *txn)
{
    mdb_txn_abort(txn);
    return failing_code();
}

WRAP(int, mdb_txn_commit, (MDB_txn * txn), (txn), give_up(txn))
