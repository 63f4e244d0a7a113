/* A histogram of durations or sizes: counts in buckets an eighth of a power of two wide, so that
 * any percentile is known to 1/8 at a fixed cost, however many values there were. `= { 0 }` is
 * empty. */
#ifndef MUSTER_COMMON_HISTOGRAM_H
#define MUSTER_COMMON_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 62 * 8 };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count, max;
};

void histogram_add(struct histogram *h, uint64_t value);

/* The value that a share of all values (0.5: the median) does not exceed, rounded up to the end of
 * its bucket, at most max. 0: there are no values. */
uint64_t histogram_share(const struct histogram *h, double share);

#endif
