/* A world for the agent's tests: what happens goes in, what the agent wants done comes out as a
 * trace, line by line. Times are virtual. Two slots of 2 cores and a GPU; events are of slot 0. */
#ifndef MUSTER_TESTS_LIB_AGENT_TRACE_H
#define MUSTER_TESTS_LIB_AGENT_TRACE_H

#include "tests/lib/test.h"

#include <inttypes.h>

#include "common/mem.h"
#include "worker/agent/agent.h"

#define SECOND 1000000000ll

enum { SLOTS = 2, INSTANCES = 4096 };

struct world {
    struct agent *agent;
    struct agent_effects effects;
    struct buf trace;
    int64_t now;
    bool shows_session;                 /* hello, beat, resend */
    bool shows_rows;                    /* ask, row: off where counts matter, not each */
    uint64_t request[SLOTS][INSTANCES]; /* the last id an instance was asked under */
    unsigned asked, recorded;
};

/* --- the trace --- */

static inline void trace_effect(struct world *w, const struct agent_effect *e)
{
    struct buf *out = &w->trace;
    switch (e->kind) {
    case AGENT_DO_START_HOST:
        buf_printf(out, "start slot=%u model=%u", e->as.start_host.slot, e->as.start_host.model);
        for (uint32_t i = 0; i < e->as.start_host.member_count; i++)
            buf_printf(out, "%s%u", i ? "," : " members=", e->as.start_host.members[i]);
        buf_append_byte(out, '\n');
        break;
    case AGENT_DO_STOP_HOST:
        buf_printf(out, "%s slot=%u\n", e->as.stop_host.how == AGENT_STOP_ASK ? "stop" : "kill",
                   e->as.stop_host.slot);
        break;
    case AGENT_DO_REQUEST:
        w->request[e->as.request.slot][e->as.request.instance] = e->as.request.request;
        w->asked += e->as.request.count;
        if (w->shows_rows) {
            buf_printf(out, "ask %" PRIu64 "/%u", e->as.request.attempt, e->as.request.instance);
            if (e->as.request.count > 1)
                buf_printf(out, "+%u", e->as.request.count);
            buf_append_str(out, "\n");
        }
        break;
    case AGENT_DO_RECORD:
        w->recorded += e->as.record.count;
        for (uint32_t i = 0; w->shows_rows && i < e->as.record.count; i++)
            buf_printf(out, "row %" PRIu64 "/%u %s\n", e->as.record.attempt,
                       e->as.record.rows[i].instance, status_text(e->as.record.rows[i].status));
        break;
    case AGENT_DO_FLUSH:
        buf_printf(out, "flush %" PRIu64 " seq=%" PRIu64 "\n", e->as.flush.attempt,
                   e->as.flush.seq);
        break;
    case AGENT_DO_SEND_ENDED: {
        static const char *const reasons[ENDED_COUNT] = {
#define X(name, text) [name] = text,
            ENDED_LIST(X)
#undef X
        };
        buf_printf(out, "ended %" PRIu64 " seq=%" PRIu64 " %s%s", e->as.ended.attempt,
                   e->as.ended.seq, reasons[e->as.ended.reason], e->as.ended.text.len ? ": " : "");
        buf_append_span(out, e->as.ended.text);
        if (e->as.ended.from > 0)
            buf_printf(out, " from %" PRIu32, e->as.ended.from);
        buf_append_str(out, "\n");
        break;
    }
    case AGENT_DO_RESEND: buf_append_str(out, w->shows_session ? "resend\n" : ""); break;
    case AGENT_DO_SEND_HELLO: buf_append_str(out, w->shows_session ? "hello\n" : ""); break;
    case AGENT_DO_SEND_BEAT: buf_append_str(out, w->shows_session ? "beat\n" : ""); break;
    case AGENT_DO_SEND_HOST:
        buf_printf(out, "news slot=%u model=%u %s\n", e->as.host.slot, e->as.host.model,
                   e->as.host.ready ? "ready" : "failed");
        break;
    case AGENT_DO_LEAVE: buf_append_str(out, "leave\n"); break;
    case AGENT_DO_NOTE:
        buf_append_str(out, "note ");
        buf_append(out, e->as.note.text.data, strcspn((const char *)e->as.note.text.data, " "));
        buf_append_str(out, "\n");
        break;
    case AGENT_EFFECT_COUNT: fail();
    }
}

static inline void step(struct world *w, struct agent_event e)
{
    e.now_mono_ns = w->now;
    agent_effects_clear(&w->effects);
    agent_step(w->agent, &e, &w->effects);
    for (size_t i = 0; i < w->effects.count; i++)
        trace_effect(w, &w->effects.items[i]);
}

#define expect(w, text)                                                                            \
    do {                                                                                           \
        assert_string_equal(buf_cstr(&(w)->trace), text);                                          \
        buf_clear(&(w)->trace);                                                                    \
    } while (0)

/* --- what can happen --- */

/* Let this much time pass, with a TIME event at each deadline. */
static inline void pass(struct world *w, int64_t ns)
{
    int64_t until = w->now + ns;
    while (agent_deadline_mono_ns(w->agent) <= until) {
        if (agent_deadline_mono_ns(w->agent) > w->now)
            w->now = agent_deadline_mono_ns(w->agent);
        step(w, (struct agent_event){ .kind = AGENT_ON_TIME });
    }
    w->now = until;
}

static inline void beat_reply(struct world *w, const uint64_t *stale, uint32_t count)
{
    struct agent_event e = { .kind = AGENT_ON_BEAT_REPLY };
    e.as.stale.attempts = stale;
    e.as.stale.count = count;
    step(w, e);
}

/* The same, with a coordinator that answers. */
static inline void pass_linked(struct world *w, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        pass(w, SECOND);
        beat_reply(w, NULL, 0);
    }
}

static inline void welcome(struct world *w)
{
    struct agent_event e = { .kind = AGENT_ON_WELCOMED };
    e.as.welcomed.beat_ns = 5 * SECOND;
    e.as.welcomed.lease_ns = 30 * SECOND;
    step(w, e);
}

/* By one that understands that a part of an attempt is over. */
static inline void welcome_with_cuts(struct world *w)
{
    struct agent_event e = { .kind = AGENT_ON_WELCOMED };
    e.as.welcomed.beat_ns = 5 * SECOND;
    e.as.welcomed.lease_ns = 30 * SECOND;
    e.as.welcomed.takes_cuts = true;
    step(w, e);
}

static inline struct agent_event a_grant(uint32_t slot, uint64_t attempt, uint32_t model,
                                         uint32_t first, uint32_t count)
{
    struct agent_event e = { .kind = AGENT_ON_GRANT };
    e.as.grant.attempt = attempt;
    e.as.grant.slot = slot;
    e.as.grant.model = model;
    e.as.grant.task = 1;
    e.as.grant.first = first;
    e.as.grant.count = count;
    e.as.grant.needs.cpus = 1;
    e.as.grant.needs.timeout_ns = 60 * SECOND;
    e.as.grant.needs.load_timeout_ns = 600 * SECOND;
    return e;
}

static inline void grant(struct world *w, uint64_t attempt, uint32_t model, uint32_t first,
                         uint32_t count)
{
    step(w, a_grant(0, attempt, model, first, count));
}

static inline void hello_of_runs(struct world *w, uint32_t inflight, uint32_t run_max)
{
    struct agent_event e = { .kind = AGENT_ON_HOST_HELLO };
    e.as.host_hello.slot = 0;
    e.as.host_hello.inflight = inflight;
    e.as.host_hello.run_max = run_max;
    step(w, e);
}

static inline void hello(struct world *w, uint32_t inflight)
{
    hello_of_runs(w, inflight, 1);
}

static inline void answer_bytes(struct world *w, uint32_t instance, const char *text)
{
    struct result row = { .instance = instance, .status = STATUS_OK, .answer = span_str(text) };
    struct agent_event e = { .kind = AGENT_ON_ROWS };
    e.as.rows.slot = 0;
    e.as.rows.request = w->request[0][instance];
    e.as.rows.rows = &row;
    e.as.rows.count = 1;
    step(w, e);
}

/* The run that was asked for from this instance on, all of it. */
static inline void answer_run(struct world *w, uint32_t instance, uint32_t count)
{
    struct result *rows = xcalloc(count, sizeof *rows);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct result){ .instance = instance + i, .answer = span_str("x") };
    struct agent_event e = { .kind = AGENT_ON_ROWS };
    e.as.rows.slot = 0;
    e.as.rows.request = w->request[0][instance];
    e.as.rows.rows = rows;
    e.as.rows.count = count;
    step(w, e);
    free(rows);
}

static inline void answer(struct world *w, uint32_t instance)
{
    answer_bytes(w, instance, "x");
}

static inline void answered(struct world *w, uint32_t instance)
{
    struct agent_event e = { .kind = AGENT_ON_ANSWERED };
    e.as.answered.slot = 0;
    e.as.answered.request = w->request[0][instance];
    step(w, e);
}

static inline void host_exits(struct world *w, enum host_end end, const char *text)
{
    struct agent_event e = { .kind = AGENT_ON_HOST_EXITED };
    e.as.host_exited.slot = 0;
    e.as.host_exited.end = end;
    e.as.host_exited.text = span_str(text);
    step(w, e);
}

static inline void crash(struct world *w)
{
    host_exits(w, HOST_END_GONE, "killed by signal 11");
}

static inline void revoke_attempt(struct world *w, uint64_t attempt)
{
    struct agent_event e = { .kind = AGENT_ON_REVOKE };
    e.as.revoke.attempt = attempt;
    step(w, e);
}

static inline void revoke_from(struct world *w, uint64_t attempt, uint32_t from)
{
    struct agent_event e = { .kind = AGENT_ON_REVOKE };
    e.as.revoke.attempt = attempt;
    e.as.revoke.from = from;
    step(w, e);
}

static inline void ack(struct world *w, uint64_t seq)
{
    struct agent_event e = { .kind = AGENT_ON_ACKED };
    e.as.acked.seq = seq;
    step(w, e);
}

static inline void happen(struct world *w, enum agent_event_kind kind)
{
    step(w, (struct agent_event){ .kind = kind });
}

/* --- set up: two slots of 2 cores and 1 GPU, welcomed, nothing granted --- */

static inline struct world *world_new(uint64_t unacked_bytes_max)
{
    struct world *w = xcalloc(1, sizeof *w);
    struct agent_slot_config slot = { .gpus = 1, .cpus = 2, .memory_bytes = 1 << 30 };
    struct agent_slot_config slots[SLOTS] = { slot, slot };
    struct agent_config config = { slots, SLOTS, unacked_bytes_max, 1 };
    w->agent = agent_new(&config);
    w->now = 1000 * SECOND;
    w->shows_rows = true;
    pass(w, 0);
    welcome(w);
    return w;
}

static inline int setup(void **state)
{
    *state = world_new(1 << 20);
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    agent_free(w->agent);
    agent_effects_release(&w->effects);
    buf_release(&w->trace);
    free(w);
    return 0;
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
