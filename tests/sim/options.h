/* What to run: chosen on the command line, narrowed down by the shrinker. */
#ifndef MUSTER_TESTS_SIM_OPTIONS_H
#define MUSTER_TESTS_SIM_OPTIONS_H

#include <stddef.h>

#include "common/buf.h"
#include "tests/sim/fault.h"
#include "tests/sim/plant.h"

enum { SUPPRESSED_MAX = 512 };

/* One injection that does not take place: the `number`th of its class, from 1. */
struct suppressed {
    enum fault fault;
    uint64_t number;
};

struct sim_options {
    uint32_t off;           /* bit f: fault f never happens */
    uint32_t horizon_ms;    /* faults stop after so long at the latest; 0: as the seed says */
    uint32_t machines_max;  /* 0: as the seed says */
    uint32_t instances_max; /* of a task; 0: as the seed says */
    struct suppressed suppressed[SUPPRESSED_MAX];
    size_t suppressed_count;
    enum plant plant;
    size_t tail; /* lines of the trace that are kept; 0: none */
    bool trace;  /* print it all */
};

/* Take one word of a command line that says what a run is like ("--no-poison"); false: it is no
 * such word, or not a valid one. */
bool options_take(struct sim_options *o, const char *word);
/* The words that say it again, each with a space in front. */
void options_print(const struct sim_options *o, struct buf *out);
/* The names of the bugs of plant.h, a line each. */
void options_print_plants(void);

#endif
