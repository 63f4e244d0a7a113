#include "coordinator/report/report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/report/write.h"

enum {
    REPORT_MODE = 0644,
    TURN_LOOKS = 500, /* ten seconds: a large report takes one or two */
    TURN_LOOK_MS = 20
};

static err put(const char *dir, const char *name, struct buf *text, struct errmsg *msg)
{
    char *path = file_join(dir, name);
    err e = file_write_atomic(path, buf_span(text), REPORT_MODE, msg);
    free(path);
    buf_clear(text);
    return e;
}

static err write_all(const struct results *r, const char *dir, struct errmsg *msg)
{
    static const struct {
        const char *name;
        void (*write)(const struct results *r, struct buf *out);
    } forms[] = {
        { "report.md", write_markdown },
        { "report.csv", write_csv },
        { "report.json", write_json },
        { "summary.txt", write_summary },
    };
    struct buf text = { 0 };
    err e = OK;
    for (size_t i = 0; !e && i < sizeof(forms) / sizeof(forms[0]); i++) {
        forms[i].write(r, &text);
        e = put(dir, forms[i].name, &text, msg);
    }
    buf_release(&text);
    return e;
}

/* ---- Tables of references: of one suite each, since a task's name may stand in others as well
 * ---- */

bool report_is_sota(const char *name)
{
    return strcmp(name, "sota.csv") == 0 ||
           (strncmp(name, "sota-", 5) == 0 && text_ends_with(name, ".csv"));
}

static char *sota_name(const struct plan *plan, size_t suite)
{
    return plan->suite_count == 1 ? xstrdup("sota.csv")
                                  : xformat("sota-%s.csv", plan->spec->suites[suite].config.name);
}

static err write_sota(const struct results *r, size_t suite, const char *dir, struct errmsg *msg)
{
    struct buf text = { 0 };
    char *name = sota_name(r->plan, suite);
    write_sota_csv(r, suite, &text);
    err e = put(dir, name, &text, msg);
    free(name);
    buf_release(&text);
    return e;
}

static bool is_stale(const struct results *r, const char *name)
{
    bool is_written = false;
    for (size_t s = 0; s < r->plan->suite_count && !is_written; s++) {
        char *of_suite = sota_name(r->plan, s);
        is_written = strcmp(of_suite, name) == 0 && results_has_specialists(r, s);
        free(of_suite);
    }
    return !is_written;
}

static err remove_sota(const char *dir, const char *name, struct errmsg *msg)
{
    char *path = file_join(dir, name);
    err e = OK;
    if (unlink(path) != 0 && errno != ENOENT && errno != EISDIR) /* a sweep may have that name */
        e = err_say(msg, ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
    free(path);
    return e;
}

/* What an earlier form of the sweep left behind would pass for a result of this one. */
static err remove_stale_sotas(const struct results *r, const char *dir, struct errmsg *msg)
{
    err e = OK;
    DIR *open = opendir(dir);
    for (const struct dirent *entry; !e && open && (entry = readdir(open));)
        if (report_is_sota(entry->d_name) && is_stale(r, entry->d_name))
            e = remove_sota(dir, entry->d_name, msg);
    if (open)
        (void)closedir(open);
    return e;
}

static err write_sotas(const struct results *r, const char *dir, struct errmsg *msg)
{
    err e = remove_stale_sotas(r, dir, msg);
    for (size_t s = 0; !e && s < r->plan->suite_count; s++)
        if (results_has_specialists(r, s))
            e = write_sota(r, s, dir, msg);
    return e;
}

/* ---- All of a report ---- */

static err load_and_write(const struct plan *plan, struct store *store, const char *dir,
                          struct errmsg *msg)
{
    struct results r;
    err e = results_load(plan, store, &r, msg);
    if (e)
        return e;
    e = write_all(&r, dir, msg);
    if (!e)
        e = write_sotas(&r, dir, msg);
    results_release(&r);
    return e;
}

/* Writers of a folder take turns, each from its first look at the store to its last file: what was
 * looked up before the end of a sweep must not come to stand over the report of the end. For one
 * that stands still, and on a file system without locks, nobody waits. Closing *out_fd ends the
 * turn. */
static err take_turn(const char *dir, int *out_fd, struct errmsg *msg)
{
    err e = file_make_dir(dir, 0700, msg);
    if (e)
        return e;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_say(msg, ERR_IO, "cannot open the folder %s: %s", dir, strerror(errno));
    int failed = flock(fd, LOCK_EX | LOCK_NB);
    for (int i = 0; i < TURN_LOOKS && failed && errno == EWOULDBLOCK; i++) {
        (void)poll(NULL, 0, TURN_LOOK_MS);
        failed = flock(fd, LOCK_EX | LOCK_NB);
    }
    if (!failed)
        file_remove_unfinished(dir);
    *out_fd = fd;
    return OK;
}

err report_write(const struct plan *plan, struct store *store, const char *dir, struct errmsg *msg)
{
    int turn = -1;
    err e = take_turn(dir, &turn, msg);
    if (e)
        return e;
    e = load_and_write(plan, store, dir, msg);
    (void)close(turn); /* nothing was written through it */
    return e;
}
