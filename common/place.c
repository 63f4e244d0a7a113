#include "common/place.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

/* How close two places are: what they have in common. */
enum closeness { CLOSE_NEAR, CLOSE_NODE, CLOSE_PACKAGE, CLOSE_MACHINE, CLOSENESS_COUNT };

struct ranked {
    struct place at;
    uint32_t index;
};

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int by = compare_u32(x->at.package, y->at.package);
    by = by ? by : compare_u32(x->at.node, y->at.node);
    by = by ? by : compare_u32(x->at.near, y->at.near);
    return by ? by : compare_u32(x->index, y->index);
}

static bool is_as_close(const struct place *a, const struct place *b, enum closeness closeness)
{
    switch (closeness) {
    case CLOSE_NEAR: return a->package == b->package && a->node == b->node && a->near == b->near;
    case CLOSE_NODE: return a->package == b->package && a->node == b->node;
    case CLOSE_PACKAGE: return a->package == b->package;
    case CLOSE_MACHINE: return true;
    case CLOSENESS_COUNT: break;
    }
    check(!"a closeness");
    return false;
}

static void make_group(const uint32_t *members, uint32_t width, uint32_t *group_of)
{
    uint32_t lowest = members[0];
    for (uint32_t i = 1; i < width; i++)
        lowest = members[i] < lowest ? members[i] : lowest;
    for (uint32_t i = 0; i < width; i++)
        group_of[members[i]] = lowest;
}

/* Groups of those that are so close and in no group yet; they are neighbours in the ranking. */
static uint32_t group_level(const struct ranked *ranked, uint32_t count, uint32_t width,
                            enum closeness closeness, uint32_t *members, uint32_t *group_of)
{
    uint32_t groups = 0, found = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && !is_as_close(&ranked[i - 1].at, &ranked[i].at, closeness))
            found = 0;
        if (group_of[ranked[i].index] != PLACE_GROUP_NONE)
            continue;
        members[found++] = ranked[i].index;
        if (found < width)
            continue;
        make_group(members, width, group_of);
        groups++;
        found = 0;
    }
    return groups;
}

uint32_t place_groups(const struct place *places, uint32_t count, uint32_t width,
                      uint32_t *group_of)
{
    check(width > 0);
    for (uint32_t i = 0; i < count; i++)
        group_of[i] = PLACE_GROUP_NONE;
    if (width > count)
        return 0;
    struct ranked *ranked = xcalloc(count, sizeof(*ranked));
    uint32_t *members = xcalloc(width, sizeof(*members)), groups = 0;
    for (uint32_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){ places[i], i };
    qsort(ranked, count, sizeof(*ranked), compare_ranked);
    for (int level = 0; level < CLOSENESS_COUNT; level++)
        groups += group_level(ranked, count, width, (enum closeness)level, members, group_of);
    free(members);
    free(ranked);
    return groups;
}
