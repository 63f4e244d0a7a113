/* Fair shares, as they come out in the long run: a worker that does an instance a second in each of
 * its slots, and loads nothing. */
#include <math.h>

#include "tests/lib/core_bench.h"

enum { SLOTS_MOST = 8, QUEUE_MOST = 64 };

struct job {
    uint64_t attempt;
    uint32_t model, first, count;
};

/* What the core gave, in the order of each slot. */
struct crew {
    struct job queue[SLOTS_MOST][QUEUE_MOST];
    uint32_t queued[SLOTS_MOST];
    int64_t ends_ms[SLOTS_MOST]; /* of the head */
    uint32_t slots, changes;     /* of the model of a slot */
    uint32_t model[SLOTS_MOST], ready[SLOTS_MOST];
};

static void take_grants(struct bench *b, struct crew *crew, struct core_event e)
{
    e.now_mono_ns = b->now_ms * MS;
    core_step(b->core, &e, &b->effects);
    for (size_t i = 0; i < b->effects.count; i++) {
        const struct core_effect *effect = &b->effects.items[i];
        if (effect->kind == EFFECT_WELCOME)
            b->session = effect->session;
        if (effect->kind != EFFECT_GRANT)
            continue;
        uint32_t slot = effect->as.grant.slot, at = crew->queued[slot]++;
        assert_true(at < QUEUE_MOST);
        crew->queue[slot][at] = (struct job){ effect->as.grant.attempt, effect->as.grant.model,
                                              effect->as.grant.first, effect->as.grant.count };
        if (at == 0)
            crew->ends_ms[slot] = b->now_ms + 1000ll * effect->as.grant.count;
        crew->changes += crew->model[slot] != effect->as.grant.model;
        crew->model[slot] = effect->as.grant.model;
    }
    core_effects_clear(&b->effects);
}

static uint32_t next_slot(const struct crew *crew)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < crew->slots; i++)
        if (crew->queued[i] > 0 && (best == UINT32_MAX || crew->ends_ms[i] < crew->ends_ms[best]))
            best = i;
    assert_true(best != UINT32_MAX);
    return best;
}

static void tell_ready(struct bench *b, struct crew *crew, uint32_t slot, uint32_t model)
{
    struct core_event e = { .kind = CORE_HOST, .session = b->session };
    e.as.host.slot = slot;
    e.as.host.model = model;
    e.as.host.ready = true;
    e.as.host.load_ns = 10 * MS;
    crew->ready[slot] = model;
    take_grants(b, crew, e);
}

static void finish_head(struct bench *b, struct crew *crew, uint32_t slot)
{
    struct job j = crew->queue[slot][0];
    crew->queued[slot]--;
    memmove(&crew->queue[slot][0], &crew->queue[slot][1], crew->queued[slot] * sizeof(j));
    if (crew->queued[slot] > 0)
        crew->ends_ms[slot] = b->now_ms + 1000ll * crew->queue[slot][0].count;
    if (crew->ready[slot] != j.model)
        tell_ready(b, crew, slot, j.model);
    struct core_event e = range(b, j.attempt, j.first, j.count, STATUS_OK);
    e.as.results.model = j.model;
    take_grants(b, crew, e);
    take_grants(b, crew, ended(b, j.attempt, ENDED_DONE));
}

static void work_until(struct bench *b, struct crew *crew, int64_t until_ms)
{
    while (b->now_ms < until_ms) {
        uint32_t slot = next_slot(crew);
        if (crew->ends_ms[slot] > b->now_ms)
            b->now_ms = crew->ends_ms[slot];
        finish_head(b, crew, slot);
    }
    core_selfcheck(b->core);
}

/* Models of one big cell each; model i charges account[i]. */
static void start(struct bench *b, struct crew *crew, uint32_t slots, const uint32_t *account,
                  uint32_t models, uint32_t size)
{
    *crew = (struct crew){ .slots = slots };
    memset(crew->model, 0xff, sizeof(crew->model));
    memset(crew->ready, 0xff, sizeof(crew->ready));
    core_add_task(b->core, size);
    for (uint32_t i = 0; i < models; i++) {
        core_add_model(b->core, &(struct core_need){ .cpus = 1 });
        add_cell(b, i, 0, size);
        core_set_rules(b->core, i, &(struct core_rules){ .account = account[i] });
    }
    take_grants(b, crew, hello("w", 1, slots));
}

static double used_s(struct bench *b, uint32_t account)
{
    struct core_account_view v;
    core_account_view(b->core, account, &v);
    return v.used_ns / 1e9;
}

TEST(slots_are_shared_by_weight)
{
    struct crew crew;
    uint32_t accounts[] = { core_add_account(b->core, 0, 3), core_add_account(b->core, 0, 1) };
    start(b, &crew, 4, accounts, 2, 100000);
    work_until(b, &crew, 3600 * 1000);
    double large = used_s(b, 1), small = used_s(b, 2);
    assert_true(fabs(large / small - 3) < 0.3);
    assert_in_range(crew.changes, 4, 12); /* loads are not paid for the last second of justice */
}

TEST(one_slot_is_shared_in_turns)
{
    struct crew crew;
    uint32_t accounts[] = { core_add_account(b->core, 0, 1), core_add_account(b->core, 0, 1) };
    start(b, &crew, 1, accounts, 2, 100000);
    work_until(b, &crew, 7200 * 1000);
    assert_true(fabs(used_s(b, 1) / used_s(b, 2) - 1) < 0.1);
    assert_in_range(crew.changes, 8, 60);
}

TEST(a_users_sweeps_share_what_the_user_gets)
{
    struct crew crew;
    uint32_t ada = core_add_account(b->core, 0, 1), bob = core_add_account(b->core, 0, 1);
    uint32_t accounts[] = { core_add_account(b->core, ada, 1), core_add_account(b->core, bob, 1),
                            core_add_account(b->core, bob, 1) };
    start(b, &crew, 8, accounts, 3, 100000);
    work_until(b, &crew, 3600 * 1000);
    assert_true(fabs(used_s(b, ada) / used_s(b, bob) - 1) < 0.1);
    assert_true(fabs(used_s(b, accounts[1]) / used_s(b, accounts[2]) - 1) < 0.1);
}

TEST(what_nobody_has_work_for_goes_to_the_others)
{
    struct crew crew;
    uint32_t accounts[] = { core_add_account(b->core, 0, 1), core_add_account(b->core, 0, 1) };
    start(b, &crew, 4, accounts, 2, 2000);
    core_set_rules(b->core, 1, &(struct core_rules){ .account = accounts[1], .max_replicas = 1 });
    work_until(b, &crew, 600 * 1000);
    assert_true(used_s(b, 1) > 1.5 * used_s(b, 2)); /* it may have one slot, and has it */
    assert_true(used_s(b, 2) > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_shared_by_weight),
        cmocka_unit_test(one_slot_is_shared_in_turns),
        cmocka_unit_test(a_users_sweeps_share_what_the_user_gets),
        cmocka_unit_test(what_nobody_has_work_for_goes_to_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
