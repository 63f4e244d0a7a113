/* One door: agent_step hands an event to the room it concerns. */
#include "worker/agent/agent.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "worker/agent/private.h"

const char *agent_event_text(enum agent_event_kind kind)
{
    static const char *const texts[AGENT_EVENT_COUNT] = {
#define X(name, text) [name] = text,
        AGENT_EVENT_LIST(X)
#undef X
    };
    check((unsigned)kind < AGENT_EVENT_COUNT);
    return texts[kind];
}

static struct span turn_vformat(struct turn *t, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static struct span turn_vformat(struct turn *t, const char *format, va_list args)
{
    char text[ERRMSG_BYTES];
    vsnprintf(text, sizeof text, format, args);
    return span_str(arena_strdup(&t->out->arena, text));
}

struct span turn_format(struct turn *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct span text = turn_vformat(t, format, args);
    va_end(args);
    return text;
}

void turn_note(struct turn *t, bool is_warning, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct span text = turn_vformat(t, format, args);
    va_end(args);
    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_NOTE);
    effect->as.note.is_warning = is_warning;
    effect->as.note.text = text;
}

uint64_t turn_send_ended(struct turn *t, uint64_t attempt, enum ended reason, struct span text,
                         uint32_t from)
{
    uint64_t seq = session_next_seq(t, MESSAGE_BYTES + text.len);
    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_SEND_ENDED);
    effect->as.ended.attempt = attempt;
    effect->as.ended.seq = seq;
    effect->as.ended.reason = reason;
    effect->as.ended.text = text;
    effect->as.ended.from = from;
    return seq;
}

struct agent *agent_new(const struct agent_config *config)
{
    check(config->slot_count >= 1 && config->slot_count <= SLOTS_MAX);
    struct agent *a = xcalloc(1, sizeof *a);
    a->slots = xcalloc(config->slot_count, sizeof *a->slots);
    a->slot_count = config->slot_count;
    a->unacked_bytes_max = config->unacked_bytes_max;
    a->next_seq = 1;
    for (uint32_t i = 0; i < a->slot_count; i++)
        agent_slot_init(&a->slots[i], i, &config->slots[i]);
    list_init(&a->ended);
    session_init(&a->session, config->seed);
    return a;
}

static void agent_free_attempts(struct list *attempts)
{
    while (!list_empty(attempts)) {
        struct attempt *a = container_of(list_first(attempts), struct attempt, node);
        list_remove(&a->node);
        agent_attempt_free(a);
    }
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    for (uint32_t i = 0; i < agent->slot_count; i++) {
        agent_free_attempts(&agent->slots[i].attempts);
        window_release(&agent->slots[i].window);
    }
    agent_free_attempts(&agent->ended);
    map_release(&agent->attempts);
    free(agent->unacked);
    free(agent->slots);
    free(agent);
}

/* Why a grant cannot be run here, ever; empty: it can. */
static struct span agent_grant_refusal(struct turn *t, const struct agent_event *e)
{
    const struct agent *a = t->agent;
    uint32_t first = e->as.grant.first, count = e->as.grant.count;
    if (e->as.grant.slot >= a->slot_count)
        return turn_format(t, "there is no slot %" PRIu32 " here, only %" PRIu32, e->as.grant.slot,
                           a->slot_count);
    if (count == 0 || count > TASK_INSTANCES_MAX || first > TASK_INSTANCES_MAX - count)
        return turn_format(t, "instances %" PRIu32 "+%" PRIu32 " are no range of a task", first,
                           count);
    if (e->as.grant.skip.len != 0 && e->as.grant.skip.len != (count + 7) / 8)
        return turn_format(t, "%zu bytes of skip bits for %" PRIu32 " instances",
                           e->as.grant.skip.len, count);
    struct span refusal = agent_gang_refusal(t, e);
    return refusal.len > 0 ? refusal : e->as.grant.refusal;
}

static void agent_on_grant(struct turn *t, const struct agent_event *e)
{
    struct agent *a = t->agent;
    uint64_t id = e->as.grant.attempt;
    if (id == 0 || map_find(&a->attempts, id))
        return; /* no id at all; or granted again after a reconnection: we hold it */
    if (a->draining) {
        turn_send_ended(t, id, ENDED_RETURNED, span_str("this worker is draining"), 0);
        return;
    }
    struct span refusal = agent_grant_refusal(t, e);
    if (refusal.len > 0) {
        turn_send_ended(t, id, ENDED_REFUSED, refusal, 0);
        return;
    }
    const struct slot *sick = agent_gang_sick(a, e);
    if (sick) {
        turn_send_ended(t, id, ENDED_RETURNED, slot_sick_text(t, sick), 0);
        return;
    }
    struct slot *s = &a->slots[e->as.grant.slot];
    if (s->attempt_count >= SLOT_ATTEMPTS_MAX || a->live_count >= HELD_MAX) {
        turn_send_ended(t, id, ENDED_RETURNED, span_str("too many attempts wait here already"), 0);
        return;
    }
    struct attempt *attempt = agent_attempt_new(e);
    map_put(&a->attempts, id, attempt);
    list_push_back(&s->attempts, &attempt->node);
    s->attempt_count++;
    a->live_count++;
    a->gang_count += attempt->gang.count > 0;
    agent_attempt_settle(t, attempt); /* nothing of it may be wanted */
    agent_slot_pump(t, s);
}

static struct attempt *agent_find(const struct agent *a, uint64_t id) /* NULL: it is over */
{
    struct attempt *attempt = map_find(&a->attempts, id);
    return attempt && attempt->ended_seq == 0 ? attempt : NULL;
}

static void agent_drop(struct turn *t, uint64_t id)
{
    struct attempt *attempt = agent_find(t->agent, id);
    if (attempt)
        agent_attempt_give_back(t, attempt, ENDED_RETURNED,
                                span_str("no longer leased to this worker"));
}

/* Others need not wait for what runs of it: the rest is theirs now. */
static void agent_return(struct turn *t, struct attempt *attempt, const char *why)
{
    bool runs = attempt->asked + attempt->answered > 0;
    if (t->agent->session.takes_cuts && runs && agent_attempt_has_more(attempt))
        agent_attempt_cut(t, attempt, 0);
    agent_attempt_give_back(t, attempt, ENDED_RETURNED, span_str(why));
}

static void agent_on_revoke(struct turn *t, uint64_t id, uint32_t from)
{
    struct attempt *attempt = agent_find(t->agent, id);
    if (!attempt)
        return;
    if (from <= attempt->first)
        agent_return(t, attempt, "revoked");
    else if (attempt->reason == ENDED_DONE) /* else all of it is going back */
        agent_attempt_cut(t, attempt, from);
}

static void agent_drain(struct turn *t)
{
    struct agent *a = t->agent;
    if (a->draining)
        return;
    a->draining = true;
    for (uint32_t i = 0; i < a->slot_count; i++) {
        struct slot *s = &a->slots[i];
        struct list *next;
        for (struct list *n = list_first(&s->attempts); n != &s->attempts; n = next) {
            next = n->next;
            agent_return(t, container_of(n, struct attempt, node), "this worker is draining");
        }
        agent_slot_pump(t, s);
    }
}

static void agent_pump_all(struct turn *t)
{
    for (uint32_t i = 0; i < t->agent->slot_count; i++)
        agent_slot_pump(t, &t->agent->slots[i]);
}

static void agent_on_redefined(struct turn *t, uint32_t model)
{
    for (uint32_t i = 0; i < t->agent->slot_count; i++)
        agent_slot_redefined(t, &t->agent->slots[i], model);
}

static void agent_on_acked(struct turn *t, uint64_t seq)
{
    bool was_full = session_is_full(t->agent);
    session_acked(t, seq);
    if (was_full && !session_is_full(t->agent))
        agent_pump_all(t);
}

static int64_t agent_slots_deadline(const struct agent *a)
{
    int64_t at = INT64_MAX;
    for (uint32_t i = 0; i < a->slot_count; i++) {
        int64_t slot_at = agent_slot_deadline(&a->slots[i]);
        if (slot_at < at)
            at = slot_at;
    }
    return at;
}

/* A process that stood still (stopped, suspended) has not read its pipes either: what its hosts owe
 * may lie there. They get the time back, and a second in which to be heard. */
static void agent_forgive(struct turn *t)
{
    int64_t due = agent_deadline_mono_ns(t->agent); /* mostly a beat: sooner than any request */
    if (due == 0 || t->now - due <= LAG_NS)
        return; /* 0: the first hello */
    turn_note(t, true, "clock_jump ms=%lld", (long long)((t->now - due) / 1000000));
    int64_t late_ns = t->now - agent_slots_deadline(t->agent);
    for (uint32_t i = 0; i < t->agent->slot_count; i++)
        agent_slot_postpone(&t->agent->slots[i], (late_ns > 0 ? late_ns : 0) + SECOND_NS);
}

static void agent_on_time(struct turn *t)
{
    agent_forgive(t);
    session_time(t);
    for (uint32_t i = 0; i < t->agent->slot_count; i++)
        agent_slot_time(t, &t->agent->slots[i]);
}

/* Drained: the hosts are gone (but for those that nobody can kill), and all is durable. */
static void agent_leave_if_drained(struct turn *t)
{
    struct agent *a = t->agent;
    if (!a->draining || a->left || a->live_count > 0 || a->unacked_first < a->unacked_end)
        return;
    for (uint32_t i = 0; i < a->slot_count; i++) {
        enum phase phase = a->slots[i].phase;
        if (phase != PHASE_EMPTY && phase != PHASE_WAITING && phase != PHASE_SICK)
            return;
    }
    a->left = true;
    agent_effects_add(t->out, AGENT_DO_SEND_BEAT); /* what its slots were used for, to the end */
    agent_effects_add(t->out, AGENT_DO_LEAVE);
}

static struct slot *agent_slot(struct agent *a, uint32_t index)
{
    check(index < a->slot_count);
    return &a->slots[index];
}

void agent_step(struct agent *a, const struct agent_event *e, struct agent_effects *out)
{
    struct turn turn = { .agent = a, .now = e->now_mono_ns, .out = out };
    struct turn *t = &turn;
    agent_account(a, e->now_mono_ns);
    switch (e->kind) {
    case AGENT_ON_TIME: agent_on_time(t); break;
    case AGENT_ON_WELCOMED:
        session_welcomed(t, e->as.welcomed.beat_ns, e->as.welcomed.lease_ns,
                         e->as.welcomed.takes_cuts);
        break;
    case AGENT_ON_LINK_LOST: session_lost(t, "the connection broke"); break;
    case AGENT_ON_REJECTED: session_lost(t, "the coordinator does not know this session"); break;
    case AGENT_ON_BEAT_REPLY:
        session_renewed(t);
        for (uint32_t i = 0; i < e->as.stale.count; i++)
            agent_drop(t, e->as.stale.attempts[i]);
        agent_pump_all(t); /* not before: the next attempt of a slot may be stale as well */
        break;
    case AGENT_ON_GRANT: agent_on_grant(t, e); break;
    case AGENT_ON_REVOKE:
        agent_on_revoke(t, e->as.revoke.attempt, e->as.revoke.from);
        agent_pump_all(t);
        break;
    case AGENT_ON_REDEFINED: agent_on_redefined(t, e->as.redefined.model); break;
    case AGENT_ON_ACKED: agent_on_acked(t, e->as.acked.seq); break;
    case AGENT_ON_DRAIN: agent_drain(t); break;
    case AGENT_ON_HOST_HELLO:
        agent_slot_host_hello(t, agent_slot(a, e->as.host_hello.slot), e->as.host_hello.inflight,
                              e->as.host_hello.run_max);
        break;
    case AGENT_ON_ANSWERED:
        work_answered(t, agent_slot(a, e->as.answered.slot), e->as.answered.request);
        break;
    case AGENT_ON_ROWS:
        work_rows(t, agent_slot(a, e->as.rows.slot), e->as.rows.request, e->as.rows.rows,
                  e->as.rows.count);
        break;
    case AGENT_ON_UNSERVED:
        work_unserved(t, agent_slot(a, e->as.unserved.slot), e->as.unserved.request,
                      e->as.unserved.text);
        break;
    case AGENT_ON_HOST_EXITED:
        agent_slot_host_exited(t, agent_slot(a, e->as.host_exited.slot), e->as.host_exited.end,
                               e->as.host_exited.text);
        break;
    case AGENT_EVENT_COUNT: check(!"an event");
    }
    agent_leave_if_drained(t);
}

int64_t agent_deadline_mono_ns(const struct agent *a)
{
    int64_t session_at = session_deadline(&a->session), slots_at = agent_slots_deadline(a);
    return session_at < slots_at ? session_at : slots_at;
}

uint64_t agent_unacked_bytes(const struct agent *a)
{
    return a->unacked_bytes + a->row_bytes;
}
