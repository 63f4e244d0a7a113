#include "tests/sim/fault.h"

#include <math.h>
#include <string.h>

#include "tests/sim/options.h"

static const struct {
    const char *text;
    double mean_s, chance;
} facts[FAULT_COUNT] = {
#define X(name, text, mean, chance) [name] = { text, mean, (chance) / 1000.0 },
    FAULT_LIST(X)
#undef X
};

_Static_assert(FAULT_COUNT <= 32, "sim_options.off has a bit a class");

const char *fault_text(enum fault f)
{
    return facts[f].text;
}

bool fault_find(const char *text, enum fault *out)
{
    for (int f = 0; f < FAULT_COUNT; f++) {
        if (strcmp(facts[f].text, text) != 0)
            continue;
        *out = (enum fault)f;
        return true;
    }
    return false;
}

/* How many of the classes are on, of 8: a seed in eight is calm, one has everything. */
static uint64_t draw_density(struct rng *swarm)
{
    return rng_below(swarm, 9);
}

/* See fault.h. */
static void blame_places(struct faults *all, uint64_t seed)
{
    static const enum fault of_place[] = { FAULT_WORKER_BAD, FAULT_MODEL_ON_TYPE };
    uint64_t draw = rng_mix(seed, 12, 0, 0);
    bool is_place = draw % 10 == 0;
    for (int f = 0; f < FAULT_COUNT && is_place; f++)
        if (f != FAULT_POISON)
            all->classes[f].level = 0;
    for (size_t i = 0; i < 2; i++)
        all->classes[of_place[i]].level =
            is_place && draw / 10 % 2 == i && !(all->options->off >> of_place[i] & 1);
}

void faults_init(struct faults *all, const struct sim_options *options, uint64_t seed)
{
    *all = (struct faults){ .options = options };
    struct rng swarm;
    rng_seed(&swarm, rng_mix(seed, 1, 0, 0));
    uint64_t density = draw_density(&swarm);
    for (uint32_t f = 0; f < FAULT_COUNT; f++) {
        struct fault_class *class = &all->classes[f];
        rng_seed(&class->rng, rng_mix(seed, 2, f, 0));
        bool is_on = rng_below(&swarm, 8) < density;
        double level = 0.1 + 0.9 * rng_unit(&swarm);
        if (is_on && !(options->off >> f & 1))
            class->level = level;
    }
    blame_places(all, seed);
}

bool faults_any(const struct faults *all)
{
    for (int f = 0; f < FAULT_COUNT; f++)
        if (all->classes[f].level > 0)
            return true;
    return false;
}

bool fault_is_on(const struct faults *all, enum fault f)
{
    return !all->healed && all->classes[f].level > 0;
}

static bool is_suppressed(const struct faults *all, enum fault f, uint64_t number)
{
    const struct sim_options *o = all->options;
    for (size_t i = 0; i < o->suppressed_count; i++)
        if (o->suppressed[i].fault == f && o->suppressed[i].number == number)
            return true;
    return false;
}

bool fault_strikes(struct faults *all, enum fault f)
{
    struct fault_class *class = &all->classes[f];
    if (!fault_is_on(all, f))
        return false;
    if (facts[f].chance > 0 && rng_unit(&class->rng) >= facts[f].chance * class->level)
        return false;
    if (is_suppressed(all, f, ++class->hits))
        return false;
    class->done++;
    return true;
}

double fault_draw(struct faults *all, enum fault f)
{
    return rng_unit(&all->classes[f].rng);
}

int64_t fault_draw_ns(struct faults *all, enum fault f, int64_t least, int64_t most)
{
    double u = fault_draw(all, f);
    return least + (int64_t)(u * u * (double)(most - least));
}

int64_t fault_wait_ns(struct faults *all, enum fault f)
{
    struct fault_class *class = &all->classes[f];
    double mean_ns = facts[f].mean_s * 1e9 / class->level;
    return 1 + (int64_t)(-log(1.0 - rng_unit(&class->rng)) * mean_ns);
}
