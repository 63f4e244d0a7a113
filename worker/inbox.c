#include "worker/inbox.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

static struct span inbox_keep(struct inbox *in, struct span s)
{
    return s.len == 0 ? (struct span){ 0 } : span_of(arena_copy(&in->arena, s.data, s.len), s.len);
}

static const struct result *inbox_keep_rows(struct inbox *in, const struct result *rows,
                                            uint32_t count)
{
    struct result *kept = arena_alloc(&in->arena, count * sizeof *kept);
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = rows[i];
        kept[i].answer = inbox_keep(in, rows[i].answer);
    }
    return kept;
}

void inbox_put(struct inbox *in, const struct agent_event *e)
{
    in->events = xgrow(in->events, &in->capacity, in->end + 1, sizeof *in->events);
    struct agent_event *kept = &in->events[in->end++];
    *kept = *e;
    switch (e->kind) {
    case AGENT_ON_ROWS:
        kept->as.rows.rows = inbox_keep_rows(in, e->as.rows.rows, e->as.rows.count);
        break;
    case AGENT_ON_UNSERVED: kept->as.unserved.text = inbox_keep(in, e->as.unserved.text); break;
    case AGENT_ON_HOST_EXITED:
        kept->as.host_exited.text = inbox_keep(in, e->as.host_exited.text);
        break;
    case AGENT_ON_HOST_HELLO:
    case AGENT_ON_ANSWERED: break;
    case AGENT_ON_TIME:
    case AGENT_ON_WELCOMED:
    case AGENT_ON_LINK_LOST:
    case AGENT_ON_REJECTED:
    case AGENT_ON_BEAT_REPLY:
    case AGENT_ON_GRANT:
    case AGENT_ON_REVOKE:
    case AGENT_ON_REDEFINED:
    case AGENT_ON_ACKED:
    case AGENT_ON_DRAIN:
    case AGENT_EVENT_COUNT: check(!"an event of a slot");
    }
}

const struct agent_event *inbox_next(struct inbox *in)
{
    if (in->first < in->end)
        return &in->events[in->first++];
    in->first = in->end = 0;
    arena_clear(&in->arena);
    return NULL;
}

void inbox_release(struct inbox *in)
{
    free(in->events);
    arena_release(&in->arena);
}
