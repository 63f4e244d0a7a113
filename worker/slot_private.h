/* What slot.c and slot_reply.c share; nobody else includes it. */
#ifndef MUSTER_WORKER_SLOT_PRIVATE_H
#define MUSTER_WORKER_SLOT_PRIVATE_H

#include "common/buf.h"
#include "common/histogram.h"
#include "worker/slot.h"

struct scorer;

/* A request, from the agent's wish to its row. */
struct open_request {
    uint64_t id; /* 0: none in this place */
    uint32_t task, instance, count;
    bool is_scoring;   /* the model has answered, its scorer has not */
    uint32_t micros;   /* scoring: what the model took */
    struct buf answer; /* scoring: what it said; or the row's words on the file */
    char *file;        /* scoring: where the file lies now; NULL: it was text */
};

enum { SLOT_RUNS_MAX = 4 }; /* at a time */

/* Runs that wait to be answered, between two turns of the loop, and the rows of the one at hand. */
struct slot_runs {
    uv_idle_t idle; /* active while there are any */
    bool are_taken; /* by the host: its hello said so */
    uint64_t waiting[SLOT_RUNS_MAX];
    uint32_t first, count; /* a ring */
    struct result *rows;   /* AGENT_RUN_MAX; NULL before the first run */
    struct buf answers;    /* of the rows */
};

struct worker_slot {
    struct worker_slot_config config;
    struct host *host; /* NULL: none */
    uint32_t model_id;
    const struct model_definition *model;
    struct scorer *scorer;
    struct instance at_scorer; /* what it is being asked about */
    char *scorer_log;
    struct host_place scorer_place;
    struct open_request *open; /* by agent_request_place */
    struct arena arena;        /* of the call at hand */
    int64_t finished_ns;       /* when the last request was over, if none came since; 0: one did */
    struct histogram gaps_us;  /* from there to the next request: the model had nothing to do */
    struct slot_runs runs;
};

/* slot.c */
void slot_post(struct worker_slot *s, struct agent_event e); /* stamped with the time */
void slot_post_at(struct worker_slot *s, struct agent_event e, int64_t now_mono_ns);
struct open_request *slot_find(const struct worker_slot *s, uint64_t request); /* NULL: given up */
void slot_close_request(struct open_request *r);

/* slot_run.c */
void slot_init_runs(struct worker_slot *s);
void slot_queue_run(struct worker_slot *s, uint64_t request);
void slot_forget_runs(struct worker_slot *s);
/* The slot's memory goes when the loop has closed the handle. */
void slot_close_runs(struct worker_slot *s);

/* slot_reply.c */
/* The rows of a request, which is over with them; they may borrow from it. */
void slot_finish(struct worker_slot *s, struct open_request *r, const struct result *rows,
                 uint32_t count);
/* This attempt cannot be run here. */
void slot_finish_unserved(struct worker_slot *s, struct open_request *r, const char *text);
/* What the metric makes of an answer. `said`: the text to compare; row->answer: what is kept. */
void slot_score(const struct task_definition *task, const struct instance *instance,
                const struct host_reply *said, struct result *row);
/* Its data cannot be had: an unusable instance gets a row, an unusable task has its attempt given
 * back. The request is over. */
void slot_finish_unreadable(struct worker_slot *s, struct open_request *r, err e,
                            const struct errmsg *why);
/* The host's callback, and the scorer's: owner is the slot. */
void slot_on_reply(void *owner, const struct host_reply *reply);
bool slot_on_ask(void *owner, uint64_t job, struct host_request *out);
void slot_on_scored(void *owner, uint64_t job, const struct host_reply *reply);
void slot_on_unable(void *owner, uint64_t job, const char *text);

#endif
