/* Stands between a program and the kernel: counts the calls that change files or leave the process,
 * and makes one of them fail, or the last thing that the process does.
 *
 * Linked into a test program it serves that process and its children; as a library for LD_PRELOAD
 * it is told by the environment (shim_env.c), so that the programs under test stay as they are. A
 * point is a call and a file below one folder, as "fdatasync store/data.mdb": numbers and digests
 * in names become '#', so that the same step of every run has one name. */
#ifndef MUSTER_TESTS_FAULT_SHIM_H
#define MUSTER_TESTS_FAULT_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_deed {
    SHIM_NOTHING,
    SHIM_KILL_BEFORE, /* SIGKILL instead of the call ... */
    SHIM_KILL_HALF,   /* ... after half of the bytes of a write, ... */
    SHIM_KILL_AFTER,  /* ... after the call */
    SHIM_SHORT,       /* writes half of the bytes, and says so */
    SHIM_ERROR        /* -1 and `error` */
};

struct shim_plan {
    const char *under; /* an absolute folder: only its files count. NULL: the shim sleeps */
    const char *point; /* fnmatch(3) over "call file"; NULL: any */
    uint64_t nth;      /* the first hit that gets it, from 1 */
    bool sticky;       /* and all after it */
    enum shim_deed deed;
    int error;
    uint64_t times; /* at most so often in all processes together, counted in `hits`; 0: no limit */
    const char *hits;   /* grows by one byte with each deed; may be NULL */
    const char *census; /* gets a line "call file" with each point; may be NULL */
    const char *record; /* gets what power_log.h describes; may be NULL */
};

/* From now on, counting from 0. Strings are borrowed for ever. */
void shim_set(const struct shim_plan *plan);
uint64_t shim_points(void); /* hits of `point` since then */
uint64_t shim_deeds(void);  /* deeds of this process since then */
uint64_t shim_maps(void);   /* memory maps made of files below `under` */

/* A line of the recording: what was promised to others by now. */
void shim_mark(uint32_t kind, const void *bytes, size_t len);

/* Memory (shim_memory.c): the n-th allocation from now on, and with `sticky` all after it, gives
 * NULL. 0: none does. */
void shim_memory_set(uint64_t nth, bool sticky);
uint64_t shim_memory_count(void); /* allocations since then */

#endif
