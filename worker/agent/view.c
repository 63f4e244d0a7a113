/* What the worker says of itself: the variable part of hello and beat. */
#include "worker/agent/private.h"

typedef void attempt_visit_f(const struct attempt *a, void *owner);

static uint32_t visit_list(const struct list *all, uint32_t most, attempt_visit_f *visit,
                           void *owner)
{
    uint32_t count = 0;
    for (struct list *n = all->next; n != all && count < most; n = n->next, count++)
        visit(container_of(n, struct attempt, node), owner);
    return count;
}

/* As many as a message can name: live ones by slot, which are HELD_MAX at most, then those whose
 * end is not durable yet, the oldest first. They are still ours to lose; of those that are not
 * named the results come all the same. */
static void agent_each_attempt(const struct agent *agent, attempt_visit_f *visit, void *owner)
{
    uint32_t left = HELD_MAX;
    for (uint32_t i = 0; i < agent->slot_count; i++)
        left -= visit_list(&agent->slots[i].attempts, left, visit, owner);
    visit_list(&agent->ended, left, visit, owner);
}

static void hello_add_held(const struct attempt *a, void *owner)
{
    struct msg_hello *hello = owner;
    hello->held[hello->held_count++] = (struct msg_held){
        .attempt = a->id,
        .slot = a->slot,
        .model = a->model,
        .task = a->task,
        .first = a->first,
        .count = a->count,
    };
}

void agent_hello(const struct agent *agent, struct arena *arena, struct msg_hello *out)
{
    out->slot_count = agent->slot_count;
    out->slots = arena_alloc(arena, agent->slot_count * sizeof *out->slots);
    for (uint32_t i = 0; i < agent->slot_count; i++) {
        const struct agent_slot_config *config = &agent->slots[i].config;
        out->slots[i].gpus = config->gpus;
        out->slots[i].cpus = config->cpus;
        out->slots[i].memory_bytes = config->memory_bytes;
    }
    out->held_count = 0;
    out->held = arena_alloc(arena, (agent->attempts.count + 1) * sizeof *out->held);
    agent_each_attempt(agent, hello_add_held, out);
}

static void beat_add_progress(const struct attempt *a, void *owner)
{
    struct msg_beat *beat = owner;
    beat->attempts[beat->attempt_count++] =
        (struct msg_progress){ .attempt = a->id, .done = a->finished };
}

static enum slot_state slot_seen(const struct slot *s)
{
    static const enum slot_state seen[PHASE_COUNT] = {
#define X(name, seen) [name] = seen,
        PHASE_LIST(X)
#undef X
    };
    bool is_running = s->phase == PHASE_LOADED && s->window.asked + s->window.answered > 0;
    return is_running ? SLOT_RUNNING : seen[s->phase];
}

/* Slots of a gang do what their lead does. */
static uint64_t *slot_use(struct slot *s)
{
    switch (slot_seen(s->holder ? s->holder : s)) {
    case SLOT_RUNNING: return &s->use.busy_ns;
    case SLOT_LOADING:
    case SLOT_STOPPING: return &s->use.load_ns;
    case SLOT_IDLE:
    case SLOT_READY:
    case SLOT_SICK:
    case SLOT_STATE_COUNT: break;
    }
    return &s->use.idle_ns;
}

void agent_account(struct agent *a, int64_t now_mono_ns)
{
    int64_t since_ns = a->used_mono_ns == 0 ? 0 : now_mono_ns - a->used_mono_ns;
    a->used_mono_ns = now_mono_ns;
    for (uint32_t i = 0; since_ns > 0 && i < a->slot_count; i++)
        *slot_use(&a->slots[i]) += (uint64_t)since_ns;
}

void agent_beat(const struct agent *agent, struct arena *arena, struct msg_beat *out)
{
    out->slot_count = agent->slot_count;
    out->slots = arena_alloc(arena, agent->slot_count * sizeof *out->slots);
    out->uses = arena_alloc(arena, agent->slot_count * sizeof *out->uses);
    for (uint32_t i = 0; i < agent->slot_count; i++) {
        const struct slot *s = &agent->slots[i];
        bool is_held = s->holder && s->holder->phase == PHASE_SICK; /* with the lead of its gang */
        enum slot_state state = slot_seen(is_held ? s->holder : s);
        out->slots[i].state = (uint8_t)state;
        out->slots[i].model = state == SLOT_IDLE ? 0 : s->model;
        out->uses[i] = s->use;
    }
    out->attempt_count = 0;
    out->attempts = arena_alloc(arena, (agent->attempts.count + 1) * sizeof *out->attempts);
    agent_each_attempt(agent, beat_add_progress, out);
    out->unacked_bytes = agent_unacked_bytes(agent);
    out->draining = agent->draining;
}

bool agent_only_waits(const struct agent *agent)
{
    return agent->draining && agent->live_count == 0 && agent->session.state != LINK_UP;
}
