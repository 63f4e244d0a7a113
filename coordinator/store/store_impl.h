/* Inside the store: what its files share. Nobody outside this folder includes it. */
#ifndef MUSTER_COORDINATOR_STORE_STORE_IMPL_H
#define MUSTER_COORDINATOR_STORE_STORE_IMPL_H

#include <pthread.h>

#include "common/buf.h"
#include "coordinator/store/record.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_key.h"

struct MDB_env;

struct store {
    char *data_path; /* STORE/data.mdb, for messages */
    bool read_only;
    int lock_fd; /* of STORE/muster.lock; -1 in a read-only store */
    int data_fd; /* LMDB's own; not ours to close */
    struct MDB_env *env;
    unsigned table[TABLE_COUNT]; /* LMDB's handles */
    struct store_info info;      /* written by opening and by giving ids: the loop thread */

    pthread_mutex_t writing;  /* one write transaction at a time; guards what stands below */
    pthread_rwlock_t mapping; /* the map moves when it grows: readers keep it in place meanwhile */
    struct buf scratch;       /* payloads on their way to a record */
    struct buf bundle;        /* blocks on their way to theirs */
    uint64_t writes;          /* since it was opened */
    uint64_t file_bytes;      /* when it was last looked at: it never gets shorter */
    uint64_t last_write;      /* LMDB's number of our last transaction; 0: none yet */
    bool failed;              /* a write failed for good: the store is not closed cleanly */
};

#endif
