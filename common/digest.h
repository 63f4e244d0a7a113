/* 128-bit content digests (XXH3-128) for identities: of a model, a task's data, a report. They
 * keep different things apart; they are no protection against someone who wants a collision. */
#ifndef MUSTER_COMMON_DIGEST_H
#define MUSTER_COMMON_DIGEST_H

#include "common/span.h"

enum { DIGEST_BYTES = 16, DIGEST_HEX_BYTES = 33 };

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* Feed named parts in a fixed order; each part is framed by its length, so that ("ab","c") and
 * ("a","bc") differ. */
struct digester;
struct digester *digester_new(void);
void digester_add(struct digester *d, struct span part);
void digester_add_str(struct digester *d, const char *part);
void digester_add_u64(struct digester *d, uint64_t value);
struct digest digester_take(struct digester *d); /* frees d */

struct digest digest_of(struct span bytes);
void digest_hex(const struct digest *d, char out[DIGEST_HEX_BYTES]);
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
