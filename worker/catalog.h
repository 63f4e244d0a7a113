/* What the coordinator has defined (models and tasks, by id), and the data of the tasks that are
 * being run: a few of them open at a time, the least recently used one is closed for the next. */
#ifndef MUSTER_WORKER_CATALOG_H
#define MUSTER_WORKER_CATALOG_H

#include "common/suite/suite.h"
#include "proto/definition/definition.h"

struct catalog;

struct catalog *catalog_new(size_t open_max);
void catalog_free(struct catalog *c);

/* An id means the same thing for ever, but how it is run may change between two runs: time limits,
 * resources, where files lie. So the newest definition counts. One that cannot be read (of a later
 * release) is kept as such: nothing new is taken on by it, and what was taken on before goes on by
 * the one before it. */
/* True: a host of the model that was started before would be started otherwise now. */
bool catalog_define_model(struct catalog *c, uint32_t id, struct span json);
void catalog_define_task(struct catalog *c, uint32_t id, struct span json);

/* For a grant: the newest. Live as long as the catalog, also when a newer one has come.
 * ERR_NOT_FOUND: not defined; ERR_INVALID: cannot be read. */
err catalog_find_model(const struct catalog *c, uint32_t id, const struct model_definition **out,
                       struct errmsg *msg);
err catalog_find_task(const struct catalog *c, uint32_t id, const struct task_definition **out,
                      struct errmsg *msg);

/* Of what was granted: the newest that can be read; there is one. */
const struct model_definition *catalog_get_model(const struct catalog *c, uint32_t id);
const struct task_definition *catalog_get_task(const struct catalog *c, uint32_t id);

/* The data of a granted task that has the instances first to first + count; opens them if need be
 * (this reads and checks them: it may take a while). Borrowed until the next call. Never
 * ERR_INVALID. */
err catalog_data(struct catalog *c, uint32_t task, uint32_t first, uint32_t count,
                 struct task_data **out, struct errmsg *msg);
/* One instance of it. Borrowed until the next call. ERR_INVALID: this instance alone is unusable;
 * anything else: the task is. */
err catalog_instance(struct catalog *c, uint32_t task, uint32_t index, struct instance *out,
                     struct errmsg *msg);

#endif
