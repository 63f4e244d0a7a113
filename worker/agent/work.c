/* What a loaded host is asked, what comes of it, and who is to blame when nothing does. */
#include "worker/agent/private.h"

/* The instances to run next come from the head attempt and, so that the host never waits between
 * two attempts, from those right behind it that are of the same model. */
static struct attempt *work_next_attempt(struct slot *s)
{
    for (struct list *n = list_first(&s->attempts); n != &s->attempts; n = n->next) {
        struct attempt *a = container_of(n, struct attempt, node);
        if (!slot_can_host(s, a))
            return NULL;
        if (agent_attempt_has_more(a))
            return a;
    }
    return NULL;
}

/* While one of several suspects may take the host down, each of them runs alone. */
static bool work_has_room(const struct slot *s)
{
    const struct window *w = &s->window;
    uint32_t limit = w->suspects > 0 ? 1 : s->inflight;
    return !s->is_outdated && w->asked < limit && w->asked + w->answered < w->capacity;
}

/* A model's requests may be limited over all workers: the slot has its share of them. */
static bool work_is_capped(const struct slot *s, const struct attempt *a)
{
    return a->inflight_max > 0 && s->window.asked >= a->inflight_max;
}

/* The share is counted in instances. */
static uint32_t work_run_max(const struct slot *s, const struct attempt *a)
{
    return a->inflight_max > 0 ? 1 : s->run_max;
}

static void work_ask(struct turn *t, struct slot *s, const struct again *what)
{
    const struct attempt *a = what->attempt;
    const struct request *r = window_ask(&s->window, what, t->now);
    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_REQUEST);
    effect->as.request.slot = s->index;
    effect->as.request.request = r->id;
    effect->as.request.attempt = a->id;
    effect->as.request.model = a->model;
    effect->as.request.task = a->task;
    effect->as.request.instance = what->instance;
    effect->as.request.count = what->count;
}

void work_fill(struct turn *t, struct slot *s)
{
    while (work_has_room(s) && !session_is_full(t->agent)) {
        const struct again *again = window_again(&s->window);
        if (again && work_is_capped(s, again->attempt))
            return;
        if (again) {
            struct again item = *again;
            window_take_again(&s->window);
            work_ask(t, s, &item);
            continue;
        }
        struct again next = { .attempt = work_next_attempt(s) };
        if (!next.attempt || work_is_capped(s, next.attempt))
            return;
        next.instance =
            agent_attempt_start_run(next.attempt, work_run_max(s, next.attempt), &next.count);
        work_ask(t, s, &next);
    }
}

void work_answered(struct turn *t, struct slot *s, uint64_t request)
{
    struct request *r = window_find(&s->window, request);
    if (!r || r->state != REQUEST_ASKED)
        return; /* given up meanwhile */
    window_answered(&s->window, r);
    s->start_failures = 0;
    agent_slot_pump(t, s);
}

void work_rows(struct turn *t, struct slot *s, uint64_t request, const struct result *rows,
               uint32_t count)
{
    struct request *r = window_find(&s->window, request);
    if (!r)
        return; /* given up meanwhile */
    check(count == r->count && rows[0].instance == r->instance &&
          rows[count - 1].instance == r->instance + count - 1);
    struct attempt *a = r->attempt;
    window_drop(&s->window, r);
    s->start_failures = 0;
    agent_attempt_record(t, a, rows, count);
    agent_attempt_settle(t, a);
    agent_slot_pump(t, s);
}

void work_unserved(struct turn *t, struct slot *s, uint64_t request, struct span text)
{
    struct request *r = window_find(&s->window, request);
    if (!r)
        return;
    struct attempt *a = r->attempt;
    window_drop(&s->window, r);
    agent_attempt_give_back(t, a, ENDED_REFUSED, text);
    agent_slot_pump(t, s);
}

/* A row that the model did not give. */
static void work_fail(struct turn *t, struct slot *s, struct request *r, status code,
                      struct span text)
{
    struct attempt *a = r->attempt;
    struct result *row = arena_alloc(&t->out->arena, sizeof *row);
    int64_t micros = (t->now - r->asked_mono_ns) / 1000;
    row->instance = r->instance;
    row->status = code;
    row->micros = micros < UINT32_MAX ? (uint32_t)micros : UINT32_MAX;
    row->answer = text;
    window_drop(&s->window, r);
    agent_attempt_record(t, a, row, 1);
    agent_attempt_settle(t, a);
}

/* A request whose host is gone: it runs again, or its attempt gives it back. */
static void work_rerun(struct turn *t, struct slot *s, struct request *r, bool is_suspect)
{
    struct attempt *a = r->attempt;
    if (a->reason == ENDED_DONE) {
        window_rerun(&s->window, r, is_suspect);
        return;
    }
    window_drop(&s->window, r);
    agent_attempt_settle(t, a);
}

/* The only request at the host is at fault; of a run, one of its halves is. */
static void work_accuse(struct turn *t, struct slot *s, struct request *r, status code,
                        struct span text)
{
    if (r->count == 1)
        work_fail(t, s, r, code, text);
    else if (r->attempt->reason == ENDED_DONE)
        window_split(&s->window, r);
    else
        work_rerun(t, s, r, true);
}

/* One that is late is at fault. Of several that came due together, perhaps all but one only waited
 * behind it: each runs again, alone. Those with time left were beside it. */
void work_late(struct turn *t, struct slot *s)
{
    uint32_t late = window_count_late(&s->window, t->now);
    struct request *oldest = window_oldest(&s->window);
    if (late == 1) {
        double seconds = (double)oldest->attempt->needs.timeout_ns / (double)SECOND_NS;
        work_accuse(t, s, oldest, STATUS_TIMEOUT, turn_format(t, "no answer within %g s", seconds));
        late = 0;
    }
    for (struct request *r = window_oldest(&s->window); r; r = window_oldest(&s->window)) {
        work_rerun(t, s, r, late > 0 || r->is_suspect);
        late -= late > 0;
    }
}

void work_unread(struct turn *t, struct slot *s)
{
    struct request *r = window_oldest(&s->window);
    work_rerun(t, s, r, r->is_suspect);
}

void work_blame(struct turn *t, struct slot *s, enum host_end end, struct span text)
{
    static const status status_of[] = {
        [HOST_END_GONE] = STATUS_CRASH,
        [HOST_END_UNREAD] = STATUS_CRASH,
        [HOST_END_OOM] = STATUS_OOM,
        [HOST_END_PROTOCOL] = STATUS_PROTOCOL,
    };
    if (s->window.asked == 1) {
        work_accuse(t, s, window_oldest(&s->window), status_of[end], text);
        return;
    }
    for (struct request *r = window_oldest(&s->window); r; r = window_oldest(&s->window))
        work_rerun(t, s, r, true);
}
