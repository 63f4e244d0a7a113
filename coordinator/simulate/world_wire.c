/* Messages that take a while. */
#include "coordinator/simulate/world.h"

#include <stdlib.h>

void wire_send(struct world *w, struct wire *wire, struct wire_message message)
{
    if (wire->first > wire->capacity / 2 && wire->end == wire->capacity) {
        size_t count = wire->end - wire->first;
        memmove(wire->messages, wire->messages + wire->first, count * sizeof(message));
        wire->first = 0;
        wire->end = count;
    }
    wire->messages = xgrow(wire->messages, &wire->capacity, wire->end + 1, sizeof(message));
    message.at_ns = w->now_ns + w->fleet->cluster->latency_ns;
    wire->messages[wire->end++] = message;
}

const struct wire_message *wire_front(const struct wire *wire)
{
    return wire->first < wire->end ? &wire->messages[wire->first] : NULL;
}

struct wire_message wire_take(struct wire *wire)
{
    check(wire->first < wire->end);
    struct wire_message m = wire->messages[wire->first++];
    if (wire->first == wire->end)
        wire->first = wire->end = 0;
    return m;
}

void wire_release(struct wire *wire)
{
    free(wire->messages);
    *wire = (struct wire){ 0 };
}
