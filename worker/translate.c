#include "worker/translate.h"

#define MS_NS 1000000ll

/* A period of nothing would never end. */
static int64_t period_ns(uint32_t ms)
{
    return (ms > 0 ? ms : 1) * MS_NS;
}

static bool translate_reject(enum reject code, struct agent_event *out)
{
    out->kind = AGENT_ON_REJECTED;
    switch (code) {
    case REJECT_SESSION:
    case REJECT_MALFORMED:
    case REJECT_NAME:
    case REJECT_FULL:
    case REJECT_ROLE: return true; /* say hello again, less and less often */
    case REJECT_VERSION:
    case REJECT_COUNT: break;
    }
    return false; /* no hello will ever be good enough */
}

bool translate_message(const struct msg *m, struct agent_event *out)
{
    *out = (struct agent_event){ 0 };
    switch (m->type) {
    case MSG_WELCOME:
        out->kind = AGENT_ON_WELCOMED;
        out->as.welcomed.beat_ns = period_ns(m->as.welcome.beat_ms);
        out->as.welcomed.lease_ns = period_ns(m->as.welcome.lease_ms);
        out->as.welcomed.takes_cuts = msg_takes_cuts(m);
        return true;
    case MSG_GRANT:
        out->kind = AGENT_ON_GRANT;
        out->as.grant.attempt = m->as.grant.attempt;
        out->as.grant.slot = m->as.grant.slot;
        out->as.grant.model = m->as.grant.model;
        out->as.grant.task = m->as.grant.task;
        out->as.grant.first = m->as.grant.first;
        out->as.grant.count = m->as.grant.count;
        out->as.grant.skip = m->as.grant.skip;
        out->as.grant.inflight_max = m->as.grant.inflight_max;
        out->as.grant.members = m->as.grant.members;
        out->as.grant.member_count = m->as.grant.member_count;
        return true;
    case MSG_REVOKE:
        out->kind = AGENT_ON_REVOKE;
        out->as.revoke.attempt = m->as.revoke.attempt;
        out->as.revoke.from = m->as.revoke.from;
        return true;
    case MSG_ACK:
        out->kind = AGENT_ON_ACKED;
        out->as.acked.seq = m->as.ack.seq;
        return true;
    case MSG_BEAT_REPLY:
        out->kind = AGENT_ON_BEAT_REPLY;
        out->as.stale.attempts = m->as.beat_reply.stale;
        out->as.stale.count = m->as.beat_reply.stale_count;
        return true;
    case MSG_DRAIN: out->kind = AGENT_ON_DRAIN; return true;
    case MSG_REJECT: return translate_reject(m->as.reject.code, out);
    case MSG_DEFINE_MODEL:
    case MSG_DEFINE_TASK: return false;
    case MSG_HELLO:
    case MSG_BEAT:
    case MSG_RESULTS:
    case MSG_ENDED:
    case MSG_HOST:
    case MSG_GOODBYE:
    case MSG_ASK:
    case MSG_REPLY: break; /* never for a worker: the link drops them */
    }
    return false;
}

struct agent_needs translate_needs(const struct model_definition *model)
{
    return (struct agent_needs){
        .gpus = model->resources.gpus,
        .cpus = model->resources.cpus,
        .memory_bytes = model->resources.memory_bytes,
        .timeout_ns = model->timeout_ms * MS_NS,
        .load_timeout_ns = model->load_timeout_ms * MS_NS,
    };
}
