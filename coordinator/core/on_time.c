/* Deadlines. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

/* A coordinator that stood still (stopped, suspended, a slow disk) has not listened either: nobody
 * is late because of that. */
static const int64_t LAG_NS = 1000000000;

static void forgive(struct core *c)
{
    note(c, true, "clock_jump ms=%lld leases=%zu",
         (long long)(c->now_ns - c->expected_ns) / 1000000, c->attempt_of.count);
    lease_renew_all(c);
    gang_put_off(c, c->now_ns - c->expected_ns + c->config.beat_ns); /* news first */
}

void on_time(struct core *c)
{
    if (c->expected_ns != INT64_MAX && c->now_ns - c->expected_ns > LAG_NS) {
        forgive(c);
        strike_ready(c);
        culprit_time(c);
        c->outrank_ns = INT64_MAX;
        c->tail_ns = INT64_MAX; /* what is known of progress is old; armed again after the step */
        return;
    }
    lease_expire(c);
    strike_ready(c);
    culprit_time(c);
    if (c->outrank_ns <= c->now_ns) {
        c->outrank_ns = INT64_MAX;
        outrank_look(c);
    }
    gang_expire(c);
    if (c->tail_ns <= c->now_ns) {
        c->tail_ns = INT64_MAX; /* armed again after the step, if somebody still starves */
        tail_look(c);
    }
}
