/* The scorer programs of one slot: started when a task needs one, asked one thing at a time, so
 * that whatever it does costs exactly the instance it was doing it with; gone when the slot's next
 * task needs another, or after a while without work. */
#ifndef MUSTER_WORKER_SCORER_H
#define MUSTER_WORKER_SCORER_H

#include "worker/host/host.h"

struct scorer;

struct scorer_config {
    uv_loop_t *loop;
    const struct host_place *place; /* lives as long as the scorer */
    void *owner;
    /* The instance at hand: called for a job when its turn comes, to be given to the program. The
     * id is the scorer's. False: it cannot be had any more; the job is dropped. */
    bool (*on_ask)(void *owner, uint64_t job, struct host_request *out);
    /* What came of a job. Another status than OK: STATUS_SCORER, and the reason. */
    void (*on_scored)(void *owner, uint64_t job, const struct host_reply *reply);
    /* The program does not start: none of its jobs can be done here. Called for each. */
    void (*on_unable)(void *owner, uint64_t job, const char *text);
};

struct scorer *scorer_new(const struct scorer_config *config);

/* Queue a job for this task's scorer (task->scorer_count > 0, lives as long as the worker). The
 * callbacks come later, never from within. */
void scorer_submit(struct scorer *s, const struct task_definition *task, uint64_t job);

bool scorer_is_idle(const struct scorer *s); /* no program runs */

/* Its program is asked to go, or killed. Jobs are forgotten. */
void scorer_stop(struct scorer *s, bool now);

/* Once it is idle; the memory goes when the loop has closed its timer. */
void scorer_free(struct scorer *s);

#endif
