/* The scheduler's own structures; what its files offer each other is in work_internal.h,
 * fleet_internal.h and policy_internal.h. Only files of this folder include these. */
#ifndef MUSTER_COORDINATOR_CORE_STATE_H
#define MUSTER_COORDINATOR_CORE_STATE_H

#include "common/check.h"
#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/place.h"
#include "common/rng.h"
#include "coordinator/core/core.h"

static const uint32_t NONE = UINT32_MAX; /* no constant of an enum: those are ints */
enum { ATTEMPT_INSTANCES_MAX = 1 << 16 };

enum {
    GPU_TYPES_MAX = 16 /* told apart; the last one stands for all others. At most 32: a bit each */
};

/* X(name, text): what keeps a model from a slot, now. */
#define LIMIT_LIST(X)                                                                              \
    X(LIMIT_NONE, "nothing")                                                                       \
    X(LIMIT_PAUSED, "it is paused")                                                                \
    X(LIMIT_SIZE, "the slot has not the GPUs, cores and memory that it needs")                     \
    X(LIMIT_GANG, "the slots beside it, that it needs as well, are not free in time")              \
    X(LIMIT_SICK, "a process that cannot be killed holds the slot")                                \
    X(LIMIT_TYPE, "it fails on this type of GPU, and is tried again there later")                  \
    X(LIMIT_LIFETIME, "the worker's time is over before its load would pay")                       \
    X(LIMIT_REPLICAS, "as many slots as it may have work on it")                                   \
    X(LIMIT_CONCURRENCY, "as many requests as it may have are under way")

enum limit {
#define X(name, text) name,
    LIMIT_LIST(X)
#undef X
};

/* One (model, task) of the sweep. An instance is closed, taken or free (core.h). */
struct cell {
    uint32_t model, task, size;
    uint32_t place;                 /* among the model's cells */
    struct heap_node length;        /* longest.c */
    uint32_t wanted, ended, failed; /* instances; wanted = ended + open */
    uint32_t taken_count;
    uint32_t next; /* no free instance below it */
    struct bitmap closed;
    struct bitmap taken;         /* words NULL while nothing is taken */
    struct list attempts;        /* live ones, by grant */
    double spent_ns, spent_rows; /* of slots on its instances, as far as that is remembered */
    double instance_ns; /* their quotient, on a slot of factor 1: learned; 0: nothing yet */
};

enum { NO_STARTS = 3 /* workers on which a model does not start, or models on a worker */ };

/* A model on slots of one type of GPU. */
struct on_type {
    uint32_t fits;       /* fits.c: slots that it may run on */
    double factor;       /* durations there are so many times the model's; 0: not known yet */
    double told_factor;  /* as last given out to be stored */
    uint32_t busy_slots; /* with attempts of it */
    /* culprit.c */
    uint32_t failures, wronged; /* in a row; of them, or before, those that were fine elsewhere */
    uint32_t no_starts;         /* workers on which it did not start, as far as they are counted */
    uint32_t not_started_on[NO_STARTS]; /* these */
    uint32_t pauses;                    /* in a row; 0: it is not paused */
    bool is_tried_again;                /* paused, and the time is over: in one slot at a time */
    int64_t retry_ns;                   /* paused: not before */
    bool is_fine, is_started;           /* it ever was */
};

struct model {
    struct core_need need;
    struct core_rules rules;
    char **gpu_type_words; /* need.gpu_types, to be freed */
    uint32_t *cells;       /* index into core->cells; in task order of the sweep */
    size_t cell_count, cell_capacity;
    struct heap measured, unmeasured; /* longest.c: its cells that have a free instance */
    uint64_t free_count, taken_count, wanted, ended, failed;
    struct slot **holders; /* slots whose model it is, in no order that means anything */
    uint32_t replicas;     /* of them */
    uint32_t forming;      /* gangs of it that wait for their slots */
    size_t holder_capacity;
    uint32_t unresolved; /* strikes of its instances that have to be tried in another place */
    uint32_t busy_slots; /* slots with attempts of it */
    uint32_t inflight;   /* requests that they may have open together; 0 without a cap */
    uint32_t adopted; /* attempts of earlier sessions: nobody knows how many requests they have */
    bool paused;
    struct on_type on[GPU_TYPES_MAX];
    uint32_t started_on;    /* index of the worker on which it started last; NONE: nowhere yet */
    uint32_t first_type;    /* that it was measured on; NONE: on none yet */
    uint32_t types_allowed; /* bit i: type i is among need.gpu_types */
    /* estimate.c */
    double load_ns;          /* learned; 0: nothing yet */
    double known_ns;         /* what the open instances of cells with a learned time take */
    uint64_t known_open;     /* how many they are */
    uint32_t known_cells;    /* cells with a learned time, */
    double known_cells_ns;   /* and the sum of these times */
    uint32_t expected_cells; /* of known_cells: what was told beforehand stands for so many more */
    double expected_ns;      /* and that is what was told */
    double told_load_ns, told_instance_ns; /* as last given out to be stored */
    int64_t load_started_ns;               /* its first load here; 0: none yet */
    int64_t measured_ns; /* when the first of its cells was; 0: not yet, or before we started */
    uint32_t fits;       /* fits.c: slots that it may run on, one by one, or gangs */
    uint32_t fits_of_width[GANG_SLOTS_MAX + 1]; /* of them, those that so many slots go together */
    /* plan.c */
    uint32_t width;        /* slots of the widest of these gangs; 1: it runs on one */
    double average_factor; /* of the slots that it may run on */
    double held;           /* one of its replicas counts for so many slots of that factor */
    uint32_t leaving;      /* replicas that finish what they have of it, and go */
    double pending_ns;     /* what they still have to load */
    uint32_t first_victim; /* tail.c: the most gainful one of a look; NONE: none */
    int64_t slowest_at_ns; /* copy.c: when it was seen how slow its slots are; -1: not since */
    double slowest;        /* what takes longest there, in times of its kind; 0: nothing is slow */
    char *reason;          /* the newest reason why it did not start or run somewhere */
};

/* A range of instances of a cell on one slot, under a lease. Ranges of live attempts of a cell are
 * disjoint. */
struct attempt {
    uint64_t id;
    struct cell *cell;
    uint32_t first, count; /* less of them once a part was given back */
    uint32_t granted;      /* of them, instances it was given */
    uint32_t open;         /* of them, those that are still taken */
    uint32_t done;         /* as the worker last said */
    uint32_t done_before;  /* adopted: as it first said, with what it did before; NONE: not yet */
    struct worker *worker;
    uint32_t slot;
    uint32_t slots; /* that it runs on: those of its gang, or one */
    double
        charged_ns; /* to its model's account, for each of them, until it is known what it took */
    int64_t started_ns;           /* when it became the head of its slot; 0: not yet */
    bool adopted;                 /* from an earlier session or epoch */
    bool is_copy;                 /* of an instance that another attempt has (copy.c) */
    bool took_over;               /* it was a copy; a strike of the instance is the other one's */
    bool revoked;                 /* the worker was told to give it back */
    bool is_being_split;          /* it was told to give a part back, and has not said which yet */
    uint32_t inflight_max;        /* requests that its slot may have open; 0: as many as it wants */
    int64_t lease_end_ns;         /* worker->due is no later */
    struct list in_cell, in_slot; /* a copy: in_cell is in core->copies */
};

/* Slots of one worker that run a model together (gang.c). */
struct gang {
    struct worker *worker;
    uint32_t model, count;
    uint32_t slots[GANG_SLOTS_MAX]; /* ascending; the first leads */
    struct gang *heir; /* a wider one that forms: it gets the slots once this one has no attempt
                          any more. NULL: none */
    int64_t until_ns;  /* forming: when the last of its slots should come free */
    struct heap_node give_up; /* in core->forming while it forms */
};

struct slot {
    struct worker *worker;
    struct gang *gang; /* NULL: none */
    bool is_overdue;   /* a gang waited for its head in vain */
    uint32_t gpus, cpus;
    uint64_t memory_bytes, gpu_memory_bytes;
    uint32_t gpu_type; /* index into core->gpu_types */
    uint32_t kind;     /* index into core->kinds */
    uint32_t model;    /* that its newest attempt is of, or that it has loaded */
    uint32_t holder;   /* its place among the model's holders */
    uint8_t state;
    uint32_t queued;       /* attempts in `attempts` */
    double waiting_ns;     /* what all but the first will take; -1: to be counted */
    int64_t ready_ns;      /* when its host became ready last */
    int64_t loading_ns;    /* since when it loads its model; 0: it does not, as far as is known */
    int64_t accounted_ns;  /* what it did before is known: learned from, or idle, or a load */
    struct msg_use use;    /* as the worker last said */
    bool is_leaving;       /* its model needs it no longer: it finishes what it has */
    bool spared;           /* work was taken back, and nothing of its own recorded since */
    uint64_t last_asked;   /* while it is spared: its newest attempt when it was stuck and had to
                              give back all; 0: it had not */
    struct list attempts;  /* in the order they run */
    struct list in_hungry; /* of core->hungry, starving, wanting or held, else unlinked */
};

/* A model that a slot of some kind might be given, and what it is worth (choose.c). */
struct candidate {
    uint32_t model;
    double piece_ns;
};

/* Slots that offer the same: what there is for one is there for all (shortlist.c). */
enum { KINDS_MAX = 64 /* told apart; the last one stands for all others */ };
struct kind {
    struct core_offer offer; /* without its type */
    uint32_t gpu_type;
    struct candidate *candidates; /* ascending by model */
    size_t candidate_count, candidate_capacity;
    uint64_t listed_at; /* core->changes then */
    uint32_t eager;     /* a model that one of them would have left its own for; NONE: none yet */
};

/* Of a user, a sweep or a model (share.c). Number 0 is all of them together. */
struct account {
    uint32_t parent;
    double weight, used_ns;
    int32_t busy;               /* slots that work for it */
    double owed_slots;          /* as of the plan */
    bool is_active, was_active; /* has work: as of the plan, and of the one before */
    double active_weight;       /* of its active children */
};

/* What a worker said it cannot run. */
struct refusal {
    uint32_t model, task; /* task NONE: nothing of the model */
};

struct worker {
    uint32_t index;
    char *name;
    struct worker *same_hash; /* the next one in core->worker_of; NULL: the last */
    uint8_t id[WORKER_ID_BYTES], superseded_id[WORKER_ID_BYTES]; /* all 0: none */
    uint64_t session, peer;                                      /* session 0: not connected */
    uint64_t expected_seq;                                       /* of the next reliable message */
    bool takes_part;                                             /* counted by fits.c */
    bool takes_cuts; /* it can give back a part of an attempt */
    bool draining;
    char *drain_reason; /* NULL: it drains by itself */
    int64_t drain_ns;   /* when to drain it, for its time is nearly over; INT64_MAX: never */
    int64_t margin_ns;  /* so long before the end of its time */
    int64_t heard_ns;
    int64_t lost_ns;      /* when it counts as lost, if it is not heard */
    struct heap_node due; /* key: no later than lost_ns, drain_ns and the ends of its leases */
    struct slot *slots;
    uint32_t slot_count;
    struct place *places;                 /* of the slots */
    uint32_t *groups[GANG_SLOTS_MAX + 1]; /* by width: gang.c. NULL: not asked for yet */
    struct refusal *refusals;
    size_t refusal_count, refusal_capacity;
    uint64_t rows, failures, unacked_bytes;
    uint32_t failures_in_row, wronged;    /* culprit.c: since its last good row */
    uint32_t failed_model, failed_models; /* of these failures: the first one's; 1, 2 or more */
};

/* A failed instance that may be tried again. Waits in `backoff`, then is free once more, and goes
 * alone into its next attempt. */
enum { STRIKE_PLACES_MAX = 10 };
struct strike_place {
    uint32_t worker, type;
};

struct strike {
    struct cell *cell;
    uint32_t instance, count;
    status status;    /* of the newest failure */
    uint64_t attempt; /* of the newest failure: a repeated message is no second strike */
    uint32_t worker;  /* of the newest failure, avoided next time; NONE: unknown */
    struct strike_place from[STRIKE_PLACES_MAX]; /* of its failures, as far as they are known */
    uint32_t from_count;
    bool is_unresolved; /* it has all strikes but one, and has to fail in another place yet */
    struct heap_node backoff;
    struct list in_all;
};

struct core {
    struct core_config config;
    struct rng rng;
    int64_t now_ns, expected_ns; /* of this step; when the next TIME was due */
    enum sweep_state state;
    bool stopping;       /* told to drain, once and for all: nothing more is granted */
    bool has_priorities; /* not all models have the same */
    struct model *models;
    size_t model_count, model_capacity;
    uint32_t *task_sizes;
    size_t task_count, task_capacity;
    struct cell **cells;
    size_t cell_count, cell_capacity;
    char *gpu_types[GPU_TYPES_MAX]; /* names; the first is empty */
    uint32_t gpu_type_count;
    struct kind kinds[KINDS_MAX];
    uint32_t kind_count;
    uint64_t changes;         /* of what decides which model a slot is given (shortlist.c) */
    struct map cell_of;       /* (model + 1, task) -> struct cell */
    struct account *accounts; /* [0 .. account_count]; NULL: no shares are kept */
    uint32_t account_count;
    size_t account_capacity;
    struct worker **workers;
    size_t worker_count, worker_capacity;
    uint32_t part_slots;   /* slots of workers that take part */
    uint32_t live_slots;   /* slots of connected workers */
    struct map worker_of;  /* hash of a name -> the first struct worker of that hash */
    struct map session_of; /* session -> struct worker */
    struct map attempt_of; /* attempt id -> struct attempt */
    struct map strike_of;  /* cell and instance -> struct strike */
    struct list strikes_open;
    struct heap backoffs, dues;    /* strikes that wait; connected workers */
    struct heap forming;           /* gangs that wait for their slots */
    struct list hungry;            /* slots that could take more */
    struct list starving, wanting; /* those that found nothing: idle ones, and those with work */
    struct list held;              /* idle ones that wait for a gang: nothing fits into the wait */
    uint64_t next_attempt, next_session, next_gang;
    uint16_t *grantees; /* attempt.c: the workers of the newest attempts; NULL: none yet */
    uint64_t wanted, ended, failed, free_count;
    struct bitmap open_models; /* those that have a free instance and are not paused */
    uint32_t open_count;
    uint64_t rows_accepted, rows_duplicate, rows_late, strikes, leases_expired, taken_back;
    uint64_t strikes_withdrawn;
    int64_t resume_ns; /* when a model is tried again on a type of GPU; INT64_MAX: none is paused */
    struct msg_use use; /* of all slots */
    uint64_t decisions[DECISION_COUNT];
    /* copy.c */
    struct list copies, races; /* attempts that are copies; instances that have or had one */
    uint32_t race_count;
    uint64_t nondeterministic;
    double busy_ns, copied_ns; /* slot time that went into rows; into copies that are over */
    int64_t outrank_ns;        /* when to look for work that holds up work of a higher priority */
    bool is_outranked;         /* outrank.c: there is some, unless ranks_changed since */
    bool ranks_changed; /* a model has free work or busy slots, and had not, or the reverse */
    int64_t tail_ns;    /* when to look for work to take back; INT64_MAX: nobody starves */
    double typical_instance_ns, typical_load_ns; /* estimate.c: of models nothing is known of */
    /* plan.c */
    int64_t plan_at_ns; /* when the plan was made */
    bool plan_is_off;   /* it was made of other models than there are now, or never */
    struct part *parts; /* what it was made of */
    size_t part_capacity;
    uint32_t changed_slots;   /* since then: they came, went, or refuse a model */
    int32_t plan_lowest;      /* priority of models with free work */
    double plan_end_ns;       /* from now: when all is done, if all goes as well as it may */
    int64_t short_since_ns;   /* when the newest of those was measured that are short of replicas */
    struct core_effects *out; /* of the step */
};

static inline void count_decision(struct core *c, enum decision d)
{
    c->decisions[d]++;
}

/* effect.c */
enum { NOTED_BYTES_MAX = 200 }; /* of another's words, in a note */
struct core_effect *emit(struct core *c, enum core_effect_kind kind, uint64_t session);
void note(struct core *c, bool warn, const char *format, ...) __attribute__((format(printf, 3, 4)));
void note_of_model(struct core *c, bool warn, uint32_t model, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
