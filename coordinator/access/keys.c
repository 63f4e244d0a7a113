#include "coordinator/access/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/access/allowed.h"

char *keys_dir(const char *given, const char *state)
{
    return given ? xstrdup(given) : file_join(state, "keys");
}

char *keys_path(const char *dir, const char *name)
{
    return file_join(dir, name);
}

static err make_private_dir(const char *dir, struct errmsg *msg)
{
    struct stat st;
    err e = file_make_dir(dir, 0700, msg);
    if (e)
        return e;
    if (stat(dir, &st) != 0 || st.st_uid != geteuid())
        return err_say(msg, ERR_DENIED, "%s: the folder of keys must belong to you", dir);
    if ((st.st_mode & 077) != 0)
        return err_say(msg, ERR_DENIED,
                       "%s: others may enter the folder of keys (mode %04o): chmod 700 it", dir,
                       (unsigned)st.st_mode & 07777);
    return OK;
}

static err write_public(const char *dir, const struct key_file *own, struct errmsg *msg)
{
    char *path = keys_path(dir, "coordinator.pub"), *line;
    struct buf there = { 0 };
    line = xformat("coordinator %s\n", own->public_key);
    err e = file_read(path, KEY_FILE_BYTES_MAX, &there, NULL);
    if (e || !span_equal(buf_span(&there), span_str(line)))
        e = file_write_atomic(path, span_str(line), 0644, msg);
    buf_release(&there);
    free(line);
    free(path);
    return e;
}

static err make_own(const char *dir, const char *path, struct key_file *own, struct errmsg *msg)
{
    key_make(KEY_COORDINATOR, "coordinator", own);
    err e = write_public(dir, own, msg);
    if (e == OK)
        e = key_write(path, own, msg);
    if (e)
        key_forget(own);
    return e;
}

static err read_own(const char *dir, const char *path, struct key_file *own, struct errmsg *msg)
{
    err e = key_read(path, own, msg);
    if (e)
        return e;
    if (own->role == KEY_COORDINATOR) {
        /* It may have been removed, or be of a key that was here before this one came back. In a
         * folder that cannot be written it stays so: it helps people, and this key counts. */
        (void)write_public(dir, own, NULL);
        return OK;
    }
    key_forget(own);
    return err_say(msg, ERR_INVALID, "%s: expected a coordinator's key, found the key of a %s",
                   path, key_role_text(own->role));
}

static err make_or_read_own(const char *dir, struct key_file *own, struct errmsg *msg)
{
    char *path = keys_path(dir, "coordinator.key");
    err e = file_is_absent(path) ? make_own(dir, path, own, msg) : read_own(dir, path, own, msg);
    free(path);
    return e;
}

/* A new key file at path, and its line in the list. */
static err issue(const struct key_file *own, enum key_role role, const char *name, const char *path,
                 const char *list, struct errmsg *msg)
{
    struct key_file key;
    key_make(role, name, &key);
    memcpy(key.coordinator, own->public_key, KEY_TEXT_BYTES);
    err e = key_write(path, &key, msg);
    if (e == OK) {
        e = allowed_add(list, &key, msg);
        if (e)
            (void)unlink(path); /* nobody would let it in; the first failure is the one to report */
    }
    key_forget(&key);
    return e;
}

/* The keys that two machines need to begin with. The list comes last, so that a start that is cut
 * short begins again. */
static err make_first(const char *dir, const struct key_file *own, const char *list,
                      struct errmsg *msg)
{
    static const struct {
        enum key_role role;
        const char *name, *file;
    } first[] = { { KEY_OPERATOR, "operator", "operator.key" },
                  { KEY_WORKER, "worker", "worker.key" } };
    char *unfinished = keys_path(dir, "allowed.unfinished");
    err e = OK;
    (void)unlink(unfinished); /* absent, but for a start that was cut short, as the keys below */
    for (size_t i = 0; e == OK && i < sizeof(first) / sizeof(first[0]); i++) {
        char *path = keys_path(dir, first[i].file);
        (void)unlink(path);
        e = issue(own, first[i].role, first[i].name, path, unfinished, msg);
        free(path);
    }
    if (e == OK && rename(unfinished, list) != 0)
        e = err_say(msg, ERR_IO, "cannot make %s: %s", list, strerror(errno));
    free(unfinished);
    return e;
}

/* Make what is absent of the folder, which is there. */
static err complete(const char *dir, struct key_file *own, struct errmsg *msg)
{
    err e = make_or_read_own(dir, own, msg);
    if (e)
        return e;
    char *list = keys_path(dir, "allowed");
    if (file_is_absent(list))
        e = make_first(dir, own, list, msg);
    free(list);
    if (e)
        key_forget(own);
    return e;
}

/* Whoever adds a key writes the whole list anew: one at a time, or a line would be lost. A file
 * system without locks, of a folder that was chosen with --keys, leaves that to people. Closing
 * *out_fd gives it back. */
static err open_locked(const char *dir, int *out_fd, struct errmsg *msg)
{
    err e = make_private_dir(dir, msg);
    if (e)
        return e;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_say(msg, ERR_IO, "cannot open the folder %s: %s", dir, strerror(errno));
    int failed;
    do {
        failed = flock(fd, LOCK_EX);
    } while (failed && errno == EINTR);
    if (!failed)
        file_remove_unfinished(dir); /* secrets, some of them */
    *out_fd = fd;
    return OK;
}

err keys_prepare(const char *dir, struct key_file *own, struct errmsg *msg)
{
    int lock = -1;
    err e = open_locked(dir, &lock, msg);
    if (e)
        return e;
    e = complete(dir, own, msg);
    (void)close(lock); /* nothing was written through it */
    return e;
}

static err issue_allowed(const char *dir, enum key_role role, const char *name, const char *path,
                         struct errmsg *msg)
{
    struct key_file own;
    err e = complete(dir, &own, msg);
    if (e)
        return e;
    char *list = keys_path(dir, "allowed");
    e = issue(&own, role, name, path, list, msg);
    free(list);
    key_forget(&own);
    return e;
}

err keys_issue(const char *dir, enum key_role role, const char *name, const char *path,
               struct errmsg *msg)
{
    int lock = -1;
    err e = open_locked(dir, &lock, msg);
    if (e)
        return e;
    e = issue_allowed(dir, role, name, path, msg);
    (void)close(lock); /* nothing was written through it */
    return e;
}
