/* What the files of the oracle share. */
#ifndef MUSTER_TESTS_SIM_ORACLE_PRIVATE_H
#define MUSTER_TESTS_SIM_ORACLE_PRIVATE_H

#include "tests/sim/oracle.h"

enum { ACCUSERS_MAX = 4 };

/* A failure for which an instance really was to blame. */
struct guilt {
    uint64_t attempt;
    status status;
};

struct strikes {
    uint32_t count;
    uint64_t accusers[ACCUSERS_MAX]; /* attempts, in the order of their strikes */
};

struct fate {
    bool is_emitted, is_durable;
    uint8_t status; /* of the row */
    struct strikes emitted, durable;
    uint64_t holder;   /* the attempt that was seen last to have it */
    uint64_t copier;   /* a second one, as one of the two is a copy */
    int64_t struck_at; /* by this incarnation; 0: not */
    uint32_t mishaps;  /* injected failures of a sound instance */
    struct guilt *guilts;
    size_t guilt_count, guilt_capacity;
};

/* An attempt, ever. */
struct seen_attempt {
    uint64_t id;
    uint32_t model, task, first, count, slot;
    struct bitmap skip, asked, rowed; /* bits of the range that was granted */
    uint32_t leased;    /* of the range: what it has in the eyes of the coordinator, */
    uint32_t kept;      /* and at the worker: the rest was given back */
    uint32_t told_from; /* at the worker: what it has not started from there on may
                           not be; UINT32_MAX: nothing was said */
    uint32_t worker;    /* serial of the process that took it in; 0: none */
    uint32_t at_once;   /* requests that its slot may have open; 0: no cap */
    const char *name;   /* of the worker that it was granted to */
    uint64_t session;
    int64_t live_until; /* on the coordinator's clock */
    bool is_copy;       /* of an instance that another attempt has, or had */
    bool is_dead;       /* surely not leased */
    bool is_taken_back; /* at the worker: nothing of it may be started any more */
};

/* A session, in the eyes of the coordinator. */
struct seen_session {
    uint64_t id, expected_seq;
    struct seen_worker *worker;
};

struct seen_worker {
    const char *name;
    uint8_t id[WORKER_ID_BYTES];
    bool is_draining;
    int64_t ends_at;  /* on the coordinator's clock, as its hello said; INT64_MAX: never */
    uint64_t session; /* 0: none */
};

/* One run of an instance at a host. */
struct run {
    uint64_t attempt;
    uint32_t worker, model, task, instance;
};

struct oracle {
    struct fate *fates[SIM_MODELS_MAX][SIM_TASKS_MAX];
    uint64_t emitted, durable, failed; /* rows of wanted instances */
    uint64_t wanted;
    uint32_t emitted_in[SIM_MODELS_MAX][SIM_TASKS_MAX];
    struct map attempts; /* id -> seen_attempt */
    uint64_t last_attempt, last_session, epoch;
    struct map sessions;
    struct seen_worker workers[SIM_MACHINES_MAX];
    struct seen_session *greeted; /* by the step under way */
    bool is_draining;             /* the sweep was told to stop */
    bool is_paused[SIM_MODELS_MAX];
    struct run *runs; /* by number - 1 */
    size_t run_count, run_capacity;
    uint64_t checks;
};

struct fate *oracle_fate(const struct world *w, uint32_t model, uint32_t task, uint32_t instance);
/* It failed so, in this attempt. */
bool oracle_is_guilty(const struct fate *f, uint64_t attempt, status code);
struct seen_attempt *oracle_attempt(const struct world *w, uint64_t id);
/* The core holds a lease on it, without a doubt. */
bool oracle_is_live(const struct world *w, const struct seen_attempt *a);
int64_t oracle_clock(const struct world *w);

#endif
