#include "ops/cli/measured.h"

enum { NS_PER_MS = 1000000 };

struct learned measured_model(struct store *store, const struct plan_model *m)
{
    struct learned learned = { 0 };
    struct errmsg msg; /* it is only an estimate; what is damaged is fsck's to tell */
    uint32_t model = store_find_model(store, &m->identity);
    if (model == 0)
        return learned;
    (void)learned_load(store, model, &learned, &msg);
    if (learned.load_ns == 0) /* what was as expected is not stored */
        learned.load_ns = (uint64_t)m->spec->estimate.load_ms * NS_PER_MS;
    if (learned.instance_ns == 0)
        learned.instance_ns = (uint64_t)m->spec->estimate.instance_ms * NS_PER_MS;
    return learned;
}

/* As recorded: the mean over all rows of the pair. */
static double recorded_ns(struct store *store, const struct plan_model *m,
                          const struct plan_task *t)
{
    uint32_t model = store_find_model(store, &m->identity);
    uint32_t task = store_find_task(store, &t->identity);
    struct bitmap ended;
    struct tally tally;
    if (model == 0 || task == 0 ||
        store_load_cell(store, model, task, t->task->size, &ended, &tally, NULL))
        return 0; /* nothing there; a damaged cell is for fsck to tell */
    bitmap_release(&ended);
    uint64_t rows = 0;
    for (int s = 0; s < STATUS_COUNT; s++)
        rows += tally.count[s];
    return rows ? 1000.0 * (double)tally.micros / (double)rows : 0;
}

/* What a slot takes of what is recorded, by the means over the model's tasks. */
static double scale_of(const struct measured *from, const struct plan_model *m)
{
    double sum = 0;
    size_t known = 0;
    for (size_t i = m->first_cell; i < m->first_cell + m->cell_count; i++) {
        double ns = recorded_ns(from->store, m, &from->plan->tasks[from->plan->cells[i].task]);
        sum += ns;
        known += ns > 0;
    }
    double learned_ns = (double)measured_model(from->store, m).instance_ns;
    return learned_ns > 0 && sum > 0 ? learned_ns / (sum / (double)known) : 1;
}

double measured_instance_ns(struct measured *from, const struct plan_model *m,
                            const struct plan_task *t)
{
    if (from->model != m)
        from->scale = scale_of(from, m);
    from->model = m;
    return from->scale * recorded_ns(from->store, m, t);
}
