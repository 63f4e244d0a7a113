#include "tests/io/failing.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct failing plan;
static uint64_t met, failed; /* of this plan; of all since failing_set */
static const char *failed_name = "none";
static int code;

void failing_set(const struct failing *to)
{
    plan = *to;
    met = failed = 0;
    failed_name = "none";
}

uint64_t failing_end(void)
{
    plan = (struct failing){ 0 };
    return failed;
}

const char *failing_name(void)
{
    return failed_name;
}

bool failing_now(const char *name)
{
    if (!plan.calls || fnmatch(plan.calls, name, 0) != 0 || ++met < plan.nth)
        return false;
    failed++;
    failed_name = name;
    code = plan.code;
    if (met - plan.nth + 1 >= plan.times) {
        met = 0;
        plan = plan.then ? *plan.then : (struct failing){ 0 };
    }
    return true;
}

int failing_code(void)
{
    return code;
}

/* As a failed call of the system leaves it. */
static int refuse(void)
{
    errno = code;
    return -1;
}

WRAP(int, fstat, (int fd, struct stat *out), (fd, out), refuse())
WRAP(int, stat, (const char *path, struct stat *out), (path, out), refuse())
WRAP(int, fstatvfs, (int fd, struct statvfs *out), (fd, out), refuse())
WRAP(int, getrlimit, (__rlimit_resource_t which, struct rlimit *out), (which, out), refuse())
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len), refuse())
WRAP(ssize_t, pread, (int fd, void *out, size_t bytes, off_t at), (fd, out, bytes, at), refuse())
WRAP(ssize_t, pwrite, (int fd, const void *bytes, size_t len, off_t at), (fd, bytes, len, at),
     refuse())
WRAP(ssize_t, read, (int fd, void *out, size_t bytes), (fd, out, bytes), refuse())
WRAP(ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len), refuse())
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), refuse())
WRAP(int, fsync, (int fd), (fd), refuse())
WRAP(int, rename, (const char *from, const char *to), (from, to), refuse())
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), refuse())

/* Not a failure: under the name "network", the file system is one of a network. */
int __real_statfs(const char *path, struct statfs *out); /* NOLINT: the linker's names */
int __wrap_statfs(const char *path, struct statfs *out); /* NOLINT */
int __wrap_statfs(const char *path, struct statfs *out)  /* NOLINT */
{
    int rc = __real_statfs(path, out);
    if (rc == 0 && failing_now("network"))
        out->f_type = 0x6969; /* NFS */
    return rc;
}

int __real_open(const char *path, int flags, ...); /* NOLINT: the linker's names */
int __wrap_open(const char *path, int flags, ...); /* NOLINT */
int __wrap_open(const char *path, int flags, ...)  /* NOLINT */
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return failing_now("open") ? refuse() : __real_open(path, flags, mode);
}
