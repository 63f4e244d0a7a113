#include "tests/sim/chaos.h"

#include "tests/sim/coordinator.h"
#include "tests/sim/host.h"
#include "tests/sim/worker.h"

static uint64_t pick(struct world *w, enum fault f, uint64_t count)
{
    return (uint64_t)(fault_draw(&w->faults, f) * (double)count);
}

/* The newest process of some machine; it may be dead. */
static struct sim_worker *pick_worker(struct world *w, enum fault f)
{
    return w->fleet->of_machine[pick(w, f, w->load.machine_count)];
}

static void on_coordinator_goes_on(struct world *w, void *owner, uint64_t unused)
{
    (void)owner;
    (void)unused;
    coordinator_resume(w);
}

static void on_worker_goes_on(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    worker_resume(w, owner);
}

static void on_model_resumed(struct world *w, void *owner, uint64_t model)
{
    (void)owner;
    struct core_event order = { .kind = CORE_RESUME_MODEL };
    order.as.order.model = (uint32_t)model;
    trace(w, "operator: resume model %llu", (unsigned long long)model);
    coordinator_order(w, order);
}

/* Those that are paused, and no other: an order wakes the core, and whatever sleeps in there for no
 * reason would go unnoticed. */
static void resume_models(struct world *w)
{
    struct core_model_view view;
    for (uint32_t m = 0; w->coordinator->is_up && m < w->load.model_count; m++) {
        core_model_view(w->coordinator->core, m, &view);
        if (view.paused)
            on_model_resumed(w, w, m);
    }
}

static void pause_model(struct world *w)
{
    struct core_event order = { .kind = CORE_PAUSE_MODEL };
    order.as.order.model = (uint32_t)pick(w, FAULT_ORDER_PAUSE, w->load.model_count);
    trace(w, "operator: pause model %u", order.as.order.model);
    coordinator_order(w, order);
    world_at(w, w->now + fault_draw_ns(&w->faults, FAULT_ORDER_PAUSE, SIM_SECOND, 40 * SIM_SECOND),
             on_model_resumed, w, order.as.order.model);
}

static void drain_worker(struct world *w)
{
    struct core_event order = { .kind = CORE_DRAIN_WORKER };
    order.as.order.worker = span_str(pick_worker(w, FAULT_ORDER_DRAIN)->name);
    trace(w, "operator: drain worker %s", (const char *)order.as.order.worker.data);
    coordinator_order(w, order);
}

static void on_clog_breaks(struct world *w, void *owner, uint64_t until)
{
    struct sim_conn *conn = owner;
    if (conn->is_up && conn->worker->is_up && conn->worker->conn == conn)
        worker_disconnected(w, conn->worker, (int64_t)until);
}

/* One way or both. Longer than a heartbeat allows, and the connection breaks. */
static void clog_link(struct world *w)
{
    struct sim_worker *k = pick_worker(w, FAULT_LINK_CLOG);
    uint64_t ways = 1 + pick(w, FAULT_LINK_CLOG, 3);
    int64_t ns = fault_draw_ns(&w->faults, FAULT_LINK_CLOG, SIM_SECOND / 10, 40 * SIM_SECOND);
    if (!k->is_up || !k->conn)
        return;
    trace(w, "net: peer %llu is clogged for %.1f s, %s", (unsigned long long)k->conn->id,
          (double)ns / 1e9,
          ways == 3   ? "both ways"
          : ways == 1 ? "to the coordinator"
                      : "back");
    if (ways & 1)
        net_clog(w, k->conn, TO_COORDINATOR, ns);
    if (ways & 2)
        net_clog(w, k->conn, TO_WORKER, ns);
    if (ns > 5 * SIM_SECOND)
        world_at(w, w->now + 5 * SIM_SECOND, on_clog_breaks, k->conn, (uint64_t)(w->now + ns));
}

static void break_link(struct world *w)
{
    struct sim_worker *k = pick_worker(w, FAULT_LINK_BREAK);
    int64_t ns = fault_draw_ns(&w->faults, FAULT_LINK_BREAK, 0, 20 * SIM_SECOND);
    if (k->is_up && k->conn)
        worker_disconnected(w, k, w->now + ns);
}

static void kill_host(struct world *w)
{
    struct sim_worker *k = pick_worker(w, FAULT_HOST_CRASH);
    uint64_t slot = pick(w, FAULT_HOST_CRASH, w->load.machines[k->machine].slot_count);
    if (k->is_up && k->hosts[slot])
        host_dies(w, k->hosts[slot]);
}

static void pause_worker(struct world *w)
{
    struct sim_worker *k = pick_worker(w, FAULT_WORKER_PAUSE);
    int64_t ns = fault_draw_ns(&w->faults, FAULT_WORKER_PAUSE, SIM_SECOND / 10, 90 * SIM_SECOND);
    worker_pause(w, k);
    world_at(w, w->now + ns, on_worker_goes_on, k, 0);
}

static void pause_coordinator(struct world *w)
{
    int64_t ns =
        fault_draw_ns(&w->faults, FAULT_COORDINATOR_PAUSE, SIM_SECOND / 10, 60 * SIM_SECOND);
    coordinator_pause(w);
    world_at(w, w->now + ns, on_coordinator_goes_on, w, 0);
}

/* At most one at a time: more of them take the name from each other for ever. */
static void start_twin(struct world *w)
{
    struct sim_worker *k = pick_worker(w, FAULT_WORKER_TWIN);
    for (uint32_t i = 0; i < w->fleet->count; i++) {
        const struct sim_worker *other = w->fleet->workers[i];
        if (other->is_up && w->fleet->of_machine[other->machine] != other)
            return;
    }
    if (k->is_up && !k->is_leaving)
        worker_start(w, k->machine);
}

static void strike(struct world *w, enum fault f)
{
    switch (f) {
    case FAULT_COORDINATOR_CRASH: coordinator_crash(w); break;
    case FAULT_COORDINATOR_PAUSE: pause_coordinator(w); break;
    case FAULT_COORDINATOR_STOP: coordinator_stop(w); break;
    case FAULT_WORKER_CRASH: worker_crash(w, pick_worker(w, f)); break;
    case FAULT_WORKER_PAUSE: pause_worker(w); break;
    case FAULT_WORKER_LEAVE: worker_leave(w, pick_worker(w, f)); break;
    case FAULT_WORKER_TWIN: start_twin(w); break;
    case FAULT_LINK_BREAK: break_link(w); break;
    case FAULT_LINK_CLOG: clog_link(w); break;
    case FAULT_ORDER_DRAIN: drain_worker(w); break;
    case FAULT_ORDER_PAUSE: pause_model(w); break;
    case FAULT_HOST_CRASH: kill_host(w); break;
    default: break; /* the others strike by chance, where they are asked for */
    }
}

static void on_fault(struct world *w, void *owner, uint64_t fault)
{
    (void)owner;
    enum fault f = (enum fault)fault;
    if (!fault_is_on(&w->faults, f))
        return;
    if (fault_strikes(&w->faults, f))
        strike(w, f);
    world_at(w, w->now + fault_wait_ns(&w->faults, f), on_fault, w, f);
}

void chaos_start(struct world *w)
{
    for (int f = FAULT_COORDINATOR_CRASH; f <= FAULT_HOST_CRASH; f++)
        if (fault_is_on(&w->faults, (enum fault)f))
            world_at(w, w->now + fault_wait_ns(&w->faults, (enum fault)f), on_fault, w,
                     (uint64_t)f);
}

void chaos_heal(struct world *w)
{
    w->faults.healed = true;
    coordinator_resume(w);
    resume_models(w);
    for (size_t i = 0; i < w->net->count; i++) {
        w->net->conns[i]->clogged_until[TO_WORKER] = 0;
        w->net->conns[i]->clogged_until[TO_COORDINATOR] = 0;
    }
    fleet_heal(w);
}
