#include "tests/sim/worker.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/mem.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle.h"
#include "worker/translate.h"

static const char *const machine_names[SIM_MACHINES_MAX] = { "ant", "bee", "cat",
                                                             "dog", "elk", "fox" };

/* What waits while the process stands still: a frame, or news of a host. */
struct inbox_item {
    struct list node;
    struct sim_conn *conn; /* NULL: news */
    struct buf bytes;
    struct agent_event event;
};

static int64_t clock_of(const struct world *w, const struct sim_worker *k)
{
    return w->now + w->load.machines[k->machine].clock_offset;
}

enum { PARCEL_FRAMES = 6 }; /* far fewer than the real one has: more of their ends */

/* A machine with older software shows it in its hello, and takes what it is told for as old. */
enum { MINOR_AT = 3, OLD_MINOR = 2 };

static bool is_old(const struct world *w, const struct sim_worker *k)
{
    return w->load.machines[k->machine].is_old;
}

static void step(struct world *w, struct sim_worker *k, struct agent_event *e);

/* ---- Sending ---- */

static bool send(struct world *w, struct sim_worker *k, struct msg *m)
{
    struct buf frame = { 0 };
    m->session = k->session;
    msg_encode(m, &frame);
    bool sent = net_send(w, k->conn, TO_COORDINATOR, buf_span(&frame));
    buf_release(&frame);
    return sent;
}

/* Of the next messages of the spool, few: where a parcel ends is what may be lost or come twice. */
static bool fill_parcel(struct world *w, struct sim_worker *k)
{
    struct msg m;
    uint64_t frames = 0, most = 1 + world_below(w, PARCEL_FRAMES);
    if (is_old(w, k))
        most = 1;
    while (frames < most && spool_next(k->spool, &m)) {
        m.session = k->session;
        msg_encode(&m, &k->parcel);
        spool_sent(k->spool);
        frames++;
    }
    return frames > 0;
}

/* As link_pump has it: the hello, then what the spool has, as far as the line takes it. */
static void pump(struct world *w, struct sim_worker *k)
{
    if (k->hello.len > 0 && net_send(w, k->conn, TO_COORDINATOR, buf_span(&k->hello)))
        buf_clear(&k->hello);
    while (k->session != 0 && (k->parcel.len > 0 || fill_parcel(w, k))) {
        if (!net_send(w, k->conn, TO_COORDINATOR, buf_span(&k->parcel)))
            return;
        buf_clear(&k->parcel);
    }
}

static void say_hello(struct world *w, struct sim_worker *k)
{
    struct msg m = { .type = MSG_HELLO, .seq = spool_first_seq(k->spool) };
    arena_clear(&k->scratch);
    agent_hello(k->agent, &k->scratch, &m.as.hello);
    m.as.hello.places = w->load.machines[k->machine].places;
    for (uint32_t i = 0; i < m.as.hello.slot_count; i++)
        m.as.hello.slots[i].gpu_type = span_str(w->load.machines[k->machine].gpu_type);
    m.as.hello.worker_name = span_str(k->name);
    memcpy(m.as.hello.worker_id, k->id, sizeof(k->id));
    m.as.hello.version = span_str("0");
    m.as.hello.pid = k->serial;
    if (k->ends_at != INT64_MAX)
        m.as.hello.lifetime_ms = (uint64_t)((k->ends_at - w->now) / SIM_MS) + 1;
    if (is_planted(w, PLANT_HELLO_SEQ))
        m.seq += spool_count(k->spool);
    k->session = 0;
    buf_clear(&k->hello);
    buf_clear(&k->parcel);
    msg_encode(&m, &k->hello);
    if (is_old(w, k))
        k->hello.data[MINOR_AT] = OLD_MINOR;
}

static void say_beat(struct world *w, struct sim_worker *k)
{
    struct msg m = { .type = MSG_BEAT };
    arena_clear(&k->scratch);
    agent_beat(k->agent, &k->scratch, &m.as.beat);
    oracle_beats(w, k, &m.as.beat);
    (void)send(w, k, &m); /* the next one comes soon */
}

static void say_host(struct world *w, struct sim_worker *k, const struct agent_effect *e)
{
    struct msg m = { .type = MSG_HOST };
    m.as.host = (struct msg_host){ .slot = e->as.host.slot,
                                   .model = e->as.host.model,
                                   .ready = e->as.host.ready,
                                   .load_ms = e->as.host.load_ms,
                                   .text = e->as.host.text };
    (void)send(w, k, &m);
}

/* ---- What the agent wants done ---- */

static void record(struct world *w, struct sim_worker *k, const struct agent_effect *e)
{
    uint32_t task = catalog_task_index(&w->load.catalog, e->as.record.task);
    size_t count = k->unacked_count + e->as.record.count;
    k->unacked = xgrow(k->unacked, &k->unacked_capacity, count, sizeof(*k->unacked));
    for (const struct result *row = e->as.record.rows; k->unacked_count < count; row++) {
        oracle_recorded(w, k, e->as.record.attempt, task, row);
        k->unacked[k->unacked_count++] = (struct sim_unacked){ .attempt = e->as.record.attempt,
                                                               .task = task,
                                                               .instance = row->instance,
                                                               .status = row->status };
    }
    spool_record(k->spool, e->as.record.attempt, w->load.tasks[task].stat_count, e->as.record.rows,
                 e->as.record.count);
}

static void flush(struct sim_worker *k, const struct agent_effect *e)
{
    spool_flush(k->spool, e->as.flush.attempt, e->as.flush.model, e->as.flush.task,
                e->as.flush.seq);
    for (size_t i = 0; i < k->unacked_count; i++)
        if (k->unacked[i].attempt == e->as.flush.attempt && k->unacked[i].seq == 0)
            k->unacked[i].seq = e->as.flush.seq;
}

static void on_left(struct world *w, void *owner, uint64_t unused);

static void leave(struct world *w, struct sim_worker *k)
{
    struct msg m = { .type = MSG_GOODBYE };
    m.as.goodbye.reason = span_str("drained");
    if (spool_count(k->spool) > 0)
        world_fail(w, "%s#%u leaves with %zu messages that are not durable", k->name, k->serial,
                   spool_count(k->spool));
    (void)send(w, k, &m);
    k->is_leaving = true;
    world_at(w, w->now + 10 * SIM_MS, on_left, k, 0);
}

static void carry_out(struct world *w, struct sim_worker *k, const struct agent_effect *e)
{
    switch (e->kind) {
    case AGENT_DO_START_HOST: host_start(w, k, e); break;
    case AGENT_DO_STOP_HOST:
        if (e->as.stop_host.how == AGENT_STOP_KILL)
            host_kill(w, k->hosts[e->as.stop_host.slot]);
        else
            host_ask_to_go(w, k->hosts[e->as.stop_host.slot]);
        break;
    case AGENT_DO_REQUEST:
        oracle_asked(w, k, e);
        host_request(w, k->hosts[e->as.request.slot], e);
        break;
    case AGENT_DO_RECORD: record(w, k, e); break;
    case AGENT_DO_FLUSH: flush(k, e); break;
    case AGENT_DO_SEND_ENDED:
        oracle_ended(w, k, e);
        spool_ended(k->spool, e->as.ended.attempt, e->as.ended.reason, e->as.ended.text,
                    e->as.ended.from, e->as.ended.seq);
        break;
    case AGENT_DO_RESEND:
        if (!is_planted(w, PLANT_RESEND_IGNORED))
            spool_rewind(k->spool);
        break;
    case AGENT_DO_SEND_HELLO: say_hello(w, k); break;
    case AGENT_DO_SEND_BEAT: say_beat(w, k); break;
    case AGENT_DO_SEND_HOST: say_host(w, k, e); break;
    case AGENT_DO_LEAVE: leave(w, k); break;
    case AGENT_DO_NOTE:
        trace(w, "agent: %s#%u: %.*s", k->name, k->serial, (int)e->as.note.text.len,
              (const char *)e->as.note.text.data);
        break;
    case AGENT_EFFECT_COUNT: check(!"an effect");
    }
}

static void on_deadline(struct world *w, void *owner, uint64_t serial);

/* The end of a turn of its loop: send what there is, and set the alarm. */
static void settle(struct world *w, struct sim_worker *k)
{
    if (!k->is_up || k->is_leaving)
        return;
    pump(w, k);
    int64_t due = agent_deadline_mono_ns(k->agent);
    if (due == INT64_MAX)
        return;
    due -= w->load.machines[k->machine].clock_offset;
    if (due < w->now)
        due = w->now;
    if (due == k->wake_at)
        return;
    k->wake_at = due;
    world_at(w, due, on_deadline, k, ++k->wake_serial);
}

static void step(struct world *w, struct sim_worker *k, struct agent_event *e)
{
    if (!k->is_up || k->is_leaving)
        return;
    e->now_mono_ns = clock_of(w, k);
    world_mix(w, e->kind, k->serial);
    agent_effects_clear(&k->effects);
    agent_step(k->agent, e, &k->effects);
    for (size_t i = 0; i < k->effects.count; i++)
        carry_out(w, k, &k->effects.items[i]);
    oracle_heard(w, k, e, &k->effects);
}

static void on_deadline(struct world *w, void *owner, uint64_t serial)
{
    struct sim_worker *k = owner;
    if (!k->is_up || k->is_paused || k->wake_serial != serial)
        return;
    k->wake_at = -1;
    step(w, k, &(struct agent_event){ .kind = AGENT_ON_TIME });
    settle(w, k);
}

/* ---- What comes in ---- */

static bool is_current(const struct sim_worker *k, const struct msg *m)
{
    return m->type == MSG_WELCOME || (m->type == MSG_REJECT && m->session == 0) ||
           (k->session != 0 && m->session == k->session);
}

static void complete_grant(struct world *w, struct sim_worker *k, struct agent_event *e)
{
    uint32_t model = catalog_model_index(&w->load.catalog, e->as.grant.model);
    uint32_t task = catalog_task_index(&w->load.catalog, e->as.grant.task);
    if (model == UINT32_MAX || task == UINT32_MAX || !bitmap_get(&k->models, e->as.grant.model) ||
        !bitmap_get(&k->tasks, e->as.grant.task))
        world_fail(w, "%s#%u is granted a model or task that it was not told of", k->name,
                   k->serial);
    const struct sim_model *m = &w->load.models[model];
    e->as.grant.needs = (struct agent_needs){ .gpus = m->gpus,
                                              .cpus = 1,
                                              .memory_bytes = m->memory_bytes,
                                              .timeout_ns = m->timeout_ns,
                                              .load_timeout_ns = m->load_timeout_ns };
    oracle_granted_here(w, k, e->as.grant.attempt);
}

/* The messages up to this one are let go: all of their rows have to be durable. */
static void take_ack(struct world *w, struct sim_worker *k, uint64_t seq)
{
    size_t kept = 0;
    if (is_planted(w, PLANT_ACK_ALL))
        seq = UINT64_MAX;
    for (size_t i = 0; i < k->unacked_count; i++) {
        const struct sim_unacked *u = &k->unacked[i];
        if (u->seq != 0 && u->seq <= seq)
            oracle_acked(w, k, u);
        else
            k->unacked[kept++] = *u;
    }
    k->unacked_count = kept;
    spool_ack(k->spool, seq);
}

static bool withheld(const struct world *w, struct sim_worker *k, const struct agent_event *e)
{
    if (e->kind == AGENT_ON_DRAIN)
        k->is_told_to_go = true;
    return (e->kind == AGENT_ON_REVOKE && is_planted(w, PLANT_REVOKE_IGNORED)) ||
           (e->kind == AGENT_ON_DRAIN && is_planted(w, PLANT_DRAIN_IGNORED));
}

static void take_message(struct world *w, struct sim_worker *k, const struct msg *m)
{
    struct agent_event e;
    trace(w, "%s#%u: %s%s session=%llx", k->name, k->serial, msg_type_text(m->type),
          is_current(k, m) ? "" : " (of another session)", (unsigned long long)m->session);
    if (!is_current(k, m))
        return;
    if (m->type == MSG_DEFINE_MODEL)
        bitmap_set(&k->models, m->as.define.id);
    else if (m->type == MSG_DEFINE_TASK)
        bitmap_set(&k->tasks, m->as.define.id);
    else if (m->type == MSG_WELCOME) {
        spool_set_packing(k->spool, msg_takes_packed(m));
        k->session = m->as.welcome.session;
        buf_clear(&k->hello);
        buf_clear(&k->parcel);
    } else if (m->type == MSG_ACK)
        take_ack(w, k, m->as.ack.seq);
    oracle_told(w, k, m);
    if (!translate_message(m, &e) || withheld(w, k, &e))
        return;
    if (e.kind == AGENT_ON_GRANT)
        complete_grant(w, k, &e);
    step(w, k, &e);
}

static void read_parcel(struct world *w, struct sim_worker *k, struct span parcel)
{
    do {
        struct errmsg why = { "" };
        struct msg m;
        arena_clear(&k->scratch);
        if (msg_take(&parcel, &k->scratch, &m, &why) || msg_sender(m.type) != 'c')
            world_fail(w, "%s#%u cannot read a frame: %s", k->name, k->serial, why.text);
        if (is_old(w, k))
            m.minor = OLD_MINOR;
        take_message(w, k, &m);
    } while (parcel.len > 0 && !k->is_leaving);
}

static void take_news(struct world *w, struct sim_worker *k, const struct agent_event *event)
{
    struct agent_event e = *event;
    if (e.kind == AGENT_ON_HOST_EXITED)
        host_is_reaped(k, e.as.host_exited.slot);
    step(w, k, &e);
}

static struct inbox_item *queue(struct sim_worker *k)
{
    struct inbox_item *item = xcalloc(1, sizeof(*item));
    list_push_back(&k->inbox, &item->node);
    return item;
}

void worker_receive(struct world *w, struct sim_conn *to, struct span frame)
{
    struct sim_worker *k = to->worker;
    if (!k->is_up || k->is_leaving)
        return;
    if (k->is_paused) {
        struct inbox_item *item = queue(k);
        item->conn = to;
        buf_append_span(&item->bytes, frame);
        return;
    }
    read_parcel(w, k, frame);
    settle(w, k);
}

void worker_post(struct world *w, struct sim_worker *k, const struct agent_event *event)
{
    if (!k->is_up || k->is_leaving)
        return;
    if (k->is_paused) {
        queue(k)->event = *event;
        return;
    }
    take_news(w, k, event);
    settle(w, k);
}

/* ---- The connection ---- */

static void on_connect(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    struct sim_worker *k = owner;
    if (!k->is_up || k->is_leaving || k->conn)
        return;
    bool both_awake = w->coordinator->is_up && !w->coordinator->is_paused && !k->is_paused;
    if (!both_awake) {
        world_at(w, w->now + 50 * SIM_MS + world_delay_ns(w, 300 * SIM_MS), on_connect, k, 0);
        return;
    }
    k->conn = net_connect(w, k);
    settle(w, k);
}

void worker_disconnected(struct world *w, struct sim_worker *k, int64_t not_before)
{
    if (k->conn)
        net_break(w, k->conn, false);
    k->conn = NULL;
    int64_t wait = 50 * SIM_MS + (int64_t)world_below(w, (uint64_t)(100 * SIM_MS));
    if (not_before < w->now)
        not_before = w->now;
    world_at(w, not_before + wait, on_connect, k, 0);
}

void fleet_disconnected(struct world *w)
{
    for (uint32_t i = 0; i < w->fleet->count; i++) {
        struct sim_worker *k = w->fleet->workers[i];
        if (k->is_up && k->conn)
            worker_disconnected(w, k, 0);
    }
}

/* ---- Life and death ---- */

static struct agent *new_agent(const struct world *w, const struct sim_worker *k)
{
    const struct sim_machine *m = &w->load.machines[k->machine];
    struct agent_slot_config slots[SIM_SLOTS_MAX];
    for (uint32_t i = 0; i < m->slot_count; i++)
        slots[i] = (struct agent_slot_config){ .gpus = m->gpus,
                                               .cpus = 1,
                                               .memory_bytes = m->memory_bytes };
    return agent_new(&(struct agent_config){ .slots = slots,
                                             .slot_count = m->slot_count,
                                             .unacked_bytes_max = w->load.unacked_bytes_max,
                                             .seed = rng_mix(w->seed, 7, k->serial, 0) });
}

static void on_end_of_time(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    worker_crash(w, owner);
}

/* An allocation that ends. The first machine has all the time in the world. */
static void limit_time(struct world *w, struct sim_worker *k)
{
    k->ends_at = INT64_MAX;
    if (k->machine == 0 || !fault_strikes(&w->faults, FAULT_WORKER_MORTAL))
        return;
    k->ends_at =
        w->now + fault_draw_ns(&w->faults, FAULT_WORKER_MORTAL, 5 * SIM_SECOND, 120 * SIM_SECOND);
    world_at(w, k->ends_at, on_end_of_time, k, 0);
}

void worker_start(struct world *w, uint32_t machine)
{
    struct sim_fleet *fleet = w->fleet;
    check(fleet->count < SIM_WORKERS_MAX);
    struct sim_worker *k = arena_alloc(&w->arena, sizeof(*k));
    fleet->workers[fleet->count++] = k;
    fleet->of_machine[machine] = k;
    k->serial = fleet->count;
    k->machine = machine;
    k->name = machine_names[machine];
    memcpy(k->id, &(uint64_t){ rng_mix(w->seed, 8, k->serial, 0) }, 8);
    k->is_up = true;
    limit_time(w, k);
    k->wake_at = -1;
    k->spool = spool_new();
    list_init(&k->inbox);
    bitmap_init(&k->models, 64);
    bitmap_init(&k->tasks, 64);
    k->agent = new_agent(w, k);
    trace(w, "worker: %s#%u starts", k->name, k->serial);
    worker_disconnected(w, k, 0);
    settle(w, k);
}

static void forget_inbox(struct sim_worker *k)
{
    while (!list_empty(&k->inbox)) {
        struct inbox_item *item = container_of(list_first(&k->inbox), struct inbox_item, node);
        list_remove(&item->node);
        buf_release(&item->bytes);
        free(item);
    }
}

static void tear_down(struct sim_worker *k)
{
    forget_inbox(k);
    agent_free(k->agent);
    spool_free(k->spool);
    agent_effects_release(&k->effects);
    arena_release(&k->scratch);
    buf_release(&k->hello);
    buf_release(&k->parcel);
    bitmap_release(&k->models);
    bitmap_release(&k->tasks);
    free(k->unacked);
    k->unacked = NULL;
    k->is_up = false;
    for (uint32_t i = 0; i < SIM_SLOTS_MAX; i++)
        if (k->hosts[i])
            k->hosts[i]->is_dead = true; /* it dies with its parent */
}

/* Its supervisor starts the next one, unless the sweep is over. */
static void on_restart(struct world *w, void *owner, uint64_t machine)
{
    (void)owner;
    if (w->phase != SIM_ENDING && !w->fleet->of_machine[machine]->is_up)
        worker_start(w, (uint32_t)machine);
}

static void end_process(struct world *w, struct sim_worker *k, bool is_orderly)
{
    net_break(w, k->conn, is_orderly);
    k->conn = NULL;
    tear_down(k);
    int64_t most = w->phase == SIM_CHAOS ? 30 : 2;
    world_at(w, w->now + SIM_SECOND / 2 + (int64_t)world_below(w, (uint64_t)(most * SIM_SECOND)),
             on_restart, w, k->machine);
}

static void on_left(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    struct sim_worker *k = owner;
    trace(w, "worker: %s#%u has left", k->name, k->serial);
    if (k->is_up)
        end_process(w, k, true);
}

void worker_crash(struct world *w, struct sim_worker *k)
{
    if (!k->is_up)
        return;
    trace(w, "worker: %s#%u dies", k->name, k->serial);
    end_process(w, k, false);
}

static void on_heartbeat_timeout(struct world *w, void *owner, uint64_t pause)
{
    struct sim_worker *k = owner;
    if (k->is_up && k->is_paused && k->pauses == pause && k->conn)
        worker_disconnected(w, k, 0);
}

void worker_pause(struct world *w, struct sim_worker *k)
{
    if (!k->is_up || k->is_paused)
        return;
    trace(w, "worker: %s#%u stands still", k->name, k->serial);
    k->is_paused = true;
    k->pauses++;
    world_at(w, w->now + 5 * SIM_SECOND, on_heartbeat_timeout, k, k->pauses);
}

/* Its loop looks at its timers first, then at what came in. */
void worker_resume(struct world *w, struct sim_worker *k)
{
    if (!k->is_up || !k->is_paused)
        return;
    trace(w, "worker: %s#%u goes on", k->name, k->serial);
    k->is_paused = false;
    k->wake_at = -1;
    if (agent_deadline_mono_ns(k->agent) <= clock_of(w, k))
        step(w, k, &(struct agent_event){ .kind = AGENT_ON_TIME });
    while (k->is_up && !list_empty(&k->inbox)) {
        struct inbox_item *item = container_of(list_first(&k->inbox), struct inbox_item, node);
        list_remove(&item->node);
        if (k->is_leaving)
            ;
        else if (item->conn)
            read_parcel(w, k, buf_span(&item->bytes));
        else
            take_news(w, k, &item->event);
        buf_release(&item->bytes);
        free(item);
    }
    settle(w, k);
}

void worker_leave(struct world *w, struct sim_worker *k)
{
    if (!k->is_up || k->is_paused || k->is_told_to_go)
        return;
    trace(w, "worker: %s#%u gets a signal to go", k->name, k->serial);
    k->is_told_to_go = true;
    step(w, k, &(struct agent_event){ .kind = AGENT_ON_DRAIN });
    settle(w, k);
}

void fleet_start(struct world *w)
{
    w->fleet = arena_alloc(&w->arena, sizeof(*w->fleet));
    for (uint32_t i = 0; i < w->load.machine_count; i++)
        worker_start(w, i);
}

void fleet_release(struct world *w)
{
    for (uint32_t i = 0; i < w->fleet->count; i++)
        if (w->fleet->workers[i]->is_up)
            tear_down(w->fleet->workers[i]);
}

void fleet_heal(struct world *w)
{
    for (uint32_t i = 0; i < w->fleet->count; i++) {
        struct sim_worker *k = w->fleet->workers[i];
        worker_resume(w, k);
        if (k->is_up && w->fleet->of_machine[k->machine] != k)
            worker_crash(w, k); /* the twin; two that fight for a name are an operator's mistake */
    }
}

bool fleet_is_gone(const struct world *w)
{
    for (uint32_t i = 0; i < w->fleet->count; i++)
        if (w->fleet->workers[i]->is_up)
            return false;
    return true;
}

uint32_t fleet_machine(const char *name)
{
    uint32_t i = 0;
    while (strcmp(machine_names[i], name) != 0)
        check(++i < SIM_MACHINES_MAX);
    return i;
}
