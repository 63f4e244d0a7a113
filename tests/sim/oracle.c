/* The oracle's account of rows and strikes, as they leave the core and become durable. */
#include "tests/sim/oracle.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/pack/pack.h"
#include "common/text.h"
#include "tests/sim/coordinator.h"
#include "tests/sim/disk.h"
#include "tests/sim/host.h"
#include "tests/sim/oracle_private.h"

enum { FULL_CHECK_EVERY = 100 };

struct fate *oracle_fate(const struct world *w, uint32_t model, uint32_t task, uint32_t instance)
{
    check(model < w->load.model_count && task < w->load.task_count &&
          instance < w->load.tasks[task].size);
    return &w->oracle->fates[model][task][instance];
}

void oracle_init(struct world *w)
{
    struct oracle *o = w->oracle = xcalloc(1, sizeof(*o));
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++) {
            o->fates[m][t] = xcalloc(w->load.tasks[t].size, sizeof(struct fate));
            if (w->load.cells[m][t])
                o->wanted += bitmap_count(&w->load.tasks[t].wanted);
        }
}

static void release_attempts(struct oracle *o)
{
    for (uint64_t e = 1; e <= o->epoch; e++)
        for (uint64_t n = 1;; n++) {
            struct seen_attempt *a = map_find(&o->attempts, e << 32 | n);
            if (!a)
                break;
            bitmap_release(&a->skip);
            bitmap_release(&a->asked);
            bitmap_release(&a->rowed);
        }
    map_release(&o->attempts);
}

void oracle_release(struct world *w)
{
    struct oracle *o = w->oracle;
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++) {
            for (uint32_t i = 0; i < w->load.tasks[t].size; i++)
                free(o->fates[m][t][i].guilts);
            free(o->fates[m][t]);
        }
    release_attempts(o);
    map_release(&o->sessions);
    free(o->runs);
    free(o);
}

/* ---- Rows and strikes as they leave the core ---- */

static bool has_accused(const struct strikes *s, uint64_t attempt)
{
    for (uint32_t i = 0; i < s->count && i < ACCUSERS_MAX; i++)
        if (s->accusers[i] == attempt)
            return true;
    return false;
}

/* What only a live lease may do: say that an instance failed. */
static void check_accusation(struct world *w, const struct fate *f, uint64_t attempt, status code,
                             uint32_t m, uint32_t t, uint32_t i)
{
    const struct seen_attempt *a = oracle_attempt(w, attempt);
    const struct seen_attempt *holder = oracle_attempt(w, f->holder);
    unsigned long long id = attempt;
    if (!a || a->is_dead)
        world_fail(w, "stale attempt %llx accuses instance %u/%u/%u", id, m, t, i);
    /* A copy beside it; of two, the elder has taken the place of what they were copies of. */
    bool is_beside = holder && holder->is_copy && (!a->is_copy || a->id < holder->id);
    if (holder && holder != a && !is_beside && oracle_is_live(w, holder))
        world_fail(w, "attempt %llx accuses instance %u/%u/%u, which attempt %llx has", id, m, t, i,
                   (unsigned long long)holder->id);
    if (!oracle_is_guilty(f, attempt, code))
        world_fail(w, "instance %u/%u/%u is accused of \"%s\" in attempt %llx, and is innocent", m,
                   t, i, status_text(code), id);
    if (has_accused(&f->emitted, attempt))
        world_fail(w, "attempt %llx accuses instance %u/%u/%u a second time", id, m, t, i);
}

static void strike_emitted(struct world *w, const struct store_op *op)
{
    uint32_t m = catalog_model_index(&w->load.catalog, op->model);
    uint32_t t = catalog_task_index(&w->load.catalog, op->task);
    struct fate *f = oracle_fate(w, m, t, op->instance);
    trace(w, "core: strike %u against %u/%u/%u", op->count, m, t, op->instance);
    if (op->count <= f->emitted.count) { /* withdrawn: it was the place */
        f->emitted.count = op->count;
        return;
    }
    if (f->is_emitted)
        world_fail(w, "a strike against instance %u/%u/%u, which has ended", m, t, op->instance);
    check_accusation(w, f, op->attempt, op->status, m, t, op->instance);
    if (op->count != f->emitted.count + 1)
        world_fail(w, "strike %u against instance %u/%u/%u follows strike %u", op->count, m, t,
                   op->instance, f->emitted.count);
    if (op->count >= w->load.strikes_max)
        world_fail(w, "instance %u/%u/%u has %u strikes and is still in play", m, t, op->instance,
                   op->count);
    f->emitted.accusers[f->emitted.count++] = op->attempt;
    f->struck_at = w->now;
}

/* An answer says which run it is of; the run has to be one of this instance in this attempt. */
static void check_answer(struct world *w, const struct result *row, uint64_t attempt, uint32_t m,
                         uint32_t t)
{
    struct oracle *o = w->oracle;
    char text[32] = "";
    if (row->answer.len < sizeof(text))
        memcpy(text, row->answer.data, row->answer.len);
    uint64_t number = strtoull(text, NULL, 10);
    if (number == 0 || number > o->run_count)
        world_fail(w, "the answer of %u/%u/%u is of no run: \"%s\"", m, t, row->instance, text);
    const struct run *r = &o->runs[number - 1];
    if (r->attempt != attempt || r->model != m || r->task != t || r->instance != row->instance)
        world_fail(w, "the answer of %u/%u/%u in attempt %llx is of run %llu: %u/%u/%u in %llx", m,
                   t, row->instance, (unsigned long long)attempt, (unsigned long long)number,
                   r->model, r->task, r->instance, (unsigned long long)r->attempt);
    for (uint32_t k = 0; k < w->load.tasks[t].stat_count; k++)
        if (row->stats[k] != workload_stat(&w->load, m, t, row->instance, k))
            world_fail(w, "statistic %u of %u/%u/%u is another's", k, m, t, row->instance);
}

static void check_quarantine(struct world *w, const struct result *row, uint64_t attempt,
                             uint32_t m, uint32_t t)
{
    const struct fate *f = oracle_fate(w, m, t, row->instance);
    check_accusation(w, f, attempt, row->status, m, t, row->instance);
    if (f->emitted.count + 1 != w->load.strikes_max)
        world_fail(w, "instance %u/%u/%u is given up after %u strikes of %u", m, t, row->instance,
                   f->emitted.count + 1, w->load.strikes_max);
}

static void row_emitted(struct world *w, const struct result *row, uint64_t attempt, uint32_t m,
                        uint32_t t)
{
    struct oracle *o = w->oracle;
    struct fate *f = oracle_fate(w, m, t, row->instance);
    if (f->is_emitted)
        world_fail(w, "instance %u/%u/%u is recorded twice", m, t, row->instance);
    if (!bitmap_get(&w->load.tasks[t].wanted, row->instance))
        world_fail(w, "instance %u/%u/%u is recorded, and not wanted", m, t, row->instance);
    if (row->status == STATUS_OK)
        check_answer(w, row, attempt, m, t);
    else if (!status_is_final(row->status))
        check_quarantine(w, row, attempt, m, t);
    if (row->status != workload_status(&w->load, m, t, row->instance))
        world_fail(w, "instance %u/%u/%u ends as \"%s\"; it should be \"%s\"", m, t, row->instance,
                   status_text(row->status),
                   status_text(workload_status(&w->load, m, t, row->instance)));
    f->is_emitted = true;
    f->status = (uint8_t)row->status;
    o->emitted++;
    o->emitted_in[m][t]++;
    o->failed += row->status != STATUS_OK;
}

typedef void row_f(struct world *w, const struct result *row, uint64_t attempt, uint32_t m,
                   uint32_t t);

static void each_row(struct world *w, const struct store_batch *batch, const struct store_op *op,
                     uint64_t attempt, row_f *each)
{
    uint32_t m = catalog_model_index(&w->load.catalog, op->model);
    uint32_t t = catalog_task_index(&w->load.catalog, op->task);
    struct block block;
    if (m == UINT32_MAX || t == UINT32_MAX || pack_decode(store_op_bytes(batch, op), &block) != OK)
        world_fail(w, "a block is damaged, or of an unknown model or task");
    trace(w, "core: records %u rows of %u/%u from %u on, attempt %llx", block.rows, m, t,
          block.rows ? block.instance[0] : 0, (unsigned long long)attempt);
    for (uint32_t i = 0; i < block.rows; i++) {
        struct result row = { 0 };
        block_row(&block, i, &row);
        each(w, &row, attempt, m, t);
    }
    block_release(&block);
}

/* That may happen whenever a place turns out to be at fault. */
static bool is_withdrawn(const struct world *w, const struct store_op *op)
{
    if (op->kind != OP_STRIKE)
        return false;
    uint32_t m = catalog_model_index(&w->load.catalog, op->model);
    uint32_t t = catalog_task_index(&w->load.catalog, op->task);
    return op->count <= oracle_fate(w, m, t, op->instance)->emitted.count;
}

void oracle_emitted(struct world *w, const struct core_event *e, const struct oracle_step *about,
                    const struct store_batch *batch, size_t from)
{
    for (size_t i = from; i < batch->count; i++) {
        if (batch->ops[i].kind == OP_META)
            continue; /* what was learned of durations: of no account to results */
        bool is_news = e->kind == CORE_RESULTS && about->is_in_order;
        if (!is_news && !is_withdrawn(w, &batch->ops[i]))
            world_fail(w, "something is recorded that did not come as results in their turn");
        if (batch->ops[i].kind == OP_STRIKE)
            strike_emitted(w, &batch->ops[i]);
        else
            each_row(w, batch, &batch->ops[i], e->as.results.attempt, row_emitted);
    }
}

static void row_durable(struct world *w, const struct result *row, uint64_t attempt, uint32_t m,
                        uint32_t t)
{
    (void)attempt;
    struct fate *f = oracle_fate(w, m, t, row->instance);
    w->oracle->durable += !f->is_durable;
    f->is_durable = true;
}

void oracle_durable(struct world *w, const struct store_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct store_op *op = &batch->ops[i];
        if (op->kind == OP_BLOCK) {
            each_row(w, batch, op, 0, row_durable);
            continue;
        }
        if (op->kind == OP_META)
            continue;
        uint32_t m = catalog_model_index(&w->load.catalog, op->model);
        uint32_t t = catalog_task_index(&w->load.catalog, op->task);
        struct fate *f = oracle_fate(w, m, t, op->instance);
        if (op->count > f->durable.count)
            f->durable.accusers[op->count - 1] = op->attempt;
        f->durable.count = op->count;
    }
}

/* ---- After every step of the core ---- */

static void check_cells(struct world *w)
{
    const struct core *core = w->coordinator->core;
    core_selfcheck(core);
    for (uint32_t m = 0; m < w->load.model_count; m++)
        for (uint32_t t = 0; t < w->load.task_count; t++) {
            if (!w->load.cells[m][t])
                continue;
            uint32_t wanted, ended;
            core_cell_counts(core, m, t, &wanted, &ended);
            if (wanted != bitmap_count(&w->load.tasks[t].wanted) ||
                ended != w->oracle->emitted_in[m][t])
                world_fail(w, "cell %u/%u: %u of %u ended; a recount says %u", m, t, ended, wanted,
                           w->oracle->emitted_in[m][t]);
        }
}

/* With no fault on, nothing expires, nobody is lost, and nothing comes twice but what was given to
 * two. */
static void check_calm(struct world *w, const struct core_totals *t)
{
    if (faults_any(&w->faults) || w->phase == SIM_ENDING)
        return;
    uint64_t copies = core_decisions(w->coordinator->core, DECISION_COPY);
    if (t->leases_expired || t->rows_duplicate > copies || t->rows_late || t->strikes)
        world_fail(w,
                   "without a fault: %llu leases expired, %llu rows came twice, %llu late, "
                   "%llu strikes",
                   (unsigned long long)t->leases_expired, (unsigned long long)t->rows_duplicate,
                   (unsigned long long)t->rows_late, (unsigned long long)t->strikes);
    if (w->oracle->last_session > 0 && (uint32_t)w->oracle->last_session > w->load.machine_count)
        world_fail(w, "without a fault: a worker said hello again");
}

void oracle_check(struct world *w)
{
    struct oracle *o = w->oracle;
    struct core_totals t;
    core_totals(w->coordinator->core, &t);
    if (t.wanted != o->wanted || t.ended != o->emitted || t.failed != o->failed)
        world_fail(w,
                   "the core counts %llu of %llu ended, %llu failed; a recount says %llu of "
                   "%llu, %llu",
                   (unsigned long long)t.ended, (unsigned long long)t.wanted,
                   (unsigned long long)t.failed, (unsigned long long)o->emitted,
                   (unsigned long long)o->wanted, (unsigned long long)o->failed);
    check_calm(w, &t);
    if (o->checks++ % FULL_CHECK_EVERY == 0)
        check_cells(w);
}

/* ---- At the end ---- */

bool oracle_all_durable(const struct world *w)
{
    return w->oracle->durable == w->oracle->wanted;
}

void oracle_check_end(struct world *w)
{
    struct digest found = disk_report(w), expected = disk_report_expected(w);
    if (!digest_equal(&found, &expected))
        world_fail(w, "the report is not the one of a run without faults");
}
