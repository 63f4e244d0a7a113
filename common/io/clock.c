#include "common/io/clock.h"

#include <time.h>

#include "common/check.h"

static struct timespec now(clockid_t clock)
{
    struct timespec t;
    check(clock_gettime(clock, &t) == 0);
    return t;
}

static int64_t ns_of(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_mono_ns(void)
{
    return ns_of(now(CLOCK_MONOTONIC));
}

int64_t clock_boot_ns(void)
{
    return ns_of(now(CLOCK_BOOTTIME));
}

int64_t clock_wall_ms(void)
{
    return ns_of(now(CLOCK_REALTIME)) / 1000000;
}

int64_t clock_cpu_ns(void)
{
    return ns_of(now(CLOCK_THREAD_CPUTIME_ID));
}
