/* The agent's promises (agent.h) under random events: thousands of short lives, each from a seed.
 * The world below knows nothing of the rules; it only checks, at each effect, that nothing
 * impossible or forbidden is asked of it, and at the end, that everything has ended once. */
#include "tests/lib/test.h"

#include <inttypes.h>

#include "common/mem.h"
#include "common/rng.h"
#include "worker/agent/agent.h"

#define MS 1000000ll

enum { SLOTS = 3, MODELS = 3, ATTEMPTS = 60, COUNT_MAX = 40, STEPS = 600, SEEDS = 2000 };

enum host_state { HOST_NONE, HOST_LOADING, HOST_UP, HOST_ASKED_TO_GO, HOST_DYING };

struct pending {
    uint64_t request, attempt;
    uint32_t instance, count;
    bool is_answered;
};

struct host_seen {
    enum host_state state;
    uint32_t gang; /* a bit a slot that it holds, its own included */
    uint32_t model, inflight, asked;
    struct pending pending[AGENT_PLACES_MAX];
    uint32_t count;
};

/* A model of each kind: one instance a request, a few, as many as there are. */
static uint32_t run_max_of(uint32_t model)
{
    static const uint32_t run_max[MODELS + 1] = { 0, 1, 3, COUNT_MAX };
    return run_max[model];
}

struct attempt_seen {
    uint32_t slot, model, first, count, gang;
    bool granted, ended, wanted[COUNT_MAX], has_row[COUNT_MAX], is_pending[COUNT_MAX];
    bool was_asked[COUNT_MAX];
    uint32_t unflushed;
};

struct world {
    uint64_t seed;
    struct rng rng;
    struct agent *agent;
    struct agent_effects effects;
    int64_t now;
    struct host_seen hosts[SLOTS];
    struct attempt_seen attempts[ATTEMPTS + 1]; /* by id */
    uint64_t next_attempt, last_seq;
    bool left;
};

#define require(w, cond)                                                                           \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fail_msg("seed %" PRIu64 ", line %d: %s", (w)->seed, __LINE__, #cond);                 \
    } while (0)

/* --- checks, effect by effect --- */

static void see_request(struct world *w, const struct agent_effect *e)
{
    struct host_seen *h = &w->hosts[e->as.request.slot];
    struct attempt_seen *a = &w->attempts[e->as.request.attempt];
    uint32_t first = e->as.request.instance - a->first, end = first + e->as.request.count;
    require(w, h->state == HOST_UP);
    require(w, end > first && end - first <= run_max_of(h->model) && end <= a->count);
    require(w, e->as.request.model == h->model && a->model == h->model);
    require(w, a->granted && !a->ended && a->slot == e->as.request.slot && a->gang == h->gang);
    for (uint32_t i = first; i < end; i++) {
        require(w, a->wanted[i] && !a->has_row[i] && !a->is_pending[i]);
        a->is_pending[i] = a->was_asked[i] = true;
    }
    for (uint32_t k = 0; k < h->count; k++)
        require(w, agent_request_place(h->pending[k].request) !=
                       agent_request_place(e->as.request.request));
    h->pending[h->count++] = (struct pending){ e->as.request.request, e->as.request.attempt,
                                               e->as.request.instance, e->as.request.count, false };
    require(w, ++h->asked <= h->inflight);
}

static void see_record(struct world *w, const struct agent_effect *e)
{
    struct attempt_seen *a = &w->attempts[e->as.record.attempt];
    require(w, a->granted && !a->ended && e->as.record.count > 0);
    for (uint32_t k = 0; k < e->as.record.count; k++) {
        uint32_t i = e->as.record.rows[k].instance - a->first;
        require(w, i < a->count && a->wanted[i] && !a->has_row[i]);
        a->has_row[i] = true;
        a->unflushed++;
    }
}

/* A part of it goes back: nothing that was begun. */
static void see_part_ended(struct world *w, const struct agent_effect *e)
{
    struct attempt_seen *a = &w->attempts[e->as.ended.attempt];
    uint32_t kept = e->as.ended.from - a->first;
    require(w, a->granted && !a->ended && e->as.ended.reason == ENDED_RETURNED);
    require(w, e->as.ended.seq == ++w->last_seq);
    require(w, kept > 0 && kept <= a->count);
    for (uint32_t i = kept; i < a->count; i++)
        require(w, !a->was_asked[i]);
    a->count = kept;
}

static void see_ended(struct world *w, const struct agent_effect *e)
{
    struct attempt_seen *a = &w->attempts[e->as.ended.attempt];
    bool is_complete = true, has_wanted = false;
    require(w, a->granted && !a->ended && a->unflushed == 0);
    require(w, e->as.ended.seq == ++w->last_seq);
    for (uint32_t i = 0; i < a->count; i++) {
        is_complete &= !a->wanted[i] || a->has_row[i];
        has_wanted |= a->wanted[i];
    }
    require(w, e->as.ended.reason != ENDED_DONE || is_complete);
    require(w, e->as.ended.reason == ENDED_DONE || !is_complete || !has_wanted);
    a->ended = true;
}

static void set_idle(struct world *w, const struct pending *p)
{
    struct attempt_seen *a = &w->attempts[p->attempt];
    for (uint32_t i = 0; i < p->count; i++)
        a->is_pending[p->instance - a->first + i] = false;
}

/* Whatever was at the host is lost; the agent knows. */
static void drop_pending(struct world *w, struct host_seen *h, bool answered_too)
{
    uint32_t kept = 0;
    for (uint32_t k = 0; k < h->count; k++) {
        struct pending *p = &h->pending[k];
        if (p->is_answered && !answered_too) {
            h->pending[kept++] = *p;
            continue;
        }
        set_idle(w, p);
    }
    h->count = kept;
    h->asked = 0;
}

static void see_stop(struct world *w, const struct agent_effect *e)
{
    struct host_seen *h = &w->hosts[e->as.stop_host.slot];
    require(w, h->state != HOST_NONE && h->state != HOST_DYING);
    if (e->as.stop_host.how == AGENT_STOP_KILL) {
        h->state = HOST_DYING;
        drop_pending(w, h, false);
        return;
    }
    require(w, h->state != HOST_ASKED_TO_GO && h->asked == 0);
    h->state = HOST_ASKED_TO_GO;
}

/* Nobody else has any slot of it. */
static void see_start(struct world *w, const struct agent_effect *e)
{
    struct host_seen *h = &w->hosts[e->as.start_host.slot];
    uint32_t gang = 1u << e->as.start_host.slot;
    require(w, h->state == HOST_NONE);
    for (uint32_t i = 0; i < e->as.start_host.member_count; i++)
        gang |= 1u << e->as.start_host.members[i];
    for (uint32_t i = 0; i < SLOTS; i++)
        require(w, w->hosts[i].state == HOST_NONE || (w->hosts[i].gang & gang) == 0);
    h->state = HOST_LOADING;
    h->model = e->as.start_host.model;
    h->gang = gang;
}

static void see(struct world *w, const struct agent_effect *e)
{
    switch (e->kind) {
    case AGENT_DO_START_HOST: see_start(w, e); break;
    case AGENT_DO_STOP_HOST: see_stop(w, e); break;
    case AGENT_DO_REQUEST: see_request(w, e); break;
    case AGENT_DO_RECORD: see_record(w, e); break;
    case AGENT_DO_FLUSH:
        require(w, e->as.flush.seq == ++w->last_seq);
        require(w, w->attempts[e->as.flush.attempt].unflushed > 0);
        w->attempts[e->as.flush.attempt].unflushed = 0;
        break;
    case AGENT_DO_SEND_ENDED:
        if (e->as.ended.from > 0)
            see_part_ended(w, e);
        else
            see_ended(w, e);
        break;
    case AGENT_DO_LEAVE:
        require(w, !w->left);
        w->left = true;
        break;
    case AGENT_DO_RESEND:
    case AGENT_DO_SEND_HELLO:
    case AGENT_DO_SEND_BEAT:
    case AGENT_DO_SEND_HOST:
    case AGENT_DO_NOTE: break;
    case AGENT_EFFECT_COUNT: require(w, false);
    }
}

static void step(struct world *w, struct agent_event e)
{
    e.now_mono_ns = w->now;
    agent_effects_clear(&w->effects);
    agent_step(w->agent, &e, &w->effects);
    for (size_t i = 0; i < w->effects.count; i++)
        see(w, &w->effects.items[i]);
}

/* --- events --- */

static uint32_t below(struct world *w, uint32_t bound)
{
    return (uint32_t)rng_below(&w->rng, bound);
}

/* Any gang, also one that crosses another: no coordinator grants that, but late messages may. */
static void draw_gang(struct world *w, struct agent_event *e, struct attempt_seen *a,
                      uint32_t members[SLOTS])
{
    a->gang = 1u << a->slot;
    e->as.grant.members = members;
    bool is_alone = below(w, 2) == 0;
    for (uint32_t i = 0; !is_alone && i < SLOTS; i++) {
        if (i == a->slot || below(w, 3) == 0)
            continue;
        members[e->as.grant.member_count++] = i;
        a->gang |= 1u << i;
    }
}

static void happen_grant(struct world *w)
{
    if (w->next_attempt > ATTEMPTS)
        return;
    struct agent_event e = { .kind = AGENT_ON_GRANT };
    uint64_t id = w->next_attempt++;
    struct attempt_seen *a = &w->attempts[id];
    uint8_t skip[COUNT_MAX / 8];
    uint32_t members[SLOTS];
    *a = (struct attempt_seen){ .slot = below(w, SLOTS),
                                .model = 1 + below(w, MODELS),
                                .first = below(w, 1000),
                                .count = 1 + below(w, COUNT_MAX),
                                .granted = true };
    for (size_t i = 0; i < sizeof skip; i++)
        skip[i] = (uint8_t)(below(w, 3) == 0 ? rng_u64(&w->rng) : 0);
    for (uint32_t i = 0; i < a->count; i++)
        a->wanted[i] = !((skip[i / 8] >> (i % 8)) & 1);
    e.as.grant.attempt = id;
    e.as.grant.slot = a->slot;
    e.as.grant.model = a->model;
    e.as.grant.task = 1;
    e.as.grant.first = a->first;
    e.as.grant.count = a->count;
    e.as.grant.skip = span_of(skip, (a->count + 7) / 8);
    draw_gang(w, &e, a, members);
    e.as.grant.needs.cpus = 1;
    e.as.grant.needs.timeout_ns = 300 * MS;
    e.as.grant.needs.load_timeout_ns = 500 * MS;
    step(w, e);
}

/* Something of a slot's host: by its state, what can happen. */
static void happen_host(struct world *w, uint32_t slot, bool well)
{
    struct host_seen *h = &w->hosts[slot];
    if (h->state == HOST_NONE)
        return;
    if (h->state == HOST_LOADING && (well || below(w, 2))) {
        struct agent_event e = { .kind = AGENT_ON_HOST_HELLO };
        e.as.host_hello.slot = slot;
        e.as.host_hello.inflight = h->inflight = 1 + below(w, 6);
        e.as.host_hello.run_max = run_max_of(h->model);
        h->state = HOST_UP;
        step(w, e);
    } else if (h->state != HOST_UP || !well) {
        struct agent_event e = { .kind = AGENT_ON_HOST_EXITED };
        e.as.host_exited.slot = slot;
        e.as.host_exited.end = (enum host_end)below(w, 4);
        e.as.host_exited.text = span_str("gone");
        h->state = HOST_NONE;
        drop_pending(w, h, false);
        step(w, e);
    }
}

/* One of the requests: answered, rowed, or found unservable. */
static void happen_request(struct world *w, uint32_t slot, bool well)
{
    struct host_seen *h = &w->hosts[slot];
    if (h->count == 0)
        return;
    uint32_t k = below(w, h->count), choice = well ? 9 : below(w, 10);
    struct pending p = h->pending[k];
    struct result rows[COUNT_MAX];
    struct agent_event e = { .now_mono_ns = w->now };
    if (choice < 3 && !p.is_answered) {
        h->pending[k].is_answered = true;
        h->asked--;
        e.kind = AGENT_ON_ANSWERED;
        e.as.answered.slot = slot;
        e.as.answered.request = p.request;
        step(w, e);
        return;
    }
    h->asked -= !p.is_answered;
    h->pending[k] = h->pending[--h->count];
    set_idle(w, &p);
    if (choice == 3) {
        e.kind = AGENT_ON_UNSERVED;
        e.as.unserved.slot = slot;
        e.as.unserved.request = p.request;
        e.as.unserved.text = span_str("no data");
    } else {
        for (uint32_t i = 0; i < p.count; i++)
            rows[i] = (struct result){ .instance = p.instance + i, .answer = span_str("x") };
        e.kind = AGENT_ON_ROWS;
        e.as.rows.slot = slot;
        e.as.rows.request = p.request;
        e.as.rows.rows = rows;
        e.as.rows.count = p.count;
    }
    step(w, e);
}

static void happen_link(struct world *w)
{
    struct agent_event e = { 0 };
    uint64_t id = 1 + below(w, ATTEMPTS);
    switch (below(w, 7)) {
    case 0:
        e.kind = AGENT_ON_WELCOMED;
        e.as.welcomed.beat_ns = 100 * MS;
        e.as.welcomed.lease_ns = 1000 * MS;
        e.as.welcomed.takes_cuts = below(w, 2) == 0;
        break;
    case 1: e.kind = AGENT_ON_REJECTED; break;
    case 2:
        e.kind = AGENT_ON_REVOKE;
        e.as.revoke.attempt = id;
        if (below(w, 2) == 0)
            e.as.revoke.from = w->attempts[id].first + below(w, COUNT_MAX);
        break;
    case 3:
        e.kind = AGENT_ON_BEAT_REPLY;
        e.as.stale.attempts = &id;
        e.as.stale.count = below(w, 4) == 0;
        break;
    case 4:
        e.kind = AGENT_ON_REDEFINED;
        e.as.redefined.model = 1 + below(w, MODELS);
        break;
    default:
        e.kind = AGENT_ON_ACKED;
        e.as.acked.seq = w->last_seq == 0 ? 0 : below(w, (uint32_t)w->last_seq + 1);
    }
    step(w, e);
}

static void pass(struct world *w, int64_t ns)
{
    w->now += ns;
    while (agent_deadline_mono_ns(w->agent) <= w->now)
        step(w, (struct agent_event){ .kind = AGENT_ON_TIME });
}

static void happen(struct world *w)
{
    uint32_t slot = below(w, SLOTS);
    switch (below(w, 10)) {
    case 0: happen_grant(w); break;
    case 1: happen_host(w, slot, false); break;
    case 2: happen_host(w, slot, true); break;
    case 3: happen_link(w); break;
    case 4: pass(w, (int64_t)below(w, 200) * MS); break;
    default: happen_request(w, slot, false);
    }
}

/* Faults are over: drained, the worker has to come to its end. */
static void wind_up(struct world *w)
{
    step(w, (struct agent_event){ .kind = AGENT_ON_DRAIN });
    for (int i = 0; i < 2000 && !w->left; i++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            happen_host(w, slot, true);
            happen_request(w, slot, true);
        }
        struct agent_event e = { .kind = AGENT_ON_ACKED };
        e.as.acked.seq = w->last_seq;
        step(w, e);
        pass(w, 10 * MS);
    }
    require(w, w->left);
    for (uint64_t id = 1; id < w->next_attempt; id++)
        require(w, w->attempts[id].ended);
    require(w, agent_unacked_bytes(w->agent) == 0);
}

static void live(uint64_t seed)
{
    struct world *w = xcalloc(1, sizeof *w);
    struct agent_slot_config slot = { .cpus = 1 };
    struct agent_slot_config slots[SLOTS] = { slot, slot, slot };
    struct agent_config config = { slots, SLOTS, 2000, seed };
    w->seed = seed;
    rng_seed(&w->rng, seed);
    w->agent = agent_new(&config);
    w->next_attempt = 1;
    w->now = 1000 * MS;
    for (int i = 0; i < STEPS; i++)
        happen(w);
    wind_up(w);
    agent_free(w->agent);
    agent_effects_release(&w->effects);
    free(w);
}

static void test_the_promises_hold_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        live(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_promises_hold_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
