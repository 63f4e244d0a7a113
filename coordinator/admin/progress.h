/* How fast it goes: the rate over the last half minute. Pure: time is told. */
#ifndef MUSTER_COORDINATOR_ADMIN_PROGRESS_H
#define MUSTER_COORDINATOR_ADMIN_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_SAMPLES = 64 };

struct progress {
    struct {
        int64_t at_ns;
        uint64_t ended;
    } samples[PROGRESS_SAMPLES]; /* a ring */
    size_t count, newest;
    int64_t started_ns;
    uint64_t ended_at_start;
};

void progress_start(struct progress *p, int64_t now_ns, uint64_t ended);
/* As often as you like: what comes within half a second of the newest sample is left out. `ended`
 * never falls. */
void progress_sample(struct progress *p, int64_t now_ns, uint64_t ended);
double progress_rate(const struct progress *p); /* instances a second; 0: nothing to say yet */

#endif
