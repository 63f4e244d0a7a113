/* The faults that come with time: crashes, pauses, broken and clogged connections, operators. */
#ifndef MUSTER_TESTS_SIM_CHAOS_H
#define MUSTER_TESTS_SIM_CHAOS_H

#include "tests/sim/world.h"

void chaos_start(struct world *w);
/* Whatever was broken is whole again, and stays so. */
void chaos_heal(struct world *w);

#endif
