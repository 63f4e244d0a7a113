/* What LMDB does not look after: who may have the store, where it lies, and room on the disk. */
#ifndef MUSTER_COORDINATOR_STORE_GUARD_H
#define MUSTER_COORDINATOR_STORE_GUARD_H

#include "coordinator/store/store.h"

/* Refuse a network file system, make the folder (mode 0700), take its lock: STORE/muster.lock. Held
 * until the descriptor is closed. */
err store_guard_take(const struct store_config *config, int *out_lock_fd, struct errmsg *msg);
/* The same without making or locking anything: for reading. ERR_NOT_FOUND: no folder. */
err store_guard_look(const struct store_config *config, struct errmsg *msg);

/* Make the names in this folder, its own and its parent's durable: at every opening to write, since
 * a start that was cut short may have made them and no more. */
err store_guard_sync(const char *folder, struct errmsg *msg);

/* Whether the open file is still the one that lies at this path, and has at least *bytes, which
 * becomes its size. ERR_NOT_FOUND: somebody removed it, moved it away or put another in its place,
 * so nobody would ever find what is written from now on. ERR_CORRUPT: somebody cut it, and to read
 * what is missing of the map would be a signal. A path that cannot be looked at proves neither. */
err store_guard_keep(int fd, const char *path, uint64_t *bytes, struct errmsg *msg);

/* Have the file system set aside `need` bytes behind the first `used` ones of the file, so that a
 * full disk, a quota or a limit shows before anything is written, and by its own name: LMDB reports
 * all of them as EIO. ERR_FULL: there is no room. */
err store_guard_reserve(int fd, const char *path, uint64_t used, uint64_t need, struct errmsg *msg);

#endif
