/* One queue of chunks, in the order of the models; a slot that is free takes the first that fits
 * it.
 *
 * keeps_model false: each chunk is a process of its own, which loads the model (OpenCompass).
 * keeps_model true: a slot loads only when the chunk is of another model than the one before (a
 * Slurm array or HyperQueue, with a server that outlives its tasks on every slot: in their favour).
 * The chunk of a worker that dies is lost, and is queued once more behind all others, at once. */
#include "coordinator/simulate/policies.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/heap.h"
#include "common/mem.h"

/* Wanted instances of a model that follow each other, from `first` of a cell on. */
struct chunk {
    uint32_t model;
    uint32_t cell, first, count;
};

struct lane {
    struct heap_node free_at; /* or, when `lost` is set, the time of its death */
    uint32_t slot;
    struct chunk lost; /* count 0: none */
};

struct queue {
    struct outcome *o;
    bool keeps_model;
    struct chunk *chunks; /* in the order of the queue; count 0: taken */
    size_t chunk_count, chunk_capacity;
    size_t next[CLUSTER_GROUPS_MAX]; /* a group: none before it is left that fits it */
    uint64_t *fits;                  /* a model: its groups */
    struct heap lanes;
    struct lane **parked; /* they found nothing that fits */
    size_t parked_count;
};

static void enqueue(struct queue *q, struct chunk chunk)
{
    q->chunks = xgrow(q->chunks, &q->chunk_capacity, q->chunk_count + 1, sizeof(*q->chunks));
    q->chunks[q->chunk_count++] = chunk;
}

/* A chunk goes on over the end of a task into the model's next. */
static void cut_model(struct queue *q, uint32_t model, uint32_t chunk)
{
    const struct work_model *m = &q->o->work->models[model];
    struct chunk c = { .model = model };
    for (uint32_t i = m->first_cell; i < m->first_cell + m->cell_count; i++) {
        const struct work_cell *cell = &q->o->work->cells[i];
        for (uint32_t k = 0; k < cell->size; k++) {
            if (!work_is_wanted(cell, k))
                continue;
            if (c.count == 0) {
                c.cell = i;
                c.first = k;
            }
            if (++c.count < chunk)
                continue;
            enqueue(q, c);
            c.count = 0;
        }
    }
    if (c.count > 0)
        enqueue(q, c);
}

static bool take(struct queue *q, uint32_t slot, struct chunk *out)
{
    size_t *next = &q->next[fleet_worker_of(q->o->fleet, slot)->group];
    for (; *next < q->chunk_count; (*next)++) {
        struct chunk *c = &q->chunks[*next];
        if (c->count == 0 || !fleet_slot_fits(q->o->fleet, slot, q->fits[c->model]))
            continue;
        *out = *c;
        c->count = 0;
        return true;
    }
    return false;
}

/* When a slot that begins the chunk at `start` is through, or a time behind `until`. */
static int64_t end_of(const struct queue *q, const struct chunk *c, double speed, int64_t start,
                      int64_t until)
{
    int64_t end = start;
    uint32_t left = c->count, k = c->first;
    for (const struct work_cell *cell = &q->o->work->cells[c->cell]; left > 0; cell++, k = 0) {
        for (; k < cell->size && left > 0; k++) {
            if (!work_is_wanted(cell, k))
                continue;
            end += fleet_take_ns(speed, work_instance_ns(cell, k));
            if (end > until)
                return end;
            left--;
        }
    }
    return end;
}

/* Run it from `now`; returns when the slot is free again, or dead. */
static int64_t run(struct queue *q, struct lane *lane, const struct chunk *c, int64_t now)
{
    struct outcome *o = q->o;
    const struct fleet_worker *w = fleet_worker_of(o->fleet, lane->slot);
    int64_t start = now;
    o->attempts++;
    if (!q->keeps_model || o->held[lane->slot] != c->model) {
        outcome_load(o, lane->slot, c->model, now);
        start += o->work->models[c->model].timing.load_ns;
        int64_t loaded = start < w->dies_ns ? start : w->dies_ns;
        outcome_add(o, lane->slot, c->model, SPAN_LOAD, now, loaded);
    }
    int64_t end = end_of(q, c, w->speed, start, w->dies_ns);
    bool is_lost = end > w->dies_ns;
    int64_t over = is_lost ? w->dies_ns : end;
    if (start < over)
        outcome_add(o, lane->slot, c->model, SPAN_RUN, start, over);
    if (is_lost && start < over)
        o->lost_ns += (double)(over - start);
    if (is_lost)
        lane->lost = *c;
    else
        outcome_done(o, c->model, c->count, end);
    return over;
}

static void wake_parked(struct queue *q, int64_t now)
{
    for (size_t i = 0; i < q->parked_count; i++) {
        q->parked[i]->free_at.key = now;
        heap_push(&q->lanes, &q->parked[i]->free_at);
    }
    q->parked_count = 0;
}

static void turn(struct queue *q, struct lane *lane)
{
    int64_t now = lane->free_at.key;
    if (lane->lost.count > 0) {
        enqueue(q, lane->lost);
        wake_parked(q, now);
        return;
    }
    struct chunk c;
    if (fleet_worker_of(q->o->fleet, lane->slot)->dies_ns <= now)
        return;
    if (!take(q, lane->slot, &c)) {
        q->parked[q->parked_count++] = lane;
        return;
    }
    lane->free_at.key = run(q, lane, &c, now);
    heap_push(&q->lanes, &lane->free_at);
}

void policy_chunks(uint32_t chunk, bool keeps_model, struct outcome *o)
{
    const struct fleet *f = o->fleet;
    struct queue q = { .o = o, .keeps_model = keeps_model };
    q.fits = xcalloc(o->work->model_count + 1, sizeof(*q.fits));
    for (size_t m = 0; m < o->work->model_count; m++)
        q.fits[m] = fleet_fits(f, &o->work->models[m].need);
    for (uint32_t m = 0; m < o->work->model_count; m++)
        cut_model(&q, m, chunk);
    q.parked = xcalloc(f->slot_count, sizeof(struct lane *));
    struct lane *lanes = xcalloc(f->slot_count, sizeof(*lanes));
    for (uint32_t s = 0; s < f->slot_count; s++) {
        lanes[s] = (struct lane){ .slot = s, .free_at.tie = s + 1 };
        heap_push(&q.lanes, &lanes[s].free_at);
    }
    struct heap_node *top;
    while ((top = heap_pop(&q.lanes)))
        turn(&q, container_of(top, struct lane, free_at));
    free(lanes);
    free(q.parked);
    free(q.fits);
    free(q.chunks);
    heap_release(&q.lanes);
    bool is_complete = o->instances == o->work->instances;
    outcome_close(o, is_complete ? NULL : "every worker that fits a model is dead");
}
