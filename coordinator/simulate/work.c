/* What is to be done in a simulation. */
#include "coordinator/simulate/work.h"

#include <math.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "common/rng.h"

struct work_spread {
    struct work_spread *next;
    double sigma;
    float factors[SPREAD_BINS];
};

/* ---- The log-normal ---- */

/* The z below which a share p of the standard normal lies, by bisection. */
static double normal_quantile(double p)
{
    double low = -10, high = 10;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (0.5 * erfc(-middle / sqrt(2)) < p)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

static const float *spread_of(struct work *w, double sigma)
{
    for (struct work_spread *s = w->spreads; s; s = s->next)
        if (s->sigma <= sigma && s->sigma >= sigma)
            return s->factors;
    struct work_spread *s = xcalloc(1, sizeof(*s));
    s->sigma = sigma;
    for (int i = 0; i < SPREAD_BINS; i++)
        s->factors[i] = (float)exp(sigma * normal_quantile((i + 0.5) / SPREAD_BINS));
    s->next = w->spreads;
    w->spreads = s;
    return s->factors;
}

double work_mean_factor(double sigma)
{
    return exp(0.5 * sigma * sigma);
}

/* ---- Adding ---- */

uint32_t work_add_task(struct work *w, uint32_t size)
{
    w->task_sizes = xgrow(w->task_sizes, &w->task_capacity, w->task_count + 1, sizeof(uint32_t));
    w->task_sizes[w->task_count] = size;
    return (uint32_t)w->task_count++;
}

uint32_t work_add_model(struct work *w, const char *name, const struct core_need *need,
                        const struct cluster_timing *timing)
{
    w->models = xgrow(w->models, &w->model_capacity, w->model_count + 1, sizeof(*w->models));
    w->models[w->model_count] = (struct work_model){ .name = xstrdup(name),
                                                     .need = *need,
                                                     .timing = *timing,
                                                     .spread = spread_of(w, timing->spread),
                                                     .first_cell = (uint32_t)w->cell_count };
    return (uint32_t)w->model_count++;
}

/* A task that is long for one model is long for all: its factor depends on the task alone. */
static double task_factor(const struct work *w, uint32_t task, double sigma)
{
    double p = rng_unit_of(rng_mix(w->seed, 1, task, 0));
    return exp(sigma * normal_quantile(0.0001 + 0.9998 * p));
}

void work_add_cell(struct work *w, uint32_t task, const struct bitmap *wanted, double median_ns)
{
    check(w->model_count > 0 && task < w->task_count);
    uint32_t model = (uint32_t)w->model_count - 1;
    struct work_model *m = &w->models[model];
    uint32_t size = w->task_sizes[task];
    uint32_t count = wanted ? bitmap_count(wanted) : size;
    if (count == 0)
        return;
    if (median_ns <= 0)
        median_ns = (double)m->timing.instance_ns * task_factor(w, task, m->timing.task_spread);
    w->cells = xgrow(w->cells, &w->cell_capacity, w->cell_count + 1, sizeof(*w->cells));
    w->cells[w->cell_count++] = (struct work_cell){ .model = model,
                                                    .task = task,
                                                    .size = size,
                                                    .count = count,
                                                    .wanted = wanted,
                                                    .spread = m->spread,
                                                    .median_ns = median_ns,
                                                    .key = rng_mix(w->seed, 2, model, task) };
    m->cell_count++;
    m->instances += count;
    w->instances += count;
}

void work_release(struct work *w)
{
    for (size_t i = 0; i < w->model_count; i++)
        free(w->models[i].name);
    while (w->spreads) {
        struct work_spread *next = w->spreads->next;
        free(w->spreads);
        w->spreads = next;
    }
    free(w->models);
    free(w->task_sizes);
    free(w->cells);
    *w = (struct work){ 0 };
}
