#include "coordinator/admin/progress.h"

static const int64_t SAMPLE_NS = 500000000; /* 64 of them span 31.5 s */

void progress_start(struct progress *p, int64_t now_ns, uint64_t ended)
{
    *p = (struct progress){ .started_ns = now_ns, .ended_at_start = ended, .count = 1 };
    p->samples[0].at_ns = now_ns;
    p->samples[0].ended = ended;
}

void progress_sample(struct progress *p, int64_t now_ns, uint64_t ended)
{
    if (now_ns - p->samples[p->newest].at_ns < SAMPLE_NS)
        return;
    p->newest = (p->newest + 1) % PROGRESS_SAMPLES;
    p->samples[p->newest].at_ns = now_ns;
    p->samples[p->newest].ended = ended;
    if (p->count < PROGRESS_SAMPLES)
        p->count++;
}

double progress_rate(const struct progress *p)
{
    if (p->count < 2)
        return 0;
    size_t oldest = (p->newest + PROGRESS_SAMPLES + 1 - p->count) % PROGRESS_SAMPLES;
    double seconds = (double)(p->samples[p->newest].at_ns - p->samples[oldest].at_ns) * 1e-9;
    double ended = (double)(p->samples[p->newest].ended - p->samples[oldest].ended);
    return seconds > 0 ? ended / seconds : 0;
}
