/* One run: chaos until the horizon, then everything heals, and it has to end within a bound. */
#ifndef MUSTER_TESTS_SIM_RUN_H
#define MUSTER_TESTS_SIM_RUN_H

#include "tests/sim/fault.h"
#include "tests/sim/options.h"

struct sim_outcome {
    uint64_t hash; /* of everything that happened */
    uint64_t steps;
    int64_t virtual_ns;
    uint64_t injected[FAULT_COUNT];
    uint64_t starts;  /* of the coordinator */
    uint64_t workers; /* processes */
    uint64_t rows;    /* recorded */
};

/* A violation ends the process. */
void sim_run(const struct sim_options *options, uint64_t seed, struct sim_outcome *out);

/* Of the run under way, for when it is cut short: what it keeps of its trace, how often each fault
 * struck, and how long it lasted. */
void sim_print_tail(void);
void sim_running(uint64_t hits[FAULT_COUNT], int64_t *virtual_ns);

#endif
