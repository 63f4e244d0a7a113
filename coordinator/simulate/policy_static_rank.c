/* lmms-eval, VLMEvalKit: every rank loads the model, rank r of W takes the instances r, r + W, ...,
 * and all wait for the last one before the next model.
 *
 * In its favour: one barrier a model and not one a data set, and what a dead rank leaves behind is
 * dealt out once more to the others, who still have the model; the real ones begin again. */
#include "coordinator/simulate/policies.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

struct item {
    const struct work_cell *cell;
    uint32_t instance;
};

struct rank {
    uint32_t slot;
    int64_t start_ns, now_ns;
    int64_t dies_ns;
    double speed;
};

struct round {
    struct outcome *o;
    uint32_t model;
    struct rank *ranks;
    uint32_t rank_count;
    int64_t now_ns; /* the barrier */
};

/* The slots that can run the model, and live. */
static void gather(struct round *r)
{
    const struct fleet *f = r->o->fleet;
    uint64_t fits = fleet_fits(f, &r->o->work->models[r->model].need);
    r->rank_count = 0;
    for (uint32_t s = 0; s < f->slot_count; s++) {
        const struct fleet_worker *w = fleet_worker_of(f, s);
        if (fleet_slot_fits(f, s, fits) && w->dies_ns > r->now_ns)
            r->ranks[r->rank_count++] = (struct rank){
                .slot = s, .now_ns = r->now_ns, .dies_ns = w->dies_ns, .speed = w->speed
            };
    }
}

static void load(struct round *r)
{
    int64_t load_ns = r->o->work->models[r->model].timing.load_ns;
    for (uint32_t i = 0; i < r->rank_count; i++) {
        struct rank *k = &r->ranks[i];
        int64_t end = r->now_ns + load_ns < k->dies_ns ? r->now_ns + load_ns : k->dies_ns;
        outcome_load(r->o, k->slot, r->model, r->now_ns);
        outcome_add(r->o, k->slot, r->model, SPAN_LOAD, r->now_ns, end);
        k->now_ns = end;
    }
}

/* Deal the items out and run them; what dead ranks did not get to is moved to the front of the
 * array. Returns how many those are. */
static size_t run(struct round *r, struct item *items, size_t count)
{
    size_t left = 0, done = 0;
    for (uint32_t i = 0; i < r->rank_count; i++)
        r->ranks[i].start_ns = r->ranks[i].now_ns;
    for (size_t i = 0; i < count; i++) {
        struct rank *k = &r->ranks[i % r->rank_count];
        uint64_t work_ns = work_instance_ns(items[i].cell, items[i].instance);
        int64_t end = k->now_ns + fleet_take_ns(k->speed, work_ns);
        if (end > k->dies_ns) {
            r->o->lost_ns += (double)(k->dies_ns - k->now_ns);
            k->now_ns = k->dies_ns;
            items[left++] = items[i];
        } else {
            k->now_ns = end;
            done++;
        }
    }
    for (uint32_t i = 0; i < r->rank_count; i++) {
        const struct rank *k = &r->ranks[i];
        outcome_add(r->o, k->slot, r->model, SPAN_RUN, k->start_ns, k->now_ns);
        r->o->attempts += k->now_ns > k->start_ns;
        if (k->now_ns > r->now_ns)
            r->now_ns = k->now_ns;
    }
    outcome_done(r->o, r->model, done, r->now_ns);
    return left;
}

/* Those that are alive at the barrier. */
static void bury(struct round *r)
{
    uint32_t alive = 0;
    for (uint32_t i = 0; i < r->rank_count; i++) {
        struct rank k = r->ranks[i];
        k.now_ns = r->now_ns;
        if (k.dies_ns > r->now_ns)
            r->ranks[alive++] = k;
    }
    r->rank_count = alive;
}

static struct item *items_of(const struct work *work, const struct work_model *m)
{
    struct item *items = xcalloc(m->instances + 1, sizeof(*items));
    size_t n = 0;
    for (uint32_t i = 0; i < m->cell_count; i++) {
        const struct work_cell *cell = &work->cells[m->first_cell + i];
        for (uint32_t k = 0; k < cell->size; k++)
            if (work_is_wanted(cell, k))
                items[n++] = (struct item){ cell, k };
    }
    check(n == m->instances);
    return items;
}

static bool run_model(struct round *r)
{
    const struct work_model *m = &r->o->work->models[r->model];
    size_t count = m->instances;
    struct item *items = items_of(r->o->work, m);
    gather(r);
    load(r);
    while (count > 0 && r->rank_count > 0) {
        count = run(r, items, count);
        bury(r);
        if (count > 0 && r->rank_count == 0) { /* those that sat by may live still */
            gather(r);
            load(r);
        }
    }
    free(items);
    return count == 0;
}

void policy_static_rank(struct outcome *o)
{
    struct round r = { .o = o, .ranks = xcalloc(o->fleet->slot_count, sizeof(*r.ranks)) };
    bool is_complete = true;
    for (r.model = 0; r.model < o->work->model_count && is_complete; r.model++)
        if (o->work->models[r.model].instances > 0)
            is_complete = run_model(&r);
    free(r.ranks);
    outcome_close(o, is_complete ? NULL : "every worker that fits a model is dead");
}
