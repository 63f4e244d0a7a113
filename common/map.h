/* A hash map from a 64-bit id to a pointer (open addressing). Iteration order is not defined and
 * must not decide anything: walk an id-ordered array or list for that. 0 is not a valid id. */
#ifndef MUSTER_COMMON_MAP_H
#define MUSTER_COMMON_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
    struct map_slot *slots;
    size_t count, capacity;
};

void map_put(struct map *m, uint64_t id, void *value); /* value not NULL; replaces */
void *map_find(const struct map *m, uint64_t id);      /* NULL: absent */
void *map_take(struct map *m, uint64_t id);            /* removes and returns; NULL: absent */
void map_release(struct map *m);                       /* frees the map, not the values */

#endif
