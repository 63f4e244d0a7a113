/* F6, no memory. The n-th allocation of a life fails, in the store, in LMDB and in what they call,
 * once or from then on. The rule of common/mem.h is that a process without memory ends at once; its
 * store must then hold all that was promised. Ending by any other signal than abort() is a fault.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/check.h"
#include "tests/fault/counters.h"
#include "tests/fault/folder.h"
#include "tests/fault/victim.h"

enum { QUICK_LIVES = 250 };

struct shortage {
    uint64_t nth;
    bool sticky;
};

static void arm(const void *plan, const char *dir)
{
    const struct shortage *s = plan;
    (void)dir;
    shim_memory_set(s->nth, s->sticky);
}

static bool ended_well(int ended)
{
    return WIFEXITED(ended) || WTERMSIG(ended) == SIGABRT;
}

static void one_life(const char *dir, struct shortage shortage, struct counters *c)
{
    struct victim v = victim_live(dir, arm, &shortage, false);
    c->needed++;
    c->injected += v.ended != 0 || v.allocations >= shortage.nth;
    c->states++;
    c->acknowledged += v.promised;
    const char *wrong =
        ended_well(v.ended) ? victim_check(dir, v.promised) : "ended by another signal than abort";
    if (wrong)
        printf("%s, allocation %" PRIu64 ": %s\n", c->what, shortage.nth, wrong);
    c->lost += wrong && strcmp(wrong, "lost") == 0;
    c->violations += wrong && strcmp(wrong, "lost") != 0;
    folder_empty(dir);
}

static bool every_allocation(const char *what, bool sticky)
{
    char *dir = folder_make("memory", true);
    struct victim v = victim_live(dir, arm, &(struct shortage){ 0 }, true);
    check(v.ended == 0 && v.promised == VICTIM_STEPS);
    folder_empty(dir);
    struct counters c = { .fault = "F6", .what = what };
    uint64_t stride = counters_full() ? 1 : 1 + v.allocations / QUICK_LIVES;
    for (uint64_t nth = 1; nth <= v.allocations; nth += stride)
        one_life(dir, (struct shortage){ nth, sticky }, &c);
    folder_remove(dir);
    return counters_tell(&c);
}

int main(void)
{
    bool well = every_allocation("store: an allocation fails", false);
    well = every_allocation("store: no memory any more", true) && well;
    return well ? 0 : 1;
}
