/* Messages on their way to one peer, packed as they are said: a parcel that is full is followed by
 * the next. `= { 0 }` is empty. */
#ifndef MUSTER_COORDINATOR_PARCELS_H
#define MUSTER_COORDINATOR_PARCELS_H

#include "proto/msg.h"

struct parcels {
    uint32_t frames; /* of the last one */
    struct buf bytes;
    size_t *starts; /* in bytes, a parcel each */
    size_t count, capacity;
};

void parcels_release(struct parcels *p);
void parcels_clear(struct parcels *p);
void parcels_add(struct parcels *p, const struct msg *m);

/* Borrowed until the next call. i < count. */
struct span parcels_at(const struct parcels *p, size_t i);

#endif
