/* Where a sweep's coordinator listens: two Unix sockets, for workers and for operators, in a folder
 * that only its user may enter. A socket's path is limited to 107 bytes, so for a state folder with
 * a long path they lie under the user's runtime folder, or in /tmp, named by a digest of that path.
 * The folder stays when all is done: workers that wait for the next coordinator go on trying there,
 * and whoever else made it in /tmp meanwhile would be taken for that one. */
#ifndef MUSTER_COORDINATOR_ENDPOINTS_H
#define MUSTER_COORDINATOR_ENDPOINTS_H

#include "common/err.h"

enum { ENDPOINT_BYTES = 128 };

struct endpoints {
    char workers[ENDPOINT_BYTES]; /* "ipc:///...": for zsock_bind and zsock_connect */
    char operators[ENDPOINT_BYTES];
};

/* state: an existing folder. Makes the folder of the sockets. ERR_DENIED: it is there and belongs
 * to somebody else, or others may enter it. */
err endpoints_of(const char *state, struct endpoints *out, struct errmsg *msg);

#endif
