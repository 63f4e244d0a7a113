/* What the scheduler's core may never do, whatever it is told. The witness sees events go in and
 * effects come out, keeps its own books from them alone, and ends the process when they disagree:
 *
 * - an instance is recorded at most once, only if it was wanted and open, and only from results;
 * - a result with a final status, in order, from a session that is known, is recorded or was
 * before;
 * - no instance is granted while another live attempt holds it: one that was not ended by its
 *   worker, whose lease did not expire, and whose worker was not lost;
 * - grants fit their slot, name what is open, and never go to a worker that drains, to a model that
 *   is paused, or anywhere once the sweep was told to stop; attempt ids rise;
 * - acknowledgements name the highest reliable message that came without a gap, no other;
 * - an unknown session gets a rejection and nothing else;
 * - counters are what the books say, and the core's own recount agrees (core_selfcheck);
 * - after a TIME nothing is due any more. */
#ifndef MUSTER_TESTS_FUZZ_CORE_WITNESS_H
#define MUSTER_TESTS_FUZZ_CORE_WITNESS_H

#include <stdio.h>

#include "coordinator/core/core.h"

enum {
    WITNESS_MODELS_MAX = 3,
    WITNESS_TASKS_MAX = 3,
    WITNESS_INSTANCES_MAX = 96,
    WITNESS_WORKERS = 4,
    WITNESS_SLOTS_MAX = 4
};

/* One (model, task), in the sweep if size > 0. */
struct witness_cell {
    uint32_t size;
    bool wanted[WITNESS_INSTANCES_MAX], closed[WITNESS_INSTANCES_MAX];
    size_t holder[WITNESS_INSTANCES_MAX]; /* the newest attempt that was granted it, + 1; 0: none */
};

struct witness_worker {
    char name[8];
    uint8_t process[WORKER_ID_BYTES]; /* that was welcomed last */
    uint64_t session;                 /* 0: none */
    uint64_t next_seq;                /* of its next reliable message */
    struct msg_slot slots[WITNESS_SLOTS_MAX];
    uint32_t slot_count;
    bool draining, takes_cuts;
};

struct witness_attempt {
    uint64_t id;
    uint32_t worker, slot, model, task, first, count;
    bool live;
    bool is_copy; /* it holds nothing: the instance is another attempt's as well */
};

struct witness {
    struct core *core;
    struct core_config config;
    int64_t now_ns;
    uint32_t model_count, task_count;
    struct core_need needs[WITNESS_MODELS_MAX];
    struct witness_cell cells[WITNESS_MODELS_MAX][WITNESS_TASKS_MAX];
    struct witness_worker workers[WITNESS_WORKERS];
    bool paused[WITNESS_MODELS_MAX], stopping;
    FILE *trace; /* a line an event and an effect, for people who look for a fault; NULL: none */
    struct witness_attempt *attempts; /* every one ever seen, by their order */
    size_t attempt_count, attempt_capacity;
    uint64_t last_granted;
    bool sender_may_report; /* this step's results */
    uint64_t ended, failed; /* what the totals have to say */
};

/* Around a core that has its sweep; the cells and needs are filled in by the caller before. */
void witness_start(struct witness *w);
void witness_release(struct witness *w); /* frees the core too */

/* One step at w->now_ns, checked. `worker`: who sends it; for orders and TIME it is not looked at.
 */
void witness_step(struct witness *w, uint32_t worker, struct core_event *event);

struct witness_attempt *witness_find(const struct witness *w, uint64_t attempt); /* NULL: unknown */

#endif
