/* What is wrong with a person's file: several things at once, in the order of its lines, so that
 * one look at the screen mends more than one mistake. */
#ifndef MUSTER_COORDINATOR_SPEC_PROBLEMS_H
#define MUSTER_COORDINATOR_SPEC_PROBLEMS_H

#include "common/arena.h"
#include "common/buf.h"

enum {
    PROBLEMS_MAX = 10,       /* kept: the first ones by line; the rest is counted */
    PROBLEM_BYTES_MAX = 1000 /* of a sentence, before it is made safe */
};

struct problem {
    uint32_t line; /* 0: of the file as a whole; such a one comes first */
    const char *text;
};

/* `struct problems p = { 0 };` is empty. */
struct problems {
    struct problem list[PROBLEMS_MAX];
    size_t count; /* kept in list */
    size_t more;  /* not kept */
    struct arena arena;
};

/* One whole sentence, with file and line in it. What it quotes from outside is made safe for
 * terminals here, and stays on one line. */
void problems_add(struct problems *p, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool problems_any(const struct problems *p);
/* Append one line each, with a newline; the last line may count those that were not kept. */
void problems_format(const struct problems *p, struct buf *out);
void problems_release(struct problems *p);

#endif
