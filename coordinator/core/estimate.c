/* What things will take: learned, or guessed.
 *
 * A slot's time is accounted for message by message: what passed since the last one, or since its
 * host was ready, was spent on the rows of this one. So a first row already teaches something, long
 * before its attempt ends. An unknown cell is expected to be like the known ones of its model, an
 * unknown model like the known models. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

static const double INSTANCE_NS_GUESS = 100e6;
static const double LOAD_NS_GUESS = 1e9;
static const double WORTH_TELLING = 0.1; /* a change of an estimate by so much is stored */
static const double ROWS_REMEMBERED =
    4096;                        /* older ones fade: a host may become faster, or slower */
static const double FAR_OFF = 2; /* or half: an expectation that is so wrong is forgotten */

enum {
    EXPECTED_CELLS = 4,
    EXPECTED_ROWS = 16,
    SHRINK_ROWS = 8
}; /* what an expectation weighs, beside what is learned */

/* ---- What is known ---- */

/* Also of an instance of a cell that nothing is known of yet. */
double model_mean_ns(const struct model *m)
{
    return m->known_cells > 0 ? m->known_cells_ns / m->known_cells : 0;
}

double cell_instance_ns(const struct core *c, const struct cell *cell)
{
    return cell->instance_ns > 0 ? cell->instance_ns : model_mean_ns(&c->models[cell->model]);
}

double slot_instance_ns(const struct core *c, const struct slot *s, const struct cell *cell)
{
    return cell_instance_ns(c, cell) * slot_factor(s, &c->models[cell->model]);
}

/* The mean of the known models: this way the first of them to be known speak for all. */
void estimate_typical(struct core *c)
{
    double instance_ns = 0, load_ns = 0;
    uint32_t instances = 0, loads = 0;
    for (size_t i = 0; i < c->model_count; i++) {
        const struct model *m = &c->models[i];
        instance_ns += model_mean_ns(m);
        instances += m->known_cells > 0;
        load_ns += m->load_ns;
        loads += m->load_ns > 0;
    }
    c->typical_instance_ns = instances ? instance_ns / instances : INSTANCE_NS_GUESS;
    c->typical_load_ns = loads ? load_ns / loads : LOAD_NS_GUESS;
}

double model_instance_ns(const struct core *c, const struct model *m)
{
    double ns = model_mean_ns(m);
    return ns > 0 ? ns : c->typical_instance_ns;
}

/* A first load that is under way takes at least what it has taken so far. */
double model_load_ns(const struct core *c, const struct model *m)
{
    if (m->load_ns > 0)
        return m->load_ns;
    double so_far = m->load_started_ns > 0 ? (double)(c->now_ns - m->load_started_ns) : 0;
    return so_far > c->typical_load_ns ? so_far : c->typical_load_ns;
}

/* An instance in this slot: as the attempt itself goes, else as learned. */
double attempt_instance_ns(const struct core *c, const struct attempt *a)
{
    const struct slot *s = &a->worker->slots[a->slot];
    uint32_t done = a->done > a->granted - a->open ? a->done : a->granted - a->open;
    int64_t since = s->ready_ns > a->started_ns ? s->ready_ns : a->started_ns;
    if (a->started_ns > 0 && done > a->done_before)
        return (double)(c->now_ns - since) / (done - a->done_before);
    return slot_instance_ns(c, s, a->cell);
}

double model_remaining_ns(const struct core *c, const struct model *m)
{
    uint64_t open = m->free_count + m->taken_count;
    double known_ns = m->known_open > 0 && m->known_ns > 0 ? m->known_ns : 0;
    uint64_t unknown = open - m->known_open;
    return known_ns + (unknown ? (double)unknown * model_instance_ns(c, m) : 0);
}

int64_t core_remaining_ns(const struct core *c)
{
    double work = 0;
    for (size_t i = 0; i < c->model_count; i++) {
        const struct model *m = &c->models[i];
        if (m->free_count + m->taken_count == 0)
            continue;
        if (m->known_cells == 0)
            return -1;
        work += (m->width > 1 ? m->width : 1) * model_remaining_ns(c, m);
    }
    return c->part_slots ? (int64_t)(work / c->part_slots) : -1;
}

/* ---- Learning ---- */

/* What was told is worth more than the first cells that happen to be measured, unless these say
 * that it is far off. */
static void doubt_expected(struct model *m)
{
    uint32_t measured = m->known_cells - m->expected_cells;
    if (m->expected_cells == 0 || (measured < EXPECTED_CELLS && measured < m->cell_count))
        return;
    double expected_ns = m->expected_cells * m->expected_ns;
    double mean_ns = (m->known_cells_ns - expected_ns) / measured;
    if (mean_ns <= FAR_OFF * m->expected_ns && m->expected_ns <= FAR_OFF * mean_ns)
        return;
    m->known_cells = measured;
    m->known_cells_ns -= expected_ns;
    m->expected_cells = 0;
}

static void set_instance_ns(struct core *c, struct cell *cell, double ns)
{
    struct model *m = &c->models[cell->model];
    uint32_t open = cell->wanted - cell->ended;
    if (cell->instance_ns > 0) {
        m->known_ns -= open * cell->instance_ns;
        m->known_cells_ns -= cell->instance_ns;
    } else {
        if (m->known_cells == 0)
            m->measured_ns = c->now_ns;
        m->known_open += open;
        m->known_cells++;
    }
    m->known_ns += open * ns;
    m->known_cells_ns += ns;
    cell->instance_ns = ns;
    doubt_expected(m);
    if (heap_has(&cell->length))
        longest_update(c, cell);
}

static bool has_changed(double ns, double told_ns)
{
    return ns > told_ns * (1 + WORTH_TELLING) || ns < told_ns * (1 - WORTH_TELLING);
}

/* A coordinator that starts again does not begin to learn anew. */
static void tell(struct core *c, const struct slot *s, struct model *m)
{
    double instance_ns = model_mean_ns(m);
    const struct on_type *on = &m->on[s->gpu_type];
    if (!has_changed(m->load_ns, m->told_load_ns) &&
        !has_changed(instance_ns, m->told_instance_ns) && !has_changed(on->factor, on->told_factor))
        return;
    m->told_load_ns = m->load_ns;
    m->told_instance_ns = instance_ns;
    struct core_effect *effect = emit(c, EFFECT_LEARNED, 0);
    effect->as.learned.model = (uint32_t)(m - c->models);
    effect->as.learned.load_ns = (int64_t)m->load_ns;
    effect->as.learned.instance_ns = (int64_t)instance_ns;
    gpu_type_tell(c, m, effect);
}

void core_expect_model(struct core *c, uint32_t model, int64_t load_ns, double instance_ns)
{
    check(model < c->model_count && load_ns >= 0 && instance_ns >= 0);
    struct model *m = &c->models[model];
    m->load_ns = m->told_load_ns = (double)load_ns;
    m->told_instance_ns = instance_ns;
    if (instance_ns > 0) {
        m->expected_cells = EXPECTED_CELLS;
        m->expected_ns = instance_ns;
        m->known_cells += EXPECTED_CELLS;
        m->known_cells_ns += EXPECTED_CELLS * instance_ns;
    }
}

void core_expect_cell(struct core *c, uint32_t model, uint32_t task, double instance_ns)
{
    struct cell *cell = cell_find(c, model, task);
    if (!cell || instance_ns <= 0)
        return;
    cell->spent_rows = EXPECTED_ROWS;
    cell->spent_ns = EXPECTED_ROWS * instance_ns;
    set_instance_ns(c, cell, instance_ns);
}

/* Its next rows may be older than the lease: they waited until they could be sent, and say nothing
 * of the time that has passed since. */
static bool has_old_rows(const struct attempt *a)
{
    return a->done_before == NONE || a->granted - a->open < a->done_before;
}

/* So many rows of an attempt came from its slot. */
void learn_rows(struct core *c, const struct attempt *a, uint32_t rows)
{
    struct slot *s = &a->worker->slots[a->slot];
    struct cell *cell = a->cell;
    s->loading_ns = 0;
    if (has_old_rows(a)) {
        s->accounted_ns = c->now_ns;
        return;
    }
    struct model *m = &c->models[cell->model];
    double ns = (double)(c->now_ns - s->accounted_ns);
    s->accounted_ns = c->now_ns;
    c->busy_ns += ns > 0 ? ns : 0;
    if (cell->spent_rows <= 0 && model_mean_ns(m) > 0) {
        cell->spent_rows = SHRINK_ROWS;
        cell->spent_ns = SHRINK_ROWS * model_mean_ns(m);
    }
    if (cell->spent_rows > ROWS_REMEMBERED) {
        cell->spent_ns *= 0.5;
        cell->spent_rows *= 0.5;
    }
    if (ns > 0)
        cell->spent_ns += rows * learn_factor(s, m, ns / rows, rows, cell->instance_ns);
    cell->spent_rows += rows;
    if (cell->spent_ns > 0)
        set_instance_ns(c, cell, cell->spent_ns / cell->spent_rows);
    tell(c, s, m);
}

/* One of its instances was closed: it takes nothing more. */
void learn_closed(struct model *m, const struct cell *cell, uint32_t count)
{
    if (cell->instance_ns <= 0)
        return;
    m->known_open -= count;
    m->known_ns -= count * cell->instance_ns;
}

void learn_loaded(struct core *c, struct slot *s, struct model *m, double ns)
{
    s->ready_ns = s->accounted_ns = c->now_ns;
    s->loading_ns = 0;
    m->load_ns = m->load_ns > 0 ? 0.5 * (m->load_ns + ns) : ns;
    tell(c, s, m);
}
