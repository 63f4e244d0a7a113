/* What a durability test counts. It is void, and so fails, unless it injected what it claims. */
#ifndef MUSTER_TESTS_FAULT_COUNTERS_H
#define MUSTER_TESTS_FAULT_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

struct counters {
    const char *fault; /* its number in the catalogue (README.md), as "F4" */
    const char *what;
    uint64_t injected, needed;   /* fewer than needed: void */
    uint64_t states;             /* looked at afterwards */
    uint64_t acknowledged, lost; /* steps that were promised; of these, gone */
    uint64_t violations;         /* everything else that must not be, signals too */
};

/* Prints them, appends them to $MUSTER_FAULT_RESULTS for the table, and says whether all is well.
 */
bool counters_tell(const struct counters *c);

/* $MUSTER_FAULT_FULL: the long run. */
bool counters_full(void);

#endif
