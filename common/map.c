#include "common/map.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

/* Linear probing over a power of two of slots, at most three quarters full. Removal moves the
 * followers of a run back instead of leaving a mark, so that lookups never get slower with age. */
struct map_slot {
    uint64_t id; /* 0: free */
    void *value;
};

enum { MAP_SLOTS_MIN = 16 };

static size_t home(uint64_t id, size_t capacity)
{
    /* Fibonacci hashing, folded: ids count up from 1, or differ in their high half only. */
    uint64_t h = id * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h ^ (h >> 32)) & (capacity - 1);
}

/* The slot of id, or the free one where it would go. */
static size_t slot_of(const struct map *m, uint64_t id)
{
    size_t i = home(id, m->capacity);
    while (m->slots[i].id != 0 && m->slots[i].id != id)
        i = (i + 1) & (m->capacity - 1);
    return i;
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->capacity = old.capacity > 0 ? old.capacity * 2 : MAP_SLOTS_MIN;
    m->slots = xcalloc(m->capacity, sizeof(m->slots[0]));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].id != 0)
            m->slots[slot_of(m, old.slots[i].id)] = old.slots[i];
    }
    free(old.slots);
}

void map_put(struct map *m, uint64_t id, void *value)
{
    check(id != 0 && value);
    if (m->count + 1 > m->capacity / 4 * 3)
        grow(m);
    struct map_slot *slot = &m->slots[slot_of(m, id)];
    if (slot->id == 0)
        m->count++;
    *slot = (struct map_slot){ id, value };
}

void *map_find(const struct map *m, uint64_t id)
{
    if (m->count == 0 || id == 0)
        return NULL;
    return m->slots[slot_of(m, id)].value; /* NULL in a free slot */
}

void *map_take(struct map *m, uint64_t id)
{
    if (m->count == 0 || id == 0)
        return NULL;
    size_t mask = m->capacity - 1, hole = slot_of(m, id);
    if (m->slots[hole].id == 0)
        return NULL;
    void *value = m->slots[hole].value;
    for (size_t i = (hole + 1) & mask; m->slots[i].id != 0; i = (i + 1) & mask) {
        /* It may move into the hole unless its home lies behind the hole. */
        size_t distance = (i - home(m->slots[i].id, m->capacity)) & mask;
        if (distance >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){ 0 };
    m->count--;
    return value;
}

void map_release(struct map *m)
{
    free(m->slots);
    *m = (struct map){ 0 };
}
