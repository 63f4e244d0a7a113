#include "tests/sim/coordinator.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "tests/sim/disk.h"
#include "tests/sim/oracle.h"
#include "tests/sim/worker.h"

enum {
    TURN_PARCELS = 64,
    TURN_BYTES_MAX = 1 << 20, /* far more than such small sweeps have to say */
    STOP_GRACE_S = 60,        /* a stop that takes longer is made an end of it */
    GOODBYE_GRACE_S = 3,      /* as in coordinator/server.c */
};

static const int64_t CLOCK_OFFSET = 77 * SIM_SECOND;

/* A parcel that was read from the sockets, or is still in them. */
struct inbox_item {
    struct list node;
    uint64_t conn;
    struct buf bytes;
};

static int64_t clock_of(const struct world *w)
{
    return w->now + CLOCK_OFFSET;
}

/* ---- Saying ---- */

static struct outbox_peer to_peer(uint64_t conn)
{
    struct outbox_peer peer = { .port = 0, .len = sizeof(conn) };
    memcpy(peer.bytes, &conn, sizeof(conn));
    return peer;
}

static uint64_t from_peer(const struct outbox_peer *peer)
{
    uint64_t conn;
    memcpy(&conn, peer->bytes, sizeof(conn));
    return conn;
}

static void trace_notes(struct world *w, const struct turn *turn)
{
    const char *at = (const char *)turn->notes.data, *end = at + turn->notes.len;
    while (at && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        trace(w, "core: %.*s", (int)(stop - at - 1), at + 1);
        at = stop + 1;
    }
}

static void say_to(void *owner, const struct outbox_peer *to, struct span parcel)
{
    struct world *w = owner;
    (void)net_send(w, net_find(w, from_peer(to)), TO_WORKER, parcel);
}

static void say(struct world *w, struct turn *turn)
{
    trace_notes(w, turn);
    turn_seal(turn);
    for (size_t i = 0; i < turn->count; i++) {
        const struct outbox_item *item = &turn->items[i];
        say_to(w, &item->peer, span_of(turn->frames.data + item->at, item->len));
    }
    turn->count = 0;
    buf_clear(&turn->frames);
    buf_clear(&turn->notes);
}

/* ---- Stepping ---- */

static void plant_in_effects(struct world *w, struct sim_coordinator *c, bool is_repetition)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->effects.count; i++) {
        struct core_effect *e = &c->effects.items[i];
        if (e->kind == EFFECT_RECORD && is_planted(w, PLANT_FILTER_IGNORED))
            e->as.record.all = true;
        if (e->kind == EFFECT_ACK && is_repetition && is_planted(w, PLANT_REACK_DROPPED))
            continue;
        c->effects.items[kept++] = *e;
    }
    c->effects.count = kept;
}

static void step(struct world *w, const struct core_event *event, struct incoming *in)
{
    struct sim_coordinator *c = w->coordinator;
    if (event->kind == CORE_BEAT && is_planted(w, PLANT_BEATS_WITHHELD))
        return;
    if (event->kind == CORE_TIME && is_planted(w, PLANT_TIME_WITHHELD))
        return;
    size_t ops = c->open->batch->count;
    struct oracle_step about;
    oracle_before(w, event, &about);
    core_step(c->core, event, &c->effects);
    plant_in_effects(w, c, about.is_repetition);
    translate_out(c->translate, &c->effects, in, c->open);
    oracle_emitted(w, event, &about, c->open->batch, ops);
    oracle_after(w, event, &about, &c->effects);
    if (c->open->frames.len > TURN_BYTES_MAX)
        world_fail(w, "%zu bytes wait to be said", c->open->frames.len);
    core_effects_clear(&c->effects);
    oracle_check(w);
}

/* The first frame of a parcel. */
static void read_frame(struct world *w, uint64_t conn, struct span *parcel)
{
    struct sim_coordinator *c = w->coordinator;
    struct outbox_peer from = to_peer(conn);
    struct errmsg msg = { "" };
    struct msg m;
    arena_clear(&c->scratch);
    if (msg_take(parcel, &c->incoming.arena, &m, &msg) || msg_sender(m.type) != 'w')
        world_fail(w, "the coordinator cannot read a frame: %s", msg.text);
    if (translate_in(c->translate, &m, &from, clock_of(w), &c->incoming, &msg))
        world_fail(w, "the coordinator cannot take a %s: %s", msg_type_text(m.type), msg.text);
    trace(w, "coordinator: %s of peer %llu session=%llx seq=%llu", msg_type_text(m.type),
          (unsigned long long)conn, (unsigned long long)m.session, (unsigned long long)m.seq);
    step(w, &c->incoming.event, &c->incoming);
    incoming_clear(&c->incoming);
}

/* ---- Group commit ---- */

static void commit_go(struct world *w);

static void on_committed(struct world *w, void *owner, uint64_t start)
{
    struct sim_coordinator *c = owner;
    if (!c->is_up || c->starts != start)
        return;
    if (c->is_paused) {
        c->is_landing = true;
        return;
    }
    c->is_landing = false;
    if (c->is_failing) {
        trace(w, "store: the commit fails");
        coordinator_crash(w);
        return;
    }
    struct turn *turn = c->flying;
    oracle_durable(w, turn->batch);
    if (!is_planted(w, PLANT_COMMIT_LOST) || world_below(w, 8) > 0)
        disk_apply(w, turn->batch);
    c->flying = NULL;
    say(w, turn);
    turn_clear(turn);
    commit_go(w);
}

static int64_t draw_commit_ns(struct world *w)
{
    int64_t ns = world_delay_ns(w, 2 * SIM_MS);
    if (fault_strikes(&w->faults, FAULT_COMMIT_SLOW))
        ns += fault_draw_ns(&w->faults, FAULT_COMMIT_SLOW, SIM_MS, 20 * SIM_SECOND);
    if (fault_strikes(&w->faults, FAULT_STORE_FULL)) /* tried again each second */
        ns += (1 + (int64_t)(fault_draw(&w->faults, FAULT_STORE_FULL) * 10)) * SIM_SECOND;
    return ns;
}

static void commit_go(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (c->flying || turn_is_empty(c->open))
        return;
    c->flying = c->open;
    c->open = c->flying == &c->turns[0] ? &c->turns[1] : &c->turns[0];
    if (store_batch_empty(c->flying->batch)) {
        struct turn *turn = c->flying;
        c->flying = NULL;
        say(w, turn);
        turn_clear(turn);
        return;
    }
    if (is_planted(w, PLANT_ACK_EARLY))
        say(w, c->flying);
    c->is_failing = fault_strikes(&w->faults, FAULT_COMMIT_FAILS);
    world_at(w, w->now + draw_commit_ns(w), on_committed, c, c->starts);
}

/* ---- The turn ---- */

static void turn(struct world *w, void *owner, uint64_t serial);

static void wake(struct world *w, int64_t when)
{
    struct sim_coordinator *c = w->coordinator;
    if (when >= c->wake_at)
        return;
    c->wake_at = when;
    world_at(w, when, turn, c, ++c->wake_serial);
}

/* Told to stop: the end of the process, as look_for_the_end has it. */
static void look_for_the_end(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->is_stopping || c->flying || !turn_is_empty(c->open))
        return;
    struct core_totals t;
    core_totals(c->core, &t);
    int64_t since = w->now - c->stopping_since;
    bool is_stopped = t.state == SWEEP_STOPPED || t.state == SWEEP_DONE;
    if ((is_stopped && (t.workers_live == 0 || since > GOODBYE_GRACE_S * SIM_SECOND)) ||
        since > STOP_GRACE_S * SIM_SECOND)
        coordinator_crash(w); /* nothing is under way: it is as good as a clean exit */
}

static void read_inbox(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    for (int i = 0; i < TURN_PARCELS && !list_empty(&c->inbox); i++) {
        struct inbox_item *item = container_of(list_first(&c->inbox), struct inbox_item, node);
        list_remove(&item->node);
        struct span parcel = buf_span(&item->bytes);
        do
            read_frame(w, item->conn, &parcel);
        while (parcel.len > 0);
        buf_release(&item->bytes);
        free(item);
    }
}

static void end_turn(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (core_deadline_mono_ns(c->core) <= clock_of(w))
        step(w, &(struct core_event){ .kind = CORE_TIME, .now_mono_ns = clock_of(w) }, NULL);
    commit_go(w);
    translate_talk(c->translate, say_to, w);
    look_for_the_end(w);
    if (!c->is_up)
        return;
    int64_t due = core_deadline_mono_ns(c->core);
    int64_t tick = w->now + SIM_SECOND / 2;
    if (due == INT64_MAX || due - CLOCK_OFFSET + SIM_MS > tick)
        wake(w, tick);
    else
        wake(w, due - CLOCK_OFFSET < w->now ? w->now + SIM_MS : due - CLOCK_OFFSET + SIM_MS);
    if (!list_empty(&c->inbox))
        wake(w, w->now + 1);
}

static void turn(struct world *w, void *owner, uint64_t serial)
{
    struct sim_coordinator *c = owner;
    if (!c->is_up || c->is_paused || c->wake_serial != serial)
        return;
    c->wake_at = INT64_MAX;
    read_inbox(w);
    end_turn(w);
}

void coordinator_receive(struct world *w, struct sim_conn *from, struct span frame)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->is_up)
        return;
    struct inbox_item *item = xcalloc(1, sizeof(*item));
    item->conn = from->id;
    buf_append_span(&item->bytes, frame);
    list_push_back(&c->inbox, &item->node);
    if (!c->is_paused)
        wake(w, w->now + (int64_t)world_below(w, 3) * SIM_MS / 4); /* several frames a turn */
}

void coordinator_order(struct world *w, struct core_event order)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->is_up || c->is_paused)
        return;
    order.now_mono_ns = clock_of(w);
    step(w, &order, NULL);
    end_turn(w);
}

void coordinator_stop(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->is_up || c->is_paused || c->is_stopping)
        return;
    trace(w, "operator: stop the sweep");
    c->is_stopping = true;
    c->stopping_since = w->now;
    coordinator_order(w, (struct core_event){ .kind = CORE_DRAIN });
}

/* ---- Life and death ---- */

static void on_restart(struct world *w, void *owner, uint64_t start)
{
    struct sim_coordinator *c = owner;
    if (!c->is_up && c->starts == start && !w->is_over)
        coordinator_start(w);
}

static void restart_after(struct world *w, int64_t least, int64_t most)
{
    int64_t wait = least + (int64_t)world_below(w, (uint64_t)(most - least));
    world_at(w, w->now + wait, on_restart, w->coordinator, w->coordinator->starts);
}

void coordinator_start(struct world *w)
{
    if (!w->coordinator) {
        w->coordinator = arena_alloc(&w->arena, sizeof(*w->coordinator));
        list_init(&w->coordinator->inbox);
    }
    struct sim_coordinator *c = w->coordinator;
    const struct workload *l = &w->load;
    c->starts++;
    c->is_up = true;
    c->is_paused = c->is_stopping = c->is_landing = c->is_failing = false;
    c->epoch = disk_open(w);
    c->wake_at = INT64_MAX;
    struct core_config config = { .epoch = c->epoch,
                                  .seed = w->seed + c->starts,
                                  .beat_ns = l->beat_ns,
                                  .lease_ns = l->lease_ns,
                                  .job_target_ns = l->job_target_ns,
                                  .probe_ns = l->probe_ns,
                                  .backoff_ns = l->backoff_ns,
                                  .strikes_max = l->strikes_max,
                                  .copy_share = l->copy_share,
                                  .retry_type_ns = 10 * SIM_SECOND };
    trace(w, "coordinator: starts, epoch %llu", (unsigned long long)c->epoch);
    oracle_restarted(w, c->epoch);
    c->core = disk_restore(w, &config);
    c->translate = translate_new(&l->catalog, "sim", c->epoch, (uint32_t)(l->beat_ns / SIM_MS),
                                 (uint32_t)(l->lease_ns / SIM_MS));
    turn_init(&c->turns[0]);
    turn_init(&c->turns[1]);
    c->open = &c->turns[0];
    c->flying = NULL;
    oracle_check(w);
    wake(w, w->now);
}

static void forget_inbox(struct sim_coordinator *c)
{
    while (!list_empty(&c->inbox)) {
        struct inbox_item *item = container_of(list_first(&c->inbox), struct inbox_item, node);
        list_remove(&item->node);
        buf_release(&item->bytes);
        free(item);
    }
}

static void tear_down(struct sim_coordinator *c)
{
    forget_inbox(c);
    core_free(c->core);
    translate_free(c->translate);
    core_effects_release(&c->effects);
    incoming_release(&c->incoming);
    arena_release(&c->scratch);
    turn_release(&c->turns[0]);
    turn_release(&c->turns[1]);
    c->core = NULL;
    c->is_up = false;
}

/* What was being committed may have got through, or not; nobody has heard of it. */
static void settle_commit(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->flying || c->is_failing || world_below(w, 2) == 0)
        return;
    trace(w, "store: the commit under way got through");
    oracle_durable(w, c->flying->batch);
    disk_apply(w, c->flying->batch);
    if (is_planted(w, PLANT_COMMIT_TWICE))
        disk_apply(w, c->flying->batch);
}

void coordinator_crash(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->is_up)
        return;
    trace(w, "coordinator: dies");
    settle_commit(w);
    tear_down(c);
    for (size_t i = 0; i < w->net->count; i++)
        net_break(w, w->net->conns[i], false);
    fleet_disconnected(w);
    restart_after(w, 100 * SIM_MS, 10 * SIM_SECOND);
}

static void on_heartbeat_timeout(struct world *w, void *owner, uint64_t serial)
{
    struct sim_coordinator *c = owner;
    if (!c->is_up || !c->is_paused || c->wake_serial != serial)
        return;
    for (size_t i = 0; i < w->net->count; i++)
        net_break(w, w->net->conns[i], false);
    fleet_disconnected(w);
}

void coordinator_pause(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->is_up || c->is_paused)
        return;
    trace(w, "coordinator: stands still");
    c->is_paused = true;
    c->wake_serial++;
    world_at(w, w->now + 5 * SIM_SECOND, on_heartbeat_timeout, c, c->wake_serial);
}

void coordinator_resume(struct world *w)
{
    struct sim_coordinator *c = w->coordinator;
    if (!c->is_up || !c->is_paused)
        return;
    trace(w, "coordinator: goes on");
    c->is_paused = false;
    c->wake_at = INT64_MAX;
    c->wake_serial++;
    wake(w, w->now);
    if (c->is_landing)
        on_committed(w, c, c->starts);
}

void coordinator_release(struct world *w)
{
    if (w->coordinator->is_up)
        tear_down(w->coordinator);
}
