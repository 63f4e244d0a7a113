/* Events that came while the agent was at work, with copies of what they borrow. */
#ifndef MUSTER_WORKER_INBOX_H
#define MUSTER_WORKER_INBOX_H

#include "common/arena.h"
#include "worker/agent/event.h"

/* `= { 0 }` is empty. */
struct inbox {
    struct agent_event *events;
    size_t first, end, capacity;
    struct arena arena;
};

/* Only what a slot reports: rows, unserved requests, answers, hellos and exits. */
void inbox_put(struct inbox *in, const struct agent_event *e);

/* The oldest, out of the box; NULL: empty, and the copies' memory is used again. Borrowed until
 * the next inbox_put or inbox_next. */
const struct agent_event *inbox_next(struct inbox *in);

void inbox_release(struct inbox *in);

#endif
