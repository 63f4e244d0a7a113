/* What a run that listens has to say to people on other machines: how to join it. */
#ifndef MUSTER_OPS_CLI_INVITE_H
#define MUSTER_OPS_CLI_INVITE_H

#include <stdbool.h>

#include "common/err.h"

struct invitation {
    const char *listen, *listen_operators; /* endpoints, or NULL */
    const char *keys;                      /* folder; NULL: the state folder's */
    const char *state;
    bool insecure;
};

/* Make the keys that are needed, and say on stderr what to type elsewhere. Nothing for a run that
 * does not listen with TCP. */
err invite(const struct invitation *i, struct errmsg *msg);

#endif
