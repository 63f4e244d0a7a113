/* Calls that fail when they are told to: LMDB's, and the system's of the store and of common/io.
 * Linked with --wrap (muster_failing), so that the code under test is what is shipped; sanitizers
 * see what it then does. Calls that LMDB makes itself are not met: tests/fault/shim.h meets those.
 *
 * To add a call: a WRAP in failing.c or failing_lmdb.c, and its name in muster_failing
 * (ops/build.cmake). */
#ifndef MUSTER_TESTS_IO_FAILING_H
#define MUSTER_TESTS_IO_FAILING_H

#include <stdbool.h>
#include <stdint.h>

struct failing {
    const char *calls; /* fnmatch(3) over the name of the call: "mdb_*"; NULL: none fails */
    uint64_t nth;      /* of those calls from now on: the first to fail, from 1 */
    uint64_t times;    /* so many of them in a row; 0: one */
    int code;          /* LMDB's, or errno */
    const struct failing *then; /* the plan from then on, borrowed; NULL: none fails any more */
};

/* Counts from 0. Names are borrowed. */
void failing_set(const struct failing *plan);
/* No call fails any more. Returns how often one did, since failing_set. */
uint64_t failing_end(void);
/* The name of the call that failed last. */
const char *failing_name(void);

/* ---- For the calls themselves ---- */

/* Whether this one is to fail. */
bool failing_now(const char *name);
int failing_code(void);

/* `instead` is the value of a call that fails. */
#define WRAP(type, name, parameters, arguments, instead)                                           \
    type __real_##name parameters; /* NOLINT: the linker's names */                                \
    type __wrap_##name parameters; /* NOLINT */                                                    \
    type __wrap_##name parameters  /* NOLINT */                                                    \
    {                                                                                              \
        return failing_now(#name) ? (instead) : __real_##name arguments;                           \
    }

#endif
