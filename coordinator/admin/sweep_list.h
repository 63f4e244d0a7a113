/* The sweeps of a run in a status: how far each is, and whether it will be late. */
#ifndef MUSTER_COORDINATOR_ADMIN_SWEEP_LIST_H
#define MUSTER_COORDINATOR_ADMIN_SWEEP_LIST_H

#include <jansson.h>

#include "coordinator/admin/admin.h"

/* A JSON list, an object a sweep (README.md). The caller owns it. O(cells). */
json_t *sweep_list(const struct admin *a);

#endif
