/* What fuzz targets share: the entry point, reading a byte string as numbers, and oracles that end
 * the process, which is what a fuzzer looks for. */
#ifndef MUSTER_TESTS_FUZZ_FUZZ_H
#define MUSTER_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/span.h"

/* One input. It must leave nothing behind: no memory, no state that the next one could see. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a stream of decisions; behind its end everything is 0. */
struct choices {
    const uint8_t *at, *end;
};

static inline struct choices choices_of(const uint8_t *data, size_t size)
{
    return (struct choices){ data, data + size };
}

static inline bool choices_left(const struct choices *c)
{
    return c->at < c->end;
}

static inline uint8_t choose_byte(struct choices *c)
{
    return c->at < c->end ? *c->at++ : 0;
}

/* [0, bound), bound up to 256. */
static inline uint32_t choose(struct choices *c, uint32_t bound)
{
    check(bound > 0 && bound <= 256);
    return choose_byte(c) % bound;
}

#endif
