/* Three bounds, each over every set of models that it can be stated for. The proofs are in
 * README.md; the names here are theirs. */
#include "coordinator/simulate/lower_bound.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

static const double ROUNDING =
    1e-9; /* of the sums in doubles: the bound stays below the true one */

static const char *const bound_texts[BOUND_KIND_COUNT] = {
#define X(name, text) [name] = text,
    BOUND_LIST(X)
#undef X
};

const char *bound_text(enum bound_kind kind)
{
    return bound_texts[kind];
}

struct model_sum {
    double work_ns, longest_ns, load_ns;
    uint64_t fits; /* groups */
};

/* Speeds of the slots in a set of groups. */
struct speeds {
    double total, slowest, fastest;
};

static struct model_sum sum_model(const struct work *work, const struct work_model *m)
{
    struct model_sum sum = { .load_ns = (double)m->timing.load_ns };
    for (uint32_t i = 0; i < m->cell_count; i++) {
        const struct work_cell *cell = &work->cells[m->first_cell + i];
        for (uint32_t k = 0; k < cell->size; k++) {
            if (!work_is_wanted(cell, k))
                continue;
            double ns = (double)work_instance_ns(cell, k);
            sum.work_ns += ns;
            if (ns > sum.longest_ns)
                sum.longest_ns = ns;
        }
    }
    return sum;
}

static struct speeds speeds_of(const struct fleet *f, uint64_t groups)
{
    struct speeds s = { 0 };
    for (uint32_t i = 0; i < f->worker_count; i++) {
        const struct fleet_worker *w = &f->workers[i];
        if (!(groups >> w->group & 1))
            continue;
        s.total += w->speed * w->slot_count;
        if (s.fastest <= 0 || w->speed > s.fastest)
            s.fastest = w->speed;
        if (s.slowest <= 0 || w->speed < s.slowest)
            s.slowest = w->speed;
    }
    return s;
}

static void raise_to(struct lower_bound *b, double ns, enum bound_kind kind)
{
    int64_t whole = (int64_t)(ns * (1 - ROUNDING));
    if (whole <= b->ns)
        return;
    b->ns = whole;
    b->kind = kind;
}

static int by_load_falling(const void *a, const void *b)
{
    double x = ((const struct model_sum *)a)->load_ns, y = ((const struct model_sum *)b)->load_ns;
    return (x < y) - (x > y);
}

/* Models that fit only slots of these groups; sums are sorted by falling load, so each step of the
 * loop has the set of those with at least this load. */
static void bound_groups(const struct fleet *f, const struct model_sum *sums, size_t count,
                         uint64_t groups, struct lower_bound *b)
{
    struct speeds all = speeds_of(f, groups);
    double work = 0, loads = 0;
    for (size_t i = 0; i < count; i++) {
        if (sums[i].fits & ~groups)
            continue;
        work += sums[i].work_ns;
        loads += sums[i].load_ns * all.slowest;
        raise_to(b, sums[i].load_ns + work / all.total, BOUND_FIRST_LOAD);
    }
    raise_to(b, (work + loads) / all.total, BOUND_WORK);
}

void lower_bound(const struct work *work, const struct fleet *fleet, struct lower_bound *out)
{
    *out = (struct lower_bound){ .kind = BOUND_WORK };
    struct model_sum *sums = xcalloc(work->model_count + 1, sizeof(*sums));
    size_t count = 0;
    uint64_t any = 0;
    for (size_t i = 0; i < work->model_count; i++) {
        const struct work_model *m = &work->models[i];
        if (m->instances == 0)
            continue;
        struct model_sum sum = sum_model(work, m);
        sum.fits = fleet_fits(fleet, &m->need);
        check(sum.fits != 0);
        any |= sum.fits;
        out->work_ns += sum.work_ns;
        sums[count++] = sum;
        raise_to(out, sum.load_ns + sum.longest_ns / speeds_of(fleet, sum.fits).fastest,
                 BOUND_INSTANCE);
    }
    qsort(sums, count, sizeof(*sums), by_load_falling);
    if (count > 0)
        bound_groups(fleet, sums, count, any, out);
    for (size_t i = 0; i < count; i++) {
        bool is_new = sums[i].fits != any;
        for (size_t k = 0; k < i && is_new; k++)
            is_new = sums[k].fits != sums[i].fits;
        if (is_new)
            bound_groups(fleet, sums, count, sums[i].fits, out);
    }
    free(sums);
}
