/* Worker processes: the shell of worker/worker.c and link.c in virtual time, around the real agent,
 * the real spool and the real translation. Each process of a machine is one struct; a machine
 * starts the next one when the last one is gone. */
#ifndef MUSTER_TESTS_SIM_WORKER_H
#define MUSTER_TESTS_SIM_WORKER_H

#include "common/map.h"
#include "tests/sim/net.h"
#include "worker/agent/agent.h"
#include "worker/spool.h"

enum { SIM_WORKERS_MAX = 512 };

struct sim_host;

/* A row that was recorded and is not acknowledged. */
struct sim_unacked {
    uint64_t attempt, seq; /* seq 0: not flushed */
    uint32_t task, instance;
    status status;
};

struct sim_worker {
    uint32_t serial; /* of the process, from 1 */
    uint32_t machine;
    const char *name; /* the machine's */
    uint8_t id[WORKER_ID_BYTES];
    bool is_up, is_paused, is_leaving;
    int64_t ends_at;    /* its process is killed then; INT64_MAX: it is not */
    bool is_told_to_go; /* by a drain order that arrived, or by its own signal */
    struct agent *agent;
    struct agent_effects effects;
    struct spool *spool;
    struct sim_conn *conn; /* NULL: none yet, or it broke */
    uint64_t session;
    struct buf hello;  /* waits for a connection */
    struct buf parcel; /* of the spool's, waits for the line to take it */
    struct list inbox; /* frames and news of hosts, while it stands still */
    struct sim_host *hosts[SIM_SLOTS_MAX];
    struct bitmap models, tasks; /* that were defined, by id */
    struct sim_unacked *unacked;
    size_t unacked_count, unacked_capacity;
    struct arena scratch;
    int64_t wake_at;
    uint64_t wake_serial;
    uint64_t pauses;
};

struct sim_fleet {
    struct sim_worker *workers[SIM_WORKERS_MAX]; /* ever started, by serial - 1 */
    uint32_t count;
    struct sim_worker *of_machine[SIM_MACHINES_MAX]; /* the newest process */
};

void fleet_start(struct world *w);
void fleet_release(struct world *w);
/* The coordinator is gone, or its sockets are. */
void fleet_disconnected(struct world *w);
/* Dead machines start a worker again. */
void fleet_heal(struct world *w);
bool fleet_is_gone(const struct world *w);
/* The machine of this name. */
uint32_t fleet_machine(const char *name);

/* A process on a machine; one that lives there already goes on living (a twin). */
void worker_start(struct world *w, uint32_t machine);
void worker_crash(struct world *w, struct sim_worker *worker);
void worker_pause(struct world *w, struct sim_worker *worker);
void worker_resume(struct world *w, struct sim_worker *worker);
void worker_leave(struct world *w, struct sim_worker *worker); /* a signal */

void worker_receive(struct world *w, struct sim_conn *to, struct span frame);
/* The connection broke. */
void worker_disconnected(struct world *w, struct sim_worker *worker, int64_t not_before);

/* News of a host, or of a request. Everything it borrows lives as long as the run. */
void worker_post(struct world *w, struct sim_worker *worker, const struct agent_event *event);

#endif
