/* The processes of the machine, as /proc tells them at one moment. */
#ifndef MUSTER_WORKER_CHILD_PROCESS_H
#define MUSTER_WORKER_CHILD_PROCESS_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent, group, session;
    pid_t mark;     /* of a child of ours: the host that muster-launch made of what it descends
                       from; 0: none, or none that we may read */
    uint64_t start; /* in clock ticks since boot: with the pid, who it is */
    bool is_zombie; /* has ended, and only waits to be waited for */
};

struct process_table {
    struct process *rows; /* by pid */
    size_t count, capacity;
};

/* Read /proc anew into the table, which keeps its memory. Processes that end meanwhile may be
 * missing. */
err process_table_read(struct process_table *t, struct errmsg *msg);
void process_table_release(struct process_table *t);
const struct process *process_find(const struct process_table *t, pid_t pid); /* NULL: none */

/* The child of this process that p is, or descends from; NULL: p is no descendant of ours. */
const struct process *process_top(const struct process_table *t, const struct process *p);

/* Whether it, or what it descends from, was started to work in a folder below this one: by its
 * MUSTER_WORK_DIR. */
bool process_is_of_folder(const struct process *p, const char *work_dir);

/* Send sig to this very process, not to one that got its pid since. */
void process_signal(const struct process *p, int sig);

#endif
