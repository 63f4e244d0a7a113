/* Who has which slots. A model that needs more than a slot has runs on several, a gang: its host is
 * the lead's, and while it lives the members have none. What is granted to a held slot waits until
 * the holder has nothing to do, which is then asked to go. */
#include "worker/agent/private.h"

#include <inttypes.h>

void agent_gang_init(struct gang *g, const uint32_t *members, uint32_t count)
{
    check(count < GANG_SLOTS_MAX);
    *g = (struct gang){ .count = count };
    for (uint32_t i = 0; i < count; i++)
        g->members[i] = members[i];
}

static bool gang_is_same(const struct gang *a, const struct gang *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->members[i] != b->members[i])
            return false;
    return true;
}

bool slot_can_host(const struct slot *s, const struct attempt *a)
{
    return s->model == a->model && gang_is_same(&s->gang, &a->gang);
}

/* The i-th of the slots that an attempt of this one needs, its own first; NULL: that were all. */
static struct slot *slot_needed(const struct agent *agent, const struct attempt *a, uint32_t i)
{
    if (i > a->gang.count)
        return NULL;
    return &agent->slots[i == 0 ? a->slot : a->gang.members[i - 1]];
}

bool slot_may_claim(struct turn *t, struct slot *s, const struct attempt *a)
{
    bool may = true;
    struct slot *needed;
    for (uint32_t i = 0; (needed = slot_needed(t->agent, a, i)); i++) {
        if (!needed->holder || needed->holder == s)
            continue;
        may = false;
        slot_ask_to_go(t, needed->holder);
    }
    return may;
}

void slot_claim(struct agent *agent, struct slot *s, const struct gang *gang)
{
    check(!s->holder);
    s->holder = s;
    s->gang = *gang;
    for (uint32_t i = 0; i < gang->count; i++) {
        struct slot *member = &agent->slots[gang->members[i]];
        check(!member->holder);
        member->holder = s;
    }
}

void slot_release_claim(struct turn *t, struct slot *s)
{
    struct agent *agent = t->agent;
    bool was_gang = s->gang.count > 0;
    check(s->holder == s);
    s->holder = NULL;
    for (uint32_t i = 0; i < s->gang.count; i++)
        agent->slots[s->gang.members[i]].holder = NULL;
    if (!was_gang && agent->gang_count == 0)
        return; /* nobody else can have waited */
    for (uint32_t i = 0; i < agent->slot_count; i++)
        if (&agent->slots[i] != s)
            agent_slot_pump(t, &agent->slots[i]);
}

bool slot_is_in_the_way(const struct agent *agent, const struct slot *s)
{
    if (s->gang.count == 0 && agent->gang_count == 0)
        return false;
    for (uint32_t i = 0; i < agent->slot_count; i++) {
        const struct attempt *head = agent_slot_head(&agent->slots[i]);
        const struct slot *needed;
        if (!head || &agent->slots[i] == s)
            continue;
        for (uint32_t k = 0; (needed = slot_needed(agent, head, k)); k++)
            if (needed->holder == s)
                return true;
    }
    return false;
}

const struct slot *slot_sick_for(const struct agent *agent, const struct slot *s,
                                 const struct attempt *a)
{
    const struct slot *needed;
    for (uint32_t i = 0; (needed = slot_needed(agent, a, i)); i++)
        if (needed->holder && needed->holder != s && needed->holder->phase == PHASE_SICK)
            return needed->holder;
    return NULL;
}

struct span slot_sick_text(struct turn *t, const struct slot *sick)
{
    return turn_format(t, "slot %" PRIu32 " is held by a process that cannot be killed",
                       sick->index);
}

/* ---- What cannot be ---- */

/* What the slot and the members of the gang that it leads have together. */
static struct agent_slot_config sum_of(const struct agent *a, const struct agent_event *e)
{
    struct agent_slot_config sum = a->slots[e->as.grant.slot].config;
    for (uint32_t i = 0; i < e->as.grant.member_count; i++) {
        const struct agent_slot_config *member = &a->slots[e->as.grant.members[i]].config;
        bool is_limited = sum.memory_bytes != 0 && member->memory_bytes != 0;
        sum.gpus += member->gpus;
        sum.cpus += member->cpus;
        sum.memory_bytes = is_limited ? sum.memory_bytes + member->memory_bytes : 0;
    }
    return sum;
}

static bool are_members(const struct agent *a, const struct agent_event *e)
{
    const uint32_t *members = e->as.grant.members;
    if (e->as.grant.member_count >= GANG_SLOTS_MAX)
        return false;
    for (uint32_t i = 0; i < e->as.grant.member_count; i++) {
        if (members[i] >= a->slot_count || members[i] == e->as.grant.slot)
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (members[k] == members[i])
                return false;
    }
    return true;
}

static struct span need_refusal(struct turn *t, const struct agent_event *e)
{
    const struct agent_needs *needs = &e->as.grant.needs;
    struct agent_slot_config has = sum_of(t->agent, e);
    uint32_t slot = e->as.grant.slot;
    const char *gang = e->as.grant.member_count > 0 ? " and its gang have" : " has";
    if (needs->gpus > has.gpus)
        return turn_format(t, "the model needs %" PRIu32 " GPUs, slot %" PRIu32 "%s %" PRIu32,
                           needs->gpus, slot, gang, has.gpus);
    if (needs->cpus > has.cpus)
        return turn_format(t, "the model needs %" PRIu32 " cores, slot %" PRIu32 "%s %" PRIu32,
                           needs->cpus, slot, gang, has.cpus);
    if (has.memory_bytes != 0 && needs->memory_bytes > has.memory_bytes)
        return turn_format(t, "the model needs %" PRIu64 " MiB, slot %" PRIu32 "%s %" PRIu64,
                           needs->memory_bytes >> 20, slot, gang, has.memory_bytes >> 20);
    return span_of(NULL, 0);
}

struct span agent_gang_refusal(struct turn *t, const struct agent_event *e)
{
    const struct agent *a = t->agent;
    uint32_t slot = e->as.grant.slot, members = e->as.grant.member_count;
    if (!are_members(a, e))
        return turn_format(t,
                           "%" PRIu32 " other slots of a gang that slot %" PRIu32 " leads: "
                           "expected at most %d, each of this worker's and once",
                           members, slot, GANG_SLOTS_MAX - 1);
    return need_refusal(t, e);
}

const struct slot *agent_gang_sick(const struct agent *a, const struct agent_event *e)
{
    for (uint32_t i = 0; i <= e->as.grant.member_count; i++) {
        const struct slot *s = &a->slots[i == 0 ? e->as.grant.slot : e->as.grant.members[i - 1]];
        if (s->phase == PHASE_SICK)
            return s;
    }
    return NULL;
}
