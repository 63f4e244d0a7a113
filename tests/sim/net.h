/* The network between the workers and the coordinator, with the semantics of a ZeroMQ DEALER that
 * is connected to a ROUTER (measured): frames of a connection come in order; when it breaks, what
 * was on the way is lost from some frame on, both ways, and nobody is told; after a reconnection
 * the ROUTER sees another peer, and may still read frames of the old one behind those of the new.
 *
 * Beyond that, as the protocol promises to survive it: frames that come twice, and frames that
 * vanish while the connection stays. */
#ifndef MUSTER_TESTS_SIM_NET_H
#define MUSTER_TESTS_SIM_NET_H

#include "common/buf.h"
#include "common/list.h"
#include "tests/sim/world.h"

struct sim_worker;

enum sim_direction { TO_COORDINATOR, TO_WORKER };

/* A connection, from its handshake until it breaks. Lives as long as the run. */
struct sim_conn {
    uint64_t id; /* how the ROUTER names it */
    struct sim_worker *worker;
    bool is_up;
    int64_t last[2];          /* when the newest frame of a direction arrives */
    int64_t clogged_until[2]; /* nothing of a direction arrives before */
    struct list in_flight[2];
};

struct net {
    struct sim_conn **conns; /* by id - 1 */
    size_t count, capacity;
};

struct sim_frame {
    struct list node;
    struct sim_conn *conn;
    enum sim_direction direction;
    bool is_lost;
    int64_t not_before;
    struct buf bytes;
};

void net_init(struct world *w);
void net_release(struct world *w);

struct sim_conn *net_connect(struct world *w, struct sim_worker *worker);
struct sim_conn *net_find(const struct world *w, uint64_t id); /* NULL: never was */

/* False: not connected, or too much is on the way already. */
bool net_send(struct world *w, struct sim_conn *conn, enum sim_direction direction,
              struct span bytes);

/* is_orderly: one side closed it, and what it had sent still arrives. */
void net_break(struct world *w, struct sim_conn *conn, bool is_orderly);
/* Nothing of this direction arrives for so long. */
void net_clog(struct world *w, struct sim_conn *conn, enum sim_direction direction, int64_t ns);

#endif
