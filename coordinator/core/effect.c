#include "coordinator/core/state_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void core_effects_clear(struct core_effects *out)
{
    out->count = 0;
    arena_clear(&out->arena);
}

void core_effects_release(struct core_effects *out)
{
    free(out->items);
    arena_release(&out->arena);
    *out = (struct core_effects){ 0 };
}

struct core_effect *emit(struct core *c, enum core_effect_kind kind, uint64_t session)
{
    struct core_effects *out = c->out;
    out->items = xgrow(out->items, &out->capacity, out->count + 1, sizeof(*out->items));
    struct core_effect *effect = &out->items[out->count++];
    *effect = (struct core_effect){ .kind = kind, .session = session };
    return effect;
}

__attribute__((format(printf, 4, 0))) static void
put_note(struct core *c, bool warn, uint32_t model, const char *format, va_list args)
{
    char line[512];
    vsnprintf(line, sizeof(line), format, args);
    struct core_effect *effect = emit(c, EFFECT_NOTE, 0);
    effect->as.note.warn = warn;
    effect->as.note.model = model;
    effect->as.note.text = arena_strdup(&c->out->arena, line);
}

void note(struct core *c, bool warn, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_note(c, warn, NONE, format, args);
    va_end(args);
}

void note_of_model(struct core *c, bool warn, uint32_t model, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_note(c, warn, model, format, args);
    va_end(args);
}
