/* The coordinator's loop: the only place where the order of things is decided.
 *
 * A turn: read the ready frames (bounded), decode, translate, step the core; step it once more with
 * TIME if its deadline has passed; hand what is to be recorded to the committer; say what need not
 * wait for it; arm one timer. */
#ifndef MUSTER_COORDINATOR_SERVER_H
#define MUSTER_COORDINATOR_SERVER_H

#include "coordinator/catalog.h"
#include "coordinator/core/core.h"
#include "coordinator/sweeps.h"

struct server_config {
    const char *sweep_name;
    const char *worker_endpoint, *operator_endpoint; /* Unix sockets, for this user alone */
    const char *const *listen;                       /* more of them for workers, ... */
    size_t listen_count;
    const char *const *listen_operators; /* ... and for operators */
    size_t listen_operators_count;
    const char *keys_dir; /* of the TCP endpoints among them; NULL: without keys */
    uint32_t beat_ms, lease_ms;
    bool exit_when_done; /* else serve until told to stop */
    const struct catalog *catalog;
    const struct plan *plan;                /* of all sweeps */
    const struct sweep_deadline *deadlines; /* of each sweep */
    struct store *store;
    struct core *core;
    uint64_t epoch;
};

/* Runs until the sweep is over (exit_when_done), an operator stops it, or SIGTERM or SIGINT: the
 * first drains, the second stops at once. SIGHUP: the allow list is read again. *ended_as: the
 * state in which it was found to be over. ERR_*: it could not start; msg says why. A store that
 * fails ends the process (commit.h); so does the order to stop while the disk is full, with
 * EXIT_STORE_FAILED as well. */
err server_run(const struct server_config *config, enum sweep_state *ended_as, struct errmsg *msg);

#endif
