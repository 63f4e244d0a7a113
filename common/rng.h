/* Seeded randomness: xoshiro256** filled by splitmix64 (Blackman and Vigna, 2018). The same seed
 * gives the same draws on every machine. There is no other source of randomness in pure code. */
#ifndef MUSTER_COMMON_RNG_H
#define MUSTER_COMMON_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* [0, bound), unbiased; bound > 0 */
double rng_unit(struct rng *r);                    /* [0, 1), 53 bits */

/* The next of a cheap sequence of draws (splitmix64): for filling, where each draw for itself would
 * cost too much. `state` is any number, such as a draw of rng_mix. */
static inline uint64_t rng_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* rng_mix in two halves, for many draws that begin with the same (seed, a). */
static inline uint64_t rng_mix_begin(uint64_t seed, uint64_t a)
{
    uint64_t mixed = rng_next(&seed) ^ a;
    return rng_next(&mixed);
}

static inline uint64_t rng_mix_end(uint64_t begun, uint64_t b, uint64_t c)
{
    uint64_t with_b = begun ^ b;
    uint64_t with_c = rng_next(&with_b) ^ c;
    return rng_next(&with_c);
}

/* A stateless draw: one well-mixed value of (seed, a, b, c). For things that must not depend on
 * the order of draws, such as which instances a sample takes. */
static inline uint64_t rng_mix(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
    return rng_mix_end(rng_mix_begin(seed, a), b, c);
}

static inline double rng_unit_of(uint64_t mixed)
{
    return (double)(mixed >> 11) * 0x1.0p-53;
}

#endif
