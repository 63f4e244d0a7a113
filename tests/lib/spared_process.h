/* A process that cannot be killed. One in the hands of the kernel cannot be had in a test: one
 * whose signals are lost looks the same. Included once in a program. */
#ifndef MUSTER_TESTS_LIB_SPARED_PROCESS_H
#define MUSTER_TESTS_LIB_SPARED_PROCESS_H

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/types.h>

static pid_t spared; /* 0: none */

/* What worker/child sends signals by. */
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    static pid_t opened;
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (!real)
        *(void **)(&real) = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_pidfd_open)
        opened = (pid_t)a[0];
    if (number == SYS_pidfd_send_signal && spared && opened == spared)
        return 0;
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#endif
