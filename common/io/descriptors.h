/* Descriptors: files, sockets and pipes that a process may have at a time. */
#ifndef MUSTER_COMMON_IO_DESCRIPTORS_H
#define MUSTER_COMMON_IO_DESCRIPTORS_H

#include "common/err.h"

/* Raise this process's limit as far as it may itself. ERR_LIMIT if that is below `needed`: libzmq
 * ends a process that gets none, or spins at a connection that it cannot accept. */
err descriptors_raise(unsigned needed, struct errmsg *msg);

#endif
