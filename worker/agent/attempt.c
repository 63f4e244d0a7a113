/* One attempt: what is left of it to start, its rows on their way out, its end. */
#include <stdlib.h>

#include "common/mem.h"
#include "worker/agent/private.h"

struct attempt *agent_attempt_new(const struct agent_event *e)
{
    struct attempt *a = xcalloc(1, sizeof *a);
    a->id = e->as.grant.attempt;
    a->slot = e->as.grant.slot;
    a->model = e->as.grant.model;
    a->task = e->as.grant.task;
    a->first = e->as.grant.first;
    a->count = e->as.grant.count;
    a->inflight_max = e->as.grant.inflight_max;
    a->needs = e->as.grant.needs;
    agent_gang_init(&a->gang, e->as.grant.members, e->as.grant.member_count);
    a->reason = ENDED_DONE;
    bitmap_init(&a->wanted, a->count);
    bitmap_fill(&a->wanted);
    struct span skip = e->as.grant.skip;
    for (uint32_t i = 0; skip.len > 0 && i < a->count; i++)
        if ((skip.data[i / 8] >> (i % 8)) & 1)
            bitmap_clear(&a->wanted, i);
    a->open = bitmap_count(&a->wanted);
    a->next = bitmap_next_set(&a->wanted, 0);
    list_init(&a->node);
    return a;
}

void agent_attempt_free(struct attempt *a)
{
    bitmap_release(&a->wanted);
    free(a->text);
    free(a);
}

bool agent_attempt_has_more(const struct attempt *a)
{
    return a->reason == ENDED_DONE && a->next < a->count;
}

uint32_t agent_attempt_start_run(struct attempt *a, uint32_t max, uint32_t *count)
{
    uint32_t bit = a->next, end = bit + 1;
    while (end < a->count && end - bit < max && bitmap_get(&a->wanted, end))
        end++;
    a->next = bitmap_next_set(&a->wanted, end);
    *count = end - bit;
    return a->first + bit;
}

static uint64_t row_bytes(const struct result *row)
{
    return ROW_BYTES + row->answer.len;
}

static bool attempt_is_full(const struct attempt *a)
{
    return a->rows >= FLUSH_ROWS || a->row_bytes >= FLUSH_BYTES;
}

/* As many of the rows as one message still has room for; returns how many. */
static uint32_t attempt_take(struct turn *t, struct attempt *a, const struct result *rows,
                             uint32_t count)
{
    uint64_t before = a->row_bytes;
    uint32_t taken = 0;
    if (a->rows == 0)
        a->oldest_row_mono_ns = t->now;
    for (; taken < count && !attempt_is_full(a); taken++, a->rows++)
        a->row_bytes += row_bytes(&rows[taken]);
    t->agent->row_bytes += a->row_bytes - before;

    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_RECORD);
    effect->as.record.attempt = a->id;
    effect->as.record.task = a->task;
    effect->as.record.rows = rows;
    effect->as.record.count = taken;
    return taken;
}

void agent_attempt_record(struct turn *t, struct attempt *a, const struct result *rows,
                          uint32_t count)
{
    check(a->open >= count);
    a->open -= count;
    a->finished += count;
    while (count > 0) {
        uint32_t taken = attempt_take(t, a, rows, count);
        rows += taken;
        count -= taken;
        if (attempt_is_full(a))
            agent_attempt_flush(t, a);
    }
}

void agent_attempt_flush(struct turn *t, struct attempt *a)
{
    if (a->rows == 0)
        return;
    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_FLUSH);
    effect->as.flush.attempt = a->id;
    effect->as.flush.model = a->model;
    effect->as.flush.task = a->task;
    effect->as.flush.seq = session_next_seq(t, MESSAGE_BYTES + a->row_bytes);
    t->agent->row_bytes -= a->row_bytes;
    a->rows = 0;
    a->row_bytes = 0;
}

void agent_attempt_time(struct turn *t, struct attempt *a)
{
    if (agent_attempt_deadline(a) <= t->now)
        agent_attempt_flush(t, a);
}

int64_t agent_attempt_deadline(const struct attempt *a)
{
    return a->rows == 0 ? INT64_MAX : a->oldest_row_mono_ns + FLUSH_AGE_NS;
}

void agent_attempt_give_back(struct turn *t, struct attempt *a, enum ended reason, struct span text)
{
    check(reason != ENDED_DONE);
    if (a->reason == ENDED_DONE) { /* otherwise the first reason stands */
        a->reason = reason;
        a->text = xstrndup((const char *)text.data, text.len);
        window_forget(&t->agent->slots[a->slot].window, a);
    }
    agent_attempt_settle(t, a);
}

void agent_attempt_cut(struct turn *t, struct attempt *a, uint32_t from)
{
    uint32_t keep = from > a->first ? from - a->first : 0;
    keep = keep > a->next ? keep : a->next;
    keep = keep < a->count ? keep : a->count;
    check(keep > 0 && a->reason == ENDED_DONE);
    for (uint32_t i = bitmap_next_set(&a->wanted, keep); i < a->count;
         i = bitmap_next_set(&a->wanted, i + 1)) {
        bitmap_clear(&a->wanted, i);
        a->open--;
    }
    a->count = keep;
    turn_send_ended(t, a->id, ENDED_RETURNED, span_of(NULL, 0), a->first + keep);
    agent_attempt_settle(t, a);
}

/* It leaves its slot, and waits among the ended ones until its end is durable. */
static void attempt_end(struct turn *t, struct attempt *a)
{
    struct agent *agent = t->agent;
    enum ended reason = a->open == 0 ? ENDED_DONE : a->reason;
    agent_attempt_flush(t, a);
    struct span text = { 0 };
    if (reason != ENDED_DONE)
        text = span_str(a->text); /* lives as long as the attempt: until the ack */
    a->ended_seq = turn_send_ended(t, a->id, reason, text, 0);
    list_remove(&a->node);
    list_push_back(&agent->ended, &a->node);
    agent->ended_count++;
    bitmap_release(&a->wanted);
    agent->slots[a->slot].attempt_count--;
    agent->live_count--;
    agent->gang_count -= a->gang.count > 0;
}

bool agent_attempt_settle(struct turn *t, struct attempt *a)
{
    if (a->asked + a->answered > 0)
        return false;
    if (a->open > 0 && a->reason == ENDED_DONE)
        return false;
    attempt_end(t, a);
    return true;
}
