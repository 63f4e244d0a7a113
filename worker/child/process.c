#include "worker/child/process.h"

#include "common/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    STAT_BYTES = 1024,                /* the kernel writes about 300 */
    ENVIRONMENT_BYTES_MAX = 256 << 10 /* what of an environment is looked at */
};

/* Read at most `bytes` of a file; -1 if it is not there (any more) or not for us. */
static ssize_t read_some(const char *path, char *out, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, out + len, bytes - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    close(fd);
    return (ssize_t)len;
}

/* The value of a variable ("NAME=") in the environment that the process was started with, to be
 * freed; NULL: it has none, or none that we may read. */
static char *read_variable(pid_t pid, const char *name)
{
    char path[64], *value = NULL;
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    char *text = xmalloc(ENVIRONMENT_BYTES_MAX + 1);
    ssize_t len = read_some(path, text, ENVIRONMENT_BYTES_MAX);
    if (len > 0) {
        text[len] = '\0';
        for (const char *at = text; at < text + len && !value; at += strlen(at) + 1) {
            if (strncmp(at, name, strlen(name)) == 0)
                value = xstrdup(at + strlen(name));
        }
    }
    free(text);
    return value;
}

/* The limit that muster-launch leaves as a mark; 0: it has the one that we have ourselves, or none
 * that we may read. */
static pid_t read_limit_mark(pid_t pid)
{
    struct rlimit own, marked;
    if (getrlimit(RLIMIT_LOCKS, &own) || prlimit(pid, RLIMIT_LOCKS, NULL, &marked) ||
        marked.rlim_cur == own.rlim_cur || marked.rlim_cur > INT_MAX)
        return 0;
    return (pid_t)marked.rlim_cur;
}

static pid_t read_mark(pid_t pid)
{
    pid_t marked = read_limit_mark(pid);
    if (marked > 0)
        return marked;
    char *value = read_variable(pid, "MUSTER_HOST=");
    long mark = value ? strtol(value, NULL, 10) : 0;
    free(value);
    return (pid_t)mark;
}

bool process_is_of_folder(const struct process *p, const char *work_dir)
{
    char *value = read_variable(p->pid, "MUSTER_WORK_DIR=");
    size_t len = strlen(work_dir);
    bool is_below = value && strncmp(value, work_dir, len) == 0 && value[len] == '/';
    free(value);
    return is_below;
}

/* proc_pid_stat(5): "pid (comm) state ppid pgrp session ..."; comm may hold anything, ")" too. */
static bool read_process(pid_t pid, struct process *out)
{
    char path[64], text[STAT_BYTES];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    ssize_t len = read_some(path, text, sizeof text - 1);
    if (len <= 0)
        return false;
    text[len] = '\0';
    const char *rest = strrchr(text, ')');
    char state = 0;
    int parent = 0, group = 0, session = 0;
    uint64_t start = 0;
    if (!rest || sscanf(rest,
                        ") %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                        "%*d %" SCNu64,
                        &state, &parent, &group, &session, &start) != 5)
        return false;
    *out = (struct process){
        .pid = pid,
        .parent = parent,
        .group = group,
        .session = session,
        .start = start,
        .is_zombie = state == 'Z' || state == 'X',
    };
    return true;
}

/* As it is now, with its mark if it is a child of ours. */
static bool look_at(pid_t pid, struct process *out)
{
    if (!read_process(pid, out))
        return false;
    if (out->parent == getpid() && !out->is_zombie)
        out->mark = read_mark(pid);
    return true;
}

static int compare_pids(const void *a, const void *b)
{
    const struct process *left = a, *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

/* Who lost its parent while we read has a new one by now: perhaps us. */
static void look_again_at_orphans(struct process_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct process *p = &t->rows[i];
        if (p->parent && !process_find(t, p->parent) && !look_at(p->pid, p))
            p->is_zombie = true; /* has gone too */
    }
}

err process_table_read(struct process_table *t, struct errmsg *msg)
{
    DIR *dir = opendir("/proc");
    if (!dir)
        return err_say(msg, ERR_IO, "/proc: %s; without it no child can be found", strerror(errno));
    t->count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct process found;
        if (!isdigit((unsigned char)entry->d_name[0]) ||
            !look_at((pid_t)strtol(entry->d_name, NULL, 10), &found))
            continue;
        t->rows = xgrow(t->rows, &t->capacity, t->count + 1, sizeof *t->rows);
        t->rows[t->count++] = found;
    }
    closedir(dir);
    if (t->count)
        qsort(t->rows, t->count, sizeof *t->rows, compare_pids);
    look_again_at_orphans(t);
    return OK;
}

void process_table_release(struct process_table *t)
{
    free(t->rows);
    *t = (struct process_table){ 0 };
}

const struct process *process_find(const struct process_table *t, pid_t pid)
{
    struct process key = { .pid = pid };
    return t->count ? bsearch(&key, t->rows, t->count, sizeof *t->rows, compare_pids) : NULL;
}

const struct process *process_top(const struct process_table *t, const struct process *p)
{
    pid_t self = getpid();
    /* The rows are not of one instant: a bound, in case that parents seem to form a ring. */
    for (size_t steps = 0; p && p->parent != self; steps++)
        p = steps < t->count ? process_find(t, p->parent) : NULL;
    return p;
}

void process_signal(const struct process *p, int sig)
{
    struct process now;
    int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (fd < 0 && errno == ESRCH)
        return;
    /* The descriptor, if the kernel has them (5.3), holds on to the process: what we compare now
     * is what we signal. Failure is fine: it has ended meanwhile. */
    if (read_process(p->pid, &now) && now.start == p->start) {
        if (fd >= 0)
            (void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
        else
            (void)kill(p->pid, sig);
    }
    if (fd >= 0)
        close(fd);
}
