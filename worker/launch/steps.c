#include "worker/launch/steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    DESCRIPTORS_KEPT = 4, /* stdin, stdout, stderr, and the model's own: 3 */
    ENVIRONMENT_PID_BYTES = 24
};

static void say(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static void say(const char *format, va_list args)
{
    char line[PATH_MAX + 512];
    vsnprintf(line, sizeof line, format, args);
    fprintf(stderr, "muster-launch: %s\n", line);
}

_Noreturn void step_fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    _exit(status);
}

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

/* The kernel kills us when the thread that started us ends. If that was before we asked, we are
 * somebody else's child by now. */
void step_die_with_parent(pid_t ppid)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        step_fail(LAUNCH_EXIT_CANNOT, "cannot tie the life to the parent's: %s", strerror(errno));
    if (ppid && getppid() != ppid)
        step_fail(LAUNCH_EXIT_CANNOT, "the parent, process %ld, has gone", (long)ppid);
}

/* A session and process group of its own: signals reach the model with all that it starts. */
void step_own_session(void)
{
    if (setsid() < 0 && getpgrp() != getpid())
        step_fail(LAUNCH_EXIT_CANNOT, "cannot start a session: %s", strerror(errno));
}

/* By this, whatever the model starts is found again, also when it detaches. The environment may be
 * cleared on the way; a limit that Linux has had no use for since 2.4 (locks on files) is inherited
 * as well, and nobody thinks of changing it. Where it cannot be set, the environment has to do. */
void step_mark(void)
{
    char pid[ENVIRONMENT_PID_BYTES];
    struct rlimit mark;
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    if (setenv("MUSTER_HOST", pid, 1))
        step_fail(LAUNCH_EXIT_CANNOT, "no memory for the environment");
    if (getrlimit(RLIMIT_LOCKS, &mark) == 0) {
        mark.rlim_cur = (rlim_t)getpid();
        (void)setrlimit(RLIMIT_LOCKS, &mark);
    }
}

/* The raw call: glibc's cpu_set_t ends at 1,024. */
void step_cpus(const struct launch_ids *cpus)
{
    if (cpus->count && syscall(SYS_sched_setaffinity, 0, sizeof cpus->words, cpus->words) < 0)
        complain("not bound to its cpus: %s", strerror(errno));
}

/* Preferring rather than binding is the default: a node that is full of page cache must not get a
 * model killed while its neighbour has memory. */
void step_memory_nodes(const struct launch_ids *nodes, bool strict)
{
    int mode = strict ? MPOL_BIND : nodes->count > 1 ? MPOL_PREFERRED_MANY : MPOL_PREFERRED;
    if (nodes->count && syscall(SYS_set_mempolicy, mode, nodes->words, LAUNCH_IDS_MAX + 1ul) < 0)
        complain("memory not placed beside its cpus: %s", strerror(errno));
}

void step_nice(int nice)
{
    if (setpriority(PRIO_PROCESS, 0, nice))
        complain("priority not set to %d: %s", nice, strerror(errno));
}

/* For good, so hard and soft; a stricter hard limit that is there already stays. */
void step_limit(const struct launch_limit *limit)
{
    struct rlimit now;
    if (getrlimit(limit->resource, &now))
        step_fail(LAUNCH_EXIT_CANNOT, "limit %u cannot be read: %s", limit->resource,
                  strerror(errno));
    if (now.rlim_max > limit->value)
        now.rlim_max = limit->value;
    now.rlim_cur = now.rlim_max;
    if (setrlimit(limit->resource, &now))
        step_fail(LAUNCH_EXIT_CANNOT, "limit %u cannot be set: %s", limit->resource,
                  strerror(errno));
}

void step_folder(const char *dir)
{
    umask(077);
    if (dir && chdir(dir))
        step_fail(LAUNCH_EXIT_CANNOT, "cannot change to folder %s: %s", dir, strerror(errno));
}

void step_no_new_privileges(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        step_fail(LAUNCH_EXIT_CANNOT, "cannot give up new privileges: %s", strerror(errno));
}

/* For kernels and containers without close_range. */
static void close_one_by_one(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        for (int fd = DESCRIPTORS_KEPT; fd < sysconf(_SC_OPEN_MAX); fd++)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        int fd = (int)strtol(entry->d_name, NULL, 10); /* "." and "..": 0 */
        if (fd >= DESCRIPTORS_KEPT && fd != dirfd(dir))
            close(fd);
    }
    closedir(dir);
}

/* Nothing of the worker's stays open in the model; its standard ones are never closed, so that no
 * file it opens becomes its stderr by chance. */
void step_descriptors(void)
{
    if (syscall(SYS_close_range, DESCRIPTORS_KEPT, UINT_MAX, 0) < 0)
        close_one_by_one();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDWR); /* becomes fd, the lowest that is free */
    }
}

void step_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        (void)signal(sig, SIG_DFL); /* a few refuse; those were never changed */
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void fail_start(const char *file, int error)
{
    const char *hint = error == ENOEXEC ? "; a script needs a first line such as #!/bin/sh" : "";
    step_fail(error == ENOENT ? LAUNCH_EXIT_NOT_FOUND : LAUNCH_EXIT_CANNOT, "cannot start %s: %s%s",
              file, strerror(error), hint);
}

/* Look for a plain name along PATH. By hand, because execvp gives a script without a first line to
 * the shell. */
_Noreturn void step_become(char **command)
{
    const char *path = getenv("PATH");
    int error = ENOENT;
    if (strchr(command[0], '/')) {
        execv(command[0], command);
        fail_start(command[0], errno);
    }
    for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
        char file[PATH_MAX];
        size_t len = strcspn(at, ":");
        int bytes = snprintf(file, sizeof file, "%.*s/%s", (int)len, at, command[0]);
        if (len && bytes > 0 && (size_t)bytes < sizeof file) { /* "" is no folder: not the cwd */
            execv(file, command);
            if (errno != ENOENT && errno != ENOTDIR)
                error = errno; /* there is one, and it will not start */
        }
        at += len + (at[len] == ':');
    }
    if (error == ENOENT)
        step_fail(LAUNCH_EXIT_NOT_FOUND, "cannot start %s: not found in PATH=%s", command[0],
                  path ? path : "");
    fail_start(command[0], error);
}
