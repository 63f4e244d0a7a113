/* What `muster plan` prints: what a sweep would do, what is done of it already, and what stands in
 * its way. */
#ifndef MUSTER_COORDINATOR_SPEC_PLAN_REPORT_H
#define MUSTER_COORDINATOR_SPEC_PLAN_REPORT_H

#include "coordinator/spec/plan.h"

enum {
    /* How jobs are counted before anything is measured: a first attempt takes so many instances,
     * and later ones more, so that this is the most there can be. */
    PLAN_PROBE_INSTANCES = 16,
    /* And once it is known how long an instance takes. */
    PLAN_JOB_TARGET_MS = 60 * 1000,
    PLAN_CHANGES_MAX = 16 /* keys of a changed identity that are named */
};

/* Machines of one kind, that the sweep is to run on. */
struct plan_machine {
    const char *name; /* of the kind, for people; NULL: it is this machine */
    uint32_t workers; /* so many of them; 0: one */
    uint32_t slots;   /* of each */
    uint32_t gpus_per_slot, cores_per_slot;
    uint64_t memory_bytes;     /* of a slot; 0: not limited */
    uint64_t gpu_memory_bytes; /* of the largest GPU of a slot; 0: not known */
    const char *gpu_type;      /* of all of them; NULL: not known, or several */
};

/* What a store holds of a cell. */
struct plan_done {
    uint32_t ended;  /* of the instances that the sweep asks for, ... */
    uint32_t failed; /* ... and these of them for good */
    uint64_t rows;   /* all that were ever recorded, with ... */
    uint64_t micros; /* ... the model time that they took together */
};

/* Earlier results of a model of the same name. */
struct plan_earlier {
    struct digest identity;
    struct span record; /* as it was recorded */
    uint64_t results;
};
/* What a slot takes for a model, in milliseconds; 0: not known. */
struct plan_times {
    double load_ms;
    double instance_ms; /* the mean over its tasks */
};
typedef void plan_earlier_f(void *owner, const struct plan_earlier *earlier);

/* A task that results may have been recorded of. */
struct plan_recorded_task {
    struct digest identity;
    struct span record; /* as it was recorded */
    uint32_t size;
};
typedef void plan_recorded_task_f(void *owner, const struct plan_recorded_task *task);

/* A look into the store, as callbacks. NULL functions: there is no store yet. */
struct plan_store {
    void *owner;
    /* wanted: the instances that are asked for of this pair. */
    void (*done)(void *owner, const struct plan_model *model, const struct plan_task *task,
                 const struct bitmap *wanted, struct plan_done *out);
    void (*times)(void *owner, const struct plan_model *model, struct plan_times *out);
    /* Calls each(each_owner, ...) for every identity that is recorded under this name, the present
     * one too. The record borrows until the call returns. */
    void (*earlier)(void *owner, const char *model_name, plan_earlier_f *each, void *each_owner);
    /* Calls each(each_owner, ...) for every task that is recorded, the present ones too. The record
     * borrows until the call returns. */
    void (*tasks)(void *owner, plan_recorded_task_f *each, void *each_owner);
    /* How many results are recorded of a model on such a task. */
    uint64_t (*results)(void *owner, const struct plan_model *model,
                        const struct plan_recorded_task *task);
};

/* Keys of a record that differ now: "decoding.temperature". */
struct plan_changes {
    const char *keys[PLAN_CHANGES_MAX];
    size_t count;
};

/* Earlier results that no longer count. */
struct plan_outdated {
    char identity[DIGEST_HEX_BYTES];
    const char *revision; /* NULL: none */
    uint64_t results;
    struct plan_changes changed;
    struct plan_outdated *next;
};

/* What became of a task's results when it became another one: another identity under the same suite
 * and path. */
struct plan_report_task {
    uint64_t results; /* of its former selves, by models of the plan: they do not count */
    uint64_t missing; /* instances, over the models */
    struct plan_changes changed;
};

struct plan_counts {
    uint64_t tasks, instances, done, missing;
    uint64_t failed; /* for good; they count as done, as everywhere */
    uint64_t jobs;
    double missing_ms;    /* model time of what is missing, where durations are known */
    uint64_t unmeasured;  /* missing instances of tasks without a duration */
    uint64_t timed_tasks; /* those with one, ... */
    double timed_ms;      /* ... and the sum of these */
    bool jobs_are_bound;  /* for some of them no duration is known: at most so many */
};

/* How a model stands to the machines of one kind. */
struct plan_fit {
    uint32_t slots;     /* of one machine, that a replica takes together; 0: it fits none */
    bool is_for_memory; /* it takes several because one has too little memory, and no other need */
    const char *obstacle; /* why it fits none; NULL: it does */
};

struct plan_report_model {
    const struct plan_model *model;
    struct plan_counts counts;
    uint64_t gaps[PLAN_GAP_REASON_COUNT];
    struct plan_fit *fits; /* as the machines */
    uint32_t replicas_max; /* at once, by the machines and its caps */
    const char *obstacle;  /* why nobody can hold a replica; NULL: one can, or none are known */
    struct plan_outdated *outdated;
    struct plan_times times; /* measured, else as the sweep file expects them */
};

/* Of one of the sweeps, what bears on when it is done. */
struct plan_report_sweep {
    const struct spec *spec;
    struct plan_counts counts; /* of models without an obstacle; what several want, of each */
    double work_ms;            /* slot time of what is missing, a load of each model included */
    double least_ms;           /* of one model alone, in all the slots that it may have */
    double ends_ms;            /* after the start, about, if nothing fails; -1: not known */
    /* Models with something missing of which nobody knows how long it takes, by the sweep's order.
     */
    const struct plan_report_model **unmeasured;
    size_t unmeasured_count;
    int64_t deadline_ms;      /* after the start; INT64_MAX: none */
    int64_t deadline_wall_ms; /* the same for people */
};

struct plan_report {
    const struct plan *plan;
    const struct plan_machine *machines;
    size_t machine_count;
    struct plan_report_model *models; /* as plan.models */
    struct plan_report_task *tasks;   /* as plan.tasks */
    size_t changed_task_count;        /* those with results of former selves */
    struct plan_counts total;         /* of models without an obstacle */
    uint32_t slots;                   /* of all machines; 0: not known */
    uint64_t blocked;                 /* instances missing of the others */
    struct plan_report_sweep *sweeps; /* one, or those that were merged */
    size_t sweep_count;
    struct arena arena;
};

/* What a report is made of, beside the plan. */
struct plan_question {
    const struct plan_machine *machines;
    size_t machine_count;           /* 0: not known */
    const struct plan_store *store; /* NULL: nothing is stored yet */
    int64_t now_wall_ms;            /* when it would start */
    /* From when on the deadline of each sweep counts that is a duration; NULL, or 0: from now. */
    const int64_t *submitted_wall_ms;
};

/* All of it is borrowed for the report's life. */
void plan_report_make(const struct plan *plan, const struct plan_question *question,
                      struct plan_report *out);
void plan_report_release(struct plan_report *r);

/* Append the report for people, safe on a terminal. */
void plan_report_text(const struct plan_report *r, struct buf *out);
/* Append the same as one JSON object and a newline. */
void plan_report_json(const struct plan_report *r, struct buf *out);

#endif
