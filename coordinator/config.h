/* What the coordinator was told on its command line. */
#ifndef MUSTER_COORDINATOR_CONFIG_H
#define MUSTER_COORDINATOR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/io/log.h"
#include "coordinator/sweeps.h"

enum { LISTEN_MAX = 16 };

struct config {
    const char *sweeps[SWEEPS_MAX]; /* files */
    size_t sweep_count;
    const char *state;              /* folder */
    const char *listen[LISTEN_MAX]; /* for workers */
    size_t listen_count;
    const char *listen_operators[LISTEN_MAX];
    size_t listen_operators_count;
    const char *keys; /* folder; NULL: the state folder's */
    bool insecure;    /* TCP without encryption or keys */
    bool exit_when_done;
    bool retry_failures;
    bool allow_network_fs;
    bool die_with_parent;
    long parent; /* with it: its pid; 0: not told */
    uint32_t beat_ms, lease_ms;
    uint32_t map_gib;     /* 0: the store's own choice */
    uint32_t attempt_max; /* instances; 0: not given */
    enum log_level level;
};

/* 0: go on. Otherwise the exit code, after a message or the help text was printed, plus one: so
 * that 1 stands for "help was asked for, exit 0". */
int config_parse(int argc, char **argv, struct config *out);

#endif
