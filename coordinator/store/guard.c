#include "coordinator/store/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/mem.h"

enum {
    /* Set aside more than asked for, in proportion, so that it is seldom done. */
    RESERVE_STEP_MIN = 1 << 20,
    RESERVE_STEP_MAX = 64 << 20,
};

static err refuse_network(const struct store_config *config, struct errmsg *msg)
{
    return config->allow_network_fs ? OK : file_refuse_network(config->path, msg);
}

err store_guard_take(const struct store_config *config, int *out_lock_fd, struct errmsg *msg)
{
    err e = refuse_network(config, msg);
    if (!e)
        e = file_make_dir(config->path, 0700, msg);
    if (e)
        return e;
    char *lock = file_join(config->path, "muster.lock");
    e = file_lock(lock, out_lock_fd, msg);
    free(lock);
    return e;
}

err store_guard_look(const struct store_config *config, struct errmsg *msg)
{
    if (!file_exists(config->path) && !file_is_absent(config->path))
        return err_say(msg, ERR_DENIED, "cannot examine the store '%s': %s", config->path,
                       strerror(errno));
    if (!file_is_dir(config->path))
        return err_say(msg, ERR_NOT_FOUND, "there is no store at '%s'", config->path);
    return refuse_network(config, msg);
}

err store_guard_sync(const char *folder, struct errmsg *msg)
{
    enum { LEVELS = 3 }; /* STATE/store: the file, the store, the state */
    char *at = xstrdup(folder);
    err e = file_sync_dir(at, msg);
    for (int level = 1; level < LEVELS && !e; level++) {
        char *parent = file_dir_of(at);
        e = file_sync_dir(parent, msg);
        if (e == ERR_DENIED)
            e = OK; /* somebody else's folder, which must not be read: it is older than we are */
        free(at);
        at = parent;
    }
    free(at);
    return e;
}

/* At another place, or at none. */
static bool is_elsewhere(const struct stat *open, const char *path)
{
    struct stat there;
    if (stat(path, &there))
        return errno == ENOENT || errno == ENOTDIR;
    return ((there.st_ino ^ open->st_ino) | (there.st_dev ^ open->st_dev)) != 0;
}

err store_guard_keep(int fd, const char *path, uint64_t *bytes, struct errmsg *msg)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_say(msg, ERR_IO, "cannot examine '%s': %s", path, strerror(errno));
    if (is_elsewhere(&st, path))
        return err_say(msg, ERR_NOT_FOUND,
                       "'%s' was removed, moved away or replaced while it was in use; nothing more "
                       "is recorded: put it back, or begin anew",
                       path);
    if ((uint64_t)st.st_size < *bytes)
        return err_say(msg, ERR_CORRUPT,
                       "'%s' was cut while it was in use, from %" PRIu64 " bytes to %" PRIu64
                       "; restore it from a backup",
                       path, *bytes, (uint64_t)st.st_size);
    *bytes = (uint64_t)st.st_size;
    return OK;
}

static err say_full(const char *path, uint64_t bytes, const char *reason, struct errmsg *msg)
{
    return err_say(msg, ERR_FULL, "'%s' cannot grow by %" PRIu64 " bytes: %s; make room for it",
                   path, bytes, reason);
}

/* For file systems that cannot set room aside. */
static err look_for_room(int fd, const char *path, uint64_t need, struct errmsg *msg)
{
    struct statvfs fs;
    if (fstatvfs(fd, &fs))
        return err_say(msg, ERR_IO, "cannot examine '%s': %s", path, strerror(errno));
    if (fs.f_bavail * (uint64_t)fs.f_frsize < need)
        return say_full(path, need, strerror(ENOSPC), msg);
    return OK;
}

static bool is_over_limit(uint64_t bytes)
{
    struct rlimit limit; /* going over it would also raise SIGXFSZ */
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           bytes > limit.rlim_cur;
}

static err extend(int fd, const char *path, uint64_t size, uint64_t bytes, struct errmsg *msg)
{
    if (is_over_limit(size + bytes))
        return say_full(path, bytes, strerror(EFBIG), msg);
    int rc;
    do {
        rc = fallocate(fd, 0, (off_t)size, (off_t)bytes);
    } while (rc && errno == EINTR);
    if (!rc)
        return OK;
    if (errno == EOPNOTSUPP || errno == ENOSYS)
        return look_for_room(fd, path, bytes, msg);
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return say_full(path, bytes, strerror(errno), msg);
    return err_say(msg, ERR_IO, "cannot extend '%s': %s", path, strerror(errno));
}

err store_guard_reserve(int fd, const char *path, uint64_t used, uint64_t need, struct errmsg *msg)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_say(msg, ERR_IO, "cannot examine '%s': %s", path, strerror(errno));
    uint64_t size = (uint64_t)st.st_size;
    if (size >= used + need)
        return OK;
    if (size < used)
        size = used;
    uint64_t step = used / 8;
    step = step < RESERVE_STEP_MIN ? RESERVE_STEP_MIN : step;
    step = step > RESERVE_STEP_MAX ? RESERVE_STEP_MAX : step;
    need = used + need - size;
    if (step > need && extend(fd, path, size, step, NULL) == OK)
        return OK;
    return extend(fd, path, size, need, msg);
}
