#include "worker/agent/effect.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

void agent_effects_clear(struct agent_effects *e)
{
    e->count = 0;
    arena_clear(&e->arena);
}

void agent_effects_release(struct agent_effects *e)
{
    free(e->items);
    arena_release(&e->arena);
    *e = (struct agent_effects){ 0 };
}

struct agent_effect *agent_effects_add(struct agent_effects *e, enum agent_effect_kind kind)
{
    e->items = xgrow(e->items, &e->capacity, e->count + 1, sizeof *e->items);
    struct agent_effect *effect = &e->items[e->count++];
    effect->kind = kind;
    return effect;
}

const char *agent_effect_text(enum agent_effect_kind kind)
{
    static const char *const texts[AGENT_EFFECT_COUNT] = {
#define X(name, text) [name] = text,
        AGENT_EFFECT_LIST(X)
#undef X
    };
    check((unsigned)kind < AGENT_EFFECT_COUNT);
    return texts[kind];
}
