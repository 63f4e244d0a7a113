#include "coordinator/spec/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/text.h"

/* Behind those of its own line. */
static size_t place_for(const struct problems *p, uint32_t line)
{
    size_t place = p->count;
    while (place > 0 && p->list[place - 1].line > line)
        place--;
    return place;
}

void problems_add(struct problems *p, uint32_t line, const char *format, ...)
{
    size_t place = place_for(p, line);
    if (p->count == PROBLEMS_MAX) {
        p->more++;
        if (place == PROBLEMS_MAX)
            return;
        p->count--; /* the last one makes room */
    }
    char *sentence;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&sentence, format, args);
    va_end(args);
    check(len >= 0);
    struct buf safe = { 0 };
    text_append_safe(&safe, span_of(sentence, strnlen(sentence, PROBLEM_BYTES_MAX)));
    if (len > PROBLEM_BYTES_MAX)
        buf_append_str(&safe, "...");
    const char *text = arena_strdup(&p->arena, buf_cstr(&safe));
    buf_release(&safe);
    free(sentence);

    memmove(&p->list[place + 1], &p->list[place], (p->count - place) * sizeof(p->list[0]));
    p->list[place] = (struct problem){ line, text };
    p->count++;
}

bool problems_any(const struct problems *p)
{
    return p->count > 0;
}

void problems_format(const struct problems *p, struct buf *out)
{
    for (size_t i = 0; i < p->count; i++)
        buf_printf(out, "%s\n", p->list[i].text);
    if (p->more > 0)
        buf_printf(out, "... and %zu more\n", p->more);
}

void problems_release(struct problems *p)
{
    arena_release(&p->arena);
    *p = (struct problems){ 0 };
}
