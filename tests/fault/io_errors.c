/* F5, calls that fail. The n-th call of a life that touches a file fails, once or from then on, for
 * every n until a life comes by without; the life ends or goes on, and its store holds all that was
 * promised, and lives on once the disk is well again.
 *
 * F2 and F3 below the coordinator: the same with the life killed at each of these calls, before,
 * after and half-way; and killed again and again while it comes back. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/check.h"
#include "common/rng.h"
#include "tests/fault/counters.h"
#include "tests/fault/folder.h"
#include "tests/fault/victim.h"

enum { QUICK_STRIDE = 4, KILLS_IN_A_ROW = 3, RECOVERIES_QUICK = 40, RECOVERIES_FULL = 250 };

struct kind {
    const char *fault, *what;
    enum shim_deed deed;
    int error;
    bool sticky;
};

static const struct kind kinds[] = {
    { "F2", "store: killed before a call", SHIM_KILL_BEFORE, 0, false },
    { "F2", "store: killed half-way through a call", SHIM_KILL_HALF, 0, false },
    { "F2", "store: killed after a call", SHIM_KILL_AFTER, 0, false },
    { "F5", "store: EIO once", SHIM_ERROR, EIO, false },
    { "F5", "store: EIO for ever", SHIM_ERROR, EIO, true },
    { "F5", "store: ENOSPC once", SHIM_ERROR, ENOSPC, false },
    { "F5", "store: ENOSPC for ever", SHIM_ERROR, ENOSPC, true },
    { "F5", "store: EINTR once", SHIM_ERROR, EINTR, false },
    { "F5", "store: short writes once", SHIM_SHORT, 0, false },
    { "F5", "store: short writes for ever", SHIM_SHORT, 0, true },
};

static void arm(const void *plan, const char *dir)
{
    struct shim_plan p = *(const struct shim_plan *)plan;
    p.under = dir;
    shim_set(&p);
}

static struct shim_plan plan_of(const struct kind *kind, uint64_t nth)
{
    return (struct shim_plan){ .point = kind->deed == SHIM_SHORT ? "*write *" : NULL,
                               .nth = nth,
                               .sticky = kind->sticky,
                               .deed = kind->deed,
                               .error = kind->error };
}

/* It may only end by its own will, or by ours. */
static bool ended_well(const struct kind *kind, const struct victim *v)
{
    bool kills = kind->deed != SHIM_ERROR && kind->deed != SHIM_SHORT;
    return WIFEXITED(v->ended) || (kills && WTERMSIG(v->ended) == SIGKILL);
}

static void note(struct counters *c, const char *wrong, uint64_t nth)
{
    c->states++;
    if (!wrong)
        return;
    printf("%s, call %" PRIu64 ": %s\n", c->what, nth, wrong);
    if (strcmp(wrong, "lost") == 0)
        c->lost++;
    else
        c->violations++;
}

static uint64_t count_points(const struct kind *kind)
{
    char *dir = folder_make("errors", true);
    struct shim_plan plan = plan_of(kind, 0);
    plan.deed = SHIM_NOTHING;
    struct victim v = victim_live(dir, arm, &plan, true);
    check(v.ended == 0 && v.promised == VICTIM_STEPS);
    folder_remove(dir);
    return v.points;
}

static bool every_call(const struct kind *kind)
{
    struct counters c = { .fault = kind->fault, .what = kind->what };
    uint64_t points = count_points(kind), stride = counters_full() ? 1 : QUICK_STRIDE;
    char *dir = folder_make("errors", true);
    for (uint64_t nth = 1; nth <= points; nth += stride) {
        struct shim_plan plan = plan_of(kind, nth);
        struct victim v = victim_live(dir, arm, &plan, false);
        bool killed = WIFSIGNALED(v.ended) && WTERMSIG(v.ended) == SIGKILL;
        c.injected += killed || v.deeds > 0;
        c.needed++;
        c.acknowledged += v.promised;
        note(&c, ended_well(kind, &v) ? victim_check(dir, v.promised) : "ended by a signal", nth);
        folder_empty(dir);
    }
    folder_remove(dir);
    return counters_tell(&c);
}

/* Killed, and killed again while it comes back, where the time of coming back is short. */
static bool in_recovery(void)
{
    struct counters c = { .fault = "F3", .what = "store: killed again and again in recovery" };
    uint64_t points = count_points(&kinds[0]);
    uint64_t rounds = counters_full() ? RECOVERIES_FULL : RECOVERIES_QUICK;
    char *dir = folder_make("recovery", true);
    struct rng rng;
    rng_seed(&rng, 3);
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t promised = 0;
        for (int kill = 0; kill < KILLS_IN_A_ROW; kill++) {
            /* Opening takes about twenty calls. */
            uint64_t nth = 1 + rng_below(&rng, kill == 0 ? points : 24);
            struct shim_plan plan = plan_of(&kinds[rng_below(&rng, 3)], nth);
            struct victim v = victim_live(dir, arm, &plan, false);
            c.injected += WIFSIGNALED(v.ended);
            c.acknowledged += v.promised > promised ? v.promised - promised : 0;
            promised = v.promised > promised ? v.promised : promised;
        }
        note(&c, victim_check(dir, promised), i);
        folder_empty(dir);
    }
    c.needed = rounds * (KILLS_IN_A_ROW - 1);
    folder_remove(dir);
    return counters_tell(&c);
}

int main(void)
{
    bool well = true;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        well = every_call(&kinds[i]) && well;
    well = in_recovery() && well;
    return well ? 0 : 1;
}
