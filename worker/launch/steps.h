/* What happens between fork and exec, a function a step, in the order of launch.c. What must not
 * fail ends the process (exit status 126, or 127: no such command) with a line on stderr; what is
 * only good to have (pinning, priority) says so there and goes on. */
#ifndef MUSTER_WORKER_LAUNCH_STEPS_H
#define MUSTER_WORKER_LAUNCH_STEPS_H

#include "worker/launch/options.h"

enum { LAUNCH_EXIT_CANNOT = 126, LAUNCH_EXIT_NOT_FOUND = 127 };

_Noreturn void step_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

void step_die_with_parent(pid_t ppid);
void step_own_session(void);
void step_mark(void);
void step_cpus(const struct launch_ids *cpus);
void step_memory_nodes(const struct launch_ids *nodes, bool strict);
void step_nice(int nice);
void step_limit(const struct launch_limit *limit);
void step_folder(const char *dir);
void step_no_new_privileges(void);
void step_descriptors(void);
void step_signals(void);
_Noreturn void step_become(char **command);

#endif
