/* The folder of a coordinator's keys, STATE/keys unless it is told another one; mode 0700.
 *
 *     coordinator.key   its own pair
 *     coordinator.pub   the line of it that goes into the key files of workers and operators
 *     allowed           who may connect (allowed.h)
 *     worker.key        a key for workers, and ...
 *     operator.key      ... one for operators, made and allowed with the first start */
#ifndef MUSTER_COORDINATOR_ACCESS_KEYS_H
#define MUSTER_COORDINATOR_ACCESS_KEYS_H

#include "common/io/key.h"

/* The folder that `given` (--keys, may be NULL) and the state folder mean. The caller frees. */
char *keys_dir(const char *given, const char *state);
/* A file of it. The caller frees. */
char *keys_path(const char *dir, const char *name);

/* Make what is absent of the folder, and read the coordinator's pair. May be called by whoever
 * starts the coordinator too. The caller forgets the key. ERR_DENIED: others may enter the folder,
 * or read a secret in it. */
err keys_prepare(const char *dir, struct key_file *own, struct errmsg *msg);

/* A new key for a worker or an operator: written to path, and allowed. Several may be made at once.
 * ERR_LIMIT: the list is full; then there is no key. */
err keys_issue(const char *dir, enum key_role role, const char *name, const char *path,
               struct errmsg *msg);

#endif
