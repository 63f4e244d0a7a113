/* The real core in virtual time. */
#include "coordinator/simulate/world.h"

#include <stdlib.h>

#define MS 1000000ll

/* As muster-coordinator configures it. */
static const struct core_config core_defaults = { .epoch = 1,
                                                  .beat_ns = 1000 * MS,
                                                  .lease_ns = 15000 * MS,
                                                  .job_target_ns = 30000 * MS,
                                                  .probe_ns = 5000 * MS,
                                                  .backoff_ns = 500 * MS,
                                                  .strikes_max = 3,
                                                  .copy_share = 0.05 };
static const int64_t QUIET_NS = 120000 * MS; /* nothing runs for so long: it never will */

/* What a node of the heap of events is, by its tie. */
enum node_kind { NODE_SLOT, NODE_BEAT, NODE_DEATH };
enum { NODE_KIND_SHIFT = 32 };

static uint64_t tie_of(enum node_kind kind, uint32_t index)
{
    return (uint64_t)kind << NODE_KIND_SHIFT | (index + 1u);
}

static void open_world(struct world *w, const struct simulate_options *options, struct outcome *o)
{
    const struct fleet *f = o->fleet;
    *w = (struct world){
        .o = o, .work = o->work, .fleet = f, .left = o->work->instances, .alive = f->worker_count
    };
    list_init(&w->buried);
    w->workers = xcalloc(f->worker_count, sizeof(*w->workers));
    w->slots = xcalloc(f->slot_count, sizeof(*w->slots));
    w->done = xcalloc(o->work->cell_count + 1, sizeof(*w->done));
    for (uint32_t i = 0; i < f->slot_count; i++) {
        w->slots[i] = (struct virtual_slot){ .model = UINT32_MAX,
                                             .lead = UINT32_MAX,
                                             .event.tie = tie_of(NODE_SLOT, i) };
        list_init(&w->slots[i].attempts);
    }
    struct core_config config = core_defaults;
    config.seed = options->seed;
    w->core = core_new(&config);
    world_add_work(w);
    if (options->tells_timing)
        world_tell_timing(w);
}

static void close_world(struct world *w)
{
    for (uint32_t i = 0; i < w->fleet->slot_count; i++)
        slot_stop(w, i, false);
    while (wire_front(&w->up) || wire_front(&w->down)) {
        struct wire_message m = wire_take(wire_front(&w->up) ? &w->up : &w->down);
        if (m.kind == WIRE_ENDED || m.kind == WIRE_GRANT)
            held_free(m.held);
    }
    while (!list_empty(&w->buried)) {
        struct list *n = list_first(&w->buried);
        list_remove(n);
        held_free(container_of(n, struct held, node));
    }
    for (size_t i = 0; i < w->work->cell_count; i++)
        bitmap_release(&w->done[i]);
    core_free(w->core);
    core_effects_release(&w->effects);
    wire_release(&w->up);
    wire_release(&w->down);
    heap_release(&w->events);
    map_release(&w->held);
    map_release(&w->worker_of);
    map_release(&w->cell_of);
    free(w->workers);
    free(w->slots);
    free(w->done);
}

static void start_workers(struct world *w)
{
    uint32_t count = w->fleet->worker_count;
    for (uint32_t i = 0; i < count; i++) {
        struct virtual_worker *v = &w->workers[i];
        v->beat = (struct heap_node){ .key = core_defaults.beat_ns * (i + 1) / count,
                                      .tie = tie_of(NODE_BEAT, i) };
        v->death =
            (struct heap_node){ .key = w->fleet->workers[i].dies_ns, .tie = tie_of(NODE_DEATH, i) };
        heap_push(&w->events, &v->beat);
        if (v->death.key != INT64_MAX)
            heap_push(&w->events, &v->death);
        world_hello(w, i);
    }
}

static void die(struct world *w, uint32_t worker)
{
    const struct fleet_worker *f = &w->fleet->workers[worker];
    w->workers[worker].is_dead = true;
    w->alive--;
    heap_remove(&w->events, &w->workers[worker].death);
    heap_remove(&w->events, &w->workers[worker].beat);
    for (uint32_t i = 0; i < f->slot_count; i++)
        slot_stop(w, f->first_slot + i, true);
}

static void beat(struct world *w, uint32_t worker)
{
    heap_rekey(&w->events, &w->workers[worker].beat, w->now_ns + core_defaults.beat_ns);
    world_beat(w, worker);
}

static void take_event(struct world *w)
{
    struct heap_node *node = heap_top(&w->events); /* whose event it is takes it out, or moves it */
    uint32_t index = (uint32_t)node->tie - 1;
    switch ((enum node_kind)(node->tie >> NODE_KIND_SHIFT)) {
    case NODE_SLOT: slot_event(w, index); return;
    case NODE_BEAT: beat(w, index); return;
    case NODE_DEATH: die(w, index); return;
    }
}

static void reach_worker(struct world *w)
{
    struct wire_message m = wire_take(&w->down);
    bool is_dead = w->workers[m.worker].is_dead;
    if (m.kind == WIRE_GRANT && is_dead)
        held_free(m.held);
    else if (m.kind == WIRE_GRANT)
        slot_grant(w, m.held);
    else if (!is_dead)
        slot_revoke(w, m.as.revoke.attempt, m.as.revoke.from);
}

/* The next thing that happens, and when. What happens at the same time goes in this order. */
static void happen(struct world *w)
{
    const struct wire_message *up = wire_front(&w->up), *down = wire_front(&w->down);
    const struct heap_node *event = heap_top(&w->events);
    int64_t up_at = up ? up->at_ns : INT64_MAX, down_at = down ? down->at_ns : INT64_MAX;
    int64_t event_at = event ? event->key : INT64_MAX;
    int64_t core_at = core_deadline_mono_ns(w->core);
    if (up_at <= down_at && up_at <= event_at && up_at <= core_at) {
        w->now_ns = up_at;
        struct wire_message m = wire_take(&w->up);
        world_deliver(w, &m);
    } else if (down_at <= event_at && down_at <= core_at) {
        w->now_ns = down_at;
        reach_worker(w);
    } else if (event_at <= core_at) {
        w->now_ns = event_at;
        take_event(w);
    } else {
        w->now_ns = core_at;
        world_step(w, &(struct core_event){ .kind = CORE_TIME });
    }
}

static bool is_quiet(const struct world *w)
{
    return w->held.count == 0 && !wire_front(&w->up) && !wire_front(&w->down);
}

void policy_muster(const struct simulate_options *options, struct outcome *o)
{
    struct world w;
    open_world(&w, options, o);
    start_workers(&w);
    const char *why = NULL;
    int64_t busy_at_ns = 0;
    while (w.left > 0 && !why) {
        happen(&w);
        if (!is_quiet(&w))
            busy_at_ns = w.now_ns;
        else if (w.alive == 0)
            why = "every worker is dead";
        else if (w.now_ns - busy_at_ns > QUIET_NS)
            why = "the scheduler gives the living workers nothing to do";
    }
    close_world(&w);
    outcome_close(o, why);
}
