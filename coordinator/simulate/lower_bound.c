/* Three bounds, one of them stated for every set of models for which the proof in README.md works;
 * the names here are its. */
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
    double width;  /* slots of a replica: the fewest that it takes anywhere */
    uint64_t fits; /* groups */
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

/* ---- The slots of a set of groups, by their speeds ---- */

enum { SPEEDS_MAX = 2 * CLUSTER_GROUPS_MAX }; /* a group has slow workers, and others */

struct speeds {
    struct speed {
        double speed;
        double slots;
    } of[SPEEDS_MAX]; /* rising */
    size_t count;
    double total; /* V */
};

static int by_speed(const void *a, const void *b)
{
    double x = ((const struct speed *)a)->speed, y = ((const struct speed *)b)->speed;
    return (x > y) - (x < y);
}

static void add_speed(struct speeds *s, double speed, uint32_t slots)
{
    size_t i = 0;
    s->total += speed * slots;
    while (i < s->count && (s->of[i].speed < speed || s->of[i].speed > speed))
        i++;
    check(i < SPEEDS_MAX);
    if (i == s->count)
        s->of[s->count++] = (struct speed){ .speed = speed };
    s->of[i].slots += slots;
}

static void speeds_of(const struct fleet *f, uint64_t groups, struct speeds *out)
{
    *out = (struct speeds){ 0 };
    for (uint32_t i = 0; i < f->worker_count; i++)
        if (groups >> f->workers[i].group & 1)
            add_speed(out, f->workers[i].speed, f->workers[i].slot_count);
    qsort(out->of, out->count, sizeof(out->of[0]), by_speed);
}

static double fastest(const struct speeds *s)
{
    return s->of[s->count - 1].speed;
}

/* The fewest slots whose summed speed is at least `speed`; one more than there are if all are too
 * slow. */
static double slots_for(const struct speeds *s, double speed)
{
    double slots = 0;
    for (size_t i = s->count; i-- > 0;) {
        double here = speed / s->of[i].speed;
        if (here <= s->of[i].slots) {
            uint64_t whole = (uint64_t)here;
            return slots + (double)whole + ((double)whole < here);
        }
        slots += s->of[i].slots;
        speed -= s->of[i].slots * s->of[i].speed;
    }
    return slots + 1;
}

/* The least summed speed of so many slots. */
static double slowest_sum(const struct speeds *s, double slots)
{
    double sum = 0;
    for (size_t i = 0; i < s->count && slots > 0; i++) {
        double here = slots < s->of[i].slots ? slots : s->of[i].slots;
        sum += here * s->of[i].speed;
        slots -= here;
    }
    return sum;
}

/* ---- The bound of the work ---- */

/* R: the least summed speed of the slots that do the model's work, if they are through by `ns`. */
static double replica_speed(const struct speeds *s, const struct model_sum *m, double ns)
{
    double need = m->work_ns / (ns - m->load_ns) * (1 - ROUNDING);
    double slowest = slowest_sum(s, slots_for(s, need));
    return need > slowest ? need : slowest;
}

/* Models that fit no slot but those of `speeds`, by falling load. */
struct bound_set {
    struct speeds speeds;
    const struct model_sum **models;
    size_t count;
};

/* Whether the first `count` models may be done by `ns`, as far as the bound can tell. */
static bool may_end_by(const struct bound_set *set, size_t count, double ns)
{
    double needed = 0, replicas = 0, least_load_ns = set->models[count - 1]->load_ns;
    for (size_t i = 0; i < count; i++) {
        const struct model_sum *m = set->models[i];
        if (ns <= m->load_ns)
            return false;
        double speed = replica_speed(&set->speeds, m, ns);
        needed += m->width * (m->work_ns + speed * m->load_ns);
        replicas += m->width * speed;
    }
    if (replicas < set->speeds.total)
        needed += (set->speeds.total - replicas) * least_load_ns;
    return needed * (1 - ROUNDING) <= set->speeds.total * ns;
}

static void raise_to(struct lower_bound *b, double ns, enum bound_kind kind)
{
    int64_t whole = (int64_t)(ns * (1 - ROUNDING));
    if (whole <= b->ns)
        return;
    b->ns = whole;
    b->kind = kind;
}

/* The latest time by which they cannot be done, if that is later than what is known. */
static void bound_first(const struct bound_set *set, size_t count, struct lower_bound *b)
{
    double too_soon = (double)b->ns, enough = 2 * too_soon + 1;
    if (may_end_by(set, count, too_soon))
        return;
    while (!may_end_by(set, count, enough))
        enough *= 2;
    while (enough - too_soon > 1 && enough - too_soon > ROUNDING * enough) {
        double middle = 0.5 * (too_soon + enough);
        if (may_end_by(set, count, middle))
            enough = middle;
        else
            too_soon = middle;
    }
    raise_to(b, too_soon, BOUND_WORK);
}

/* Every set of those with at least some load: the fewer there are, the longer is the least load of
 * a slot that does any of their work. */
static void bound_groups(const struct fleet *f, const struct model_sum *sums, size_t count,
                         uint64_t groups, struct lower_bound *b)
{
    struct bound_set set = { .models = xcalloc(count, sizeof(struct model_sum *)) };
    speeds_of(f, groups, &set.speeds);
    for (size_t i = 0; i < count; i++)
        if (!(sums[i].fits & ~groups))
            set.models[set.count++] = &sums[i];
    for (size_t i = 1; i <= set.count; i++)
        if (i == set.count || set.models[i]->load_ns < set.models[i - 1]->load_ns)
            bound_first(&set, i, b);
    free(set.models);
}

/* As many slots at full speed as its caps are worth; 0: no cap. */
static double cap_of(const struct work_model *m)
{
    double inflight = m->timing.inflight > 0 ? m->timing.inflight : 1;
    double requests = m->rules.concurrency / inflight, slots = m->rules.max_replicas;
    return requests <= 0 || (slots > 0 && slots < requests) ? slots : requests;
}

static int by_load_falling(const void *a, const void *b)
{
    double x = ((const struct model_sum *)a)->load_ns, y = ((const struct model_sum *)b)->load_ns;
    return (x < y) - (x > y);
}

/* ---- The blind bound ---- */

/* Nothing but what nobody was told tells the models apart, as far as this knows to look. */
static bool are_alike(const struct work *work, const struct work_model *a,
                      const struct work_model *b)
{
    const struct core_need *x = &a->need, *y = &b->need;
    bool are = x->gpus == y->gpus && x->cpus == y->cpus && x->memory_bytes == y->memory_bytes &&
               x->gpu_memory_bytes == y->gpu_memory_bytes && x->gpu_type_count == 0 &&
               y->gpu_type_count == 0 && cap_of(a) <= 0 && cap_of(b) <= 0 &&
               a->rules.priority == b->rules.priority && a->cell_count == b->cell_count;
    for (uint32_t i = 0; are && i < a->cell_count; i++) {
        const struct work_cell *c = &work->cells[a->first_cell + i];
        const struct work_cell *d = &work->cells[b->first_cell + i];
        are = c->task == d->task && c->size == d->size && !c->wanted && !d->wanted;
    }
    return are;
}

/* So many slots, all alike; 0: the bound says nothing of these models or slots. */
static double blind_slots(const struct work *work, const struct fleet *fleet,
                          const struct model_sum *sums, size_t count)
{
    const struct work_model *first = NULL;
    for (size_t i = 0; i < work->model_count; i++) {
        const struct work_model *m = &work->models[i];
        if (m->instances > 0 && first && !are_alike(work, first, m))
            return 0;
        first = m->instances > 0 && !first ? m : first;
    }
    struct speeds speeds;
    if (count == 0 || sums[0].width > 1)
        return 0;
    speeds_of(fleet, sums[0].fits, &speeds);
    bool are_as_given = speeds.count == 1 && speeds.total >= speeds.of[0].slots &&
                        speeds.total <= speeds.of[0].slots; /* of speed 1 */
    return are_as_given ? speeds.total : 0;
}

/* sums: by falling load. */
static bool may_end_blind_by(const struct model_sum *sums, size_t count, double slots, double ns)
{
    double blind_ns = sums[count - 1].load_ns, needed = slots * blind_ns;
    for (size_t i = 0; i < count; i++) {
        const struct model_sum *m = &sums[i];
        double replicas = m->work_ns / (ns - m->load_ns), lucky = slots / (double)count;
        if (ns <= m->load_ns)
            return false;
        lucky = lucky < replicas ? lucky : replicas;
        needed += m->work_ns + replicas * m->load_ns - lucky * blind_ns;
    }
    return needed * (1 - ROUNDING) <= slots * ns;
}

static int64_t blind_bound(const struct model_sum *sums, size_t count, double slots,
                           int64_t least_ns)
{
    double too_soon = (double)least_ns, enough = 2 * too_soon + 1;
    if (slots <= 0 || may_end_blind_by(sums, count, slots, too_soon))
        return least_ns;
    while (!may_end_blind_by(sums, count, slots, enough))
        enough *= 2;
    while (enough - too_soon > 1 && enough - too_soon > ROUNDING * enough) {
        double middle = 0.5 * (too_soon + enough);
        if (may_end_blind_by(sums, count, slots, middle))
            enough = middle;
        else
            too_soon = middle;
    }
    return (int64_t)(too_soon * (1 - ROUNDING));
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
        struct speeds speeds;
        uint32_t width;
        sum.fits = fleet_fits_gang(fleet, &m->need, &width);
        sum.width = width;
        check(sum.fits != 0);
        any |= sum.fits;
        out->work_ns += sum.width * sum.work_ns;
        sums[count++] = sum;
        speeds_of(fleet, sum.fits, &speeds);
        raise_to(out, sum.load_ns + sum.longest_ns / fastest(&speeds), BOUND_INSTANCE);
        double cap = cap_of(m);
        if (cap > 0)
            raise_to(out, sum.load_ns + sum.work_ns / (cap * fastest(&speeds)), BOUND_CAP);
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
    out->blind_ns = blind_bound(sums, count, blind_slots(work, fleet, sums, count), out->ns);
    free(sums);
}
