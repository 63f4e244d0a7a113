/* The life of the host in a slot. slot_set_phase is the only writer of slot->phase. */
#include "common/text.h"
#include "worker/agent/private.h"

#define BIT(phase) (1u << (phase))
static const uint8_t phase_next[PHASE_COUNT] = {
    [PHASE_EMPTY] = BIT(PHASE_LOADING),
    [PHASE_WAITING] = BIT(PHASE_LOADING) | BIT(PHASE_EMPTY),
    [PHASE_LOADING] = BIT(PHASE_LOADED) | BIT(PHASE_ASKED) | BIT(PHASE_KILLED) |
                      BIT(PHASE_WAITING) | BIT(PHASE_EMPTY),
    [PHASE_LOADED] = BIT(PHASE_ASKED) | BIT(PHASE_KILLED) | BIT(PHASE_WAITING) | BIT(PHASE_EMPTY),
    [PHASE_ASKED] = BIT(PHASE_KILLED) | BIT(PHASE_WAITING) | BIT(PHASE_EMPTY),
    [PHASE_KILLED] = BIT(PHASE_SICK) | BIT(PHASE_WAITING) | BIT(PHASE_EMPTY),
    [PHASE_SICK] = BIT(PHASE_WAITING) | BIT(PHASE_EMPTY),
};

static void slot_set_phase(struct slot *s, enum phase to, int64_t deadline_mono_ns)
{
    check(phase_next[s->phase] & BIT(to));
    s->phase = to;
    s->deadline_mono_ns = deadline_mono_ns;
}

void agent_slot_init(struct slot *s, uint32_t index, const struct agent_slot_config *config)
{
    *s = (struct slot){
        .config = *config,
        .index = index,
        .phase = PHASE_EMPTY,
        .deadline_mono_ns = INT64_MAX,
    };
    list_init(&s->attempts);
    window_init(&s->window);
}

struct attempt *agent_slot_head(const struct slot *s)
{
    struct list *first = s->attempts.next;
    return first == &s->attempts ? NULL : container_of(first, struct attempt, node);
}

static void slot_send_news(struct turn *t, const struct slot *s, bool ready, struct span text)
{
    int64_t load_ms = (t->now - s->started_mono_ns) / 1000000;
    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_SEND_HOST);
    effect->as.host.slot = s->index;
    effect->as.host.model = s->model;
    effect->as.host.ready = ready;
    effect->as.host.load_ms = !ready ? 0 : load_ms < UINT32_MAX ? (uint32_t)load_ms : UINT32_MAX;
    effect->as.host.text = text;
}

static void slot_start(struct turn *t, struct slot *s, const struct attempt *head)
{
    s->model = head->model;
    s->started_mono_ns = t->now;
    s->is_outdated = false;
    slot_claim(t->agent, s, &head->gang);
    slot_set_phase(s, PHASE_LOADING, t->now + head->needs.load_timeout_ns);
    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_START_HOST);
    effect->as.start_host.slot = s->index;
    effect->as.start_host.model = s->model;
    effect->as.start_host.members = s->gang.members;
    effect->as.start_host.member_count = s->gang.count;
}

static void slot_stop(struct turn *t, struct slot *s, enum agent_stop how)
{
    check(how == AGENT_STOP_KILL || s->window.asked == 0);
    if (how == AGENT_STOP_ASK)
        slot_set_phase(s, PHASE_ASKED, t->now + ASK_NS);
    else
        slot_set_phase(s, PHASE_KILLED, t->now + KILL_NS);
    struct agent_effect *effect = agent_effects_add(t->out, AGENT_DO_STOP_HOST);
    effect->as.stop_host.slot = s->index;
    effect->as.stop_host.how = how;
}

/* A loaded model is worth its load time: it stays until another one is wanted. */
static bool slot_wants_host_gone(const struct turn *t, const struct slot *s)
{
    const struct attempt *head = agent_slot_head(s);
    if (s->is_outdated)
        return s->window.asked == 0; /* of no use to anybody else */
    return head ? !slot_can_host(s, head) : t->agent->draining || slot_is_in_the_way(t->agent, s);
}

void slot_ask_to_go(struct turn *t, struct slot *s)
{
    if ((s->phase == PHASE_LOADING || s->phase == PHASE_LOADED) && slot_wants_host_gone(t, s))
        slot_stop(t, s, AGENT_STOP_ASK);
}

/* Attempts that need a slot which will not come free go back, one after the other. */
static const struct attempt *slot_next_head(struct turn *t, struct slot *s)
{
    struct attempt *head;
    while ((head = agent_slot_head(s))) {
        const struct slot *sick = slot_sick_for(t->agent, s, head);
        if (!sick)
            break;
        agent_attempt_give_back(t, head, ENDED_RETURNED, slot_sick_text(t, sick));
    }
    return head;
}

/* Its slot is empty: start what is granted, once nobody else holds what it needs. */
static void slot_try_start(struct turn *t, struct slot *s)
{
    const struct attempt *head = slot_next_head(t, s);
    if (head && slot_may_claim(t, s, head))
        slot_start(t, s, head);
}

void agent_slot_pump(struct turn *t, struct slot *s)
{
    const struct attempt *head = agent_slot_head(s);
    switch (s->phase) {
    case PHASE_EMPTY: slot_try_start(t, s); break;
    case PHASE_WAITING:
        if (head && !slot_can_host(s, head)) { /* the failures were another model's */
            s->start_failures = 0;
            slot_try_start(t, s);
        }
        break;
    case PHASE_LOADING:
    case PHASE_LOADED:
        if (slot_wants_host_gone(t, s))
            slot_stop(t, s, AGENT_STOP_ASK);
        else if (s->phase == PHASE_LOADED)
            work_fill(t, s);
        break;
    case PHASE_ASKED:
    case PHASE_KILLED:
    case PHASE_SICK:
    case PHASE_COUNT: break;
    }
}

static void slot_return_attempts(struct turn *t, struct slot *s, struct span text)
{
    struct list *next;
    for (struct list *n = list_first(&s->attempts); n != &s->attempts; n = next) {
        next = n->next;
        agent_attempt_give_back(t, container_of(n, struct attempt, node), ENDED_RETURNED, text);
    }
}

/* Those of the model that the slot has, or tried to start. */
static void slot_fail_attempts(struct turn *t, struct slot *s, struct span text)
{
    struct list *next;
    for (struct list *n = list_first(&s->attempts); n != &s->attempts; n = next) {
        next = n->next;
        struct attempt *a = container_of(n, struct attempt, node);
        if (a->model == s->model)
            agent_attempt_give_back(t, a, ENDED_HOST_FAILED, text);
    }
}

/* The host ended without having done anything. */
static void slot_count_failure(struct turn *t, struct slot *s, struct span text)
{
    slot_send_news(t, s, false, text);
    if (++s->start_failures < START_FAILURES_MAX)
        return;
    s->start_failures = 0; /* a later grant may try again */
    slot_fail_attempts(t, s,
                       turn_format(t, "the model failed to start %d times; the last time: %.*s",
                                   START_FAILURES_MAX, (int)text.len, (const char *)text.data));
}

/* The host is gone; the next one starts now, or after a while if this model just failed to. */
static void slot_vacate(struct turn *t, struct slot *s)
{
    if (s->start_failures == 0)
        slot_set_phase(s, PHASE_EMPTY, INT64_MAX);
    else
        slot_set_phase(s, PHASE_WAITING, t->now + (s->start_failures == 1 ? 1 : 5) * SECOND_NS);
    slot_release_claim(t, s);
    agent_slot_pump(t, s);
}

/* What it is asked now it answers as it was started; the next instances are for the next host. */
void agent_slot_redefined(struct turn *t, struct slot *s, uint32_t model)
{
    if ((s->phase != PHASE_LOADING && s->phase != PHASE_LOADED) || s->model != model)
        return;
    s->is_outdated = true;
    agent_slot_pump(t, s);
}

void agent_slot_host_hello(struct turn *t, struct slot *s, uint32_t inflight, uint32_t run_max)
{
    if (s->phase != PHASE_LOADING)
        return; /* asked to go, or killed, while it was loading */
    check(inflight >= 1 && inflight <= HOST_INFLIGHT_MAX);
    check(run_max >= 1 && run_max <= AGENT_RUN_MAX);
    slot_set_phase(s, PHASE_LOADED, INT64_MAX);
    s->inflight = inflight;
    s->run_max = run_max;
    window_widen(&s->window, inflight);
    slot_send_news(t, s, true, (struct span){ 0 });
    agent_slot_pump(t, s);
}

void agent_slot_host_exited(struct turn *t, struct slot *s, enum host_end end, struct span text)
{
    switch (s->phase) {
    case PHASE_LOADING: slot_count_failure(t, s, text); break;
    case PHASE_LOADED:
        if (s->window.asked == 1 && end == HOST_END_UNREAD)
            work_unread(t, s);
        if (s->window.asked == 0) {
            slot_count_failure(t, s, text);
            break;
        }
        slot_send_news(t, s, false, text);
        work_blame(t, s, end, text);
        s->start_failures = 0;
        break;
    case PHASE_ASKED:
    case PHASE_KILLED: break;
    case PHASE_SICK: turn_note(t, false, "slot_recovered slot=%u", s->index); break;
    case PHASE_EMPTY:
    case PHASE_WAITING:
    case PHASE_COUNT: return; /* nothing of ours */
    }
    slot_vacate(t, s);
}

static void slot_load_timeout(struct turn *t, struct slot *s)
{
    char waited[32];
    text_format_duration(waited, sizeof waited, (t->now - s->started_mono_ns) / 1000000);
    slot_stop(t, s, AGENT_STOP_KILL);
    slot_count_failure(t, s, turn_format(t, "it said no hello within %s", waited));
}

/* The beat comes first: nothing follows what goes back. The model is told to fail here only if it
 * never started; one that was stopped may be fine in the slots beside this one. */
static void slot_sicken(struct turn *t, struct slot *s)
{
    struct span text = span_str("a process of the slot does not die of SIGKILL: the kernel holds "
                                "it, often for a device or a network file system");
    slot_set_phase(s, PHASE_SICK, INT64_MAX);
    turn_note(t, true, "slot_sick slot=%u model=%u", s->index, s->model);
    session_beat(t);
    slot_send_news(t, s, false, text);
    if (s->start_failures > 0)
        slot_fail_attempts(t, s, text);
    slot_return_attempts(t, s, text);
    for (uint32_t i = 0; t->agent->gang_count > 0 && i < t->agent->slot_count; i++)
        agent_slot_pump(t, &t->agent->slots[i]); /* a gang that waits for this slot */
}

static void slot_request_timeout(struct turn *t, struct slot *s)
{
    const struct request *oldest = window_oldest(&s->window);
    if (!oldest || oldest->deadline_mono_ns > t->now)
        return;
    if (s->late_request != oldest->id) {
        s->late_request = oldest->id; /* its answer may lie in the pipe, to be read before the next
                                         TIME: it is still due */
        return;
    }
    slot_stop(t, s, AGENT_STOP_KILL);
    s->start_failures = 0; /* it was loaded well enough */
    work_late(t, s);
}

static void slot_phase_time(struct turn *t, struct slot *s)
{
    switch (s->phase) {
    case PHASE_WAITING:
        slot_set_phase(s, PHASE_EMPTY, INT64_MAX);
        agent_slot_pump(t, s);
        break;
    case PHASE_LOADING: slot_load_timeout(t, s); break;
    case PHASE_ASKED: slot_stop(t, s, AGENT_STOP_KILL); break;
    case PHASE_KILLED: slot_sicken(t, s); break;
    case PHASE_EMPTY:
    case PHASE_LOADED:
    case PHASE_SICK:
    case PHASE_COUNT: check(!"a phase without a deadline");
    }
}

void agent_slot_time(struct turn *t, struct slot *s)
{
    for (struct list *n = list_first(&s->attempts); n != &s->attempts; n = n->next)
        agent_attempt_time(t, container_of(n, struct attempt, node));
    if (s->deadline_mono_ns <= t->now)
        slot_phase_time(t, s);
    else if (s->phase == PHASE_LOADED)
        slot_request_timeout(t, s);
}

void agent_slot_postpone(struct slot *s, int64_t ns)
{
    if (s->deadline_mono_ns != INT64_MAX)
        s->deadline_mono_ns += ns;
    window_postpone(&s->window, ns);
}

int64_t agent_slot_deadline(const struct slot *s)
{
    int64_t at = s->deadline_mono_ns;
    const struct request *oldest = window_oldest(&s->window);
    if (oldest && oldest->deadline_mono_ns < at)
        at = oldest->deadline_mono_ns;
    for (struct list *n = s->attempts.next; n != &s->attempts; n = n->next) {
        const struct attempt *a = container_of(n, struct attempt, node);
        if (agent_attempt_deadline(a) < at)
            at = agent_attempt_deadline(a);
    }
    return at;
}
