#include "tests/sim/net.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "proto/msg.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/worker.h"

enum { HIGH_WATER = 128 }; /* frames of a worker on the way: 64 here, 64 there */

static const int64_t LATENCY_NS = SIM_MS / 2;

void net_init(struct world *w)
{
    w->net = xcalloc(1, sizeof(*w->net));
}

static void frame_free(struct sim_frame *f)
{
    list_remove(&f->node);
    buf_release(&f->bytes);
    free(f);
}

void net_release(struct world *w)
{
    for (size_t i = 0; i < w->net->count; i++)
        for (int d = 0; d < 2; d++) {
            struct list *all = &w->net->conns[i]->in_flight[d];
            while (!list_empty(all))
                frame_free(container_of(list_first(all), struct sim_frame, node));
        }
    free(w->net->conns);
    free(w->net);
}

struct sim_conn *net_connect(struct world *w, struct sim_worker *worker)
{
    struct net *net = w->net;
    struct sim_conn *conn = arena_alloc(&w->arena, sizeof(*conn));
    net->conns = xgrow(net->conns, &net->capacity, net->count + 1, sizeof(*net->conns));
    net->conns[net->count++] = conn;
    conn->id = net->count;
    conn->worker = worker;
    conn->is_up = true;
    list_init(&conn->in_flight[0]);
    list_init(&conn->in_flight[1]);
    trace(w, "net: %s#%u connects as peer %llu", worker->name, worker->serial,
          (unsigned long long)conn->id);
    return conn;
}

struct sim_conn *net_find(const struct world *w, uint64_t id)
{
    return id >= 1 && id <= w->net->count ? w->net->conns[id - 1] : NULL;
}

static void on_arrival(struct world *w, void *owner, uint64_t unused)
{
    (void)unused;
    struct sim_frame *f = owner;
    if (w->now < f->not_before) {
        world_at(w, f->not_before, on_arrival, f, 0); /* in the order in which they would come */
        return;
    }
    list_remove(&f->node);
    if (!f->is_lost && f->direction == TO_COORDINATOR)
        coordinator_receive(w, f->conn, buf_span(&f->bytes));
    else if (!f->is_lost)
        worker_receive(w, f->conn, buf_span(&f->bytes));
    frame_free(f);
}

static void put_on_the_way(struct world *w, struct sim_conn *conn, enum sim_direction direction,
                           struct span bytes, int64_t when)
{
    struct sim_frame *f = xcalloc(1, sizeof(*f));
    f->conn = conn;
    f->direction = direction;
    buf_append_span(&f->bytes, bytes);
    list_push_back(&conn->in_flight[direction], &f->node);
    world_at(w, when, on_arrival, f, 0);
}

/* Definitions are not sent again within a session: TCP does not lose them from a live one. Nor is
 * the order to go, which a worker hears again only when it says hello. */
static bool may_vanish(struct span parcel)
{
    struct arena arena = { 0 };
    struct msg m;
    bool may = true;
    while (may && parcel.len > 0) {
        check(msg_take(&parcel, &arena, &m, NULL) == OK);
        may = m.type != MSG_DEFINE_MODEL && m.type != MSG_DEFINE_TASK && m.type != MSG_DRAIN &&
              m.type != MSG_GOODBYE;
    }
    arena_release(&arena);
    return may;
}

static int64_t arrival_of(struct world *w, struct sim_conn *conn, enum sim_direction direction)
{
    int64_t when = w->now + world_delay_ns(w, LATENCY_NS);
    if (when < conn->clogged_until[direction])
        when = conn->clogged_until[direction];
    if (when <= conn->last[direction])
        when = conn->last[direction] + 1;
    return when;
}

static size_t count_frames(const struct list *all)
{
    size_t count = 0;
    for (const struct list *n = all->next; n != all; n = n->next)
        count++;
    return count;
}

/* To the coordinator, whose sessions and seqs tell repetitions, it may come much later. A worker
 * relies on its connection: a grant that came again after its attempt ended would be run again. */
static void send_again(struct world *w, struct sim_conn *conn, enum sim_direction direction,
                       struct span bytes, int64_t first)
{
    int64_t when = first + 1;
    if (direction == TO_COORDINATOR)
        when += fault_draw_ns(&w->faults, FAULT_FRAME_TWICE, 0, SIM_SECOND);
    else
        conn->last[direction] = when;
    put_on_the_way(w, conn, direction, bytes, when);
}

bool net_send(struct world *w, struct sim_conn *conn, enum sim_direction direction,
              struct span bytes)
{
    if (!conn || !conn->is_up)
        return false;
    if (direction == TO_COORDINATOR && count_frames(&conn->in_flight[direction]) >= HIGH_WATER)
        return false;
    world_mix_bytes(w, bytes);
    if (may_vanish(bytes) && fault_strikes(&w->faults, FAULT_FRAME_LOST)) {
        trace(w, "net: a parcel of peer %llu is lost, a %s at its head",
              (unsigned long long)conn->id, msg_type_text(bytes.data[4]));
        return true;
    }
    int64_t when = arrival_of(w, conn, direction);
    conn->last[direction] = when;
    put_on_the_way(w, conn, direction, bytes, when);
    if (fault_strikes(&w->faults, FAULT_FRAME_TWICE))
        send_again(w, conn, direction, bytes, when);
    return true;
}

/* The first `kept` frames of a direction arrive, perhaps after those of the next connection. */
static void lose_the_rest(struct world *w, struct sim_conn *conn, enum sim_direction direction,
                          size_t kept)
{
    int64_t not_before = 0;
    if (direction == TO_COORDINATOR && fault_strikes(&w->faults, FAULT_FRAME_LATE))
        not_before = w->now + fault_draw_ns(&w->faults, FAULT_FRAME_LATE, 0, 3 * SIM_SECOND);
    struct list *all = &conn->in_flight[direction];
    for (struct list *n = list_first(all); n != all; n = n->next) {
        struct sim_frame *f = container_of(n, struct sim_frame, node);
        f->not_before = not_before; /* what was clogged is through or lost */
        f->is_lost = kept == 0;
        if (kept > 0)
            kept--;
    }
}

void net_break(struct world *w, struct sim_conn *conn, bool is_orderly)
{
    if (!conn || !conn->is_up)
        return;
    conn->is_up = false;
    for (int d = 0; d < 2; d++) {
        size_t on_the_way = count_frames(&conn->in_flight[d]);
        size_t kept = is_orderly ? on_the_way : world_below(w, on_the_way + 1);
        trace(w, "net: peer %llu breaks, %s: %zu of %zu frames still arrive",
              (unsigned long long)conn->id, d == TO_WORKER ? "to the worker" : "to the coordinator",
              kept, on_the_way);
        lose_the_rest(w, conn, (enum sim_direction)d, kept);
    }
}

void net_clog(struct world *w, struct sim_conn *conn, enum sim_direction direction, int64_t ns)
{
    if (!conn || !conn->is_up)
        return;
    conn->clogged_until[direction] = w->now + ns;
    struct list *all = &conn->in_flight[direction];
    for (struct list *n = list_first(all); n != all; n = n->next)
        container_of(n, struct sim_frame, node)->not_before = w->now + ns;
}
