/* What the readers share. Only files of this folder include this. */
#ifndef MUSTER_COMMON_SUITE_PRIVATE_H
#define MUSTER_COMMON_SUITE_PRIVATE_H

#include "common/suite/suite.h"

/* One layout on disk. */
struct suite_reader {
    const char *kind;
    /* Fill tasks and task_count; everything lives in s->arena. Uniqueness is checked by the
     * caller. */
    err (*open)(struct suite *s, struct errmsg *msg);
    err (*data_open)(const struct suite_config *config, const struct task *task,
                     struct task_data **out, struct errmsg *msg);
};

extern const struct suite_reader suite_general_bench; /* suite_general_bench.c */
extern const struct suite_reader suite_synthetic;     /* suite_synthetic.c */

/* The beginning of every reader's own task_data. */
struct task_data {
    err (*instance)(struct task_data *d, uint32_t index, struct instance *out, struct errmsg *msg);
    void (*close)(struct task_data *d);
    uint32_t size;
};

/* The scorer command of a task path; NULL: none. */
const char *suite_scorer_of(const struct suite_config *config, const char *task_path);

/* ERR_INVALID unless `name` can be a task's: UTF-8 without control characters, 1 to NAME_BYTES_MAX
 * bytes. `where` says in the message where the name stands. */
err suite_check_name(const char *name, const char *where, struct errmsg *msg);

/* The parts of every digest that do not come from the data. */
void suite_digest_task(struct digester *d, const struct task *task);

/* ERR_STALE, and the sentence for it. */
err suite_stale(const struct task *task, struct errmsg *msg);

#endif
