/* The simulated world: a virtual clock, what is due when, luck, and the trace.
 *
 * Nothing in here knows real time, and nothing depends on addresses: the same seed and options
 * give the same run, hash for hash. Times are nanoseconds of one clock that all processes share; a
 * machine may read it with an offset of its own. */
#ifndef MUSTER_TESTS_SIM_WORLD_H
#define MUSTER_TESTS_SIM_WORLD_H

#include "common/arena.h"
#include "common/heap.h"
#include "common/span.h"
#include "tests/sim/fault.h"
#include "tests/sim/options.h"
#include "tests/sim/workload.h"

#define SIM_MS     1000000ll
#define SIM_SECOND 1000000000ll

enum { TRACE_LINE_BYTES = 200 };

/* X(name): a run in order. */
enum sim_phase {
    SIM_CHAOS,  /* faults strike */
    SIM_HEALED, /* none does any more: everything has to end within a bound */
    SIM_ENDING  /* the sweep is done: the workers are told to go, and have to */
};

struct disk;
struct oracle;
struct net;
struct sim_coordinator;
struct sim_fleet;

struct world {
    const struct sim_options *options;
    uint64_t seed;
    int64_t now; /* ns; starts at 1 s */
    enum sim_phase phase;
    int64_t phase_since;
    bool is_over;
    struct heap agenda;
    uint64_t last_serial;
    uint64_t steps; /* things that happened */
    uint64_t hash;  /* of all that happened */
    struct faults faults;
    struct rng timing; /* delays that are no faults */
    struct workload load;
    struct disk *disk;
    struct oracle *oracle;
    struct net *net;
    struct sim_coordinator *coordinator;
    struct sim_fleet *fleet;
    struct arena arena; /* whatever lives as long as the run */
    char (*tail)[TRACE_LINE_BYTES];
    uint64_t lines;
};

/* What is due: called with its owner and the number it was given. */
typedef void sim_due_f(struct world *w, void *owner, uint64_t detail);

void world_init(struct world *w, const struct sim_options *options, uint64_t seed);
void world_release(struct world *w);

void world_at(struct world *w, int64_t when, sim_due_f *due, void *owner, uint64_t detail);
/* Let the next thing happen; false: nothing is due, ever. */
bool world_step(struct world *w);

/* An exponential delay of this mean. */
int64_t world_delay_ns(struct world *w, int64_t mean);
uint64_t world_below(struct world *w, uint64_t bound);

/* What happened goes into the hash of the run. */
void world_mix(struct world *w, uint64_t a, uint64_t b);
void world_mix_bytes(struct world *w, struct span bytes);

static inline bool is_planted(const struct world *w, enum plant p)
{
    return w->options->plant == p;
}

/* A line of the trace. Formats nothing unless somebody reads it. */
#define trace(w, ...) ((w)->tail || (w)->options->trace ? world_trace((w), __VA_ARGS__) : (void)0)
void world_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_print_tail(const struct world *w);

/* An invariant is broken: says so and aborts; main.c says how to see it again. */
_Noreturn void world_fail(struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
