/* Which policy. */
#include "coordinator/simulate/simulate.h"

#include "common/check.h"
#include "coordinator/simulate/policies.h"

const char *const policy_texts[POLICY_COUNT] = {
#define X(name, text) [name] = text,
    POLICY_LIST(X)
#undef X
};

/* Each of the others gives a model a slot; people who need more than one run such models apart. */
static bool needs_gangs(const struct work *work, const struct fleet *fleet)
{
    for (size_t i = 0; i < work->model_count; i++)
        if (work->models[i].instances > 0 && fleet_fits(fleet, &work->models[i].need) == 0)
            return true;
    return false;
}

void simulate(const struct work *work, const struct fleet *fleet,
              const struct simulate_options *options, struct outcome *out)
{
    uint32_t chunk = options->chunk ? options->chunk : CHUNK_INSTANCES;
    outcome_init(out, work, fleet, options->keeps_spans);
    if (options->policy != POLICY_MUSTER && needs_gangs(work, fleet)) {
        outcome_close(out, "a model needs several slots together, which this policy cannot give");
        return;
    }
    switch (options->policy) {
    case POLICY_MUSTER: policy_muster(options, out); return;
    case POLICY_STATIC_RANK: policy_static_rank(out); return;
    case POLICY_CHUNK_RELOAD: policy_chunks(chunk, false, out); return;
    case POLICY_CHUNK_QUEUE: policy_chunks(chunk, true, out); return;
    case POLICY_COUNT: break;
    }
    check(!"a policy");
}
