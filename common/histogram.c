#include "common/histogram.h"

#include "common/check.h"

/* Values below 8 have buckets of their own; then 8 buckets for each power of two. */
static unsigned bucket_of(uint64_t value)
{
    if (value < 8)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    return (power - 2) * 8 + (unsigned)(value >> (power - 3) & 7);
}

/* The largest value of a bucket. */
static uint64_t end_of(unsigned bucket)
{
    if (bucket < 8)
        return bucket;
    unsigned power = bucket / 8 + 2;
    uint64_t width = UINT64_C(1) << (power - 3);
    return (UINT64_C(1) << power) + (bucket % 8 + 1) * width - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    unsigned bucket = bucket_of(value);
    check(bucket < HISTOGRAM_BUCKETS);
    h->counts[bucket]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

uint64_t histogram_share(const struct histogram *h, double share)
{
    check(share >= 0 && share <= 1);
    uint64_t below = (uint64_t)(share * (double)h->count), seen = 0;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += h->counts[bucket];
        if (seen > below)
            return end_of(bucket) < h->max ? end_of(bucket) : h->max;
    }
    return h->max;
}
