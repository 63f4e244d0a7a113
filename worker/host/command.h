/* How a program is started: the words of muster-launch, and the environment. */
#ifndef MUSTER_WORKER_HOST_COMMAND_H
#define MUSTER_WORKER_HOST_COMMAND_H

#include "common/arena.h"
#include "worker/host/host.h"

enum { HOST_FD = 3 }; /* the descriptor that requests and replies go over */

/* muster-launch [options] -- command; ended by NULL, from the arena. */
char **command_words(const struct host_config *config, struct arena *arena);

/* NAME=VALUE, ended by NULL, from the arena: what worker/child lets through of ours, what the model
 * and the slot set, and what PROTOCOL.md promises. */
char **command_env(const struct host_config *config, struct arena *arena);

#endif
