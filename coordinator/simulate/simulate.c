/* Which policy. */
#include "coordinator/simulate/simulate.h"

#include "common/check.h"
#include "coordinator/simulate/policies.h"

const char *const policy_texts[POLICY_COUNT] = {
#define X(name, text) [name] = text,
    POLICY_LIST(X)
#undef X
};

void simulate(const struct work *work, const struct fleet *fleet,
              const struct simulate_options *options, struct outcome *out)
{
    uint32_t chunk = options->chunk ? options->chunk : CHUNK_INSTANCES;
    outcome_init(out, work, fleet, options->keeps_spans);
    switch (options->policy) {
    case POLICY_MUSTER: policy_muster(options, out); return;
    case POLICY_STATIC_RANK: policy_static_rank(out); return;
    case POLICY_CHUNK_RELOAD: policy_chunks(chunk, false, out); return;
    case POLICY_CHUNK_QUEUE: policy_chunks(chunk, true, out); return;
    case POLICY_COUNT: break;
    }
    check(!"a policy");
}
