/* What the files of this room share. */
#ifndef MUSTER_COORDINATOR_ADMIN_ADMIN_PRIVATE_H
#define MUSTER_COORDINATOR_ADMIN_ADMIN_PRIVATE_H

#include <jansson.h>

#include "coordinator/admin/admin.h"

enum { ADMIN_SCHEMA = 1 }; /* of every answer; raised when a key changes its meaning */

/* reply.c. Text from outside: bounded, and UTF-8, or jansson would refuse it. */
json_t *admin_text_within(struct span text, size_t bytes_max);
json_t *admin_text(struct span text); /* a name or a reason */
json_t *admin_name(const struct catalog_entry *entry);
json_t *admin_count(uint64_t n);
json_t *admin_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void admin_set_use(json_t *o, const struct msg_use *use);
/* The elements [from, count_all) that fit into an answer, as o[key], and o["next"]: the first that
 * did not, or null. The asker comes again with {"from": next}. */
void admin_set_page(json_t *o, const char *key, struct admin *a, const json_t *ask,
                    uint32_t count_all, json_t *(*element)(const struct admin *a, uint32_t i));

/* Of an ask. 0 for what is absent or no such number. */
uint32_t admin_u32(const json_t *o, const char *key);
/* UINT32_MAX: there is none, or name is NULL. */
uint32_t admin_find_model(const struct admin *a, const char *name);

/* The answers, a file each: {"ask": "status"} and so on (README.md). */
json_t *admin_status(struct admin *a, const json_t *ask);
json_t *admin_workers(struct admin *a, const json_t *ask);
json_t *admin_failures(struct admin *a, const json_t *ask);
json_t *admin_explain(struct admin *a, const json_t *ask);

#endif
