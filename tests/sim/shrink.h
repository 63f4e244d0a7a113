/* Make a failing run smaller: a shorter horizon, fewer kinds of faults, fewer machines and
 * instances, fewer injections; each step is kept if the run still fails in the same way. */
#ifndef MUSTER_TESTS_SIM_SHRINK_H
#define MUSTER_TESTS_SIM_SHRINK_H

#include "tests/sim/options.h"

/* False: the seed does not fail. Otherwise *o is narrowed down. Runs are children. */
bool shrink(struct sim_options *o, uint64_t seed, int seconds_max);

#endif
