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

/* Make the keys that are needed: none for a run that does not listen with TCP. */
err invite_prepare(const struct invitation *i, struct errmsg *msg);
/* Say on stderr what to type elsewhere; once the coordinator listens, else nobody answers whoever
 * does it. Nothing for a run that does not listen with TCP. */
void invite(const struct invitation *i);

#endif
