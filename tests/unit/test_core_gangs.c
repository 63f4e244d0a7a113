/* Models that take several slots of a worker: who is held back, for how long, and who is not. */
#include "coordinator/core/explain.h"
#include "tests/lib/core_bench.h"

#include <math.h>

/* Two packages of two slots each, named so that the numbers of the slots do not show it. */
static const struct place crossed[] = { { 0, 0, 0 }, { 1, 1, 1 }, { 0, 0, 0 }, { 1, 1, 1 } };

static struct core_event hello_at(const char *name, uint8_t id, uint32_t slots,
                                  const struct place *places)
{
    struct core_event e = hello(name, id, slots);
    e.as.hello.places = places;
    return e;
}

/* A model of `gpus` GPUs with one task of so many instances. */
static uint32_t add_model(struct bench *b, uint32_t gpus, uint32_t size)
{
    uint32_t model = core_add_model(b->core, &(struct core_need){ .gpus = gpus, .cpus = 1 });
    uint32_t task = core_add_task(b->core, size);
    add_cell(b, model, task, size);
    return model;
}

static uint64_t decided(const struct bench *b, enum decision d)
{
    return core_decisions(b->core, d);
}

/* All of an attempt is done, and its end said. */
static const char *finish(struct bench *b, uint64_t attempt, uint32_t model, uint32_t first,
                          uint32_t count)
{
    struct core_event e = range(b, attempt, first, count, STATUS_OK);
    e.as.results.model = e.as.results.task = model;
    step(b, e);
    return step(b, ended(b, attempt, ENDED_DONE));
}

TEST(a_model_of_two_gpus_takes_the_two_slots_that_are_close_together)
{
    add_model(b, 2, 100);
    assert_string_equal(step(b, hello_at("w", 1, 4, crossed)), "welcome\n"
                                                               "grant slot=0+2 0/0 [0,+16)\n"
                                                               "grant slot=1+3 0/0 [16,+16)\n"
                                                               "grant slot=0+2 0/0 [32,+16)\n"
                                                               "grant slot=1+3 0/0 [48,+13)\n");
    assert_int_equal(decided(b, DECISION_GANG), 2);
}

TEST(a_model_that_no_worker_has_enough_gpus_for_says_so)
{
    add_model(b, 4, 8);
    assert_string_equal(step(b, hello("w", 1, 3)), "welcome\n");
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_non_null(strstr(v.reason, "GPUs, cores and memory it needs"));
    assert_int_equal(state(b), SWEEP_STALLED);
    assert_non_null(strstr(step(b, hello("x", 2, 4)), "grant slot=0+1+2+3 0/0"));
}

/* Two sweeps of the same weight are to have the same number of GPUs, not of replicas. */
TEST(an_account_is_charged_for_all_slots_of_a_gang)
{
    uint32_t account = core_add_account(b->core, 0, 1);
    uint32_t model = add_model(b, 2, 2);
    core_set_rules(b->core, model, &(struct core_rules){ .account = account });
    core_expect_model(b->core, model, 1000ll * MS, 1000.0 * MS);
    assert_string_equal(step(b, hello("w", 1, 2)), "welcome\n"
                                                   "grant slot=0+1 0/0 [0,+1)\n"
                                                   "grant slot=0+1 0/0 [1,+1)\n");
    struct core_account_view v;
    core_account_view(b->core, account, &v);
    assert_int_equal(v.busy_slots, 2);
    assert_true(fabs(v.used_ns - 4e9) < 1); /* as expected: 2 instances of 1 s on 2 slots */
    b->now_ms += 3000;
    finish(b, b->attempt - 1, 0, 0, 1);
    finish(b, b->attempt, 0, 1, 1);
    core_account_view(b->core, account, &v);
    assert_int_equal(v.busy_slots, 0);
    assert_true(fabs(v.used_ns - 6e9) < 1); /* as it was */
    core_selfcheck(b->core);
}

TEST(nothing_else_runs_on_a_gangs_slots_and_the_others_are_free)
{
    add_model(b, 2, 200);
    add_model(b, 1, 20);
    const char *trace = step(b, hello("w", 1, 3));
    assert_non_null(strstr(trace, "grant slot=0+1 0/0"));
    assert_non_null(strstr(trace, "grant slot=2 1/1"));
    assert_null(strstr(trace, "grant slot=1 "));
    struct core_slot_view v;
    core_slot_view(b->core, 0, 1, &v);
    assert_int_equal(v.lead, 0);
    assert_int_equal(v.queued, 0);
}

/* A small model of four instances, two a slot, that take 10 s each; a large one that comes later
 * and has 100 s to do. This slot is through with both of its own. Returns what that led to. */
static const char *when_slot_is_free(struct bench *b, uint32_t slot, uint32_t large_size)
{
    add_model(b, 1, 4);
    add_model(b, 2, large_size);
    core_expect_model(b->core, 0, 1000ll * MS, 10000.0 * MS);
    core_expect_model(b->core, 1, 1000ll * MS, 1000.0 * MS);
    struct core_event order = { .kind = CORE_PAUSE_MODEL };
    order.as.order.model = 1;
    step(b, order);
    assert_string_equal(step(b, hello("w", 1, 2)), "welcome\n"
                                                   "grant slot=0 0/0 [0,+1)\n"
                                                   "grant slot=1 0/0 [1,+1)\n"
                                                   "grant slot=0 0/0 [2,+1)\n"
                                                   "grant slot=1 0/0 [3,+1)\n");
    order.kind = CORE_RESUME_MODEL;
    assert_string_equal(step(b, order), "");
    b->now_ms += 10000;
    step(b, beat(b, b->attempt - 3));
    assert_string_equal(finish(b, b->attempt - 3 + slot, 0, slot, 1), "ack 2\n");
    return finish(b, b->attempt - 1 + slot, 0, 2 + slot, 1);
}

static const char *when_one_is_free(struct bench *b, uint32_t large_size)
{
    return when_slot_is_free(b, 0, large_size);
}

/* What waited on the other slot is free again, so long after that. */
static const char *comes_back(struct bench *b, int64_t after_ms)
{
    b->now_ms += after_ms;
    return step(b, ended(b, b->attempt, ENDED_RETURNED));
}

enum { TOO_LATE_MS = 1000 }; /* ten seconds of it are not through when the other slot is */

TEST(a_gang_holds_slots_back_until_the_last_of_them_is_free)
{
    assert_string_equal(when_one_is_free(b, 100), "ack 4\nrevoke\n"); /* what waits on slot 1 */
    struct core_slot_view v;
    core_slot_view(b->core, 0, 0, &v);
    assert_true(v.is_held && v.lead == 0);
    assert_int_equal(decided(b, DECISION_GANG_HELD), 1);
    comes_back(b, TOO_LATE_MS);
    assert_non_null(strstr(finish(b, b->attempt - 2, 0, 1, 1), "grant slot=0+1 1/1 [0,"));
    core_slot_view(b->core, 0, 0, &v);
    assert_false(v.is_held);
}

TEST(a_held_slot_gets_what_comes_back_and_is_through_in_time)
{
    when_one_is_free(b, 100);
    uint64_t slow = b->attempt - 2;
    assert_string_equal(comes_back(b, 0), "ack 5\ngrant slot=0 0/0 [3,+1)\n");
    assert_int_equal(decided(b, DECISION_BACKFILL), 1);
    struct core_slot_view v;
    core_slot_view(b->core, 0, 0, &v);
    assert_true(v.is_held && v.queued == 1);
    b->now_ms += 10000;
    assert_null(strstr(finish(b, slow, 0, 1, 1), "grant"));
    assert_non_null(strstr(finish(b, b->attempt, 0, 3, 1), "grant slot=0+1 1/1 [0,"));
}

/* Its second slot was held, and hears of the free work before the first one, that leads. */
TEST(a_gang_that_forms_gets_its_work_before_its_slots_get_any)
{
    when_slot_is_free(b, 1, 100);
    uint64_t waited = b->attempt - 1, slow = b->attempt - 3;
    b->now_ms += TOO_LATE_MS;
    assert_string_equal(step(b, ended(b, waited, ENDED_RETURNED)), "ack 5\n");
    const char *trace = finish(b, slow, 0, 0, 1);
    assert_non_null(strstr(trace, "grant slot=0+1 1/1 [0,"));
    assert_null(strstr(trace, "0/0"));
}

TEST(a_held_slot_gets_nothing_that_is_not_through_in_time)
{
    when_one_is_free(b, 100);
    assert_string_equal(comes_back(b, TOO_LATE_MS), "ack 5\n");
    assert_int_equal(decided(b, DECISION_BACKFILL), 0);
}

TEST(a_gang_does_not_wait_longer_than_there_is_work_for_it)
{
    assert_string_equal(when_one_is_free(b, 5), "ack 4\n");
    assert_int_equal(decided(b, DECISION_GANG_HELD), 0);
}

TEST(a_gang_gives_up_on_a_slot_that_takes_longer_than_it_seemed)
{
    when_one_is_free(b, 100);
    uint64_t slow = b->attempt - 2;
    comes_back(b, TOO_LATE_MS);
    for (int s = 0; s < 45; s++) {
        b->now_ms += 1000;
        step(b, beat(b, slow));
        step(b, (struct core_event){ .kind = CORE_TIME });
    }
    assert_int_equal(decided(b, DECISION_GANG_GIVEN_UP), 1);
    assert_int_equal(decided(b, DECISION_GANG_HELD), 1); /* and does not wait for it again */
    struct core_slot_view v;
    core_slot_view(b->core, 0, 0, &v);
    assert_int_equal(v.model, 0); /* it has the rest of the small model */
}

TEST(a_gang_is_not_late_because_the_coordinator_stood_still)
{
    when_one_is_free(b, 100);
    b->now_ms += 100000;
    step(b, (struct core_event){ .kind = CORE_TIME });
    assert_int_equal(decided(b, DECISION_GANG_GIVEN_UP), 0);
    assert_true(core_deadline_mono_ns(b->core) >= b->now_ms * MS);
}

TEST(a_gang_that_has_nothing_to_do_makes_room_for_others)
{
    add_model(b, 2, 1);
    assert_string_equal(step(b, hello("w", 1, 2)), "welcome\ngrant slot=0+1 0/0 [0,+1)\n");
    uint64_t gang = b->attempt;
    uint32_t small = core_add_model(b->core, &(struct core_need){ .gpus = 1 });
    (void)small;
    finish(b, gang, 0, 0, 1);
    assert_int_equal(state(b), SWEEP_DONE);
    struct core_slot_view v;
    core_slot_view(b->core, 0, 1, &v);
    assert_int_equal(v.lead, 0); /* together as long as nobody wants the slots */
}

TEST(a_gang_ends_with_its_worker)
{
    add_model(b, 2, 4);
    step(b, hello("w", 1, 2));
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    assert_int_equal(decided(b, DECISION_GANG_ENDED), 1);
    assert_non_null(strstr(step(b, hello("w", 2, 2)), "grant slot=0+1 0/0 [0,"));
}

TEST(a_gang_whose_model_does_not_start_gives_its_slots_back)
{
    add_model(b, 2, 1);
    add_model(b, 1, 1);
    step(b, hello("w", 1, 2));
    const char *trace = step(b, ended(b, b->attempt, ENDED_HOST_FAILED));
    assert_non_null(strstr(trace, "grant slot="));
    assert_non_null(strstr(trace, " 1/1 [0,+1)"));
}

/* A beat of a worker of one slot to look at, with nothing in hand. */
static struct core_event beat_of_slot(struct bench *b, enum slot_state slot_state)
{
    static struct msg_slot_beat slot;
    static struct msg_beat m;
    slot = (struct msg_slot_beat){ .state = (uint8_t)slot_state };
    m = (struct msg_beat){ .slots = &slot, .slot_count = 1 };
    b->beat_models[0] = UINT32_MAX;
    struct core_event e = { .kind = CORE_BEAT, .session = b->session };
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

TEST(a_gang_forms_when_a_slot_that_was_sick_is_well_again)
{
    add_model(b, 2, 1);
    step(b, (struct core_event){ .kind = CORE_PAUSE_MODEL });
    step(b, hello("w", 1, 2));
    step(b, beat_of_slot(b, SLOT_SICK));
    assert_string_equal(step(b, (struct core_event){ .kind = CORE_RESUME_MODEL }), "");
    assert_non_null(strstr(step(b, beat_of_slot(b, SLOT_IDLE)), "grant slot=0+1 0/0"));
}

TEST(a_held_attempt_of_a_gang_goes_on_after_a_restart_of_the_coordinator)
{
    add_model(b, 2, 100);
    add_model(b, 1, 100);
    struct core_held held = { .attempt = (uint64_t)2 << 32 | 5, .first = 40, .count = 20 };
    struct core_event e = hello("w", 1, 2);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    const char *trace = step(b, e);
    assert_null(strstr(trace, "grant slot=1 "));
    assert_int_equal(decided(b, DECISION_ADOPT), 1);
    assert_int_equal(decided(b, DECISION_GANG_FORMED), 1);
}

TEST(what_is_held_on_a_slot_that_could_not_lead_is_not_taken_up)
{
    add_model(b, 2, 100);
    struct core_held held = {
        .attempt = (uint64_t)2 << 32 | 5, .slot = 1, .first = 40, .count = 20
    };
    struct core_event e = hello("w", 1, 2);
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    assert_non_null(strstr(step(b, e), "grant slot=0+1 0/0 [0,"));
    assert_int_equal(decided(b, DECISION_ADOPT), 0);
}

TEST(cores_and_memory_make_gangs_too)
{
    core_add_model(b->core, &(struct core_need){ .cpus = 7 }); /* slots have four */
    core_add_task(b->core, 2);
    add_cell(b, 0, 0, 2);
    assert_non_null(strstr(step(b, hello("w", 1, 3)), "grant slot=0+1 0/0"));
}

TEST(how_many_slots_a_need_takes)
{
    (void)b;
    const struct core_offer slot = { .gpus = 2, .cpus = 8, .memory_bytes = 64 };
    const struct {
        struct core_need need;
        uint32_t slots;
    } cases[] = {
        { { 0 }, 1 },
        { { .gpus = 2, .cpus = 8, .memory_bytes = 64 }, 1 },
        { { .gpus = 3 }, 2 },
        { { .gpus = 8 }, 4 },
        { { .gpus = 1, .cpus = 17 }, 3 },
        { { .memory_bytes = 129 }, 3 },
        { { .gpus = 33 }, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(core_slots_needed(&cases[i].need, &slot), cases[i].slots);
    const struct core_offer none = { .cpus = 8 };
    assert_int_equal(core_slots_needed(&(struct core_need){ .gpus = 1 }, &none), 0);
}

/* A gang of two that runs, its attempt behind that one, and what fills the wait on slots 2 and 3
 * beside them. */
struct heirs {
    uint64_t running, behind, on_2, on_3;
};

/* Workers of four slots: two have a gang of two and two narrow models, whose instances take 1 s;
 * the third one a model that needs four, loads for 100 s, and turns out to take 9 s an instance, of
 * 400: it wants one worker more until the end. The slots beside the gang of the first one are
 * through then. All charge one account. Leaves that worker's session in the bench. */
static struct heirs when_a_wider_one_wants_slots_of(struct bench *b, uint32_t account)
{
    add_model(b, 4, 400);
    add_model(b, 2, 100);
    add_model(b, 1, 100);
    add_model(b, 1, 100);
    for (uint32_t i = 0; i < 4; i++)
        core_set_rules(b->core, i, &(struct core_rules){ .account = account });
    core_expect_model(b->core, 0, 100000ll * MS, 0);
    for (uint32_t i = 1; i < 4; i++)
        core_expect_model(b->core, i, 1000ll * MS, 1000.0 * MS);
    step(b, (struct core_event){ .kind = CORE_PAUSE_MODEL });
    step(b, hello("first", 1, 4));
    uint64_t first = b->session, last = b->attempt; /* of six, two a gang or slot */
    step(b, hello("second", 2, 4));
    step(b, (struct core_event){ .kind = CORE_RESUME_MODEL });
    step(b, hello("third", 3, 4));
    struct core_event row = range(b, b->attempt - 1, 0, 1, STATUS_OK);
    row.session = b->session;
    b->session = first;
    b->now_ms += 1000;
    b->seq = 1;
    for (uint32_t i = 0; i < 3; i++)
        finish(b, last - 5 + i, i + 1, 0, 1);
    struct heirs h = { .running = last - 2, .behind = b->attempt - 2 };
    b->now_ms += 8000;
    row.as.results.model = row.as.results.task = 0;
    row.as.results.seq = 1;
    step(b, row);
    finish(b, last - 1, 2, 1, 1);
    finish(b, last, 3, 1, 1);
    assert_string_equal(finish(b, h.behind + 1, 2, 4, 24),
                        "ack 12\nrevoke\n"
                        "grant slot=2 2/2 [28,+18)\n"); /* through in time */
    h.on_2 = b->attempt;
    assert_string_equal(finish(b, h.behind + 2, 3, 4, 24), "ack 14\ngrant slot=3 3/3 [28,+18)\n");
    h.on_3 = b->attempt;
    step(b, ended(b, h.behind, ENDED_RETURNED));
    return h;
}

static struct heirs when_a_wider_one_wants_its_slots(struct bench *b)
{
    return when_a_wider_one_wants_slots_of(b, 0);
}

TEST(a_gang_that_runs_is_followed_by_a_wider_one)
{
    struct heirs h = when_a_wider_one_wants_its_slots(b);
    struct core_slot_view v;
    core_slot_view(b->core, 0, 1, &v);
    assert_true(v.lead == 0 && !v.is_held); /* still the narrow one's */
    core_slot_view(b->core, 0, 2, &v);
    assert_true(v.lead == 0 && v.is_held);
    assert_string_equal(finish(b, h.running, 1, 1, 1), "ack 17\n");
    core_slot_view(b->core, 0, 1, &v);
    assert_true(v.is_held);
    b->now_ms += 60000; /* nothing more is through in time */
    assert_string_equal(finish(b, h.on_2, 2, 28, 18), "ack 19\n");
    assert_non_null(strstr(finish(b, h.on_3, 3, 28, 18), "grant slot=0+1+2+3 0/0 ["));
}

TEST(a_gang_that_runs_goes_on_if_the_wider_one_gives_up)
{
    struct heirs h = when_a_wider_one_wants_its_slots(b);
    const char *went_on = NULL;
    for (int s = 0; s < 200 && decided(b, DECISION_GANG_GIVEN_UP) == 0; s++) {
        b->now_ms += 1000;
        step(b, beat(b, h.running));
        step(b, beat(b, h.on_2));
        step(b, beat(b, h.on_3));
        went_on = strstr(step(b, (struct core_event){ .kind = CORE_TIME }), "grant slot=0+1 1/1 [");
    }
    assert_int_equal(decided(b, DECISION_GANG_GIVEN_UP), 1);
    struct core_slot_view v;
    core_slot_view(b->core, 0, 1, &v);
    assert_true(v.lead == 0 && v.queued == 0 && !v.is_held); /* as before */
    assert_non_null(went_on);
}

TEST(a_worker_leaves_while_a_gang_of_it_is_waited_for)
{
    when_a_wider_one_wants_its_slots(b);
    struct core_event drain = { .kind = CORE_DRAIN_WORKER };
    drain.as.order.worker = span_str("first");
    step(b, drain);
    struct core_slot_view v;
    core_slot_view(b->core, 0, 2, &v);
    assert_false(v.is_held);
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
}

TEST(a_worker_is_lost_while_a_gang_of_it_is_waited_for)
{
    when_a_wider_one_wants_its_slots(b);
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    assert_int_equal(decided(b, DECISION_GANG_ENDED), 1);
}

static struct core_event order(enum core_event_kind kind, uint32_t model)
{
    struct core_event e = { .kind = kind };
    e.as.order.model = model;
    return e;
}

/* A beat of a worker with these two attempts. */
static struct core_event beat_of_two(struct bench *b, uint64_t session, uint64_t one,
                                     uint64_t other)
{
    static struct msg_progress progress[2];
    static struct msg_beat m;
    progress[0] = (struct msg_progress){ .attempt = one };
    progress[1] = (struct msg_progress){ .attempt = other };
    m = (struct msg_beat){ .attempts = progress, .attempt_count = 2 };
    struct core_event e = { .kind = CORE_BEAT, .session = session };
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

/* Of twelve slots two fill the wait for the wider gang with the narrow models; then one of them
 * has nothing more. */
TEST(what_fills_the_wait_for_a_gang_is_charged_for_one_slot)
{
    uint32_t account = core_add_account(b->core, 0, 1);
    struct heirs h = when_a_wider_one_wants_slots_of(b, account);
    assert_int_equal(decided(b, DECISION_BACKFILL), 2);
    struct core_account_view v;
    core_account_view(b->core, account, &v);
    assert_int_equal(v.busy_slots, 12);
    b->now_ms += 60000; /* nothing more is through in time */
    assert_null(strstr(finish(b, h.on_2, 2, 28, 18), "grant"));
    core_account_view(b->core, account, &v);
    assert_int_equal(v.busy_slots, 11);
}

/* It may have one gang. The first worker waited for one of its slots in vain. */
TEST(a_gang_that_gives_up_leaves_its_model_to_another_worker)
{
    when_one_is_free(b, 100);
    core_set_rules(b->core, 1, &(struct core_rules){ .max_replicas = 1 });
    uint64_t first = b->session, behind = b->attempt, head = b->attempt - 2;
    assert_string_equal(step(b, hello("other", 2, 2)), "welcome\n");
    uint64_t other = b->session;
    const char *trace = "";
    for (int s = 0; s < 60 && decided(b, DECISION_GANG_GIVEN_UP) == 0; s++) {
        b->now_ms += 1000;
        step(b, beat_of_two(b, first, head, behind));
        b->session = other;
        step(b, beat(b, 0));
        trace = step(b, (struct core_event){ .kind = CORE_TIME });
    }
    assert_int_equal(decided(b, DECISION_GANG_GIVEN_UP), 1);
    assert_non_null(strstr(trace, "grant slot=0+1 1/1"));
}

/* The narrow model has work without end for the slot that was waited for, and only there. */
TEST(a_gang_that_gave_up_forms_once_the_slot_that_was_late_is_through)
{
    static const struct msg_slot slots[] = { { .gpus = 1, .cpus = 4 }, { .gpus = 1, .cpus = 2 } };
    core_add_model(b->core, &(struct core_need){ .gpus = 1, .cpus = 4 });
    core_add_task(b->core, 400);
    add_cell(b, 0, 0, 400);
    add_model(b, 2, 100);
    core_expect_model(b->core, 0, 1000ll * MS, 10000.0 * MS);
    core_expect_model(b->core, 1, 1000ll * MS, 1000.0 * MS);
    step(b, order(CORE_PAUSE_MODEL, 1));
    struct core_event e = hello("w", 1, 2);
    e.as.hello.slots = slots;
    step(b, e);
    uint64_t head = b->attempt - 1, behind = b->attempt;
    assert_string_equal(step(b, order(CORE_RESUME_MODEL, 1)), "revoke\n");
    for (int s = 0; s < 200 && decided(b, DECISION_GANG_GIVEN_UP) == 0; s++) {
        b->now_ms += 1000;
        step(b, beat_of_two(b, b->session, head, behind));
        step(b, (struct core_event){ .kind = CORE_TIME });
    }
    assert_int_equal(decided(b, DECISION_GANG_HELD), 1);
    finish(b, head, 0, 0, 1);
    assert_int_equal(decided(b, DECISION_GANG_HELD), 2);
}

static struct core_event beat_of_second(struct bench *b, enum slot_state state)
{
    static struct msg_slot_beat slots[2];
    static struct msg_beat m;
    slots[1] = (struct msg_slot_beat){ .state = (uint8_t)state };
    m = (struct msg_beat){ .slots = slots, .slot_count = 2 };
    b->beat_models[0] = 0;
    b->beat_models[1] = UINT32_MAX;
    struct core_event e = { .kind = CORE_BEAT, .session = b->session };
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

/* Its worker would send each attempt back at once. */
TEST(a_gang_gets_nothing_while_one_of_its_slots_is_sick)
{
    add_model(b, 2, 2);
    step(b, hello("w", 1, 2));
    uint64_t behind = b->attempt, head = behind - 1;
    step(b, beat_of_second(b, SLOT_SICK));
    step(b, ended(b, behind, ENDED_RETURNED));
    assert_null(strstr(step(b, ended(b, head, ENDED_RETURNED)), "grant"));
    assert_non_null(strstr(step(b, beat_of_second(b, SLOT_IDLE)), "grant slot=0+1 0/0"));
}

/* It could be tried there, were it not for one slot of the gang. */
TEST(an_instance_does_not_wait_for_a_gang_with_a_slot_that_is_sick)
{
    add_model(b, 2, 1);
    core_set_rules(b->core, 0, &(struct core_rules){ .strikes_max = 1 });
    step(b, hello("w", 1, 2));
    uint64_t session = b->session, attempt = b->attempt;
    step(b, hello("other", 2, 2));
    step(b, beat_of_second(b, SLOT_SICK));
    b->session = session;
    assert_non_null(strstr(step(b, range(b, attempt, 0, 1, STATUS_CRASH)), "record 0/0"));
}

/* Nobody waits for slots to run what is not to run. */
TEST(a_gang_that_forms_ends_with_the_pause_of_its_model)
{
    when_one_is_free(b, 100);
    assert_null(strstr(comes_back(b, TOO_LATE_MS), "grant"));
    assert_non_null(strstr(step(b, order(CORE_PAUSE_MODEL, 1)), "grant slot=0 0/0 [3,+1)"));
    assert_int_equal(decided(b, DECISION_GANG_GIVEN_UP), 0);
}

static const char *any_name(const void *owner, uint32_t index)
{
    (void)index;
    return owner;
}

/* Another worker's slots are free now, but the model may have one gang, and that one forms. */
TEST(the_slots_that_are_held_for_a_gang_are_those_that_are_told_of)
{
    const struct explain_names names = { "it", any_name, any_name, any_name };
    struct buf why = { 0 };
    when_one_is_free(b, 100);
    core_set_rules(b->core, 1, &(struct core_rules){ .max_replicas = 1 });
    step(b, hello("other", 2, 2));
    assert_int_equal(explain_model(b->core, &names, 1, b->now_ms * MS, &why), EXPLAIN_GANG);
    if (!strstr(buf_cstr(&why), "of 2 slots of w (0,1) 1 is idle and held for it"))
        fail_msg("%s", buf_cstr(&why));
    buf_release(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_of_two_gpus_takes_the_two_slots_that_are_close_together),
        cmocka_unit_test(a_model_that_no_worker_has_enough_gpus_for_says_so),
        cmocka_unit_test(an_account_is_charged_for_all_slots_of_a_gang),
        cmocka_unit_test(nothing_else_runs_on_a_gangs_slots_and_the_others_are_free),
        cmocka_unit_test(a_gang_holds_slots_back_until_the_last_of_them_is_free),
        cmocka_unit_test(a_held_slot_gets_what_comes_back_and_is_through_in_time),
        cmocka_unit_test(a_gang_that_forms_gets_its_work_before_its_slots_get_any),
        cmocka_unit_test(a_held_slot_gets_nothing_that_is_not_through_in_time),
        cmocka_unit_test(a_gang_does_not_wait_longer_than_there_is_work_for_it),
        cmocka_unit_test(a_gang_gives_up_on_a_slot_that_takes_longer_than_it_seemed),
        cmocka_unit_test(a_gang_is_not_late_because_the_coordinator_stood_still),
        cmocka_unit_test(a_gang_that_has_nothing_to_do_makes_room_for_others),
        cmocka_unit_test(a_gang_ends_with_its_worker),
        cmocka_unit_test(a_gang_whose_model_does_not_start_gives_its_slots_back),
        cmocka_unit_test(a_gang_forms_when_a_slot_that_was_sick_is_well_again),
        cmocka_unit_test(a_held_attempt_of_a_gang_goes_on_after_a_restart_of_the_coordinator),
        cmocka_unit_test(what_is_held_on_a_slot_that_could_not_lead_is_not_taken_up),
        cmocka_unit_test(a_gang_that_runs_is_followed_by_a_wider_one),
        cmocka_unit_test(a_gang_that_runs_goes_on_if_the_wider_one_gives_up),
        cmocka_unit_test(a_worker_leaves_while_a_gang_of_it_is_waited_for),
        cmocka_unit_test(a_worker_is_lost_while_a_gang_of_it_is_waited_for),
        cmocka_unit_test(cores_and_memory_make_gangs_too),
        cmocka_unit_test(how_many_slots_a_need_takes),
        cmocka_unit_test(what_fills_the_wait_for_a_gang_is_charged_for_one_slot),
        cmocka_unit_test(a_gang_that_gives_up_leaves_its_model_to_another_worker),
        cmocka_unit_test(a_gang_that_gave_up_forms_once_the_slot_that_was_late_is_through),
        cmocka_unit_test(a_gang_gets_nothing_while_one_of_its_slots_is_sick),
        cmocka_unit_test(an_instance_does_not_wait_for_a_gang_with_a_slot_that_is_sick),
        cmocka_unit_test(a_gang_that_forms_ends_with_the_pause_of_its_model),
        cmocka_unit_test(the_slots_that_are_held_for_a_gang_are_those_that_are_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
