#include "common/rng.h"

#include "common/check.h"

__extension__ typedef unsigned __int128 u128;

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = rng_next(&seed);
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    check(bound > 0);
    /* Lemire, "Fast random integer generation in an interval", 2019. The lowest 2^64 mod bound
     * products would make some results likelier than others. */
    u128 product = (u128)rng_u64(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t refused_below = -bound % bound;
        while ((uint64_t)product < refused_below)
            product = (u128)rng_u64(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

double rng_unit(struct rng *r)
{
    return rng_unit_of(rng_u64(r));
}
