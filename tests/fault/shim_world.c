/* What the process believes of the world: the time of day, and whose the locks are. */
#include "tests/fault/shim_private.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead_s; /* shared with the test, which changes it */
static bool locks_are_given;

void shim_world_set(const char *clock, const char *locks)
{
    locks_are_given = locks && strcmp(locks, "no") == 0;
    long fd = clock ? syscall(SYS_openat, AT_FDCWD, clock, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    void *map = (void *)syscall(SYS_mmap, NULL, sizeof(*ahead_s), PROT_READ, MAP_SHARED, fd, 0);
    (void)syscall(SYS_close, fd);
    if (map != MAP_FAILED)
        ahead_s = map;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, out);
    if (!failed && ahead_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        out->tv_sec += *ahead_s;
    return failed;
}

/* All commands of fcntl have an argument of a word, or none. */
static int make_fcntl(int fd, int command, void *argument)
{
    if (locks_are_given && command == F_OFD_SETLK)
        return 0;
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    return make_fcntl(fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    return make_fcntl(fd, command, argument);
}
