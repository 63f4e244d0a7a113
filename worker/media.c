#include "worker/media.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/io/file.h"
#include "common/mem.h"

enum { EXTENSION_BYTES_MAX = 16 };

struct media {
    char *media_dir, *tmp_dir;
    int tmp_fd;
};

static void media_clear_tmp(const struct media *m, const char *prefix)
{
    DIR *dir = opendir(m->tmp_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            (void)unlinkat(m->tmp_fd, entry->d_name, 0); /* folders, "." and ".." stay */
    if (dir)
        (void)closedir(dir);
}

static err media_open_tmp(struct media *m, struct errmsg *msg)
{
    err e = file_make_dir(m->tmp_dir, 0700, msg);
    if (e)
        return e;
    if (m->tmp_fd >= 0)
        (void)close(m->tmp_fd);
    m->tmp_fd = open(m->tmp_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->tmp_fd < 0)
        return err_say(msg, ERR_IO, "%s: cannot be opened: %s", m->tmp_dir, strerror(errno));
    return OK;
}

/* What is open is what the models find at its path. */
static bool media_tmp_is_there(const struct media *m)
{
    struct stat open, there;
    return m->tmp_fd >= 0 && fstat(m->tmp_fd, &open) == 0 && stat(m->tmp_dir, &there) == 0 &&
           there.st_ino == open.st_ino && there.st_dev == open.st_dev;
}

err media_open(const char *media_dir, const char *tmp_dir, struct media **out, struct errmsg *msg)
{
    err e = file_make_dir(media_dir, 0700, msg);
    if (e == OK)
        e = file_sync_dir(media_dir, msg); /* folders of a process that was cut short */
    if (e)
        return e;
    struct media *m = xmalloc(sizeof *m);
    *m = (struct media){ xstrdup(media_dir), xstrdup(tmp_dir), -1 };
    e = media_open_tmp(m, msg);
    if (e) {
        media_close(m);
        return e;
    }
    media_clear_tmp(m, ""); /* of a process that was killed; nobody will ask for it again */
    *out = m;
    return OK;
}

void media_close(struct media *m)
{
    if (!m)
        return;
    if (m->tmp_fd >= 0)
        (void)close(m->tmp_fd);
    free(m->media_dir);
    free(m->tmp_dir);
    free(m);
}

err media_output_path(struct media *m, uint32_t slot, uint64_t request, struct arena *arena,
                      const char **out, struct errmsg *msg)
{
    err e = media_tmp_is_there(m) ? OK : media_open_tmp(m, msg);
    if (e == OK)
        *out = arena_format(arena, "%s/%" PRIu32 "-%" PRIu64, m->tmp_dir, slot, request);
    return e;
}

void media_clear_slot(const struct media *m, uint32_t slot, struct arena *arena)
{
    media_clear_tmp(m, arena_format(arena, "%" PRIu32 "-", slot));
}

/* Its name in tmp_dir; NULL: it is not right in there. */
static const char *media_name(const struct media *m, const char *file)
{
    size_t len = strlen(m->tmp_dir);
    if (strncmp(file, m->tmp_dir, len) != 0 || file[len] != '/')
        return NULL;
    const char *name = file + len + 1;
    return *name && *name != '.' && !strchr(name, '/') ? name : NULL;
}

/* The bytes are read once, and these very bytes are digested and kept: a model that goes on
 * writing to its file changes nothing any more. */
static err media_read(const struct media *m, const char *name, struct buf *out, struct errmsg *msg)
{
    int fd = openat(m->tmp_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return err_say(msg, ERR_INVALID, "the file %s is a symbolic link", name);
    if (fd < 0)
        return err_say(msg, ERR_NOT_FOUND, "the file %s: %s", name, strerror(errno));
    struct stat st;
    err e = OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        e = err_say(msg, ERR_INVALID, "%s is no regular file", name);
    else if (st.st_size > MEDIA_BYTES_MAX)
        e = err_say(msg, ERR_LIMIT, "the file %s has %lld bytes; at most %d", name,
                    (long long)st.st_size, MEDIA_BYTES_MAX);
    for (size_t left = e ? 0 : (size_t)st.st_size; left > 0;) {
        buf_reserve(out, left);
        ssize_t count = read(fd, out->data + out->len, left);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            e = err_say(msg, ERR_INVALID, "the file %s became shorter while it was read", name);
            break;
        }
        out->len += (size_t)count;
        left -= (size_t)count;
    }
    (void)close(fd);
    return e;
}

/* ".png", or nothing if what follows the last dot is no such word. */
static const char *media_extension(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot || strlen(dot) > EXTENSION_BYTES_MAX || strlen(dot) < 2)
        return "";
    for (const char *at = dot + 1; *at; at++)
        if (!isalnum((unsigned char)*at))
            return "";
    return dot;
}

static err media_keep(const struct media *m, const char *relative, struct span bytes,
                      struct arena *arena, const char **out_path, struct errmsg *msg)
{
    const char *dir = arena_format(arena, "%s/%.2s", m->media_dir, relative);
    const char *path = arena_format(arena, "%s/%s", m->media_dir, relative);
    *out_path = path;
    if (file_exists(path)) /* the same content, by its name; who made it may have been cut short */
        return file_sync_dir(dir, msg);
    err e = file_make_dir(dir, 0700, msg);
    return e ? e : file_write_atomic(path, bytes, 0600, msg);
}

err media_take(struct media *m, const char *file, struct arena *arena, const char **out_answer,
               const char **out_path, struct errmsg *msg)
{
    const char *name = media_name(m, file);
    if (!name)
        return err_say(msg, ERR_INVALID, "the file must lie right in the folder of output_file");
    struct buf bytes = { 0 };
    err e = media_read(m, name, &bytes, msg);
    if (e == OK) {
        struct digest digest = digest_of(buf_span(&bytes));
        char hex[DIGEST_HEX_BYTES];
        digest_hex(&digest, hex);
        const char *relative = arena_format(arena, "%.2s/%s%s", hex, hex, media_extension(name));
        *out_answer = arena_format(arena, "%s %zu %s", hex, bytes.len, relative);
        e = media_keep(m, relative, buf_span(&bytes), arena, out_path, msg);
    }
    buf_release(&bytes);
    (void)unlinkat(m->tmp_fd, name, 0); /* taken, or of no use to anybody */
    return e;
}
