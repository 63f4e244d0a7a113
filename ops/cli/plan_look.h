/* What a plan wants to know of a store. */
#ifndef MUSTER_OPS_CLI_PLAN_LOOK_H
#define MUSTER_OPS_CLI_PLAN_LOOK_H

#include "coordinator/spec/plan_report.h"
#include "coordinator/store/store.h"

/* The store is borrowed by the result, for as long as it is used. */
struct plan_store plan_look(struct store *store);

#endif
