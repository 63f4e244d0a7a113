/* The adapters, for host.c alone. */
#ifndef MUSTER_WORKER_HOST_ADAPTERS_H
#define MUSTER_WORKER_HOST_ADAPTERS_H

#include "worker/host/host.h"

extern const struct host_adapter host_exec; /* exec.c: a program that speaks PROTOCOL.md */
extern const struct host_adapter host_sim;  /* sim.c: made-up answers, in this process */

#endif
