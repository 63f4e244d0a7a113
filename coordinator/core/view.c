/* Looking in: totals, models, and the recount that tests and the simulation ask for. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

static const double ROUNDING_NS = 1e6; /* of sums of times */

void core_totals(const struct core *c, struct core_totals *out)
{
    *out = (struct core_totals){ .state = c->state,
                                 .wanted = c->wanted,
                                 .ended = c->ended,
                                 .failed = c->failed,
                                 .attempts_live = c->attempt_of.count,
                                 .attempts_granted = c->next_attempt,
                                 .rows_accepted = c->rows_accepted,
                                 .rows_duplicate = c->rows_duplicate,
                                 .strikes = c->strikes,
                                 .leases_expired = c->leases_expired,
                                 .rows_late = c->rows_late,
                                 .taken_back = c->taken_back,
                                 .strikes_withdrawn = c->strikes_withdrawn,
                                 .use = c->use,
                                 .nondeterministic = c->nondeterministic,
                                 .workers_live = (uint32_t)c->session_of.count,
                                 .remaining_ns = core_remaining_ns(c) };
    out->taken = c->wanted - c->ended - c->free_count;
}

/* Slots of a gang do what the one does that leads it. */
static void add_slot(const struct slot *s, struct core_fleet_view *out)
{
    const struct slot *does = s->gang && !gang_is_forming(s->gang) ? gang_lead(s->gang) : s;
    bool loads = does->queued > 0 && does->loading_ns > 0, works = does->queued > 0 && !loads;
    out->slots++;
    out->busy_slots += works;
    out->loading_slots += loads;
    out->gpus += s->gpus;
    out->busy_gpus += works ? s->gpus : 0;
    out->loading_gpus += loads ? s->gpus : 0;
}

void core_fleet_view(const struct core *c, struct core_fleet_view *out)
{
    *out = (struct core_fleet_view){ 0 };
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        for (uint32_t k = 0; w->session && k < w->slot_count; k++)
            add_slot(&w->slots[k], out);
    }
}

static uint32_t loading_of(const struct model *m)
{
    uint32_t loading = 0;
    for (uint32_t i = 0; i < m->replicas; i++)
        loading += m->holders[i]->queued > 0 && m->holders[i]->loading_ns > 0;
    return loading;
}

uint64_t core_decisions(const struct core *c, enum decision d)
{
    check((unsigned)d < DECISION_COUNT);
    return c->decisions[d];
}

const char *core_decision_text(enum decision d)
{
    static const char *const texts[DECISION_COUNT] = {
#define X(name, text) [name] = text,
        DECISION_LIST(X)
#undef X
    };
    check((unsigned)d < DECISION_COUNT);
    return texts[d];
}

void core_model_view(const struct core *c, uint32_t model, struct core_model_view *out)
{
    check(model < c->model_count);
    const struct model *m = &c->models[model];
    *out =
        (struct core_model_view){ .wanted = m->wanted,
                                  .ended = m->ended,
                                  .failed = m->failed,
                                  .taken = m->taken_count,
                                  .replicas = m->replicas,
                                  .busy_slots = m->busy_slots,
                                  .loading = loading_of(m),
                                  .inflight = m->inflight,
                                  .priority = m->rules.priority,
                                  .paused = m->paused,
                                  .instance_ns = m->known_cells > 0 ? model_instance_ns(c, m) : 0,
                                  .load_ns = m->load_ns,
                                  .refusal = m->reason };
    if (m->ended < m->wanted)
        model_can_ever_run(c, model, &out->reason);
}

static void check_cell(const struct core *c, const struct cell *cell)
{
    uint32_t closed = bitmap_count(&cell->closed);
    check(closed == cell->size - (cell->wanted - cell->ended));
    uint32_t taken = cell->taken.words ? bitmap_count(&cell->taken) : 0;
    check(taken == cell->taken_count);
    check(cell->failed <= cell->ended && cell->ended <= cell->wanted);
    uint32_t owned = 0;
    const struct list *end = &cell->attempts;
    for (const struct list *n = end->next; n != end; n = n->next) {
        const struct attempt *a = container_of_const(n, struct attempt, in_cell);
        uint32_t open = 0;
        for (uint32_t i = a->first; i < a->first + a->count; i++)
            open += cell_is_taken(cell, i);
        check(open == a->open);
        owned += open;
    }
    uint32_t waiting = 0;
    for (size_t i = 0; i < c->backoffs.count; i++) {
        const struct strike *s =
            container_of_const(heap_at(&c->backoffs, i), struct strike, backoff);
        waiting += s->cell == cell;
    }
    check(owned + waiting == taken);
    check(heap_has(&cell->length) == (cell_free_count(cell) > 0));
    check((cell->length.key < 0) == (cell->instance_ns > 0) || !heap_has(&cell->length));
}

static void check_worker(const struct core *c, const struct worker *w)
{
    check(heap_has(&w->due) == (w->session != 0));
    check(!w->session || w->lost_ns >= w->due.key);
    for (uint32_t i = 0; i < w->slot_count; i++) {
        const struct slot *s = &w->slots[i];
        uint32_t queued = 0;
        for (const struct list *n = s->attempts.next; n != &s->attempts; n = n->next) {
            const struct attempt *a = container_of_const(n, struct attempt, in_slot);
            check(a->worker == w && a->slot == i && a->lease_end_ns >= w->due.key);
            check(map_find(&c->attempt_of, a->id) == a);
            queued++;
        }
        check(queued == s->queued && queued <= SLOT_ATTEMPTS_MAX);
        check(w->session || queued == 0);
        check(s->model == NONE || c->models[s->model].holders[s->holder] == s);
    }
}

/* Its slots are its own, or will be; and once it is formed only its lead has work, and only of its
 * model. */
static void check_gang(const struct worker *w, const struct gang *g)
{
    bool is_formed = !gang_is_forming(g);
    check(g->worker == w && g->count >= 2);
    for (uint32_t i = 0; i < g->count; i++) {
        const struct slot *s = &w->slots[g->slots[i]];
        check(s->gang == g || (!is_formed && s->gang && s->gang->heir == g));
        check(i == 0 || g->slots[i] > g->slots[i - 1]);
        check(!is_formed || (i == 0 ? s->model == g->model : s->queued == 0 && s->model == NONE));
        bool is_waiting = !list_empty(&s->in_hungry);
        check(!is_formed || i == 0 || gang_lead(g)->queued == 0 || !is_waiting);
        check(is_formed || s->gang != g || s->queued > 0 || is_waiting);
    }
}

/* A gang that runs, and the one that waits for its slots. */
static void check_heir(const struct worker *w, const struct gang *g)
{
    check(!gang_is_forming(g) && gang_is_forming(g->heir) && g->count < g->heir->count);
    check(gang_lead(g)->queued > 0 && list_empty(&gang_lead(g)->in_hungry));
    check_gang(w, g->heir);
}

static void check_gangs(const struct core *c)
{
    size_t forming = 0;
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        for (uint32_t k = 0; k < w->slot_count; k++) {
            const struct gang *g = w->slots[k].gang;
            check(!g || (w->session && g->slots[0] <= k));
            if (!g || g->slots[0] != k)
                continue;
            check_gang(w, g);
            forming += gang_is_forming(g);
            if (g->heir)
                check_heir(w, g);
            if (g->heir && g->heir->slots[0] == k)
                forming++;
        }
    }
    check(forming == c->forming.count);
    for (size_t i = 0; i < c->model_count; i++)
        forming -= c->models[i].forming;
    check(forming == 0);
}

static void check_open(const struct core *c)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < c->model_count; i++) {
        const struct model *m = &c->models[i];
        bool is_open = m->free_count > 0 && !m->paused;
        check(bitmap_get(&c->open_models, i) == is_open);
        open += is_open;
    }
    check(open == c->open_count);
}

static void check_model(const struct core *c, const struct model *m)
{
    uint64_t known_open = 0;
    uint32_t leaving = 0;
    for (size_t i = 0; i < m->cell_count; i++) {
        const struct cell *cell = c->cells[m->cells[i]];
        known_open += cell->instance_ns > 0 ? cell->wanted - cell->ended : 0;
    }
    for (uint32_t i = 0; i < m->replicas; i++)
        leaving += m->holders[i]->is_leaving;
    check(known_open == m->known_open && leaving == m->leaving);
}

/* Slots with attempts of the model, and the requests that they may have open. */
static void check_caps(const struct core *c, uint32_t model)
{
    uint32_t slots = 0, inflight = 0, adopted = 0;
    for (size_t i = 0; i < c->worker_count; i++)
        for (uint32_t k = 0; k < c->workers[i]->slot_count; k++) {
            const struct list *end = &c->workers[i]->slots[k].attempts;
            uint32_t here = 0;
            for (const struct list *n = end->next; n != end; n = n->next) {
                const struct attempt *a = container_of_const(n, struct attempt, in_slot);
                if (a->cell->model != model)
                    continue;
                if (here++ == 0)
                    inflight += a->inflight_max;
                adopted += a->adopted;
            }
            slots += here > 0;
        }
    const struct model *m = &c->models[model];
    check(m->busy_slots == slots && m->inflight == inflight && m->adopted == adopted);
}

static void check_unresolved(const struct core *c, uint32_t model)
{
    uint32_t unresolved = 0;
    for (const struct list *n = c->strikes_open.next; n != &c->strikes_open; n = n->next) {
        const struct strike *s = container_of_const(n, struct strike, in_all);
        unresolved += s->cell->model == model && s->is_unresolved;
    }
    check(c->models[model].unresolved == unresolved);
}

static void check_fits(const struct core *c, uint32_t model)
{
    const struct model *m = &c->models[model];
    uint32_t fits = 0;
    for (size_t i = 0; i < c->worker_count; i++) {
        const struct worker *w = c->workers[i];
        check(w->takes_part == (w->session && !w->draining));
        for (uint32_t k = 0; w->takes_part && k < w->slot_count; k++)
            fits += !worker_refuses(w, model, NONE) &&
                    (slot_fits(&w->slots[k], m) || gang_could_lead(&w->slots[k], m) > 0);
    }
    check(fits == m->fits);
}

static void check_copies(const struct core *c)
{
    const struct list *end = &c->copies;
    for (struct list *n = c->copies.next; n != end; n = n->next) {
        const struct attempt *a = container_of(n, struct attempt, in_cell);
        check(a->is_copy && a->count == 1 && map_find(&c->attempt_of, a->id) == a);
        check(a->open == !bitmap_get(&a->cell->closed, a->first));
        check(copy_of(c, a->cell, a->first) == a); /* the only one */
    }
}

static bool charges(const struct core *c, const struct model *m, uint32_t account)
{
    uint32_t i = m->rules.account;
    while (i != 0 && i != account)
        i = c->accounts[i].parent;
    return i == account;
}

/* Each model's attempts here take its gang's slots, or this one, once. */
static int32_t slots_charged(const struct core *c, const struct slot *s, uint32_t account)
{
    int32_t slots = 0;
    const struct list *end = &s->attempts;
    for (const struct list *n = end->next; n != end; n = n->next) {
        const struct attempt *a = container_of_const(n, struct attempt, in_slot);
        bool is_first = true;
        for (const struct list *k = end->next; k != n; k = k->next)
            is_first &=
                container_of_const(k, struct attempt, in_slot)->cell->model != a->cell->model;
        if (is_first && charges(c, &c->models[a->cell->model], account))
            slots += (int32_t)a->slots;
    }
    return slots;
}

/* What is charged beforehand and is settled afterwards never comes to less than nothing. */
static void check_account(const struct core *c, uint32_t account)
{
    int32_t busy = 0;
    for (size_t i = 0; i < c->worker_count; i++)
        for (uint32_t k = 0; k < c->workers[i]->slot_count; k++)
            busy += slots_charged(c, &c->workers[i]->slots[k], account);
    check(busy == c->accounts[account].busy);
    check(c->attempt_of.count > 0 || c->accounts[account].used_ns > -ROUNDING_NS);
}

void core_selfcheck(const struct core *c)
{
    check_copies(c);
    shortlist_check(c);
    uint64_t wanted = 0, ended = 0, failed = 0, taken = 0;
    for (size_t i = 0; i < c->cell_count; i++) {
        const struct cell *cell = c->cells[i];
        check_cell(c, cell);
        wanted += cell->wanted;
        ended += cell->ended;
        failed += cell->failed;
        taken += cell->taken_count;
    }
    check(wanted == c->wanted && ended == c->ended && failed == c->failed);
    check(c->free_count == wanted - ended - taken);
    check(c->plan_at_ns >= 0 && c->plan_at_ns <= c->now_ns); /* what is left counts from there */
    for (size_t i = 0; i < c->model_count; i++)
        check_model(c, &c->models[i]);
    uint32_t replicas = 0, with_model = 0, live_slots = 0;
    for (uint32_t i = 0; i < c->model_count; i++)
        check_caps(c, i);
    for (uint32_t i = 1; i <= c->account_count; i++)
        check_account(c, i);
    for (uint32_t i = 0; i < c->model_count; i++) {
        check_fits(c, i);
        check_unresolved(c, i);
        replicas += c->models[i].replicas;
    }
    for (size_t i = 0; i < c->worker_count; i++) {
        check_worker(c, c->workers[i]);
        live_slots += c->workers[i]->session ? c->workers[i]->slot_count : 0;
        for (uint32_t k = 0; k < c->workers[i]->slot_count; k++)
            with_model += c->workers[i]->slots[k].model != NONE;
    }
    check(replicas == with_model && live_slots == c->live_slots);
    outrank_check(c);
    check_open(c);
    check_gangs(c);
}
