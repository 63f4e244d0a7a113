/* Workers and slots: who there is, what fits where, and whose fault a failure is. */
#ifndef MUSTER_COORDINATOR_CORE_FLEET_H
#define MUSTER_COORDINATOR_CORE_FLEET_H

#include "coordinator/core/state_internal.h"

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
/* What is known of its types, to be stored. */
void gpu_type_tell(struct core *c, struct model *m, struct core_effect *learned);

/* fits.c: how many slots each model could have */
void fits_count(struct core *c, struct worker *w); /* it is connected or draining now, or not */
void fits_enter_model(struct core *c, uint32_t model);
void fits_refuse(struct core *c, const struct worker *w, uint32_t model); /* before it does */
uint32_t fits_width(const struct model *m);

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
/* What failed elsewhere may come here: nothing keeps it from the slot that does not pass by itself.
 */
bool slot_could_try(const struct core *c, const struct cell *cell, const struct slot *slot);
/* The last strike may count: it failed in different places, as far as there are any. */
bool strike_is_conclusive(const struct core *c, const struct strike *s);
/* Instances of it wait to be tried where none of its replicas is: one more would tell whose fault
 * it is that they failed. */
bool model_needs_other_place(const struct core *c, const struct model *m);
/* It has to go elsewhere, where it can. */
bool strike_avoids(const struct core *c, const struct strike *s, const struct slot *slot);

#endif
