/* What the files of this room share. */
#ifndef MUSTER_COORDINATOR_ADMIN_ADMIN_PRIVATE_H
#define MUSTER_COORDINATOR_ADMIN_ADMIN_PRIVATE_H

#include <jansson.h>

#include "coordinator/admin/admin.h"

enum { ADMIN_SCHEMA = 1 }; /* of every answer; raised when a key changes its meaning */

/* Text from outside: bounded, and UTF-8, or jansson would refuse it. */
json_t *admin_text_within(struct span text, size_t bytes_max);
json_t *admin_text(struct span text); /* a name or a reason */
json_t *admin_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* explain.c: {"ask": "explain", "what": ...} */
json_t *admin_explain(struct admin *a, const json_t *ask);

#endif
