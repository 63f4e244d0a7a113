/* One `muster run` a state folder, told apart from what a killed one leaves behind.
 *
 * Two locks say who is there, and the kernel gives them back, however their holders end:
 *
 *     run.lock          the `muster run` that lives
 *     coordinator.lock  the coordinator that it started, which inherits the lock
 *
 * Whoever gets the first knows that no other run lives. What holds the second then is a coordinator
 * whose run was killed: it lets running instances finish, ends, and starts nothing anew. One that
 * somebody started by hand holds neither, and refuses ours. */
#ifndef MUSTER_OPS_CLI_CLAIM_H
#define MUSTER_OPS_CLI_CLAIM_H

#include <stdint.h>

struct claim {
    int run_fd, coordinator_fd; /* the second is for the coordinator to inherit; -1: none */
};

/* Of an existing folder. Waits so long for the coordinator of a killed run. 0, or the exit code,
 * after saying who is there; then there is nothing to release. */
int claim_take(const char *state, int64_t patience_ms, struct claim *out);
void claim_release(struct claim *c);

#endif
