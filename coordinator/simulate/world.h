/* The virtual world around the real core: clock, wires, workers. Only policy_muster.c and world_*.c
 * include it.
 *
 * A worker does what worker/agent does: a slot runs its attempts in the order of their grants,
 * loads a model when the head is of another one, reports rows five times a second and the end of an
 * attempt behind them, beats as told, and gives back what is revoked and was not begun. An instance
 * is a moment on the way to the next report, not an event: that is what makes it fast.
 */
#ifndef MUSTER_COORDINATOR_SIMULATE_WORLD_H
#define MUSTER_COORDINATOR_SIMULATE_WORLD_H

#include "common/check.h"
#include "common/heap.h"
#include "common/limits.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "coordinator/simulate/policies.h"

/* A granted attempt on its slot. */
struct held {
    struct list node; /* of the slot; of world->buried when its worker died */
    uint64_t id;
    uint32_t slot; /* of the fleet */
    const struct work_cell *cell;
    uint32_t first, count;
    uint32_t members[GANG_SLOTS_MAX - 1]; /* of the gang that the slot leads; of the fleet */
    uint32_t member_count;
    uint32_t inflight_max; /* requests that it may have open; 0: as many as it wants */
    uint8_t *skip;         /* as in struct msg_grant; NULL: nothing */
    uint32_t done;         /* instances from the start of the range that are reported */
    int64_t at_ns;         /* when the next one began, or will begin */
    uint32_t flush_done;   /* what `done` becomes at the next flush */
    bool is_returning;     /* which is then its end */
};

struct virtual_slot {
    struct heap_node event; /* the load is over, or the head flushes */
    bool is_planned;        /* the event is still to come */
    struct list attempts;   /* the head runs */
    uint32_t model;         /* loaded or loading; UINT32_MAX: none */
    bool is_loading;
    int64_t load_start_ns;
    uint32_t members[GANG_SLOTS_MAX - 1]; /* that its model runs on as well */
    uint32_t member_count;
    uint32_t lead; /* of the gang whose model has this slot; UINT32_MAX: none */
};

struct virtual_worker {
    struct heap_node beat, death;
    uint64_t session, next_seq;
    bool is_dead;
};

/* X(name): on the wire, from workers and to them. */
enum wire_kind { WIRE_ROWS, WIRE_CUT, WIRE_ENDED, WIRE_HOST, WIRE_GRANT, WIRE_REVOKE };

struct wire_message {
    int64_t at_ns; /* when it arrives */
    enum wire_kind kind;
    uint32_t worker;
    struct held *held; /* ROWS, CUT, ENDED, GRANT */
    union {
        struct {
            uint32_t from, to; /* of the attempt's range */
        } rows;
        enum ended reason;
        struct {
            uint32_t slot, model; /* slot: of the worker */
        } host;
        uint32_t from; /* CUT: the first instance that the attempt has no longer */
        struct {
            uint64_t attempt;
            uint32_t from; /* as in struct msg_revoke */
        } revoke;
    } as;
};

/* Every message takes the same time: they arrive in the order of sending. */
struct wire {
    struct wire_message *messages;
    size_t first, end, capacity;
};

struct world {
    struct outcome *o;
    const struct work *work;
    const struct fleet *fleet;
    int64_t now_ns;
    struct heap events;
    struct wire up, down;
    struct virtual_worker *workers;
    struct virtual_slot *slots;
    uint32_t alive;  /* workers */
    struct map held; /* attempt id -> struct held, on slots */
    struct list buried;

    struct core *core;
    struct core_effects effects;
    struct map worker_of;             /* session -> struct virtual_worker */
    struct map cell_of;               /* (model + 1, task) -> struct work_cell */
    struct bitmap *done;              /* a cell of the work: instances recorded */
    const struct work_cell *reported; /* of the rows being told to the core */
    uint64_t left;                    /* not recorded */
    uint32_t rows[BLOCK_ROWS_MAX];    /* of the message being told to the core, and what it kept */
    uint8_t statuses[BLOCK_ROWS_MAX];
    uint32_t row_count, rows_kept;
};

/* world_wire.c */
void wire_send(struct world *w, struct wire *wire, struct wire_message message);
const struct wire_message *wire_front(const struct wire *wire); /* NULL: nothing is under way */
struct wire_message wire_take(struct wire *wire);
void wire_release(struct wire *wire);

/* world_slot.c */
void slot_grant(struct world *w, struct held *h); /* takes it */
void slot_revoke(struct world *w, uint64_t attempt, uint32_t from);
void slot_event(struct world *w, uint32_t slot);
/* The slot does nothing from now on. */
void slot_stop(struct world *w, uint32_t slot, bool is_lost);
/* Instances of it that are done by now, reported or not. */
uint32_t held_progress(const struct world *w, const struct held *h);
void held_free(struct held *h);

static inline bool held_skips(const struct held *h, uint32_t i)
{
    return h->skip && (h->skip[i / 8] >> (i % 8) & 1);
}

/* world_core.c: events to the core, and what it wants done */
void world_add_work(struct world *w);
void world_tell_timing(struct world *w);
void world_hello(struct world *w, uint32_t worker);
void world_beat(struct world *w, uint32_t worker);
void world_deliver(struct world *w, const struct wire_message *m); /* from a worker */
void world_step(struct world *w, struct core_event *event);

#endif
