/* Models that need several slots: who holds what, and who waits for whom. Golden traces. */
#include "tests/lib/agent_trace.h"

static void exits(struct world *w, uint32_t slot)
{
    struct agent_event e = { .kind = AGENT_ON_HOST_EXITED };
    e.as.host_exited.slot = slot;
    e.as.host_exited.end = HOST_END_GONE;
    e.as.host_exited.text = span_str("exited with code 0");
    step(w, e);
}

static void loads(struct world *w, uint32_t slot)
{
    struct agent_event e = { .kind = AGENT_ON_HOST_HELLO };
    e.as.host_hello.slot = slot;
    e.as.host_hello.inflight = 1;
    e.as.host_hello.run_max = 1;
    step(w, e);
}

static void answers(struct world *w, uint32_t slot, uint32_t instance)
{
    struct result row = { .instance = instance, .status = STATUS_OK, .answer = span_str("x") };
    struct agent_event e = { .kind = AGENT_ON_ROWS };
    e.as.rows.slot = slot;
    e.as.rows.request = w->request[slot][instance];
    e.as.rows.rows = &row;
    e.as.rows.count = 1;
    step(w, e);
}

/* A model that needs both GPUs, led by slot 0. */
static void grant_gang(struct world *w, uint64_t attempt, uint32_t model, uint32_t first)
{
    static const uint32_t members[] = { 1 };
    struct agent_event e = a_grant(0, attempt, model, first, 1);
    e.as.grant.needs.gpus = 2;
    e.as.grant.needs.cpus = 4;
    e.as.grant.members = members;
    e.as.grant.member_count = 1;
    step(w, e);
}

static void grant_at(struct world *w, uint32_t slot, uint64_t attempt, uint32_t model)
{
    step(w, a_grant(slot, attempt, model, 0, 1));
}

static void test_a_gang_runs_on_what_its_slots_have_together(void **state)
{
    struct world *w = *state;
    grant_gang(w, 7, 1, 0);
    expect(w, "start slot=0 model=1 members=1\n");
    loads(w, 0);
    answers(w, 0, 0);
    expect(w,
           "news slot=0 model=1 ready\nask 7/0\nrow 7/0 ok\nflush 7 seq=1\nended 7 seq=2 done\n");
    grant_gang(w, 8, 1, 5); /* stays loaded, as any host does */
    expect(w, "ask 8/5\n");
}

static void test_a_gang_waits_until_every_host_of_its_slots_is_gone(void **state)
{
    struct world *w = *state;
    grant_at(w, 0, 1, 5);
    grant_at(w, 1, 2, 6);
    loads(w, 0);
    loads(w, 1);
    answers(w, 0, 0);
    buf_clear(&w->trace);
    grant_gang(w, 7, 1, 0);
    expect(w, "stop slot=0\n"); /* slot 1 has work */
    exits(w, 0);
    expect(w, "");
    answers(w, 1, 0);
    expect(w, "row 2/0 ok\nflush 2 seq=3\nended 2 seq=4 done\nstop slot=1\n");
    exits(w, 1);
    expect(w, "start slot=0 model=1 members=1\n");
}

static void test_a_member_gets_its_slot_back_when_the_gang_has_nothing_to_do(void **state)
{
    struct world *w = *state;
    grant_gang(w, 7, 1, 0);
    loads(w, 0);
    buf_clear(&w->trace);
    grant_at(w, 1, 8, 2);
    expect(w, "");
    answers(w, 0, 0);
    expect(w, "row 7/0 ok\nflush 7 seq=1\nended 7 seq=2 done\nstop slot=0\n");
    exits(w, 0);
    expect(w, "start slot=1 model=2\n");
}

static void test_an_idle_gang_goes_at_once_when_a_member_is_wanted(void **state)
{
    struct world *w = *state;
    grant_gang(w, 7, 1, 0);
    loads(w, 0);
    answers(w, 0, 0);
    buf_clear(&w->trace);
    grant_at(w, 1, 8, 2);
    expect(w, "stop slot=0\n");
    exits(w, 0);
    expect(w, "start slot=1 model=2\n");
}

/* The same model alone, as another need of a later sweep may have it, is another host. */
static void test_a_host_of_a_gang_serves_only_that_gang(void **state)
{
    struct world *w = *state;
    grant_gang(w, 7, 1, 0);
    loads(w, 0);
    grant_at(w, 0, 8, 1);
    buf_clear(&w->trace);
    answers(w, 0, 0);
    expect(w, "row 7/0 ok\nflush 7 seq=1\nended 7 seq=2 done\nstop slot=0\n");
    exits(w, 0);
    expect(w, "start slot=0 model=1\n");
}

static void test_revoked_work_of_a_member_lets_the_gang_start(void **state)
{
    struct world *w = *state;
    grant_at(w, 1, 2, 6);
    grant_gang(w, 7, 1, 0);
    expect(w, "start slot=1 model=6\n");
    revoke_attempt(w, 2);
    expect(w, "ended 2 seq=1 returned: revoked\nstop slot=1\n");
    exits(w, 1);
    expect(w, "start slot=0 model=1 members=1\n");
}

static void test_a_gang_goes_back_when_a_member_falls_sick(void **state)
{
    struct world *w = *state;
    grant_at(w, 1, 2, 6);
    loads(w, 1);
    answers(w, 1, 0);
    grant_gang(w, 7, 1, 0);
    expect(w, "start slot=1 model=6\nnews slot=1 model=6 ready\nask 2/0\nrow 2/0 ok\n"
              "flush 2 seq=1\nended 2 seq=2 done\nstop slot=1\n");
    pass_linked(w, 5);
    expect(w, "kill slot=1\n");
    pass_linked(w, 10);
    expect(w, "note slot_sick\nnews slot=1 model=6 failed\nended 7 seq=3 returned: slot 1 is "
              "held by a process that cannot be killed\n");
    grant_gang(w, 8, 1, 0);
    expect(w, "ended 8 seq=4 returned: slot 1 is held by a process that cannot be killed\n");
}

static void test_gangs_that_cannot_be_are_refused(void **state)
{
    struct world *w = *state;
    static const uint32_t lead[] = { 0 }, unknown[] = { 2 }, twice[] = { 1, 1 };
    static const struct {
        const uint32_t *members;
        uint32_t count;
    } cases[] = { { lead, 1 }, { unknown, 1 }, { twice, 2 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct agent_event e = a_grant(0, 10 + i, 1, 0, 1);
        e.as.grant.members = cases[i].members;
        e.as.grant.member_count = cases[i].count;
        step(w, e);
        assert_non_null(strstr(buf_cstr(&w->trace), "refused: "));
        buf_clear(&w->trace);
    }
    static const uint32_t members[] = { 1 };
    struct agent_event e = a_grant(0, 20, 1, 0, 1);
    e.as.grant.members = members;
    e.as.grant.member_count = 1;
    e.as.grant.needs.gpus = 3;
    step(w, e);
    expect(w, "ended 20 seq=4 refused: the model needs 3 GPUs, slot 0 and its gang have 2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(test_a_gang_runs_on_what_its_slots_have_together),
        RULE(test_a_gang_waits_until_every_host_of_its_slots_is_gone),
        RULE(test_a_member_gets_its_slot_back_when_the_gang_has_nothing_to_do),
        RULE(test_an_idle_gang_goes_at_once_when_a_member_is_wanted),
        RULE(test_a_host_of_a_gang_serves_only_that_gang),
        RULE(test_revoked_work_of_a_member_lets_the_gang_start),
        RULE(test_a_gang_goes_back_when_a_member_falls_sick),
        RULE(test_gangs_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
