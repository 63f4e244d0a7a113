/* What several commands need: the sweep file and its state folder, and the words of problems. */
#ifndef MUSTER_OPS_CLI_COMMON_H
#define MUSTER_OPS_CLI_COMMON_H

#include <jansson.h>

#include "coordinator/simulate/cluster.h"
#include "coordinator/spec/plan.h"
#include "coordinator/sweeps.h"

/* The state folder of a sweep file, when no --state is given: NAME.muster beside NAME.yaml.
 * The caller frees. */
char *default_state(const char *sweep_file);

/* The state folder that a command line means: `given` (--state) if it is not NULL, else what the
 * word at argv[first] says (SWEEP.yaml stands for its state folder, or it is the folder itself),
 * else the only *.muster folder of the current one. NULL, after saying what was expected, if there
 * is none, or a word too many. The caller frees. argv[0] is the command's name. */
char *find_state(const char *given, int argc, char **argv, int first);

/* spec_load and plan_open; prints the problems. 0, or the exit code. plan may be NULL. On 0 the
 * caller releases both. */
int open_sweep(const char *sweep_file, struct spec *spec, struct plan *plan);

/* Whether argv[first] and what follows are as many sweep files as one run may have; says if not. 0,
 * or the exit code. argv[0] is the command's name. */
int expect_sweeps(int argc, char **argv, int first);

/* sweeps_open; prints the problems. 0, or the exit code. The caller releases in any case. */
int open_sweeps(const char *const *files, size_t count, struct sweeps *out);

/* cluster_load; prints the problems. 0, or the exit code; then there is nothing to release. */
int open_cluster(const char *path, struct cluster *out);

enum { USE_TEXT_BYTES = 80 };
/* "busy 94.1 %, loading 4.2 %, idle 1.7 %" from the busy_ns, load_ns and idle_ns of an object.
 * False, and no text: it has none, or they are 0. */
bool format_use(const json_t *o, char text[USE_TEXT_BYTES]);

/* "6 of 8 GPUs busy, 1 loading" from a status; of slots where they have no GPUs. */
void append_fleet(struct buf *out, const json_t *status);
/* What one of a status's models does, in a few words; safe on a terminal. */
void append_model_state(struct buf *out, const json_t *model);

/* "muster NAME: sentence" on stderr; returns code. */
int say_error(const char *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What is wrong, where getopt_long returned `option` for options whose values are from 256, and was
 * called with ":", so that it says nothing itself. Returns the exit code. */
int say_bad_option(char **argv, int option);

#endif
