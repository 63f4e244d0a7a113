/* What a slot does with the attempts that it was granted. */
#include "coordinator/simulate/world.h"

#include <stdlib.h>

static const int64_t FLUSH_NS = 200000000; /* as the agent */

static struct held *head_of(const struct virtual_slot *s)
{
    return s->attempts.next == &s->attempts ? NULL
                                            : container_of(s->attempts.next, struct held, node);
}

/* With fewer requests open than it could have, a host is as much slower. */
static double speed_of(const struct world *w, const struct held *h)
{
    double speed = fleet_worker_of(w->fleet, h->slot)->speed;
    uint32_t inflight = w->work->models[h->cell->model].timing.inflight;
    bool is_held_back = h->inflight_max > 0 && h->inflight_max < inflight;
    return is_held_back ? speed * h->inflight_max / inflight : speed;
}

/* Walk over the instances behind those reported, to the first end of one at or behind `until`:
 * returns that time, and how far it is in *out_done. */
static int64_t walk(const struct world *w, const struct held *h, int64_t until, uint32_t *out_done)
{
    double speed = speed_of(w, h);
    int64_t at = h->at_ns;
    uint32_t i = h->done;
    for (; i < h->count && at < until; i++)
        if (!held_skips(h, i))
            at += fleet_take_ns(speed, work_instance_ns(h->cell, h->first + i));
    *out_done = i;
    return at;
}

uint32_t held_progress(const struct world *w, const struct held *h)
{
    const struct virtual_slot *s = &w->slots[h->slot];
    if (s->is_loading || head_of(s) != h || w->now_ns <= h->at_ns)
        return h->done;
    uint32_t done;
    int64_t at = walk(w, h, w->now_ns, &done);
    return at > w->now_ns && done > h->done ? done - 1 : done;
}

void held_free(struct held *h)
{
    free(h->skip);
    free(h);
}

/* ---- Gangs ---- */

/* Its host goes, and the members are free. The core sees to it that it has nothing to do. */
static void drop_model(struct world *w, uint32_t slot)
{
    struct virtual_slot *s = &w->slots[slot];
    for (uint32_t i = 0; i < s->member_count; i++)
        w->slots[s->members[i]].lead = UINT32_MAX;
    s->member_count = 0;
    s->model = UINT32_MAX;
    outcome_load(w->o, slot, UINT32_MAX, w->now_ns);
}

static void take_slot(struct world *w, uint32_t slot)
{
    if (w->slots[slot].lead != UINT32_MAX)
        drop_model(w, w->slots[slot].lead);
    drop_model(w, slot);
}

/* What the attempt's model runs on is its own from now on. */
static void take_slots(struct world *w, const struct held *h)
{
    struct virtual_slot *s = &w->slots[h->slot];
    take_slot(w, h->slot);
    for (uint32_t i = 0; i < h->member_count; i++) {
        take_slot(w, h->members[i]);
        check(list_empty(&w->slots[h->members[i]].attempts));
        w->slots[h->members[i]].lead = h->slot;
        s->members[i] = h->members[i];
    }
    s->member_count = h->member_count;
}

/* The slot was at it in this time, and so were those of its gang. */
static void spend(struct world *w, uint32_t slot, uint32_t model, enum span_kind kind,
                  int64_t start_ns)
{
    const struct virtual_slot *s = &w->slots[slot];
    outcome_add(w->o, slot, model, kind, start_ns, w->now_ns);
    for (uint32_t i = 0; i < s->member_count; i++)
        outcome_add(w->o, s->members[i], model, kind, start_ns, w->now_ns);
}

/* ---- The life of the head ---- */

static void plan(struct world *w, struct virtual_slot *s, int64_t at_ns)
{
    s->is_planned = true;
    if (heap_has(&s->event)) {
        heap_rekey(&w->events, &s->event, at_ns);
        return;
    }
    s->event.key = at_ns;
    heap_push(&w->events, &s->event);
}

static void plan_flush(struct world *w, struct held *h, int64_t until)
{
    struct virtual_slot *s = &w->slots[h->slot];
    plan(w, s, walk(w, h, until, &h->flush_done));
}

/* It leaves the slot; its memory goes with the message. */
static void end(struct world *w, struct held *h, enum ended reason)
{
    list_remove(&h->node);
    map_take(&w->held, h->id);
    wire_send(w, &w->up,
              (struct wire_message){ .kind = WIRE_ENDED,
                                     .worker = w->fleet->worker_of[h->slot],
                                     .held = h,
                                     .as.reason = reason });
}

static void pump(struct world *w, uint32_t slot)
{
    struct virtual_slot *s = &w->slots[slot];
    struct held *h = head_of(s);
    if (!h || s->is_planned)
        return;
    check(s->lead == UINT32_MAX || s->model == UINT32_MAX);
    if (s->model == h->cell->model) {
        h->at_ns = w->now_ns;
        plan_flush(w, h, w->now_ns + FLUSH_NS);
        return;
    }
    take_slots(w, h);
    s->model = h->cell->model;
    s->is_loading = true;
    s->load_start_ns = w->now_ns;
    outcome_load(w->o, slot, s->model, w->now_ns);
    plan(w, s, w->now_ns + w->work->models[s->model].timing.load_ns);
}

static void loaded(struct world *w, uint32_t slot)
{
    struct virtual_slot *s = &w->slots[slot];
    uint32_t worker = w->fleet->worker_of[slot];
    s->is_loading = false;
    spend(w, slot, s->model, SPAN_LOAD, s->load_start_ns);
    wire_send(w, &w->up,
              (struct wire_message){
                  .kind = WIRE_HOST,
                  .worker = worker,
                  .as.host = { slot - w->fleet->workers[worker].first_slot, s->model } });
}

static void flush(struct world *w, uint32_t slot)
{
    struct held *h = head_of(&w->slots[slot]);
    check(h);
    spend(w, slot, h->cell->model, SPAN_RUN, h->at_ns);
    if (h->flush_done > h->done)
        wire_send(w, &w->up,
                  (struct wire_message){ .kind = WIRE_ROWS,
                                         .worker = w->fleet->worker_of[slot],
                                         .held = h,
                                         .as.rows = { h->done, h->flush_done } });
    h->done = h->flush_done;
    h->at_ns = w->now_ns;
    if (h->done == h->count)
        end(w, h, ENDED_DONE);
    else if (h->is_returning)
        end(w, h, ENDED_RETURNED);
    else
        plan_flush(w, h, w->now_ns + FLUSH_NS);
}

/* The event stays in the heap while its successor is looked for: most of them have one. */
void slot_event(struct world *w, uint32_t slot)
{
    struct virtual_slot *s = &w->slots[slot];
    s->is_planned = false;
    if (s->is_loading)
        loaded(w, slot);
    else
        flush(w, slot);
    pump(w, slot);
    if (!s->is_planned)
        heap_remove(&w->events, &s->event);
}

void slot_grant(struct world *w, struct held *h)
{
    map_put(&w->held, h->id, h);
    list_push_back(&w->slots[h->slot].attempts, &h->node);
    pump(w, h->slot);
}

/* Instances from the start of its range that it has begun. */
static uint32_t begun(const struct world *w, const struct held *h)
{
    uint32_t done = 0;
    const struct virtual_slot *s = &w->slots[h->slot];
    if (!s->is_loading && head_of(s) == h)
        (void)walk(w, h, w->now_ns, &done);
    return done;
}

static void cut(struct world *w, struct held *h, uint32_t keep)
{
    h->count = keep < h->count ? keep : h->count;
    wire_send(w, &w->up,
              (struct wire_message){ .kind = WIRE_CUT,
                                     .worker = w->fleet->worker_of[h->slot],
                                     .held = h,
                                     .as.from = h->first + h->count });
}

void slot_revoke(struct world *w, uint64_t attempt, uint32_t from)
{
    struct held *h = map_find(&w->held, attempt);
    if (!h || h->is_returning)
        return;
    uint32_t has_begun = begun(w, h), keep = from > h->first ? from - h->first : 0;
    if (keep == 0 && has_begun == 0) {
        end(w, h, ENDED_RETURNED);
        return;
    }
    h->is_returning = keep == 0;
    cut(w, h, keep > has_begun ? keep : has_begun);
    if (has_begun > 0 && h->flush_done > h->count)
        plan_flush(w, h, w->now_ns);
}

void slot_stop(struct world *w, uint32_t slot, bool is_lost)
{
    struct virtual_slot *s = &w->slots[slot];
    struct held *h = head_of(s);
    if (s->is_loading) {
        spend(w, slot, s->model, SPAN_LOAD, s->load_start_ns);
    } else if (h) {
        spend(w, slot, s->model, SPAN_RUN, h->at_ns);
        w->o->lost_ns += is_lost ? (double)(w->now_ns - h->at_ns) : 0;
    }
    s->is_loading = s->is_planned = false;
    if (heap_has(&s->event))
        heap_remove(&w->events, &s->event);
    while ((h = head_of(s))) {
        list_remove(&h->node);
        list_push_back(&w->buried, &h->node); /* rows of it may still be under way */
        map_take(&w->held, h->id);
    }
}
