/* The processes of a local run: one coordinator, some workers. Each is watched; one that dies of a
 * signal or an unexpected error is started again, unless it keeps dying without progress. */
#ifndef MUSTER_OPS_CLI_CHILDREN_H
#define MUSTER_OPS_CLI_CHILDREN_H

#include <stdbool.h>
#include <uv.h>

#include "common/err.h"

enum { CHILD_ARGS_MAX = 40, CHILDREN_MAX = 65 };

struct child {
    char *title;                    /* owned; for messages: "coordinator", "worker local-1" */
    char *args[CHILD_ARGS_MAX + 1]; /* program first, NULL last; owned */
    uv_process_t process;
    uv_timer_t again;       /* pending restart */
    bool running, finished; /* finished: ended as it should, exit_code says how */
    int exit_code;
    unsigned deaths;  /* since the last progress */
    int inherited_fd; /* -1: none */
    struct children *owner;
};

/* What its exit code says (128 + n: killed by signal n): true if it is final, false if it should
 * be started again. */
typedef bool child_is_final_f(void *owner, const struct child *child, int exit_code);
/* Something changed: a child finished, or the run has to be given up (given_up and error are set).
 * May be called inside children_start. */
typedef void children_changed_f(void *owner);

struct children {
    uv_loop_t *loop;
    struct child list[CHILDREN_MAX];
    size_t count;
    void *owner;
    child_is_final_f *is_final;
    children_changed_f *changed;
    bool given_up;
    struct errmsg error;
};

void children_init(struct children *c, uv_loop_t *loop, void *owner, child_is_final_f *is_final,
                   children_changed_f *changed);
/* Add and start; after giving up only add. args: program first; copied. inherited_fd: one that the
 * program keeps open without knowing of it, for a lock that is to last as long; -1: none. A program
 * that cannot be started gives the run up. */
void children_start(struct children *c, const char *title, const char *const *args, size_t count,
                    int inherited_fd);
/* It will be started again without this argument, if it has it. */
void child_forget_arg(struct child *child, const char *arg);
/* One that is finished after all is not; soon. */
void child_start_again(struct child *child);
/* Instances ended since: deaths so far are forgiven. */
void children_progressed(struct children *c);
void children_signal(struct children *c, int number);
size_t children_running(const struct children *c);
/* Close handles and free. Nothing may be running. Runs the loop until it is empty: close what else
 * is on it before. */
void children_close(struct children *c);

#endif
