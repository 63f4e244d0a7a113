#include "coordinator/turn.h"

#include <stdlib.h>

#include "common/mem.h"
#include "proto/msg.h"

void turn_init(struct turn *t)
{
    *t = (struct turn){ .batch = store_batch_new() };
}

void turn_clear(struct turn *t)
{
    store_batch_clear(t->batch);
    t->count = 0;
    t->ack_count = 0;
    t->serial++;
    buf_clear(&t->frames);
    buf_clear(&t->notes);
}

void turn_release(struct turn *t)
{
    store_batch_free(t->batch);
    free(t->items);
    free(t->acks);
    buf_release(&t->frames);
    buf_release(&t->notes);
    *t = (struct turn){ 0 };
}

bool turn_is_empty(const struct turn *t)
{
    return t->count == 0 && t->ack_count == 0 && t->notes.len == 0 && store_batch_empty(t->batch);
}

void turn_say(struct turn *t, const struct outbox_peer *peer, const struct msg *m)
{
    t->items = xgrow(t->items, &t->capacity, t->count + 1, sizeof(*t->items));
    struct outbox_item *item = &t->items[t->count++];
    *item = (struct outbox_item){ .peer = *peer, .at = t->frames.len };
    msg_encode(m, &t->frames);
    item->len = t->frames.len - item->at;
}

void turn_ack(struct turn *t, struct turn_place *place, const struct turn_ack *ack)
{
    if (place->turn != t || place->serial != t->serial) {
        *place = (struct turn_place){ t, t->serial, t->ack_count };
        t->acks = xgrow(t->acks, &t->ack_capacity, t->ack_count + 1, sizeof(*t->acks));
        t->ack_count++;
    }
    t->acks[place->at] = *ack;
}

void turn_seal(struct turn *t)
{
    for (size_t i = 0; i < t->ack_count; i++) {
        struct msg m = { .type = MSG_ACK, .session = t->acks[i].session };
        m.as.ack.seq = t->acks[i].seq;
        turn_say(t, &t->acks[i].peer, &m);
    }
    t->ack_count = 0;
    t->serial++;
}
