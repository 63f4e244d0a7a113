/* Descriptors: files, sockets and pipes that a process may have at a time. */
#ifndef MUSTER_COMMON_IO_DESCRIPTORS_H
#define MUSTER_COMMON_IO_DESCRIPTORS_H

#include "common/err.h"

/* Raise this process's limit as far as it may itself. ERR_LIMIT if that is below `needed`: libzmq
 * ends a process that gets none, or spins at a connection that it cannot accept. */
err descriptors_raise(unsigned needed, struct errmsg *msg);

/* First thing in main(): a process that was started without stdin, stdout or stderr (`>&-`, some
 * supervisors) gets /dev/null there, so that no file or socket it opens takes the number, and with
 * it what is printed. Writing to such a stdout fails, and is noticed: it was not wanted, but it is
 * not where the caller may look for it either. */
void descriptors_fill(void);

#endif
