/* Events to the core, and what it wants done. */
#include "coordinator/simulate/world.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 24 };

static uint64_t cell_key(uint32_t model, uint32_t task)
{
    return ((uint64_t)model + 1) << 32 | task;
}

void world_add_work(struct world *w)
{
    const struct work *work = w->work;
    for (size_t i = 0; i < work->task_count; i++)
        core_add_task(w->core, work->task_sizes[i]);
    for (uint32_t i = 0; i < work->model_count; i++) {
        core_add_model(w->core, &work->models[i].need);
        core_set_rules(w->core, i, &work->models[i].rules);
    }
    for (size_t i = 0; i < work->cell_count; i++) {
        struct work_cell *cell = &work->cells[i];
        bitmap_init(&w->done[i], cell->size);
        core_add_cell(w->core, cell->model, cell->task, cell->wanted, &w->done[i], 0);
        map_put(&w->cell_of, cell_key(cell->model, cell->task), cell);
    }
}

void world_tell_timing(struct world *w)
{
    for (uint32_t i = 0; i < w->work->model_count; i++) {
        const struct cluster_timing *t = &w->work->models[i].timing;
        double mean = work_mean_factor(t->spread) * work_mean_factor(t->task_spread);
        core_expect_model(w->core, i, t->load_ns, (double)t->instance_ns * mean);
    }
}

/* ---- What the core wants ---- */

/* Rows are recorded once, and only those that are wanted: the simulation counts for itself. */
static void record(struct world *w, const struct core_effect *e)
{
    const struct work_cell *cell = w->reported;
    check(cell->model == e->as.record.model && cell->task == e->as.record.task);
    struct bitmap *done = &w->done[cell - w->work->cells];
    for (uint32_t i = 0; i < w->row_count; i++) {
        if (!e->as.record.all && !bitmap_get(&e->as.record.keep, i))
            continue;
        check(work_is_wanted(cell, w->rows[i]) && bitmap_set(done, w->rows[i]));
        w->rows_kept++;
    }
    w->left -= w->rows_kept;
    outcome_done(w->o, cell->model, w->rows_kept, w->now_ns);
}

static void send_grant(struct world *w, uint32_t worker, const struct core_effect *e)
{
    struct held *h = xcalloc(1, sizeof(*h));
    *h =
        (struct held){ .id = e->as.grant.attempt,
                       .slot = w->fleet->workers[worker].first_slot + e->as.grant.slot,
                       .cell = map_find(&w->cell_of, cell_key(e->as.grant.model, e->as.grant.task)),
                       .first = e->as.grant.first,
                       .count = e->as.grant.count,
                       .inflight_max = e->as.grant.inflight_max };
    list_init(&h->node);
    h->member_count = e->as.grant.member_count;
    for (uint32_t i = 0; i < h->member_count; i++)
        h->members[i] = w->fleet->workers[worker].first_slot + e->as.grant.members[i];
    if (e->as.grant.skip.len > 0) {
        h->skip = xmalloc(e->as.grant.skip.len);
        memcpy(h->skip, e->as.grant.skip.data, e->as.grant.skip.len);
    }
    w->o->attempts++;
    wire_send(w, &w->down,
              (struct wire_message){ .kind = WIRE_GRANT, .worker = worker, .held = h });
}

static void send_revoke(struct world *w, uint32_t worker, uint64_t attempt, uint32_t from)
{
    wire_send(w, &w->down,
              (struct wire_message){
                  .kind = WIRE_REVOKE, .worker = worker, .as.revoke = { attempt, from } });
}

static void welcome(struct world *w, const struct core_effect *e)
{
    struct virtual_worker *v = &w->workers[e->as.welcome.peer - 1];
    v->session = e->session;
    map_put(&w->worker_of, e->session, v);
}

static uint32_t worker_of(const struct world *w, const struct core_effect *e)
{
    const struct virtual_worker *v = map_find(&w->worker_of, e->session);
    check(v);
    return (uint32_t)(v - w->workers);
}

static void carry_out(struct world *w, const struct core_effect *e)
{
    switch (e->kind) {
    case EFFECT_RECORD: record(w, e); return;
    case EFFECT_WELCOME: welcome(w, e); return;
    case EFFECT_GRANT: send_grant(w, worker_of(w, e), e); return;
    case EFFECT_REVOKE:
        send_revoke(w, worker_of(w, e), e->as.revoke.attempt, e->as.revoke.from);
        return;
    case EFFECT_BEAT_REPLY:
        for (uint32_t i = 0; i < e->as.beat_reply.count; i++)
            send_revoke(w, worker_of(w, e), e->as.beat_reply.stale[i], 0);
        return;
    case EFFECT_REJECT:
        check(w->workers[worker_of(w, e)].is_dead); /* nothing is lost, and nobody is late */
        return;
    case EFFECT_STRIKE:
    case EFFECT_LEARNED:
    case EFFECT_ACK:
    case EFFECT_DRAIN:
    case EFFECT_GONE:
    case EFFECT_NOTE: return;
    }
}

void world_step(struct world *w, struct core_event *event)
{
    event->now_mono_ns = w->now_ns;
    core_step(w->core, event, &w->effects);
    for (size_t i = 0; i < w->effects.count; i++)
        carry_out(w, &w->effects.items[i]);
    core_effects_clear(&w->effects);
}

/* ---- What it hears ---- */

void world_hello(struct world *w, uint32_t worker)
{
    const struct fleet_worker *f = &w->fleet->workers[worker];
    const struct cluster_group *g = &w->fleet->cluster->groups[f->group];
    struct msg_slot *slots = xcalloc(f->slot_count, sizeof(*slots));
    uint64_t *gpu_memory = xcalloc(f->slot_count, sizeof(*gpu_memory));
    for (uint32_t i = 0; i < f->slot_count; i++) {
        gpu_memory[i] = g->gpu_memory;
        slots[i] = (struct msg_slot){ .gpus = g->gpus_per_slot,
                                      .cpus = g->cpus_per_slot,
                                      .memory_bytes = g->memory_per_slot,
                                      .gpu_type = span_str(g->gpu) };
    }
    char name[NAME_BYTES];
    uint8_t id[WORKER_ID_BYTES] = { 0 };
    snprintf(name, sizeof(name), "worker-%u", worker);
    memcpy(id, &(uint32_t){ worker + 1 }, sizeof(worker));
    world_step(w, &(struct core_event){ .kind = CORE_HELLO,
                                        .as.hello = { .peer = worker + 1,
                                                      .next_seq = 1,
                                                      .name = span_str(name),
                                                      .worker_id = id,
                                                      .slots = slots,
                                                      .slot_count = f->slot_count,
                                                      .gpu_memory = gpu_memory,
                                                      .takes_cuts = true } });
    w->workers[worker].next_seq = 1;
    free(slots);
    free(gpu_memory);
}

static uint8_t state_of(const struct virtual_slot *s)
{
    if (s->model == UINT32_MAX)
        return SLOT_IDLE;
    if (s->is_loading)
        return SLOT_LOADING;
    return s->is_planned ? SLOT_RUNNING : SLOT_READY;
}

void world_beat(struct world *w, uint32_t worker)
{
    const struct fleet_worker *f = &w->fleet->workers[worker];
    struct arena *arena = &w->effects.arena; /* cleared behind the step */
    struct msg_beat beat = { .slots = arena_alloc(arena, f->slot_count * sizeof(*beat.slots)),
                             .slot_count = f->slot_count };
    uint32_t *models = arena_alloc(arena, f->slot_count * sizeof(*models));
    uint32_t held = 0;
    for (uint32_t i = 0; i < f->slot_count; i++) {
        const struct virtual_slot *s = &w->slots[f->first_slot + i];
        beat.slots[i].state = state_of(s);
        models[i] = s->model;
        for (const struct list *n = s->attempts.next; n != &s->attempts; n = n->next)
            held++;
    }
    beat.attempts = arena_alloc(arena, (held + 1) * sizeof(*beat.attempts));
    for (uint32_t i = 0; i < f->slot_count; i++) {
        const struct virtual_slot *s = &w->slots[f->first_slot + i];
        for (const struct list *n = s->attempts.next; n != &s->attempts; n = n->next) {
            const struct held *h = container_of_const(n, struct held, node);
            beat.attempts[beat.attempt_count++] =
                (struct msg_progress){ .attempt = h->id, .done = held_progress(w, h) };
        }
    }
    world_step(w, &(struct core_event){ .kind = CORE_BEAT,
                                        .session = w->workers[worker].session,
                                        .as.beat = { .beat = &beat, .models = models } });
}

static void deliver_rows(struct world *w, struct virtual_worker *v, const struct wire_message *m)
{
    const struct held *h = m->held;
    uint32_t i = m->as.rows.from;
    w->reported = h->cell;
    while (i < m->as.rows.to) {
        w->row_count = w->rows_kept = 0;
        for (; i < m->as.rows.to && w->row_count < BLOCK_ROWS_MAX; i++)
            if (!held_skips(h, i))
                w->rows[w->row_count++] = h->first + i;
        if (w->row_count == 0)
            return;
        world_step(w, &(struct core_event){ .kind = CORE_RESULTS,
                                            .session = v->session,
                                            .as.results = { .seq = v->next_seq++,
                                                            .attempt = h->id,
                                                            .model = h->cell->model,
                                                            .task = h->cell->task,
                                                            .instance = w->rows,
                                                            .status = w->statuses,
                                                            .rows = w->row_count } });
        w->o->run_twice += w->row_count - w->rows_kept;
    }
}

static void deliver_cut(struct world *w, struct virtual_worker *v, const struct wire_message *m)
{
    world_step(w, &(struct core_event){ .kind = CORE_ENDED,
                                        .session = v->session,
                                        .as.ended = { .seq = v->next_seq++,
                                                      .attempt = m->held->id,
                                                      .reason = ENDED_RETURNED,
                                                      .from = m->as.from } });
}

static void deliver_ended(struct world *w, struct virtual_worker *v, const struct wire_message *m)
{
    world_step(w, &(struct core_event){ .kind = CORE_ENDED,
                                        .session = v->session,
                                        .as.ended = { .seq = v->next_seq++,
                                                      .attempt = m->held->id,
                                                      .reason = m->as.reason } });
    held_free(m->held);
}

static void deliver_host(struct world *w, struct virtual_worker *v, const struct wire_message *m)
{
    uint32_t model = m->as.host.model;
    world_step(
        w, &(struct core_event){ .kind = CORE_HOST,
                                 .session = v->session,
                                 .as.host = { .slot = m->as.host.slot,
                                              .model = model,
                                              .ready = true,
                                              .load_ns = w->work->models[model].timing.load_ns } });
}

void world_deliver(struct world *w, const struct wire_message *m)
{
    struct virtual_worker *v = &w->workers[m->worker];
    switch (m->kind) {
    case WIRE_ROWS: deliver_rows(w, v, m); return;
    case WIRE_CUT: deliver_cut(w, v, m); return;
    case WIRE_ENDED: deliver_ended(w, v, m); return;
    case WIRE_HOST: deliver_host(w, v, m); return;
    case WIRE_GRANT:
    case WIRE_REVOKE: break;
    }
    check(!"a worker's message");
}
