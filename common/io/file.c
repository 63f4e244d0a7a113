#include "common/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/mem.h"
#include "common/text.h"

static err code_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    case ENOSPC:
    case EDQUOT: return ERR_FULL;
    case EEXIST: return ERR_EXISTS;
    case ELOOP:
    case ENAMETOOLONG:
    case EISDIR: return ERR_INVALID;
    default: return ERR_IO;
    }
}

/* "cannot <what> '<path>': <reason of errno>" */
static err say_errno(struct errmsg *msg, const char *what, const char *path)
{
    int error = errno;
    return err_say(msg, code_of(error), "cannot %s '%s': %s", what, path, strerror(error));
}

/* Read what is there behind out->len, at most max_bytes and one more. 0, or -1 and errno. */
static int read_up_to(int fd, size_t max_bytes, struct buf *out)
{
    size_t limit = out->len + max_bytes + 1;
    while (out->len < limit) {
        size_t want = limit - out->len < 65536 ? limit - out->len : 65536;
        buf_reserve(out, want);
        ssize_t got = read(fd, out->data + out->len, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        out->len += (size_t)got;
    }
    return 0;
}

static err read_regular(int fd, const char *path, size_t max_bytes, struct buf *out,
                        struct errmsg *msg)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return say_errno(msg, "read", path);
    if (!S_ISREG(st.st_mode))
        return err_say(msg, ERR_INVALID, "cannot read '%s': it is not a regular file", path);
    const size_t before = out->len;
    check(max_bytes < SIZE_MAX - before);
    if ((uintmax_t)st.st_size <= max_bytes) {
        buf_reserve(out, (size_t)st.st_size + 1);
        if (read_up_to(fd, max_bytes, out) != 0) {
            out->len = before;
            return say_errno(msg, "read", path);
        }
    }
    if ((uintmax_t)st.st_size > max_bytes || out->len - before > max_bytes) {
        out->len = before;
        return err_say(msg, ERR_LIMIT, "'%s' is larger than %zu bytes, the limit for such a file",
                       path, max_bytes);
    }
    return OK;
}

/* Not blocking: opening a FIFO would wait for a writer. */
static int open_to_read(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

err file_read(const char *path, size_t max_bytes, struct buf *out, struct errmsg *msg)
{
    int fd = open_to_read(path);
    if (fd < 0)
        return say_errno(msg, "open", path);
    err e = read_regular(fd, path, max_bytes, out, msg);
    (void)close(fd); /* nothing was written */
    return e;
}

static err check_closed_to_others(int fd, const char *path, struct errmsg *msg)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return say_errno(msg, "read", path);
    if (st.st_uid != geteuid())
        return err_say(msg, ERR_DENIED, "'%s' holds a secret and belongs to another user", path);
    if ((st.st_mode & 077) != 0)
        return err_say(msg, ERR_DENIED,
                       "'%s' holds a secret, and others may open it (mode %04o); chmod 600 it, and "
                       "replace the key if others did",
                       path, (unsigned)st.st_mode & 07777);
    return OK;
}

err file_read_secret(const char *path, size_t max_bytes, struct buf *out, struct errmsg *msg)
{
    int fd = open_to_read(path);
    if (fd < 0)
        return say_errno(msg, "open", path);
    err e = check_closed_to_others(fd, path, msg);
    if (e == OK)
        e = read_regular(fd, path, max_bytes, out, msg);
    (void)close(fd); /* nothing was written */
    return e;
}

static int write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.data, bytes.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes = span_of(bytes.data + written, bytes.len - (size_t)written);
    }
    return 0;
}

/* A new file with these bytes, on the disk. 0, or -1 and errno; then there is no file. */
static int write_new(const char *path, struct span bytes, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -1;
    int failed = write_all(fd, bytes) != 0 || fsync(fd) != 0;
    int error = failed ? errno : 0;
    if (close(fd) != 0 && !failed)
        error = errno;
    if (error == 0)
        return 0;
    (void)unlink(path); /* the first failure is the one to report */
    errno = error;
    return -1;
}

err file_sync_dir(const char *dir, struct errmsg *msg)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err e = OK;
    if (fd < 0 || fsync(fd) != 0)
        e = say_errno(msg, "sync the folder", dir);
    if (fd >= 0)
        (void)close(fd); /* nothing was written through it */
    return e;
}

enum {
    UNIQUE_DIGITS = 16, /* of the name of a temporary file: "PATH.0123456789abcdef.tmp" */
    ABANDONED_S = 3600
};

err file_write_atomic(const char *path, struct span bytes, unsigned mode, struct errmsg *msg)
{
    uint64_t unique;
    file_random(&unique, sizeof(unique));
    char *dir = file_dir_of(path);
    char *temporary = xformat("%s.%0*" PRIx64 ".tmp", path, UNIQUE_DIGITS, unique);
    err e = OK;
    if (write_new(temporary, bytes, (mode_t)mode) != 0) {
        e = say_errno(msg, "write", path); /* what the caller asked for; the other is made up */
    } else if (rename(temporary, path) != 0) {
        e = say_errno(msg, "replace", path);
        (void)unlink(temporary); /* the first failure is the one to report */
    } else {
        e = file_sync_dir(dir, msg);
    }
    free(temporary);
    free(dir);
    return e;
}

/* Into what is there, or where a link leads. */
static err write_through(const char *path, struct span bytes, mode_t mode, struct errmsg *msg)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, mode);
    if (fd < 0)
        return say_errno(msg, "open", path);
    err e = write_all(fd, bytes) == 0 ? OK : say_errno(msg, "write", path);
    if (close(fd) != 0 && e == OK)
        e = say_errno(msg, "write", path);
    return e;
}

err file_write_named(const char *path, struct span bytes, unsigned mode, struct errmsg *msg)
{
    struct stat st;
    bool is_other = lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
    return is_other ? write_through(path, bytes, (mode_t)mode, msg)
                    : file_write_atomic(path, bytes, mode, msg);
}

/* Of the file `of`; NULL: of any. */
static bool is_temporary(const char *name, const char *of)
{
    size_t len = strlen(name), tail = strlen(".") + UNIQUE_DIGITS + strlen(".tmp");
    if (len <= tail || strcmp(name + len - strlen(".tmp"), ".tmp") != 0)
        return false;
    if (of && (strlen(of) != len - tail || strncmp(name, of, len - tail) != 0))
        return false;
    const char *unique = name + len - tail;
    return unique[0] == '.' && strspn(unique + 1, "0123456789abcdef") == UNIQUE_DIGITS;
}

static bool is_abandoned(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           clock_wall_ms() / 1000 - st.st_mtim.tv_sec >= ABANDONED_S;
}

static void remove_temporary(const char *path, const char *of, bool abandoned_alone)
{
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (is_temporary(entry->d_name, of) &&
            (!abandoned_alone || is_abandoned(dirfd(dir), entry->d_name)))
            (void)unlinkat(dirfd(dir), entry->d_name, 0); /* the next one who comes tries again */
    if (dir)
        (void)closedir(dir);
}

void file_remove_unfinished(const char *dir)
{
    remove_temporary(dir, NULL, false);
}

void file_remove_abandoned(const char *dir, const char *name)
{
    remove_temporary(dir, name, true);
}

/* A name is safe only once the folder that it is in is on the disk too. A folder that may be
 * written and not read cannot be synced: then that is up to the system. */
static err sync_name(const char *path, struct errmsg *msg)
{
    char *parent = file_dir_of(path);
    err e = file_sync_dir(parent, msg);
    free(parent);
    return e == ERR_DENIED ? OK : e;
}

static err make_one(const char *path, mode_t mode, struct errmsg *msg)
{
    if (mkdir(path, mode) == 0)
        return sync_name(path, msg);
    int error = errno;
    struct stat st;
    if (stat(path, &st) != 0) {
        errno = error == EEXIST ? errno : error;
        return say_errno(msg, "make the folder", path);
    }
    if (S_ISDIR(st.st_mode)) /* also when a parent is on a read-only file system */
        return OK;
    return err_say(msg, ERR_EXISTS, "cannot make the folder '%s': a file is in its place", path);
}

err file_make_dir(const char *path, unsigned mode, struct errmsg *msg)
{
    if (path[0] == '\0')
        return err_say(msg, ERR_INVALID, "cannot make a folder without a name");
    char *prefix = xstrdup(path);
    err e = OK;
    for (char *slash = strchr(prefix + 1, '/'); slash && e == OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        e = make_one(prefix, (mode_t)mode, msg);
        *slash = '/';
    }
    if (e == OK)
        e = make_one(prefix, (mode_t)mode, msg);
    free(prefix);
    return e;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_is_absent(const char *path)
{
    struct stat st;
    return stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *file_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    if (name[0] == '/' || len == 0)
        return xstrdup(name);
    return xformat("%s%s%s", dir, dir[len - 1] == '/' ? "" : "/", name);
}

char *file_dir_of(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') /* slashes behind the name */
        len--;
    while (len > 0 && path[len - 1] != '/') /* the name */
        len--;
    while (len > 1 && path[len - 1] == '/') /* slashes in front of it */
        len--;
    return len > 0 ? xstrndup(path, len) : xstrdup(".");
}

char *file_real(const char *path, struct errmsg *msg)
{
    char *real = realpath(path, NULL);
    if (!real)
        (void)say_errno(msg, "find", path); /* NULL says that it failed */
    return real;
}

char *file_program_dir(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    check(len > 0);
    path[len] = '\0';
    return file_dir_of(path);
}

/* Who wrote into a lock file: "pid host", made safe for people; "" if nobody did. */
static void read_holder(int fd, struct buf *holder)
{
    char text[256];
    ssize_t len = pread(fd, text, sizeof(text), 0);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0)
        text_append_safe(holder, span_of(text, (size_t)len));
}

/* Who has just taken a lock needs a moment to write its name into it. */
enum { HOLDER_LOOKS = 20, HOLDER_LOOK_MS = 5 };

static err say_busy(int fd, const char *path, struct errmsg *msg)
{
    struct buf holder = { 0 };
    read_holder(fd, &holder);
    for (int i = 1; i < HOLDER_LOOKS && holder.len == 0; i++) {
        (void)poll(NULL, 0, HOLDER_LOOK_MS);
        read_holder(fd, &holder);
    }
    err e = err_say(msg, ERR_BUSY, "'%s' is locked by another process (pid and host: %s)", path,
                    holder.len > 0 ? buf_cstr(&holder) : "not known");
    buf_release(&holder);
    return e;
}

static err take_lock(int fd, const char *path, struct errmsg *msg)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return OK;
    if (errno == EAGAIN || errno == EACCES)
        return say_busy(fd, path, msg);
    if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL)
        return err_say(msg, ERR_UNSUPPORTED,
                       "cannot lock '%s': its file system has no locks (%s); use a local disk",
                       path, strerror(errno));
    return say_errno(msg, "lock", path);
}

err file_lock(const char *path, int *out_fd, struct errmsg *msg)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return say_errno(msg, "open the lock", path);
    err e = take_lock(fd, path, msg);
    if (e == OK) {
        char host[HOST_NAME_MAX + 1] = "", holder[HOST_NAME_MAX + 32];
        (void)gethostname(host, sizeof(host) - 1); /* only for people */
        int len = snprintf(holder, sizeof(holder), "%ld %s\n", (long)getpid(), host);
        if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)len, 0) != len)
            e = say_errno(msg, "write the lock", path);
    }
    if (e != OK) {
        (void)close(fd); /* gives back the lock; e says what is wrong */
        return e;
    }
    *out_fd = fd;
    return OK;
}

bool file_is_locked(const char *path, struct buf *holder)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    bool held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    if (held && holder)
        read_holder(fd, holder);
    (void)close(fd);
    return held;
}

/* File systems whose locks and shared mappings cannot be relied upon, by the type that statfs
 * gives (linux/magic.h and the headers of the file systems). */
static const struct {
    uint32_t type;
    const char *name;
} network_types[] = {
    { 0x00006969, "NFS" },
    { 0x0BD00BD0, "Lustre" },
    { 0x47504653, "GPFS" },
    { 0x19830326, "BeeGFS" },
    { 0x0000517B, "SMB" },
    { 0xFF534D42, "CIFS" },
    { 0xFE534D42, "SMB2" },
    { 0x01021997, "9p" },
    { 0x65735546, "FUSE" },
    { 0x00C36400, "Ceph" },
    { 0x5346414F, "AFS" },
    { 0x6B414653, "AFS" },
    { 0x73757245, "Coda" },
    { 0x20030528, "OrangeFS" },
    { 0xAAD7AAEA, "PanFS" },
    { 0x01161970, "GFS2" },
    { 0x7461636F, "OCFS2" },
    { 0xBEEFDEAD, "StorNext" },
    { 0xBACBACBC, "VMware shared folder" },
    { 0x786F4256, "VirtualBox shared folder" },
};

/* Also for a path that is still to be made: it will lie where its parent lies. */
static int statfs_nearest(const char *path, struct statfs *fs)
{
    if (statfs(path, fs) == 0)
        return 0;
    char *at = xstrdup(path);
    int failed = -1;
    while (failed != 0 && errno == ENOENT && strcmp(at, "/") != 0 && strcmp(at, ".") != 0) {
        char *parent = file_dir_of(at);
        free(at);
        at = parent;
        failed = statfs(at, fs);
    }
    free(at);
    return failed;
}

err file_refuse_network(const char *path, struct errmsg *msg)
{
    struct statfs fs;
    if (statfs_nearest(path, &fs) != 0)
        return say_errno(msg, "examine", path);
    for (size_t i = 0; i < sizeof(network_types) / sizeof(network_types[0]); i++) {
        if ((uint32_t)fs.f_type == network_types[i].type)
            return err_say(msg, ERR_UNSUPPORTED,
                           "'%s' lies on a network file system (%s), where locks and memory maps "
                           "cannot be relied upon; choose a folder on a local disk",
                           path, network_types[i].name);
    }
    return OK;
}

void file_random(void *out, size_t bytes)
{
    uint8_t *at = out;
    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);
        check(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            bytes -= (size_t)got;
        }
    }
}
