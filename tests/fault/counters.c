#include "tests/fault/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool counters_full(void)
{
    const char *full = getenv("MUSTER_FAULT_FULL");
    return full && strcmp(full, "1") == 0;
}

static void print(FILE *to, const struct counters *c)
{
    fprintf(to,
            "{\"fault\": \"%s\", \"what\": \"%s\", \"injected\": %" PRIu64 ", \"needed\": %" PRIu64
            ", \"states\": %" PRIu64 ", \"acknowledged\": %" PRIu64 ", \"lost\": %" PRIu64
            ", \"violations\": %" PRIu64 "}\n",
            c->fault, c->what, c->injected, c->needed, c->states, c->acknowledged, c->lost,
            c->violations);
}

bool counters_tell(const struct counters *c)
{
    print(stdout, c);
    const char *path = getenv("MUSTER_FAULT_RESULTS");
    FILE *results = path ? fopen(path, "a") : NULL;
    if (results) {
        print(results, c);
        if (fclose(results) != 0)
            return false;
    }
    if (c->injected < c->needed)
        printf("void: only %" PRIu64 " of %" PRIu64 " were injected\n", c->injected, c->needed);
    return c->injected >= c->needed && c->lost == 0 && c->violations == 0 && (!path || results);
}
