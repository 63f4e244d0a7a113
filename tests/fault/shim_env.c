/* The shim as a library for LD_PRELOAD: told by the environment, before main.
 *
 * FAULT_PROGRAM   sleeps in every other program
 * FAULT_UNDER, FAULT_POINT, FAULT_NTH, FAULT_HITS, FAULT_TIMES, FAULT_CENSUS   as in shim_plan
 * FAULT_STICKY=1
 * FAULT_DO        before, half, after (SIGKILL); short; or a number of errno
 * FAULT_MEMORY    the number of the allocation that fails
 * FAULT_CLOCK     a file of 8 bytes: so many seconds the wall clock is ahead (shim_world.c)
 * FAULT_LOCKS=no  locks are always given (shim_world.c) */
#include "tests/fault/shim_private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool is_set(const char *name)
{
    return number(name, 0) == 1;
}

static void set_deed(struct shim_plan *plan, const char *text)
{
    static const struct {
        const char *text;
        enum shim_deed deed;
    } deeds[] = { { "before", SHIM_KILL_BEFORE },
                  { "half", SHIM_KILL_HALF },
                  { "after", SHIM_KILL_AFTER },
                  { "short", SHIM_SHORT } };
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
        if (strcmp(text, deeds[i].text) == 0)
            plan->deed = deeds[i].deed;
    if (plan->deed)
        return;
    plan->deed = SHIM_ERROR;
    plan->error = (int)strtol(text, NULL, 10);
}

__attribute__((constructor)) static void begin(void)
{
    const char *program = getenv("FAULT_PROGRAM"), *deed = getenv("FAULT_DO");
    if (!program || strcmp(program, program_invocation_short_name) != 0)
        return;
    struct shim_plan plan = { .under = getenv("FAULT_UNDER"),
                              .point = getenv("FAULT_POINT"),
                              .nth = number("FAULT_NTH", 1),
                              .sticky = is_set("FAULT_STICKY"),
                              .times = number("FAULT_TIMES", 0),
                              .hits = getenv("FAULT_HITS"),
                              .census = getenv("FAULT_CENSUS") };
    if (deed)
        set_deed(&plan, deed);
    shim_set(&plan);
    shim_world_set(getenv("FAULT_CLOCK"), getenv("FAULT_LOCKS"));
    if (plan.times == 0 || !shim_is_used_up())
        shim_memory_set(number("FAULT_MEMORY", 0), false);
}
