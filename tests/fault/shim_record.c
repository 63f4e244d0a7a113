/* Writes down what was done to files, for power_cut. One process, one thread at a time. */
#include "tests/fault/shim_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/fault/power_log.h"

static bool is_recorded(const struct shim_call *c)
{
    /* LMDB's table of readers is shared memory: nothing of it outlives its processes. */
    return shim_plan_now()->record && c->name[0] && !strstr(c->name, "lock.mdb") &&
           !strstr(c->name, ".new-lock");
}

static void put(struct power_head head, const struct iovec *parts, int count)
{
    static long fd = -1;
    static const char *open_for;
    const char *path = shim_plan_now()->record;
    int kept = errno;
    if (open_for != path) {
        fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        open_for = path;
    }
    struct iovec head_part = { &head, sizeof(head) };
    if (fd < 0 || syscall(SYS_writev, fd, &head_part, 1) != sizeof(head))
        abort(); /* a gap in the recording would prove anything */
    for (uint64_t left = head.len; left > 0; parts++) {
        struct iovec part = *parts;
        if (part.iov_len > left)
            part.iov_len = left;
        if (count-- <= 0 || syscall(SYS_writev, fd, &part, 1) != (long)part.iov_len)
            abort();
        left -= part.iov_len;
    }
    errno = kept;
}

static uint64_t inode_of_fd(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static uint64_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* The folder of a name below `under`, and the name's last part. */
static uint64_t folder_of(const char *name, const char **last)
{
    char path[PATH_MAX];
    const char *slash = strrchr(name, '/');
    *last = slash ? slash + 1 : name;
    int len = slash ? (int)(slash - name) : 0;
    (void)snprintf(path, sizeof(path), "%s/%.*s", shim_plan_now()->under, len, name);
    return inode_of(path);
}

void shim_record_write(const struct shim_call *c, int fd, const struct iovec *parts, int count,
                       int64_t at, size_t len)
{
    if (!is_recorded(c))
        return;
    bool synced = fcntl(fd, F_GETFL) & O_DSYNC;
    put((struct power_head){ .kind = POWER_WRITE,
                             .flags = synced ? POWER_SYNCED : 0,
                             .inode = inode_of_fd(fd),
                             .offset = (uint64_t)at,
                             .len = len },
        parts, count);
}

void shim_record_size(const struct shim_call *c, int fd, int64_t size, bool may_shrink)
{
    if (is_recorded(c))
        put((struct power_head){ .kind = POWER_SIZE,
                                 .flags = may_shrink ? POWER_SHRINK : 0,
                                 .inode = inode_of_fd(fd),
                                 .offset = (uint64_t)size },
            NULL, 0);
}

void shim_record_sync(const struct shim_call *c, int fd)
{
    if (is_recorded(c))
        put((struct power_head){ .kind = POWER_SYNC, .inode = inode_of_fd(fd) }, NULL, 0);
}

static void put_entry(enum power_kind kind, uint64_t inode, const char *name)
{
    const char *last;
    uint64_t folder = folder_of(name, &last);
    struct iovec parts[] = { { &folder, sizeof(folder) },
                             { (void *)(uintptr_t)last, strlen(last) + 1 } };
    put((struct power_head){ .kind = kind,
                             .inode = inode,
                             .len = parts[0].iov_len + parts[1].iov_len },
        parts, 2);
}

void shim_record_create(const struct shim_call *c, int fd, bool is_new)
{
    if (is_new && is_recorded(c))
        put_entry(POWER_CREATE, inode_of_fd(fd), c->name);
}

void shim_record_mkdir(const struct shim_call *c)
{
    if (!is_recorded(c))
        return;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", shim_plan_now()->under, c->name);
    put_entry(POWER_MKDIR, inode_of(path), c->name);
}

void shim_record_unlink(const struct shim_call *c)
{
    if (is_recorded(c))
        put_entry(POWER_UNLINK, 0, c->name);
}

void shim_record_rename(const struct shim_call *c, const char *to)
{
    struct shim_call target;
    shim_of_path(&target, "rename", to);
    if (!is_recorded(c) || !target.name[0])
        return;
    const char *from_last, *to_last;
    uint64_t folders[2] = { folder_of(c->name, &from_last), folder_of(target.name, &to_last) };
    struct iovec parts[] = { { folders, sizeof(folders) },
                             { (void *)(uintptr_t)from_last, strlen(from_last) + 1 },
                             { (void *)(uintptr_t)to_last, strlen(to_last) + 1 } };
    put((struct power_head){ .kind = POWER_RENAME,
                             .inode = inode_of(to),
                             .len = sizeof(folders) + parts[1].iov_len + parts[2].iov_len },
        parts, 3);
}

void shim_mark(uint32_t kind, const void *bytes, size_t len)
{
    struct iovec part = { (void *)(uintptr_t)bytes, len };
    if (shim_plan_now()->record)
        put((struct power_head){ .kind = POWER_MARK, .offset = kind, .len = len }, &part, 1);
}
