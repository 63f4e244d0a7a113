/* The machines of a cluster file, one by one. */
#include "coordinator/simulate/fleet.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/rng.h"

static void add_worker(struct fleet *f, uint32_t group, uint32_t nth)
{
    const struct cluster_group *g = &f->cluster->groups[group];
    struct fleet_worker *w = &f->workers[f->worker_count];
    bool is_slow = g->slow_every && (nth + 1) % g->slow_every == 0;
    *w = (struct fleet_worker){ .group = group,
                                .first_slot = f->slot_count,
                                .slot_count = g->slots,
                                .speed = is_slow ? g->speed / g->slow_factor : g->speed,
                                .dies_ns = INT64_MAX };
    for (uint32_t i = 0; i < g->slots; i++)
        f->worker_of[f->slot_count++] = f->worker_count;
    f->total_speed += g->slots * w->speed;
    f->worker_count++;
}

/* Exactly the share of the group dies, drawn without order (Knuth's selection sampling). */
static void draw_deaths(struct fleet *f, uint32_t group, uint32_t first, struct rng *rng)
{
    const struct cluster_group *g = &f->cluster->groups[group];
    uint32_t left = (uint32_t)lround(g->die_share * g->count);
    for (uint32_t i = 0; i < g->count && left > 0; i++) {
        if (rng_below(rng, g->count - i) >= left)
            continue;
        f->workers[first + i].dies_ns = (int64_t)(rng_unit(rng) * (double)g->die_after_ns);
        left--;
    }
}

void fleet_init(struct fleet *f, const struct cluster *cluster, uint64_t seed)
{
    *f = (struct fleet){ .cluster = cluster };
    size_t workers = 0, slots = 0;
    for (size_t i = 0; i < cluster->group_count; i++) {
        workers += cluster->groups[i].count;
        slots += (size_t)cluster->groups[i].count * cluster->groups[i].slots;
    }
    f->workers = xcalloc(workers, sizeof(*f->workers));
    f->worker_of = xcalloc(slots, sizeof(*f->worker_of));
    struct rng rng;
    rng_seed(&rng, seed);
    for (uint32_t i = 0; i < cluster->group_count; i++) {
        uint32_t first = f->worker_count;
        for (uint32_t k = 0; k < cluster->groups[i].count; k++)
            add_worker(f, i, k);
        draw_deaths(f, i, first, &rng);
    }
}

void fleet_release(struct fleet *f)
{
    free(f->workers);
    free(f->worker_of);
    *f = (struct fleet){ 0 };
}

uint32_t fleet_width(const struct fleet *f, size_t group, const struct core_need *need)
{
    const struct cluster_group *g = &f->cluster->groups[group];
    struct core_offer offer = { .gpus = g->gpus_per_slot,
                                .cpus = g->cpus_per_slot,
                                .memory_bytes = g->memory_per_slot,
                                .gpu_memory_bytes = g->gpu_memory,
                                .gpu_type = span_str(g->gpu) };
    uint32_t width = core_slots_needed(need, &offer);
    return width <= g->slots ? width : 0;
}

uint64_t fleet_fits(const struct fleet *f, const struct core_need *need)
{
    uint64_t fits = 0;
    for (size_t i = 0; i < f->cluster->group_count; i++)
        fits |= (uint64_t)(fleet_width(f, i, need) == 1) << i;
    return fits;
}

uint64_t fleet_fits_gang(const struct fleet *f, const struct core_need *need, uint32_t *least)
{
    uint64_t fits = 0;
    *least = 0;
    for (size_t i = 0; i < f->cluster->group_count; i++) {
        uint32_t width = fleet_width(f, i, need);
        fits |= (uint64_t)(width > 0) << i;
        if (width > 0 && (*least == 0 || width < *least))
            *least = width;
    }
    return fits;
}
