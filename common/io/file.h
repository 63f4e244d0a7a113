/* Files: reading whole ones with a limit, writing so that a crash leaves the old or the new one,
 * locks, folders, random bytes. Every failure says path and reason in msg. */
#ifndef MUSTER_COMMON_IO_FILE_H
#define MUSTER_COMMON_IO_FILE_H

#include "common/buf.h"
#include "common/err.h"

/* Append the file's bytes to out. ERR_NOT_FOUND, ERR_LIMIT (over max_bytes), ERR_IO; only regular
 * files (a FIFO or device is ERR_INVALID). */
err file_read(const char *path, size_t max_bytes, struct buf *out, struct errmsg *msg);

/* The same, for a file that holds a secret. ERR_DENIED: others than its owner may read or write it,
 * or it belongs to somebody else. */
err file_read_secret(const char *path, size_t max_bytes, struct buf *out, struct errmsg *msg);

/* Replace path by these bytes: temporary file beside it, fsync, rename, fsync of the folder. */
err file_write_atomic(const char *path, struct span bytes, unsigned mode, struct errmsg *msg);

/* For a path that a person named for output: what stands there and is no regular file, a device, a
 * FIFO or a link, is written to and stays; else as above. */
err file_write_named(const char *path, struct span bytes, unsigned mode, struct errmsg *msg);

/* Remove the temporary files of this folder, which a process that was killed has left, and nothing
 * else. For whoever holds a lock that all who write there take: else one that is in use goes. What
 * cannot be removed stays. */
void file_remove_unfinished(const char *dir);

/* The same without a lock, where others may be writing: those that nobody has written to for an
 * hour, since a write lasts seconds. name: only those of this file; NULL: of all. */
void file_remove_abandoned(const char *dir, const char *name);

/* Make the folder and its parents with this mode, durably; fine if it is there already. */
err file_make_dir(const char *path, unsigned mode, struct errmsg *msg);

/* Make the names in this folder durable. */
err file_sync_dir(const char *dir, struct errmsg *msg);

bool file_exists(const char *path);
/* It is known not to be there. A path that cannot be examined neither exists nor is absent: whoever
 * would make what is missing asks this, so that nothing is replaced because a disk failed. */
bool file_is_absent(const char *path);
bool file_is_dir(const char *path);
/* dir/name, or name itself when it is absolute. The caller frees. */
char *file_join(const char *dir, const char *name);
/* The folder of a path ("." if it has none). The caller frees. */
char *file_dir_of(const char *path);
/* Absolute path without symbolic links; NULL and msg if it does not exist. The caller frees. */
char *file_real(const char *path, struct errmsg *msg);
/* The folder that holds the running program, for finding its siblings. The caller frees. */
char *file_program_dir(void);

/* An exclusive open-file-description lock on path (made if absent, mode 0600), held until the
 * descriptor is closed. The holder writes "pid host\n" into it. ERR_BUSY: msg names the holder. */
err file_lock(const char *path, int *out_fd, struct errmsg *msg);
/* Whether a process has it now. holder: who it is, safe for people, is appended; may be NULL. */
bool file_is_locked(const char *path, struct buf *holder);

/* ERR_UNSUPPORTED if path lies on a network or FUSE file system (NFS, Lustre, GPFS, BeeGFS, CIFS,
 * 9p, ...), msg names it. */
err file_refuse_network(const char *path, struct errmsg *msg);

/* getrandom(2): for worker ids and tokens, nothing that must be repeatable. */
void file_random(void *out, size_t bytes);

#endif
