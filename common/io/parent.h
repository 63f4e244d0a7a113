/* The process that started this one: its end is told by a signal of its own. */
#ifndef MUSTER_COMMON_IO_PARENT_H
#define MUSTER_COMMON_IO_PARENT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* Comes once for each thread that the parent had, so whoever handles it may not count. It is none
 * that people send to order an end, of which the second means more than the first. Until it is
 * handled it ends the process. */
enum { PARENT_ENDED = SIGUSR1 };

/* From now on the kernel sends it. parent: its pid; 0: not known. False: it has ended already. */
bool parent_tie(pid_t parent);

#endif
