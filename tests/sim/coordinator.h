/* The coordinator process: the shell of coordinator/server.c and commit.c in virtual time, around
 * the real core, the real translation, the real turns and the real codec. */
#ifndef MUSTER_TESTS_SIM_COORDINATOR_H
#define MUSTER_TESTS_SIM_COORDINATOR_H

#include "coordinator/core/core.h"
#include "coordinator/translate.h"
#include "tests/sim/net.h"

/* One incarnation; the next one uses the same memory. */
struct sim_coordinator {
    bool is_up, is_paused;
    bool is_stopping; /* told to stop: it exits once it is stopped, or has waited long enough */
    int64_t stopping_since;
    uint64_t epoch, starts;
    struct core *core;
    struct translate *translate;
    struct core_effects effects;
    struct incoming incoming;
    struct arena scratch;
    struct turn turns[2];
    struct turn *open, *flying; /* flying NULL: no commit is under way */
    bool is_landing;            /* it is through, and waits for a pause to end */
    bool is_failing;            /* it will not get through */
    struct list inbox;          /* frames */
    int64_t wake_at;
    uint64_t wake_serial;
};

void coordinator_start(struct world *w);
void coordinator_crash(struct world *w);
void coordinator_pause(struct world *w);
void coordinator_resume(struct world *w);

void coordinator_receive(struct world *w, struct sim_conn *from, struct span frame);
/* An operator's. now_mono_ns is filled in. */
void coordinator_order(struct world *w, struct core_event order);

/* The operator stops the sweep: nothing new, and the process exits. */
void coordinator_stop(struct world *w);

void coordinator_release(struct world *w);

#endif
