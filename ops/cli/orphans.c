#include "ops/cli/orphans.h"

#include <stdio.h>

#include "worker/child/reap.h"

void orphans_adopt(void)
{
    struct errmsg msg = { 0 };
    if (reap_init(&msg))
        fprintf(stderr, "muster: %s\n", msg.text); /* they become init's, then */
}

bool orphans_end(const struct children *c)
{
    pid_t pids[CHILDREN_MAX];
    size_t count = 0, left = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].running)
            pids[count++] = c->list[i].process.pid;
    struct errmsg msg = { 0 };
    if (reap_stragglers(pids, count, 0, &left, &msg))
        fprintf(stderr, "muster: %s\n", msg.text);
    return left > 0;
}
