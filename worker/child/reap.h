/* Ending whole trees of processes.
 *
 * A model may fork, detach (double fork) and start sessions of its own; none of it may outlive the
 * model. The worker is a child subreaper: what loses its parent becomes the worker's child instead
 * of init's, so that everything a model ever started is among the worker's descendants. What
 * belongs to which host: its descendants, its session (muster-launch makes the host's process the
 * leader of one), and what carries its mark: its pid as the limit RLIMIT_LOCKS, which has no other
 * meaning, and as MUSTER_HOST=<pid> in the environment. Both are set by muster-launch and
 * inherited; the limit also by what clears its environment.
 *
 * "host" is the pid of a direct child that the caller started and will wait for itself (libuv does,
 * for uv_spawn). Every other child of this process is taken for a straggler or its orphan; hand in
 * the pids of all processes that the worker started on purpose.
 *
 * Processes are signalled through a pidfd after their start time was compared: a recycled pid is
 * never hit. Zombies count as gone; reap_stragglers waits for adopted ones, nothing here for a
 * host. Thread: the loop thread. Nothing here sleeps; one call reads /proc once to a few times. */
#ifndef MUSTER_WORKER_CHILD_REAP_H
#define MUSTER_WORKER_CHILD_REAP_H

#include "common/err.h"

#include <stddef.h>
#include <sys/types.h>

enum {
    /* A tree that forks faster than we look is looked at again so often in one call. */
    REAP_ROUNDS_MAX = 16
};

/* Make this process the subreaper of its descendants. Once, before the first child. */
err reap_init(struct errmsg *msg);

/* Send `sig` to everything that belongs to the host, itself included. With SIGKILL, repeated until
 * a look finds nobody who was not yet killed. *out_left: how many live processes the last look
 * found (sig 0: only counts); they may need a moment to die, so call again (SIGKILL, from a timer)
 * until it is 0. What is left after seconds hangs in the kernel: the slot is sick. */
err reap_tree(pid_t host, int sig, size_t *out_left, struct errmsg *msg);

/* SIGKILL all descendants that belong to none of these live hosts, and wait for adopted zombies.
 * For when the host `dead` has ended, however it did: call until *out_left is 0. That counts what
 * it left behind, and what bears no host's mark; what another dead host left, and may not be able
 * to get rid of, holds up only that one. dead 0: everybody counts. */
err reap_stragglers(const pid_t *hosts, size_t host_count, pid_t dead, size_t *out_left,
                    struct errmsg *msg);

/* SIGKILL what an earlier worker left behind, that was killed itself: everything that was started
 * to work below this folder (MUSTER_WORK_DIR). Before the first host, and only by who holds the
 * lock of the worker's folder. *out_left: how many there were; call again until it is 0. */
err reap_left_behind(const char *work_dir, size_t *out_left, struct errmsg *msg);

/* Wait for children that have ended and are none of these hosts: orphans of hosts that live. Costs
 * next to nothing if there are none. May leave some while a host has ended that was not waited for
 * yet: call it now and then. */
void reap_orphans(const pid_t *hosts, size_t host_count);

#endif
