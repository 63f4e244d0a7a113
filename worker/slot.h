/* A slot as the shell has it: the host in it, the requests at that host, and the way from what a
 * model said to a row: the file put away, the scorer asked, the metric applied. What to do when is
 * the agent's business; what came of it is posted as the agent's events. */
#ifndef MUSTER_WORKER_SLOT_H
#define MUSTER_WORKER_SLOT_H

#include "worker/agent/effect.h"
#include "worker/host/host.h"

struct catalog;
struct media;
struct worker_slot;

struct worker_slot_config {
    uv_loop_t *loop;
    uint32_t index;
    struct host_place place; /* strings live as long as the slot; but for log_path */
    const char *log_dir;
    struct catalog *catalog;
    struct media *media;
    void *owner;
    /* Borrowed; may come from within a call. */
    void (*on_event)(void *owner, const struct agent_event *e);
};

struct worker_slot *worker_slot_new(const struct worker_slot_config *config);

/* The agent's effects. */
/* place: of the gang that the slot leads, borrowed for the call, its log_path is ignored; NULL: the
 * slot's own. */
void worker_slot_start(struct worker_slot *s, uint32_t model, const struct host_place *place);
void worker_slot_stop(struct worker_slot *s, enum agent_stop how);
void worker_slot_request(struct worker_slot *s, const struct agent_effect *e);

/* At the end of the worker: everything in it goes, `now` or asked to. */
void worker_slot_shut(struct worker_slot *s, bool now);
bool worker_slot_is_empty(const struct worker_slot *s); /* no process of it runs */
/* It must be empty; the memory goes when the loop has closed its handle. */
void worker_slot_free(struct worker_slot *s);

#endif
