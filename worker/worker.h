/* The worker's shell: it turns frames, children and timers into the agent's events and does what
 * the agent's effects say. No decision is made here. */
#ifndef MUSTER_WORKER_WORKER_H
#define MUSTER_WORKER_WORKER_H

#include <uv.h>

#include "common/io/key.h"
#include "worker/host/host.h"
#include "worker/topology/topology.h"

struct worker;

struct worker_config {
    uv_loop_t *loop;
    const char *endpoint;
    const struct key_file *key; /* to connect with; NULL: none. Lives as long as the worker */
    const char *name;
    const char *media_dir;
    const char *tmp_dir;
    const char *work_dir; /* of the models: a folder a slot below it */
    const char *log_dir;
    const char *launcher;
    const struct topology *topology; /* lives as long as the worker */
    int64_t lifetime_ms;             /* from now on; 0: unlimited */
    int nice;
};

/* Why it ended. */
enum worker_end {
    WORKER_LEFT,     /* drained, or told twice to stop */
    WORKER_REJECTED, /* the coordinator speaks another version */
    WORKER_ELSEWHERE /* the coordinator has another store: what this one knows is nothing there */
};

err worker_new(const struct worker_config *config, struct worker **out, struct errmsg *msg);

/* Runs the loop until the worker is over and its hosts are gone. */
enum worker_end worker_run(struct worker *w);

/* The first time: finish what runs, give back the rest, leave. The second: now. */
void worker_stop(struct worker *w);

/* Who started it has ended; may be told several times. Finish what runs, give back the rest, and
 * leave, even if no coordinator comes for the results. */
void worker_orphan(struct worker *w);

void worker_free(struct worker *w); /* after worker_run, or NULL; runs the loop once more */

#endif
