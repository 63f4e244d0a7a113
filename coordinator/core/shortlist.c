/* Slots that are alike are answered once.
 *
 * Hundreds of slots may ask within a step, and most of them for the same: is there any model for
 * me, of a thousand? What decides that is the same for all slots that offer the same, but for what
 * follows from their workers and from the model that each has. So the models that pay are listed
 * once a kind of slot, and each slot looks at these alone. The list holds until something changes
 * what a model is worth: a grant, a slot that takes or leaves a model, a new plan, another step. */
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"

#include <math.h>
#include <stdlib.h>

static bool offers_same(const struct kind *k, const struct slot *s)
{
    struct core_offer offer = slot_offer(s);
    return k->gpu_type == s->gpu_type && k->offer.gpus == offer.gpus &&
           k->offer.cpus == offer.cpus && k->offer.memory_bytes == offer.memory_bytes &&
           k->offer.gpu_memory_bytes == offer.gpu_memory_bytes;
}

void kind_enter(struct core *c, struct slot *s)
{
    s->kind = 0;
    while (s->kind < c->kind_count && !offers_same(&c->kinds[s->kind], s))
        s->kind++;
    if (s->kind < c->kind_count)
        return;
    if (s->kind == KINDS_MAX) {
        s->kind = KINDS_MAX - 1;
        return;
    }
    c->kinds[c->kind_count++] =
        (struct kind){ .offer = slot_offer(s), .gpu_type = s->gpu_type, .eager = NONE };
}

void kind_free_all(struct core *c)
{
    for (uint32_t i = 0; i < c->kind_count; i++)
        free(c->kinds[i].candidates);
}

/* What the slots of a kind have in common. */
static struct slot sample_of(const struct core *c, const struct kind *k)
{
    return (struct slot){ .gpus = k->offer.gpus,
                          .cpus = k->offer.cpus,
                          .memory_bytes = k->offer.memory_bytes,
                          .gpu_memory_bytes = k->offer.gpu_memory_bytes,
                          .gpu_type = k->gpu_type,
                          .kind = (uint32_t)(k - c->kinds) };
}

/* Of the last kind are also slots that are like no other: nothing is ruled out for them. */
bool kind_could_have(const struct slot *s, const struct model *m)
{
    return limit_newcomers(m) > 0 &&
           (s->kind == KINDS_MAX - 1 || (slot_width(s, m) > 0 && !type_is_paused(m, s)));
}

uint32_t kind_width(const struct core *c, uint32_t kind, const struct model *m)
{
    struct slot sample = sample_of(c, &c->kinds[kind]);
    return kind_could_have(&sample, m) ? slot_width(&sample, m) : 0;
}

/* The first open model from this one on that pays; false: there is none. */
static bool next_candidate(const struct core *c, const struct slot *sample, uint32_t from,
                           struct candidate *out)
{
    for (uint32_t i = bitmap_next_set(&c->open_models, from); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1)) {
        *out = (struct candidate){ i, model_piece_ns(c, &c->models[i]) };
        if (out->piece_ns > -INFINITY && kind_could_have(sample, &c->models[i]))
            return true;
    }
    return false;
}

const struct kind *shortlist_for(struct core *c, const struct slot *s)
{
    struct kind *k = &c->kinds[s->kind];
    if (k->listed_at == c->changes)
        return k;
    struct slot sample = sample_of(c, k);
    struct candidate next;
    k->candidates =
        xgrow(k->candidates, &k->candidate_capacity, c->model_count, sizeof(*k->candidates));
    k->candidate_count = 0;
    for (uint32_t i = 0; next_candidate(c, &sample, i, &next); i = next.model + 1)
        k->candidates[k->candidate_count++] = next;
    k->listed_at = c->changes;
    return k;
}

void shortlist_check(const struct core *c)
{
    for (uint32_t n = 0; n < c->kind_count; n++) {
        const struct kind *k = &c->kinds[n];
        struct slot sample = sample_of(c, k);
        struct candidate next;
        size_t count = 0;
        if (k->listed_at != c->changes)
            continue;
        for (uint32_t i = 0; next_candidate(c, &sample, i, &next); i = next.model + 1) {
            const struct candidate *listed = &k->candidates[count++];
            check(count <= k->candidate_count && listed->model == next.model);
            check(listed->piece_ns >= next.piece_ns && listed->piece_ns <= next.piece_ns);
        }
        check(count == k->candidate_count);
    }
}
