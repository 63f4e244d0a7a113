/* The life of a store in numbered steps, each one transaction: blocks with failures in them,
 * strikes, named values, retries. What a step writes follows from its number alone, so whoever has
 * the digest of the store after each step knows at any time, also after a crash, what is missing.
 */
#ifndef MUSTER_TESTS_FAULT_LIFE_H
#define MUSTER_TESTS_FAULT_LIFE_H

#include "common/digest.h"
#include "coordinator/store/store.h"

enum {
    LIFE_STEPS_MAX = 240,
    LIFE_MAP_BYTES = 128 << 10 /* so small that the map has to grow */
};

/* Opens to write, with a small map; makes the ids that the steps need. */
err life_open(const char *dir, struct store **out, struct errmsg *msg);

/* The number of the next step: 0 in a new store. */
err life_next(struct store *s, uint32_t *out, struct errmsg *msg);
err life_step(struct store *s, uint32_t step, struct errmsg *msg);

/* Of everything that can be read. */
err life_digest(struct store *s, struct digest *out, struct errmsg *msg);

/* What store_fsck counts; ERR_CORRUPT and the first sentence if there is any violation. */
err life_fsck(struct store *s, struct errmsg *msg);

/* The digests after 0, 1, ... `steps` steps, from an undisturbed life in a folder of its own. */
void life_oracle(const char *dir, uint32_t steps, struct digest digests[]);

#endif
