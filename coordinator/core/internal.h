/* The scheduler's own structures. Only files of this folder include it. */
#ifndef MUSTER_COORDINATOR_CORE_INTERNAL_H
#define MUSTER_COORDINATOR_CORE_INTERNAL_H

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

/* A model on slots of one type of GPU. */
struct on_type {
    uint32_t fits;       /* fits.c: slots that it may run on */
    double factor;       /* durations there are so many times the model's; 0: not known yet */
    uint32_t busy_slots; /* with attempts of it */
    /* culprit.c */
    uint32_t failures, wronged; /* in a row; of them, or before, those that were fine elsewhere */
    uint32_t no_starts;         /* workers on which it did not start */
    uint32_t pauses;            /* in a row; 0: it is not paused */
    bool is_tried_again;        /* paused, and the time is over: in one slot at a time */
    int64_t retry_ns;           /* paused: not before */
    bool is_fine, is_started;   /* it ever was */
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
    uint32_t busy_slots; /* slots with attempts of it */
    uint32_t inflight;   /* requests that they may have open together; 0 without a cap */
    uint32_t adopted; /* attempts of earlier sessions: nobody knows how many requests they have */
    bool paused;
    struct on_type on[GPU_TYPES_MAX];
    uint32_t started_on;    /* index of the worker on which it started last; NONE: nowhere yet */
    uint32_t first_type;    /* that it was measured on; NONE: on none yet */
    uint32_t types_allowed; /* bit i: type i is among need.gpu_types */
    /* estimate.c */
    double load_ns;        /* learned; 0: nothing yet */
    double known_ns;       /* what the open instances of cells with a learned time take */
    uint64_t known_open;   /* how many they are */
    uint32_t known_cells;  /* cells with a learned time, */
    double known_cells_ns; /* and the sum of these times */
    double told_load_ns, told_instance_ns; /* as last given out to be stored */
    int64_t load_started_ns;               /* its first load here; 0: none yet */
    uint32_t fits; /* fits.c: slots that it may run on, one by one, or gangs */
    uint32_t fits_of_width[GANG_SLOTS_MAX + 1]; /* of them, those that so many slots go together */
    /* plan.c */
    uint32_t width;        /* slots of the widest of these gangs; 1: it runs on one */
    double average_factor; /* of the slots that it may run on */
    double held;           /* one of its replicas counts for so many slots of that factor */
    uint32_t leaving;      /* replicas that finish what they have of it, and go */
    double pending_ns;     /* what they still have to load */
    char *reason;          /* the newest reason why it did not start or run somewhere */
};

/* A range of instances of a cell on one slot, under a lease. Ranges of live attempts of a cell are
 * disjoint. */
struct attempt {
    uint64_t id;
    struct cell *cell;
    uint32_t first, count;
    uint32_t granted; /* instances it was given */
    uint32_t open;    /* of them, those that are still taken */
    uint32_t done;    /* as the worker last said */
    struct worker *worker;
    uint32_t slot;
    double charged_ns;            /* to its model's account, until it is known what it took */
    int64_t started_ns;           /* when it became the head of its slot; 0: not yet */
    bool adopted;                 /* from an earlier session or epoch */
    bool is_copy;                 /* of an instance that another attempt has (copy.c) */
    bool took_over;               /* it was a copy; a strike of the instance is the other one's */
    bool revoked;                 /* the worker was told to give it back */
    uint32_t inflight_max;        /* requests that its slot may have open; 0: as many as it wants */
    int64_t lease_end_ns;         /* worker->due is no later */
    struct list in_cell, in_slot; /* a copy: in_cell is in core->copies */
};

/* Slots of one worker that run a model together (gang.c). */
struct gang {
    struct worker *worker;
    uint32_t model, count;
    uint32_t slots[GANG_SLOTS_MAX]; /* ascending; the first leads */
    int64_t until_ns;               /* forming: when the last of its slots should come free */
    struct heap_node give_up;       /* in core->forming while it forms */
};

struct slot {
    struct worker *worker;
    struct gang *gang; /* NULL: none */
    bool is_overdue;   /* a gang waited for its head in vain */
    uint32_t gpus, cpus;
    uint64_t memory_bytes, gpu_memory_bytes;
    uint32_t gpu_type; /* index into core->gpu_types */
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
    struct list attempts;  /* in the order they run */
    struct list in_hungry; /* of core->hungry, starving or wanting, else unlinked */
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
    struct map cell_of;       /* (model + 1, task) -> struct cell */
    struct account *accounts; /* [0 .. account_count]; NULL: no shares are kept */
    uint32_t account_count;
    size_t account_capacity;
    struct worker **workers;
    size_t worker_count, worker_capacity;
    uint32_t part_slots;   /* slots of workers that take part */
    struct map worker_of;  /* hash of a name -> the first struct worker of that hash */
    struct map session_of; /* session -> struct worker */
    struct map attempt_of; /* attempt id -> struct attempt */
    struct map strike_of;  /* cell and instance -> struct strike */
    struct list strikes_open;
    struct heap backoffs, dues;    /* strikes that wait; connected workers */
    struct heap forming;           /* gangs that wait for their slots */
    struct list hungry;            /* slots that could take more */
    struct list starving, wanting; /* those that found nothing: idle ones, and those with work */
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
    int64_t tail_ns;           /* when to look for work to take back; INT64_MAX: nobody starves */
    double typical_instance_ns, typical_load_ns; /* estimate.c: of models nothing is known of */
    /* plan.c */
    int64_t plan_at_ns; /* when the plan was made; -1: it has to be made anew */
    struct part *parts; /* what it was made of */
    size_t part_capacity;
    uint32_t changed_slots;   /* since then: they came, went, or refuse a model */
    int32_t plan_lowest;      /* priority of models with free work */
    double plan_end_ns;       /* from now: when all is done, if all goes as well as it may */
    struct core_effects *out; /* of the step */
};

static inline void count_decision(struct core *c, enum decision d)
{
    c->decisions[d]++;
}

/* effect.c */
struct core_effect *emit(struct core *c, enum core_effect_kind kind, uint64_t session);
void note(struct core *c, bool warn, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* cell.c: the bits. Every move of an instance between closed, taken and free goes through these. */
struct cell *cell_find(const struct core *c, uint32_t model, uint32_t task);
void cell_take(struct core *c, struct cell *cell, uint32_t instance);
void cell_free_again(struct core *c, struct cell *cell, uint32_t instance);
void cell_close(struct core *c, struct cell *cell, uint32_t instance, bool failed);
static inline bool cell_is_taken(const struct cell *cell, uint32_t instance)
{
    return cell->taken.words && bitmap_get(&cell->taken, instance);
}
void model_settle(struct core *c, uint32_t model); /* keeps open_models; after a pause too */
uint32_t cell_free_count(const struct cell *cell);
void cell_destroy(struct cell *cell);

/* attempt.c */
struct attempt *attempt_new(struct core *c, struct worker *w, uint32_t slot, struct cell *cell,
                            uint32_t first, uint32_t count, uint64_t id, bool adopted);
struct attempt *attempt_new_copy(struct core *c, struct worker *w, uint32_t slot, struct cell *cell,
                                 uint32_t instance, uint64_t id);
/* A number that nobody was given yet, for this worker. */
uint64_t attempt_number(struct core *c, const struct worker *w);
/* Whether this worker may have been given that number, this incarnation's or an earlier one's: then
 * it may have results of it, whatever became of the lease. Of older ones than the newest 65,536 it
 * is no longer known: they do not count, which costs a repetition at most. */
bool attempt_was_given(const struct core *c, const struct worker *w, uint64_t id);
/* Over, for whatever reason: what is still open of it becomes free, or waits out its backoff. */
void attempt_end(struct core *c, struct attempt *a);
static inline bool attempt_has(const struct attempt *a, uint32_t instance)
{
    return instance >= a->first && instance - a->first < a->count;
}
/* The head of a slot, or the one behind `a` on its slot or heading the slot after. NULL: none. */
struct attempt *attempt_head(const struct worker *w, uint32_t slot);
struct attempt *attempt_behind(const struct attempt *a);
/* Whose a taken instance is; NULL: it waits out a backoff. O(attempts of the cell): try attempt_has
 * of a likely one before. */
struct attempt *attempt_owner(const struct cell *cell, uint32_t instance);

/* lease.c: when workers are lost and leases over. Renewing only moves a time; the heap is touched
 * when a worker's key has passed, which is once for each term and not once for each beat. */
void worker_heard(struct core *c, struct worker *w);
void worker_due_by(struct core *c, struct worker *w, int64_t when_ns); /* look at it then */
void worker_hasten(struct core *c, struct worker *w, int64_t lost_ns); /* lost by then, if silent */
void lease_until(struct core *c, struct attempt *a, int64_t end_ns);
void lease_renew(struct core *c, struct attempt *a); /* for another term from now on */
void lease_renew_all(struct core *c);                /* and nobody is late */
void lease_expire(struct core *c);                   /* those that are over, and lost workers */

/* strike.c */
struct strike *strike_find(const struct core *c, const struct cell *cell, uint32_t instance);
struct strike *strike_add(struct core *c, struct cell *cell, uint32_t instance);
void strike_end(struct core *c, struct cell *cell, uint32_t instance); /* the instance is closed */
void strike_wait(struct core *c, struct strike *s);
void strike_ready(struct core *c);

/* fleet.c */
struct worker *worker_of_session(const struct core *c, uint64_t session);
struct worker *worker_by_name(const struct core *c, struct span name); /* NULL: never seen */
struct worker *worker_new(struct core *c, struct span name);
void worker_lose(struct core *c, struct worker *w, const char *why);
/* Nothing more is granted to it. reason: for the worker; NULL: it drains by itself. */
void worker_drain(struct core *c, struct worker *w, const char *reason);
bool worker_refuses(const struct worker *w, uint32_t model, uint32_t task);
void worker_refuse(struct core *c, struct worker *w, uint32_t model, uint32_t task,
                   struct span reason);
void worker_free(struct worker *w);
void slot_set_leaving(struct core *c, struct slot *s, bool is_leaving); /* it has a model */
void slot_set_model(struct core *c, struct slot *s, uint32_t model);

/* match.c */
void match_wake(struct core *c); /* there is work again: the starving look once more */
void match_slot_changed(struct core *c, struct worker *w, uint32_t slot);
uint32_t match_queue_max(const struct worker *w); /* attempts a slot of it */
void match_all(struct core *c);
void grant_copy(struct core *c, struct slot *s, struct cell *cell, uint32_t instance);

/* choose.c: which model for a slot. NULL: none; else the cell and the range to grant of it. */
struct cell *choose_loaded(struct core *c, struct slot *s, uint32_t *first, uint32_t *count);
/* Whether the slot is to be given nothing more of its model, and to go. */
bool choose_leaves(struct core *c, struct slot *s);
struct cell *choose_another(struct core *c, const struct slot *s, uint32_t *first, uint32_t *count);
/* Whether another replica would be loaded before those there are were through. */
bool model_is_worth_loading(const struct core *c, const struct model *m);
/* Whether the slot could have some of its free work, now. */
bool model_has_work_for(struct core *c, struct model *m, const struct slot *s);
bool model_can_ever_run(const struct core *c, uint32_t model, const char **why);

/* longest.c: which cell of a model comes first */
void longest_update(struct core *c, struct cell *cell); /* it is open now, or not, or measured */
struct cell *longest_of(const struct model *m);         /* NULL: nothing is free */

/* limits.c */
enum limit limit_of(const struct core *c, const struct model *m, const struct slot *s);
const char *limit_text(enum limit limit);
uint32_t limit_replicas(const struct model *m); /* slots that may ever work on it at once */
/* Of so many instances, those that are expected to end before the worker does. */
uint32_t limit_instances(const struct core *c, const struct slot *s, const struct cell *cell,
                         uint32_t count);
void limit_enter(struct core *c, const struct slot *s, struct attempt *a);       /* is granted */
void limit_leave(struct core *c, const struct slot *s, const struct attempt *a); /* is over */
/* The worker has so long to live; 0: for ever. is_new: a process of which nothing was known. */
void limit_end_at(struct core *c, struct worker *w, uint64_t lifetime_ms, bool is_new);

/* carve.c: which free instances of a model this slot gets next; NULL: none that it can run */
struct cell *carve_model(struct core *c, struct model *m, const struct slot *s, uint32_t *first,
                         uint32_t *count);

/* gpu_type.c */
uint32_t gpu_type_find(struct core *c, struct span name); /* entered if it is new */
void gpu_type_enter_model(const struct core *c, struct model *m);
void gpu_type_free_model(struct model *m);
/* Slots like this that a replica takes: 1: it fits; 0: none does. slots_needed: types aside. */
uint32_t slot_width(const struct slot *s, const struct model *m);
bool slot_fits(const struct slot *s, const struct model *m);
uint32_t slots_needed(const struct core_need *need, const struct core_offer *offer);
struct core_offer slot_offer(const struct slot *s);              /* without its type */
double slot_factor(const struct slot *s, const struct model *m); /* of durations, there */
bool slot_is_timed(const struct slot *s, const struct model *m); /* whether that is known */
/* `instances` took `ns` each, there; base_ns: what they take on factor 1, 0: not known yet. Returns
 * what these took, on factor 1. */
double learn_factor(const struct slot *s, struct model *m, double ns, uint32_t instances,
                    double base_ns);

/* gang.c: models that take several slots of one worker */
bool gang_could(const struct slot *s, const struct model *m); /* ever, be they busy or not */
/* Which slots, ascending, this one's included; returns how many, 0: none could. */
uint32_t gang_slots(const struct slot *s, const struct model *m, uint32_t slots[GANG_SLOTS_MAX]);
/* Until the last of them is through with its head; -1: none could. */
double gang_wait_ns(const struct core *c, const struct slot *s, const struct model *m);
/* The number of its slots, if this one would lead it; else 0. */
uint32_t gang_could_lead(const struct slot *s, const struct model *m);
/* Whether one with this slot should form now; *wait_ns: for so long its idle slots would wait. */
bool gang_may_form(const struct core *c, const struct slot *s, const struct model *m,
                   double *wait_ns);
bool gang_is_forming(const struct gang *g);
struct slot *gang_lead(const struct gang *g);
bool slot_leads(const struct slot *s, uint32_t model); /* a gang of that model, which is formed */
bool slot_is_held(const struct slot *s);               /* nothing may be granted to it now */
/* What is granted to it has to be through in so long; INFINITY: as it likes. */
double slot_hold_ns(const struct core *c, const struct slot *s);
/* Alone, in the gang that it leads, or in one that may form. */
bool slot_could_run(const struct core *c, const struct slot *s, const struct model *m);
struct gang *gang_form(struct core *c, struct slot *s, uint32_t model); /* gang_may_form */
/* The gang that a worker says it has, led by s; NULL: it cannot be one. */
struct gang *gang_adopt(struct core *c, struct slot *s, uint32_t model);
void gang_end(struct core *c, struct gang *g);          /* its slots are hungry again */
void gang_end_idle(struct core *c, struct worker *w);   /* those without attempts */
void gang_slot_changed(struct core *c, struct slot *s); /* an attempt of a slot of one is over */
void gang_open(struct core *c, struct gang *g);         /* its members may look for other work */
void gang_close(struct gang *g);                        /* it has work: they may not */
void gang_put_off(struct core *c, int64_t ns); /* nobody was late: we stood still for so long */
void gang_expire(struct core *c);              /* those that waited too long */
void gang_forget_groups(struct worker *w);     /* its slots are others now */
static inline uint32_t model_replicas(const struct model *m) /* those to come included */
{
    return m->replicas + m->forming;
}

/* estimate.c: nanoseconds, learned or guessed */
/* On a slot of factor 1 (gpu_type.c), and on this one; 0: nothing learned. */
double cell_instance_ns(const struct core *c, const struct cell *cell);
double slot_instance_ns(const struct core *c, const struct slot *s, const struct cell *cell);
double model_instance_ns(const struct core *c, const struct model *m);
double model_mean_ns(const struct model *m); /* of what is learned of it; 0: nothing */
double attempt_instance_ns(const struct core *c, const struct attempt *a); /* as it goes here */
double model_load_ns(const struct core *c, const struct model *m);
double model_remaining_ns(const struct core *c, const struct model *m); /* of one slot, for all */
int64_t core_remaining_ns(const struct core *c); /* of the slots there are; -1: unknown */
void estimate_typical(struct core *c);           /* what models nothing is known of are like */
void learn_rows(struct core *c, struct slot *s, struct cell *cell, uint32_t rows);
void learn_closed(struct model *m, const struct cell *cell);
void learn_loaded(struct core *c, struct slot *s, struct model *m, double ns);

/* fits.c: how many slots each model could have */
void fits_count(struct core *c, struct worker *w); /* it is connected or draining now, or not */
void fits_enter_model(struct core *c, uint32_t model);
void fits_refuse(struct core *c, const struct worker *w, uint32_t model); /* before it does */
uint32_t fits_width(const struct model *m);

/* plan.c: when all could be done */
void plan_make(struct core *c); /* unless it is fresh */
double plan_left_ns(const struct core *c);
/* Others wait for it to be done: the end of the plan is no time for it. */
bool plan_is_urgent(const struct core *c, const struct model *m);
/* Work of the model that those who stay with it will not have done by then; negative: they could do
 * so much more. */
double plan_shortage_ns(const struct core *c, const struct model *m);
/* What this slot would do of the model until then, if it has it loaded. */
double plan_share_ns(const struct core *c, const struct model *m, const struct slot *s);

/* culprit.c: whose fault it is. type: of the slot. */
void culprit_struck(struct core *c, struct worker *w, uint32_t type, struct strike *s);
void culprit_fine(struct core *c, struct worker *w, uint32_t type, struct model *m);
/* The instance, which has failed before, is fine here. */
void culprit_cleared(struct core *c, const struct strike *s, const struct worker *by,
                     uint32_t type);
void culprit_not_started(struct core *c, struct worker *w, uint32_t type, struct model *m);
void culprit_started(struct core *c, struct worker *w, uint32_t type, struct model *m);
void culprit_resume(struct core *c, struct model *m); /* the operator says that it is mended */
void culprit_time(struct core *c);
bool type_is_paused(const struct model *m, const struct slot *s);
/* The last strike may count: it failed in different places, as far as there are any. */
bool strike_is_conclusive(const struct core *c, const struct strike *s);
/* It has to go elsewhere, where it can. */
bool strike_avoids(const struct core *c, const struct strike *s, const struct slot *slot);

/* share.c: fair shares */
void share_enter(struct core *c, const struct slot *s, struct attempt *a, bool is_first);
void share_leave(struct core *c, const struct attempt *a, bool is_last);
void share_survey(struct core *c, uint32_t slots); /* who is owed what */
/* Below 0: what `m` charges is further behind than what `other` does. */
int share_compare(const struct core *c, const struct model *m, const struct model *other);
bool share_is_owed(const struct core *c, const struct model *m);
/* Whether the slot should leave the model for one of an account that is behind. */
bool share_is_over(struct core *c, const struct model *m, const struct slot *s);

/* outrank.c: priorities */
bool model_is_outranked(struct core *c, const struct model *m, const struct slot *s);
void outrank_look(struct core *c); /* take unstarted work back from lower priorities */
void outrank_arm(struct core *c);  /* when to look next */

/* copy.c */
struct attempt *copy_of(const struct core *c, const struct cell *cell, uint32_t instance);
/* Its attempt is over and has left it open: true if a copy goes on with it, and has it now. */
bool copy_takes_over(struct core *c, struct cell *cell, uint32_t instance);
void copy_closed(struct core *c, const struct cell *cell, uint32_t instance,
                 const struct attempt *winner);
/* An answer to an instance, that is recorded or comes second. answer: its digest. */
void copy_answered(struct core *c, const struct cell *cell, uint32_t instance, uint32_t answer);
void copy_free_races(struct core *c);
bool copy_look(struct core *c, struct slot *s); /* give an idle slot something to copy; or not */

/* tail.c */
void take_back(struct core *c, struct attempt *a); /* what of it has not started */
/* An instance that failed elsewhere was sent there on purpose. */
bool attempt_is_retry(const struct core *c, const struct attempt *a);
void tail_look(struct core *c); /* take unstarted work back for those that starve */
void tail_arm(struct core *c);  /* when to look next */

/* on_*.c: one family of events each */
void on_hello(struct core *c, const struct core_event *e);
void on_beat(struct core *c, struct worker *w, const struct core_event *e);
void on_results(struct core *c, struct worker *w, const struct core_event *e);
void on_ended(struct core *c, struct worker *w, const struct core_event *e);
void on_host(struct core *c, struct worker *w, const struct core_event *e);
void on_goodbye(struct core *c, struct worker *w);
void on_time(struct core *c);
void on_order(struct core *c, const struct core_event *e);

#endif
