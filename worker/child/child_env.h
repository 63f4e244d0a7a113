/* The environment of a model: an allow list, nothing else by accident.
 *
 * From the worker's own environment a model gets PATH, HOME, LANG, LC_*, TZ. So no LD_PRELOAD,
 * LD_AUDIT, LD_LIBRARY_PATH or HWLOC_*, no *_TOKEN, *_KEY or *_SECRET, and no WORLD_SIZE, RANK,
 * LOCAL_RANK, MASTER_* or SLURM_* that would make a model believe that it is one of many; unless
 * the model's own list names them.
 *
 * To let one more variable through: add it to `inherited` in child_env.c, with its reason. */
#ifndef MUSTER_WORKER_CHILD_CHILD_ENV_H
#define MUSTER_WORKER_CHILD_CHILD_ENV_H

#include "common/arena.h"

/* Lists ended by NULL; a NULL list is empty. */
struct child_env_parts {
    char *const *worker; /* NAME=VALUE: environ of this process; only allowed or named ones pass */
    char *const *model;  /* from the sweep file: NAME=VALUE sets it, NAME alone lets the worker's
                            value through */
    char *const *slot;   /* NAME=VALUE: topology_slot_env; wins over the model, so that no model
                            escapes its GPUs */
    char *const *fixed;  /* NAME=VALUE: MUSTER_FD and the like; wins over everything */
};

/* NAME=VALUE, each name once, sorted by name, ended by NULL: as uv_spawn takes it. Everything is
 * from the arena, nothing borrows from the parts. */
char **child_env_build(const struct child_env_parts *parts, struct arena *arena);

#endif
