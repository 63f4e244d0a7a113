/* What fair shares have to do with where a model is. */
#include "coordinator/core/explain_internal.h"

#include <inttypes.h>

static const char *account_name(const struct core *c, const struct explain_names *names,
                                const struct account *a)
{
    return names->account(names->owner, (uint32_t)(a - c->accounts));
}

static uint32_t busy_slots(const struct account *a)
{
    return a->busy > 0 ? (uint32_t)a->busy : 0;
}

/* The one that would get the slot before m, as its account is furthest behind; NULL: none is. */
static const struct model *first_in_turn(struct core *c, const struct model *m,
                                         const struct slot *s)
{
    const struct model *first = NULL;
    for (uint32_t i = bitmap_next_set(&c->open_models, 0); i < c->model_count;
         i = bitmap_next_set(&c->open_models, i + 1)) {
        struct model *other = &c->models[i];
        if (other->rules.priority == m->rules.priority &&
            share_compare(c, other, first ? first : m) < 0 && model_has_work_for(c, other, s))
            first = other;
    }
    return first;
}

bool explain_share_waits(struct core *c, const struct explain_names *names, const struct model *m,
                         const struct slot *s, struct buf *out)
{
    const struct account *own, *its;
    const struct model *first = first_in_turn(c, m, s);
    if (!first || !share_rivals(c, m, first, &own, &its))
        return false;
    buf_printf(out, "waits for %s, which is ", account_name(c, names, its));
    explain_put_ns(out, (share_level(own) - share_level(its)) * its->weight);
    buf_printf(out,
               " of slot time behind %s by their weights: %s has %" PRIu32 " of %" PRIu32
               " slots, its share is %.3g; %s has %" PRIu32 ", its share is %.3g",
               account_name(c, names, own), account_name(c, names, own), busy_slots(own),
               c->part_slots, own->owed_slots, account_name(c, names, its), busy_slots(its),
               its->owed_slots);
    return true;
}

void explain_put_share(const struct core *c, const struct explain_names *names,
                       const struct model *m, struct buf *out)
{
    const struct account *a = share_contested(c, m);
    if (a)
        buf_printf(out, "; %s has %" PRIu32 " of %" PRIu32 " slots, its share by weight is %.3g",
                   account_name(c, names, a), busy_slots(a), c->part_slots, a->owed_slots);
}
