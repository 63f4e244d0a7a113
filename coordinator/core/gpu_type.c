/* Types of GPUs: which a model may run on, and how fast it is there.
 *
 * What is learned of a cell is kept for slots of factor 1, and a factor for each (model, type)
 * beside it: a model has hundreds of cells, and is as much slower on one type in each of them, more
 * or less. The type that a model was measured on first has factor 1. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

#include <stdlib.h>

#include "common/text.h"

static const double FACTOR_MAX = 64;
enum { WEIGHTY_INSTANCES = 8 }; /* fewer tell less: their durations may be anything */

static bool is_allowed(const struct core_need *need, struct span type)
{
    bool found = need->gpus == 0 || need->gpu_type_count == 0;
    for (size_t i = 0; i < need->gpu_type_count && !found; i++)
        found = text_has_words(type, need->gpu_types[i]);
    return found;
}

static uint64_t parts(uint64_t need, uint64_t offer)
{
    return need <= offer ? 1 : offer == 0 ? UINT64_MAX : (need + offer - 1) / offer;
}

uint32_t slots_needed(const struct core_need *need, const struct core_offer *offer)
{
    if (need->gpus > 0 && offer->gpu_memory_bytes > 0 &&
        need->gpu_memory_bytes > offer->gpu_memory_bytes)
        return 0;
    uint64_t gpus = parts(need->gpus, offer->gpus), cpus = parts(need->cpus, offer->cpus);
    uint64_t memory = offer->memory_bytes ? parts(need->memory_bytes, offer->memory_bytes) : 1;
    uint64_t most = gpus > cpus ? gpus : cpus;
    most = most > memory ? most : memory;
    return most <= GANG_SLOTS_MAX ? (uint32_t)most : 0;
}

uint32_t core_slots_needed(const struct core_need *need, const struct core_offer *offer)
{
    return is_allowed(need, offer->gpu_type) ? slots_needed(need, offer) : 0;
}

bool core_fits(const struct core_need *need, const struct core_offer *offer)
{
    return core_slots_needed(need, offer) == 1;
}

struct core_offer slot_offer(const struct slot *s)
{
    return (struct core_offer){ .gpus = s->gpus,
                                .cpus = s->cpus,
                                .memory_bytes = s->memory_bytes,
                                .gpu_memory_bytes = s->gpu_memory_bytes };
}

uint32_t slot_width(const struct slot *s, const struct model *m)
{
    struct core_offer offer = slot_offer(s);
    return m->types_allowed >> s->gpu_type & 1 ? slots_needed(&m->need, &offer) : 0;
}

bool slot_fits(const struct slot *s, const struct model *m)
{
    return slot_width(s, m) == 1;
}

static void allow(const struct core *c, struct model *m, uint32_t type)
{
    if (is_allowed(&m->need, span_str(c->gpu_types[type])))
        m->types_allowed |= UINT32_C(1) << type;
}

uint32_t gpu_type_find(struct core *c, struct span name)
{
    uint32_t type = 0;
    while (type < c->gpu_type_count && !span_equal(span_str(c->gpu_types[type]), name))
        type++;
    if (type < c->gpu_type_count)
        return type;
    if (type == GPU_TYPES_MAX)
        return GPU_TYPES_MAX - 1;
    c->gpu_types[type] = type == GPU_TYPES_MAX - 1 ? xstrdup("other types")
                                                   : xstrndup((const char *)name.data, name.len);
    c->gpu_type_count++;
    for (size_t i = 0; i < c->model_count; i++)
        allow(c, &c->models[i], type);
    return type;
}

void gpu_type_enter_model(const struct core *c, struct model *m)
{
    char **words = xcalloc(m->need.gpu_type_count + 1, sizeof(*words));
    for (size_t i = 0; i < m->need.gpu_type_count; i++)
        words[i] = xstrdup(m->need.gpu_types[i]);
    m->gpu_type_words = words;
    m->need.gpu_types = (const char *const *)words;
    m->first_type = NONE;
    for (uint32_t type = 0; type < c->gpu_type_count; type++)
        allow(c, m, type);
}

void gpu_type_free_model(struct model *m)
{
    for (size_t i = 0; i < m->need.gpu_type_count; i++)
        free(m->gpu_type_words[i]);
    free(m->gpu_type_words);
}

/* ---- How fast ---- */

double slot_factor(const struct slot *s, const struct model *m)
{
    double factor = m->on[s->gpu_type].factor;
    return factor > 0 ? factor : 1;
}

bool slot_is_timed(const struct slot *s, const struct model *m)
{
    return m->on[s->gpu_type].factor > 0;
}

static double within_bounds(double factor)
{
    return factor > FACTOR_MAX ? FACTOR_MAX : factor < 1 / FACTOR_MAX ? 1 / FACTOR_MAX : factor;
}

double learn_factor(const struct slot *s, struct model *m, double ns, uint32_t instances,
                    double base_ns)
{
    double *factor = &m->on[s->gpu_type].factor;
    if (m->first_type == NONE) {
        m->first_type = s->gpu_type;
        *factor = 1;
    }
    if (m->first_type == s->gpu_type)
        return ns;
    double said = within_bounds(ns / (base_ns > 0 ? base_ns : model_mean_ns(m)));
    uint32_t weighty = instances < WEIGHTY_INSTANCES ? instances : WEIGHTY_INSTANCES;
    if (*factor <= 0)
        *factor = said;
    else if (base_ns > 0)
        *factor += 0.05 * weighty / WEIGHTY_INSTANCES * (said - *factor);
    return ns / *factor;
}

/* ---- From one start to the next ---- */

/* The last one may stand for several, which will not be the same the next time. */
static bool is_lasting(uint32_t type)
{
    return type < GPU_TYPES_MAX - 1;
}

void gpu_type_tell(struct core *c, struct model *m, struct core_effect *learned)
{
    struct core_factor *list =
        arena_alloc(&c->out->arena, (c->gpu_type_count + 1) * sizeof(struct core_factor));
    size_t count = 1;
    for (uint32_t type = 0; type < c->gpu_type_count; type++) {
        struct on_type *on = &m->on[type];
        on->told_factor = on->factor;
        if (type != m->first_type && on->factor > 0 && is_lasting(type))
            list[count++] = (struct core_factor){ span_str(c->gpu_types[type]), on->factor };
    }
    if (m->first_type == NONE || !is_lasting(m->first_type))
        return; /* that the others are compared with */
    list[0] = (struct core_factor){ span_str(c->gpu_types[m->first_type]), 1 };
    learned->as.learned.factors = list;
    learned->as.learned.factor_count = count;
}

void core_expect_factors(struct core *c, uint32_t model, const struct core_factor *factors,
                         size_t count)
{
    check(model < c->model_count);
    struct model *m = &c->models[model];
    for (size_t i = 0; i < count; i++) {
        uint32_t type = gpu_type_find(c, factors[i].gpu_type);
        if (i == 0 && !is_lasting(type))
            return;
        if (i == 0)
            m->first_type = type;
        double factor = type == m->first_type ? 1 : within_bounds(factors[i].factor);
        if (is_lasting(type))
            m->on[type].factor = m->on[type].told_factor = factor;
    }
}

/* ---- Looking in ---- */

uint32_t core_gpu_type_count(const struct core *c)
{
    return c->gpu_type_count;
}

const char *core_gpu_type_name(const struct core *c, uint32_t type)
{
    check(type < c->gpu_type_count);
    return c->gpu_types[type];
}

void core_model_on_type(const struct core *c, uint32_t model, uint32_t type,
                        struct core_model_on_type *out)
{
    check(model < c->model_count && type < c->gpu_type_count);
    const struct model *m = &c->models[model];
    *out = (struct core_model_on_type){ .instance_ns = model_mean_ns(m) * m->on[type].factor,
                                        .is_paused = m->on[type].pauses > 0,
                                        .retry_mono_ns = m->on[type].retry_ns };
}
