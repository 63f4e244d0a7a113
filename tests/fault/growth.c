/* F8, a full map. A store is opened again and again with a map too small for it; every other
 * session has to grow it, in the midst of a commit. */
#include <inttypes.h>
#include <stdio.h>

#include "common/check.h"
#include "tests/fault/counters.h"
#include "tests/fault/folder.h"
#include "tests/fault/life.h"
#include "tests/fault/shim.h"

enum { GROWTHS = 25, SESSION_STEPS = 4 };

static struct digest digests[LIFE_STEPS_MAX + 1];

/* Returns how often the map grew. */
static uint64_t session(const char *dir, uint32_t first)
{
    struct store *s;
    check(life_open(dir, &s, NULL) == OK);
    uint64_t before = shim_maps();
    for (uint32_t step = first; step < first + SESSION_STEPS; step++)
        check(life_step(s, step, NULL) == OK);
    uint64_t growths = shim_maps() - before;
    store_close(s);
    return growths;
}

static bool is_as_it_must_be(const char *dir, uint32_t steps)
{
    struct store *s;
    struct digest now;
    uint32_t next;
    check(life_open(dir, &s, NULL) == OK);
    bool same = life_next(s, &next, NULL) == OK && next == steps && life_fsck(s, NULL) == OK &&
                life_digest(s, &now, NULL) == OK && digest_equal(&now, &digests[steps]);
    store_close(s);
    return same;
}

int main(void)
{
    char *dir = folder_make("oracle", true);
    life_oracle(dir, LIFE_STEPS_MAX, digests);
    folder_empty(dir);
    shim_set(&(struct shim_plan){ .under = dir });
    struct counters c = { .fault = "F8", .what = "store: the map grows", .needed = GROWTHS };
    for (uint32_t step = 0; step + SESSION_STEPS <= LIFE_STEPS_MAX; step += SESSION_STEPS) {
        c.injected += session(dir, step);
        c.acknowledged += SESSION_STEPS;
        c.states++;
        c.violations += is_as_it_must_be(dir, step + SESSION_STEPS) ? 0 : 1;
    }
    folder_remove(dir);
    return counters_tell(&c) ? 0 : 1;
}
