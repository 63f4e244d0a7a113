/* The calls themselves. Each asks the plan, goes to the kernel by its number (so that the order of
 * libraries does not matter), and is recorded once it was made. */
#include "tests/fault/shim_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- Writing ---- */

/* at < 0: where the descriptor stands. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t at)
{
    if (at < 0)
        return syscall(SYS_writev, fd, parts, count);
    return syscall(SYS_pwritev, fd, parts, count, at, 0L);
}

/* Half of the bytes, in the first part that has any. */
static ssize_t write_half(int fd, const struct iovec *parts, int count, off_t at)
{
    int i = 0;
    while (i + 1 < count && parts[i].iov_len == 0)
        i++;
    struct iovec half = { parts[i].iov_base, parts[i].iov_len - parts[i].iov_len / 2 };
    return write_parts(fd, &half, 1, at);
}

static ssize_t make_write(const char *call, int fd, const struct iovec *parts, int count, off_t at)
{
    struct shim_call c;
    shim_of_fd(&c, call, fd);
    if (shim_enter(&c))
        return -1;
    bool half = c.deed == SHIM_KILL_HALF || c.deed == SHIM_SHORT;
    off_t where = at;
    if (at < 0 && c.name[0] && shim_plan_now()->record)
        where = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    ssize_t written = half ? write_half(fd, parts, count, at) : write_parts(fd, parts, count, at);
    if (written > 0)
        shim_record_write(&c, fd, parts, count, where, (size_t)written);
    shim_leave(&c);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    struct iovec part = { (void *)(uintptr_t)bytes, len };
    return make_write("write", fd, &part, 1, -1);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return make_write("write", fd, parts, count, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    struct iovec part = { (void *)(uintptr_t)bytes, len };
    return make_write("pwrite", fd, &part, 1, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return pwrite(fd, bytes, len, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return make_write("pwrite", fd, parts, count, at);
}

/* ---- Sizes ---- */

int ftruncate(int fd, off_t size)
{
    struct shim_call c;
    shim_of_fd(&c, "ftruncate", fd);
    if (shim_enter(&c))
        return -1;
    int failed = (int)syscall(SYS_ftruncate, fd, size);
    if (!failed)
        shim_record_size(&c, fd, size, true);
    shim_leave(&c);
    return failed;
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    struct shim_call c;
    shim_of_fd(&c, "fallocate", fd);
    if (shim_enter(&c))
        return -1;
    int failed = (int)syscall(SYS_fallocate, fd, mode, at, len);
    if (!failed)
        shim_record_size(&c, fd, at + len, false);
    shim_leave(&c);
    return failed;
}

int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
    return fallocate(fd, mode, at, len);
}

/* ---- Syncing ---- */

static int make_sync(const char *call, long number, int fd)
{
    struct shim_call c;
    shim_of_fd(&c, call, fd);
    if (shim_enter(&c))
        return -1;
    int failed = (int)syscall(number, fd);
    if (!failed)
        shim_record_sync(&c, fd);
    shim_leave(&c);
    return failed;
}

int fsync(int fd)
{
    return make_sync("fsync", SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return make_sync("fdatasync", SYS_fdatasync, fd);
}

/* ---- Names ---- */

static int make_open(const char *path, int flags, mode_t mode)
{
    if (!(flags & O_CREAT))
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    struct shim_call c;
    struct stat st;
    shim_of_path(&c, "create", path);
    bool is_new = c.name[0] && stat(path, &st) != 0;
    if (!is_new)
        c.name[0] = '\0'; /* opening what is there changes nothing */
    if (shim_enter(&c))
        return -1;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0)
        shim_record_create(&c, fd, is_new);
    shim_leave(&c);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return make_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return make_open(path, flags, mode);
}

int mkdir(const char *path, mode_t mode)
{
    struct shim_call c;
    struct stat st;
    shim_of_path(&c, "mkdir", path);
    if (c.name[0] && stat(path, &st) == 0)
        c.name[0] = '\0';
    if (shim_enter(&c))
        return -1;
    int failed = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (!failed)
        shim_record_mkdir(&c);
    shim_leave(&c);
    return failed;
}

int rename(const char *from, const char *to)
{
    struct shim_call c;
    shim_of_path(&c, "rename", from);
    if (shim_enter(&c))
        return -1;
    int failed = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (!failed)
        shim_record_rename(&c, to);
    shim_leave(&c);
    return failed;
}

static int make_unlink(const char *path, int dir, int flags)
{
    struct shim_call c = { .call = "unlink" };
    if (path[0] == '/')
        shim_of_path(&c, "unlink", path);
    if (shim_enter(&c))
        return -1;
    int failed = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (!failed)
        shim_record_unlink(&c);
    shim_leave(&c);
    return failed;
}

int unlink(const char *path)
{
    return make_unlink(path, AT_FDCWD, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
    return make_unlink(path, dir, flags);
}

/* ---- Leaving the process ---- */

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    struct shim_call c;
    shim_of_socket(&c, "send");
    if (shim_enter(&c))
        return -1;
    bool half = c.deed == SHIM_KILL_HALF || c.deed == SHIM_SHORT;
    ssize_t sent = syscall(SYS_sendto, fd, bytes, half ? len - len / 2 : len, flags, NULL, 0);
    shim_leave(&c);
    return sent;
}

/* ---- Maps ---- */

void *mmap(void *where, size_t len, int protection, int flags, int fd, off_t at)
{
    if (fd >= 0) {
        struct shim_call c;
        shim_of_fd(&c, "mmap", fd);
        if (c.name[0])
            shim_count_map();
    }
    return (void *)syscall(SYS_mmap, where, len, protection, flags, fd, at); /* NOLINT */
}
