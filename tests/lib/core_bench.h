/* A bench for the core's tests: a core, a clock, and a trace of what the core asked for. */
#ifndef MUSTER_TESTS_LIB_CORE_BENCH_H
#define MUSTER_TESTS_LIB_CORE_BENCH_H

#include "coordinator/core/core.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/test.h"

enum { MS = 1000000 };

/* A core, a clock, and a trace of what the core asked for, one line an effect. */
struct bench {
    struct core *core;
    struct core_effects effects;
    struct buf trace;
    int64_t now_ms;
    uint64_t session; /* of the newest welcome */
    uint64_t attempt; /* the newest grant */
    uint64_t seq;
    uint32_t beat_models[8];
};

static inline void trace_effect(struct bench *b, const struct core_effect *e)
{
    switch (e->kind) {
    case EFFECT_RECORD:
        buf_printf(&b->trace, "record %u/%u%s\n", e->as.record.model, e->as.record.task,
                   e->as.record.all ? "" : " some");
        return;
    case EFFECT_STRIKE:
        buf_printf(&b->trace, "strike %u/%u/%u count=%u\n", e->as.strike.model, e->as.strike.task,
                   e->as.strike.instance, e->as.strike.count);
        return;
    case EFFECT_WELCOME:
        b->session = e->session;
        buf_printf(&b->trace, "welcome\n");
        return;
    case EFFECT_REJECT: buf_printf(&b->trace, "reject %d\n", e->as.reject.code); return;
    case EFFECT_GRANT:
        b->attempt = e->as.grant.attempt;
        buf_printf(&b->trace, "grant slot=%u", e->as.grant.slot);
        for (uint32_t i = 0; i < e->as.grant.member_count; i++)
            buf_printf(&b->trace, "+%u", e->as.grant.members[i]);
        buf_printf(&b->trace, " %u/%u [%u,+%u)%s", e->as.grant.model, e->as.grant.task,
                   e->as.grant.first, e->as.grant.count, e->as.grant.skip.len ? " skip" : "");
        if (e->as.grant.inflight_max > 0)
            buf_printf(&b->trace, " at_once=%u", e->as.grant.inflight_max);
        buf_append_byte(&b->trace, '\n');
        return;
    case EFFECT_REVOKE:
        buf_append_str(&b->trace, "revoke");
        if (e->as.revoke.from > 0)
            buf_printf(&b->trace, " from=%u", e->as.revoke.from);
        buf_append_byte(&b->trace, '\n');
        return;
    case EFFECT_ACK: buf_printf(&b->trace, "ack %llu\n", (unsigned long long)e->as.ack.seq); return;
    case EFFECT_BEAT_REPLY:
        buf_printf(&b->trace, "beat stale=%u\n", e->as.beat_reply.count);
        return;
    case EFFECT_DRAIN: buf_printf(&b->trace, "drain\n"); return;
    case EFFECT_GONE: buf_printf(&b->trace, "gone\n"); return;
    case EFFECT_LEARNED:
    case EFFECT_NOTE: return;
    }
}

/* Step, and keep the trace of this step alone. */
static inline const char *step(struct bench *b, struct core_event e)
{
    e.now_mono_ns = b->now_ms * MS;
    buf_clear(&b->trace);
    core_step(b->core, &e, &b->effects);
    for (size_t i = 0; i < b->effects.count; i++)
        trace_effect(b, &b->effects.items[i]);
    core_effects_clear(&b->effects);
    core_selfcheck(b->core);
    return buf_cstr(&b->trace);
}

static inline void bench_init(struct bench *b)
{
    *b = (struct bench){ .now_ms = 1000, .seq = 1 };
    b->core = core_new(&(struct core_config){ .epoch = 3,
                                              .seed = 1,
                                              .beat_ns = 1000ll * MS,
                                              .lease_ns = 10000ll * MS,
                                              .job_target_ns = 30000ll * MS,
                                              .probe_ns = 1000ll * MS,
                                              .backoff_ns = 1000ll * MS,
                                              .strikes_max = 3 });
}

static inline void bench_release(struct bench *b)
{
    core_free(b->core);
    core_effects_release(&b->effects);
    buf_release(&b->trace);
}

static inline void add_cell(struct bench *b, uint32_t model, uint32_t task, uint32_t size)
{
    struct bitmap ended;
    bitmap_init(&ended, size);
    core_add_cell(b->core, model, task, NULL, &ended, 0);
    bitmap_release(&ended);
}

/* One model, one task. */
static inline void one_cell(struct bench *b, uint32_t size)
{
    core_add_model(b->core, &(struct core_need){ .cpus = 1 });
    core_add_task(b->core, size);
    add_cell(b, 0, 0, size);
}

static inline struct core_event hello(const char *name, uint8_t id, uint32_t slots)
{
    static struct msg_slot all[8];
    static uint8_t ids[256][WORKER_ID_BYTES];
    ids[id][0] = id;
    for (int i = 0; i < 8; i++)
        all[i] = (struct msg_slot){ .gpus = 1, .cpus = 4 };
    struct core_event e = { .kind = CORE_HELLO };
    e.as.hello.name = span_str(name);
    e.as.hello.worker_id = ids[id];
    e.as.hello.slots = all;
    e.as.hello.slot_count = slots;
    e.as.hello.next_seq = 1;
    e.as.hello.peer = 1;
    return e;
}

static inline struct core_event results(struct bench *b, uint64_t attempt, const uint32_t *instance,
                                        const uint8_t *statuses, uint32_t rows)
{
    struct core_event e = { .kind = CORE_RESULTS, .session = b->session };
    e.as.results.seq = b->seq++;
    e.as.results.attempt = attempt;
    e.as.results.instance = instance;
    e.as.results.status = statuses;
    e.as.results.rows = rows;
    return e;
}

/* Results [first, first + rows), all with this status. */
static inline struct core_event range(struct bench *b, uint64_t attempt, uint32_t first,
                                      uint32_t rows, status st)
{
    static uint32_t instance[4096];
    static uint8_t status_of[4096];
    for (uint32_t i = 0; i < rows; i++) {
        instance[i] = first + i;
        status_of[i] = (uint8_t)st;
    }
    return results(b, attempt, instance, status_of, rows);
}

static inline struct core_event ended(struct bench *b, uint64_t attempt, enum ended reason)
{
    struct core_event e = { .kind = CORE_ENDED, .session = b->session };
    e.as.ended.seq = b->seq++;
    e.as.ended.attempt = attempt;
    e.as.ended.reason = reason;
    e.as.ended.text = span_str(reason == ENDED_DONE ? "" : "because");
    return e;
}

static inline struct core_event beat(struct bench *b, uint64_t attempt)
{
    static struct msg_progress progress;
    static struct msg_beat m;
    static struct msg_slot_beat slot;
    progress = (struct msg_progress){ .attempt = attempt };
    slot = (struct msg_slot_beat){ .state = SLOT_RUNNING, .model = 1 };
    m = (struct msg_beat){
        .slots = &slot, .slot_count = 1, .attempts = &progress, .attempt_count = attempt ? 1 : 0
    };
    struct core_event e = { .kind = CORE_BEAT, .session = b->session };
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

static inline enum sweep_state state(const struct bench *b)
{
    struct core_totals t;
    core_totals(b->core, &t);
    return t.state;
}

#define TEST(name)                                                                                 \
    static void name##_body(struct bench *b);                                                      \
    static void name(void **unused)                                                                \
    {                                                                                              \
        (void)unused;                                                                              \
        struct bench b;                                                                            \
        bench_init(&b);                                                                            \
        name##_body(&b);                                                                           \
        bench_release(&b);                                                                         \
    }                                                                                              \
    static void name##_body(struct bench *b)

#endif
