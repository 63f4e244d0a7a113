/* A life in a child process, with the shim between it and the kernel: what it was promised, how it
 * ended, and whether its store then holds all of that and goes on. */
#ifndef MUSTER_TESTS_FAULT_VICTIM_H
#define MUSTER_TESTS_FAULT_VICTIM_H

#include "tests/fault/life.h"
#include "tests/fault/shim.h"

enum {
    VICTIM_STEPS = 24,
    VICTIM_SESSION_STEPS = 6, /* between opening and closing */
};

/* Called in the child after its folder is known and before its life begins. */
typedef void victim_arm_f(const void *plan, const char *dir);

struct victim {
    uint32_t promised;                   /* steps whose commit returned */
    uint64_t points, deeds, allocations; /* so many, as far as it could tell */
    int ended;                           /* as waitpid says */
};

/* One life from the state that `dir` is in. Shows the child's sentences only if `loud`. */
struct victim victim_live(const char *dir, victim_arm_f *arm, const void *plan, bool loud);

/* In a child: opens the store, and lives it to its end. NULL if it is as it must be, else what is
 * wrong. */
const char *victim_check(const char *dir, uint32_t promised);

#endif
