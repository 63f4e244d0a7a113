/* Who gets what, and when: the rules of POLICY.md. */
#ifndef MUSTER_COORDINATOR_CORE_POLICY_H
#define MUSTER_COORDINATOR_CORE_POLICY_H

#include "coordinator/core/state_internal.h"

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
/* Its model fails here, and has to be tried elsewhere, but the model's cap leaves no other slot
 * any: nobody could find out whose fault it is. */
bool should_let_others_try(const struct core *c, const struct slot *s);
struct cell *choose_another(struct core *c, const struct slot *s, uint32_t *first, uint32_t *count);
/* Whether another replica would be loaded before those there are were through. */
bool model_is_worth_loading(const struct core *c, const struct model *m);
/* It has something free, and nothing keeps it from the slot. */
bool model_is_usable(const struct core *c, const struct model *m, const struct slot *s);
/* Whether the slot could have some of its free work, now. */
bool model_has_work_for(struct core *c, struct model *m, const struct slot *s);
bool model_can_ever_run(const struct core *c, uint32_t model, const char **why);

/* What a slot that has not the model would do of it; -INFINITY: nothing that pays. */
double model_piece_ns(const struct core *c, const struct model *m);

/* make_way.c */
/* Whether the slot should leave its model, now, for one that nobody knew was so long. */
bool should_make_way(const struct core *c, const struct slot *s);
/* Whether all slots of a gang of m with this one should leave theirs, to form it. */
bool pays_to_clear(const struct core *c, const struct slot *s, const struct model *m);

/* shortlist.c: slots that are alike are answered once */
void kind_enter(struct core *c, struct slot *s); /* what it offers is known */
void kind_free_all(struct core *c);
/* Whether slots like this one could have the model, as far as they are all the same, and have
 * nothing of it. */
bool kind_could_have(const struct slot *s, const struct model *m);
/* Slots of the kind that a replica of the model takes; 0: they could not have it. */
uint32_t kind_width(const struct core *c, uint32_t kind, const struct model *m);
/* Of the open models, those that this slot might be given instead of its own, so far as that does
 * not depend on its worker. Holds until shortlist_forget. */
const struct kind *shortlist_for(struct core *c, const struct slot *s);
void shortlist_check(const struct core *c);         /* as it would be made now */
static inline void shortlist_forget(struct core *c) /* models are worth more or less than before */
{
    c->changes++;
}

/* carve.c: which free instances of a model this slot gets next; NULL: none that it can run */
struct cell *carve_model(struct core *c, struct model *m, const struct slot *s, uint32_t *first,
                         uint32_t *count);

/* longest.c: which cell of a model comes first */
void longest_update(struct core *c, struct cell *cell); /* it is open now, or not, or measured */
struct cell *longest_of(const struct model *m);         /* NULL: nothing is free */

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
void learn_rows(struct core *c, const struct attempt *a, uint32_t rows);
void learn_closed(struct model *m, const struct cell *cell, uint32_t count);
void learn_loaded(struct core *c, struct slot *s, struct model *m, double ns);

/* plan.c: when all could be done */
void plan_make(struct core *c);                /* unless it is fresh */
static inline void plan_forget(struct core *c) /* it was made of other models than there are now */
{
    c->plan_is_off = true; /* what it said holds until the next one is made */
}
double plan_left_ns(const struct core *c);
/* Others wait for it to be done: the end of the plan is no time for it. */
bool plan_is_urgent(const struct core *c, const struct model *m);
/* Work of the model that those who stay with it will not have done by then; negative: they could do
 * so much more. */
double plan_shortage_ns(const struct core *c, const struct model *m);
/* What this slot would do of the model until then, if it has it loaded. */
double plan_share_ns(const struct core *c, const struct model *m, const struct slot *s);

/* gang.c: models that take several slots of one worker */
bool gang_could(const struct slot *s, const struct model *m); /* ever, be they busy or not */
/* Which slots, ascending, this one's included; returns how many, 0: none could. */
uint32_t gang_slots(const struct slot *s, const struct model *m, uint32_t slots[GANG_SLOTS_MAX]);
/* How many of them a process holds that cannot be killed: nobody knows for how long. */
uint32_t gang_sick_slots(const struct slot *s, const struct model *m);
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
void gang_end_forming(struct core *c, uint32_t model);  /* those of the model that wait */
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

/* limits.c */
enum limit limit_of(const struct core *c, const struct model *m, const struct slot *s);
const char *limit_text(enum limit limit);
/* Replicas that its caps and pauses leave room for, whatever they offer. UINT32_MAX: no cap. */
uint32_t limit_newcomers(const struct model *m);
/* While this slot works for it, too. */
bool limit_keeps_others(const struct core *c, const struct model *m, const struct slot *s);
uint32_t limit_replicas(const struct model *m); /* slots that may ever work on it at once */
/* Of so many instances, those that are expected to end before the worker does. */
uint32_t limit_instances(const struct core *c, const struct slot *s, const struct cell *cell,
                         uint32_t count);
void limit_enter(struct core *c, const struct slot *s, struct attempt *a);       /* is granted */
void limit_leave(struct core *c, const struct slot *s, const struct attempt *a); /* is over */
/* The worker has so long to live; 0: for ever. is_new: a process of which nothing was known. */
void limit_end_at(struct core *c, struct worker *w, uint64_t lifetime_ms, bool is_new);

/* outrank.c: priorities */
bool model_is_outranked(struct core *c, const struct model *m, const struct slot *s);
void outrank_look(struct core *c); /* take unstarted work back from lower priorities */
void outrank_arm(struct core *c);  /* when to look next */
void outrank_check(const struct core *c);

/* share.c: fair shares */
/* sibling: another attempt of its model on the slot; NULL: there is none. */
void share_enter(struct core *c, const struct slot *s, struct attempt *a,
                 const struct attempt *sibling);
void share_leave(struct core *c, const struct attempt *a, bool is_last);
void share_survey(struct core *c, uint32_t slots); /* who is owed what */
/* Slot time that it has had, for each unit of its weight. */
double share_level(const struct account *a);
/* The accounts in which the two differ, at the highest level; false: they charge the same one. */
bool share_rivals(const struct core *c, const struct model *m, const struct model *other,
                  const struct account **own, const struct account **its);
/* That of the model which shares with others that have work, at the highest level; NULL: none. */
const struct account *share_contested(const struct core *c, const struct model *m);
/* Below 0: what `m` charges is further behind than what `other` does. */
int share_compare(const struct core *c, const struct model *m, const struct model *other);
bool share_is_owed(const struct core *c, const struct model *m);
/* Whether the slot should leave the model for one of an account that is behind. */
bool share_is_over(struct core *c, const struct model *m, const struct slot *s);

/* tail.c */
void take_back(struct core *c, struct attempt *a); /* what of it has not started */
/* An instance that failed elsewhere was sent there on purpose. */
bool attempt_is_retry(const struct core *c, const struct attempt *a);
void tail_look(struct core *c); /* take unstarted work back for those that starve */
void tail_arm(struct core *c);  /* when to look next */

/* copy.c */
/* For how long the slot has had no result of what it runs, if that is slow; else 0. */
double slot_stuck_ns(const struct core *c, const struct slot *s);
struct attempt *copy_of(const struct core *c, const struct cell *cell, uint32_t instance);
/* Its attempt is over and has left it open: true if a copy goes on with it, and has it now. */
bool copy_takes_over(struct core *c, struct cell *cell, uint32_t instance);
void copy_closed(struct core *c, const struct cell *cell, uint32_t instance,
                 const struct attempt *winner);
/* An answer to an instance, that is recorded or comes second. answer: its digest. */
void copy_answered(struct core *c, const struct cell *cell, uint32_t instance, uint64_t attempt,
                   uint32_t answer);
void copy_attempt_over(struct core *c, const struct attempt *a); /* it answers no more */
void copy_free_races(struct core *c);
bool copy_look(struct core *c, struct slot *s); /* give an idle slot something to copy; or not */

#endif
