#include "coordinator/parcels.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

void parcels_release(struct parcels *p)
{
    buf_release(&p->bytes);
    free(p->starts);
    *p = (struct parcels){ 0 };
}

void parcels_clear(struct parcels *p)
{
    buf_clear(&p->bytes);
    p->count = 0;
    p->frames = 0;
}

static bool last_is_full(const struct parcels *p)
{
    return p->count == 0 || p->frames == PARCEL_FRAMES_MAX ||
           p->bytes.len - p->starts[p->count - 1] >= PARCEL_BYTES;
}

void parcels_add(struct parcels *p, const struct msg *m)
{
    if (last_is_full(p)) {
        p->starts = xgrow(p->starts, &p->capacity, p->count + 1, sizeof(*p->starts));
        p->starts[p->count++] = p->bytes.len;
        p->frames = 0;
    }
    msg_encode(m, &p->bytes);
    p->frames++;
}

struct span parcels_at(const struct parcels *p, size_t i)
{
    check(i < p->count);
    size_t end = i + 1 < p->count ? p->starts[i + 1] : p->bytes.len;
    return span_of(p->bytes.data + p->starts[i], end - p->starts[i]);
}
