/* A host: one loaded model (or a scorer), behind whatever it takes to ask it.
 *
 * A host is opened, says hello once, answers requests in any order, and exits once, by itself or
 * when it is told to. Callbacks come from the loop, never from within a call of this header;
 * on_exited is the last one, and the host's memory goes with it.
 *
 * To add an adapter: a line in HOST_LIST (proto/definition), a file NAME.c here with its struct
 * host_adapter, a line in adapters.h and in the table of host.c, and a row in README.md. */
#ifndef MUSTER_WORKER_HOST_HOST_H
#define MUSTER_WORKER_HOST_HOST_H

#include <uv.h>

#include "common/block.h"
#include "proto/definition/definition.h"
#include "worker/agent/event.h"

struct host;

/* The direct children of this worker that are hosts: who is not below one of them and still below
 * us was left behind. One for the whole worker. `= { 0 }` is empty. */
struct host_family {
    pid_t *pids;
    size_t count, capacity;
};
void host_family_release(struct host_family *family);

/* Where a program runs. Strings borrow until host_open returns. */
struct host_place {
    const char *launcher; /* the path of muster-launch */
    const char *cpus;     /* "0-3,8": bound to these; NULL: not bound */
    const char *nodes;    /* memory from these; NULL: from anywhere */
    char *const *env;     /* NAME=VALUE, ended by NULL: the slot's GPUs */
    const char *work_dir; /* its working folder; exists */
    const char *log_path; /* its stdout and stderr go here */
    int nice;             /* added to our own; 0: the same */
    struct host_family *family;
};

struct host_reply {
    uint64_t id;
    status status;      /* OK, or ERROR, OOM, TOO_LONG, REFUSED: the host says so */
    uint32_t micros;    /* from request to reply */
    struct span answer; /* text; for another status than OK: the reason */
    const char *file;   /* OK: not NULL: the answer is this file */
    bool has_score;     /* OK: a scorer's (or a simulated model's) verdict */
    double score;
};

/* What they are given borrows until they return. run_max: above 1, requests are runs of so many
 * instances at most, and are put by host_answer. */
struct host_callbacks {
    void (*on_hello)(void *owner, const char *name, uint32_t inflight, uint32_t run_max);
    void (*on_reply)(void *owner, const struct host_reply *reply);
    void (*on_exited)(void *owner, enum host_end end, const char *text);
};

struct host_config {
    uv_loop_t *loop;
    const struct model_definition *model;   /* lives as long as the host */
    const struct host_place *place;         /* NULL: adapters that run in this process */
    const struct host_callbacks *callbacks; /* static */
    void *owner;
};

/* Everything borrows until host_request returns. */
struct host_request {
    uint64_t id; /* unique while the host runs */
    const struct task *task;
    const struct instance *instance;
    uint32_t index;
    const char *output_file; /* where a generated file goes; NULL for a scorer */
    const char *decoding;    /* a JSON object; NULL: none */
    bool is_scoring;         /* with the references, and what the model said: */
    struct span answer;
    const char *file; /* not NULL: instead of the answer */
};

/* The functions that an adapter gives; see the functions of the same names below. */
struct host_adapter {
    err (*open)(const struct host_config *config, struct host **out, struct errmsg *msg);
    void (*request)(struct host *h, const struct host_request *r);
    void (*close)(struct host *h);
    void (*kill)(struct host *h);
    /* NULL: it takes no runs. */
    void (*answer)(struct host *h, const struct host_request *r, struct host_reply *out);
};

struct host {
    const struct host_adapter *adapter; /* first member of every adapter's own struct */
};

/* By the kind of config->model. A failure means that it could not even be tried; no callback comes
 * then. */
err host_open(const struct host_config *config, struct host **out, struct errmsg *msg);

/* At most as many at a time as its hello said. */
void host_request(struct host *h, const struct host_request *r);

/* A host of runs answers each instance at once. `out` borrows until the next call. */
void host_answer(struct host *h, const struct host_request *r, struct host_reply *out);

/* No more requests: it should finish and exit. The caller has an eye on the clock. */
void host_close(struct host *h);

/* Now, with everything it started. No reply comes any more, only on_exited. */
void host_kill(struct host *h);

#endif
