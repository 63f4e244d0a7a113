/* Where slots are in a machine, and which of them go together. The worker prints it, the
 * coordinator forms gangs by it: both have to come to the same groups. */
#ifndef MUSTER_COMMON_PLACE_H
#define MUSTER_COMMON_PLACE_H

#include <stdint.h>

/* Numbers of this machine: equal ones are close together, most of all an equal `near` (the
 * GPUs share a PCI switch) within a node, then a node within a package, then a package. They mean
 * nothing else. */
struct place {
    uint32_t package, node, near;
};

static const uint32_t PLACE_GROUP_NONE = UINT32_MAX;

/* Share `count` places out in groups of `width`, those closest together first, and of those that
 * are equally close the first ones. What is left over near by forms groups further out: no other
 * way gives more groups. group_of[i]: the lowest place of the group that has i, by which it is
 * known; PLACE_GROUP_NONE: i is in none. Groups of 2 lie within groups of 4, and so on, where
 * the machine is built that way.
 *
 * Returns the number of groups. The same places give the same groups. */
uint32_t place_groups(const struct place *places, uint32_t count, uint32_t width,
                      uint32_t *group_of);

#endif
