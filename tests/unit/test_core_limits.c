/* What keeps work from a slot that could run it: the end of a worker's time, caps, priorities; and
 * how long a failed instance waits. */
#include "tests/lib/core_bench.h"

/* Models of one cell each, all of the same size. */
static void add_models(struct bench *b, uint32_t models, uint32_t size)
{
    core_add_task(b->core, size);
    for (uint32_t i = 0; i < models; i++) {
        core_add_model(b->core, &(struct core_need){ .cpus = 1 });
        add_cell(b, i, 0, size);
    }
}

static struct core_event hello_for(const char *name, uint8_t id, uint32_t slots, int64_t seconds)
{
    struct core_event e = hello(name, id, slots);
    e.as.hello.lifetime_ms = (uint64_t)seconds * 1000;
    return e;
}

static struct core_event host_ready(struct bench *b, uint32_t model, int64_t load_ms)
{
    struct core_event e = { .kind = CORE_HOST, .session = b->session };
    e.as.host.model = model;
    e.as.host.ready = true;
    e.as.host.load_ns = load_ms * MS;
    return e;
}

static struct core_event order(enum core_event_kind kind, uint32_t model)
{
    struct core_event e = { .kind = kind };
    e.as.order.model = model;
    return e;
}

static const char *time_passes(struct bench *b, int64_t ms)
{
    b->now_ms += ms;
    return step(b, (struct core_event){ .kind = CORE_TIME });
}

/* The slot's head attempt was of these instances, and took so long. */
static const char *run(struct bench *b, uint32_t worker, uint32_t slot, uint32_t first,
                       uint32_t count, int64_t ms)
{
    struct core_slot_view v;
    core_slot_view(b->core, worker, slot, &v);
    b->now_ms += ms;
    struct core_event e = range(b, v.attempt, first, count, STATUS_OK);
    e.as.results.model = v.model;
    step(b, e);
    return step(b, ended(b, v.attempt, ENDED_DONE));
}

/* ---- Lifetime ---- */

TEST(no_attempt_is_expected_to_outlive_its_worker)
{
    add_models(b, 1, 100000);
    step(b, hello_for("w", 1, 1, 100)); /* drained after 90 s */
    step(b, host_ready(b, 0, 1000));
    const char *trace = run(b, 0, 0, 0, 16, 16 * 1000); /* a second each: 74 s left, 16 in hand */
    assert_non_null(strstr(trace, "grant slot=0 0/0 [32,+30)"));
    trace = run(b, 0, 0, 16, 16, 16 * 1000); /* 58 s left, 30 in hand */
    assert_non_null(strstr(trace, "[62,+28)"));
    trace = run(b, 0, 0, 32, 30, 30 * 1000); /* 28 s left, 28 in hand */
    assert_null(strstr(trace, "grant"));
}

TEST(a_worker_is_drained_before_its_time_is_over)
{
    add_models(b, 1, 100000);
    step(b, hello_for("w", 1, 1, 5)); /* drained half a second before */
    assert_int_equal(core_deadline_mono_ns(b->core) / MS, b->now_ms + 4500);
    assert_string_equal(time_passes(b, 4499), "");
    assert_string_equal(time_passes(b, 1), "drain\n");
    struct core_worker_view v;
    core_worker_view(b->core, 0, &v);
    assert_true(v.draining);
    assert_string_equal(v.drain_reason, "its time is nearly over");
    assert_string_equal(step(b, beat(b, b->attempt)), "beat stale=0\ndrain\n"); /* it was lost */
}

/* Of the longest that can be said: the sum with a clock that has run for years is a time, too. */
TEST(the_longest_lifetime_has_an_end_far_away)
{
    add_models(b, 1, 100000);
    b->now_ms = INT64_C(3650) * 24 * 3600 * 1000;
    step(b, hello_for("w", 1, 1, LIFETIME_DAYS_MAX * INT64_C(86400)));
    time_passes(b, 1);
    struct core_worker_view v;
    core_worker_view(b->core, 0, &v);
    assert_false(v.draining);
    assert_true(v.drain_mono_ns > b->now_ms * MS);
}

TEST(a_load_that_would_not_pay_is_not_begun)
{
    add_models(b, 1, 100000);
    step(b, hello("first", 1, 1));
    step(b, host_ready(b, 0, 60000));
    b->seq = 1;
    assert_string_equal(step(b, hello_for("brief", 2, 1, 130)), "welcome\n"); /* 117 s */
    assert_int_equal(state(b), SWEEP_RUNNING);
    b->seq = 1;
    assert_non_null(strstr(step(b, hello_for("longer", 3, 1, 140)), "grant"));
}

TEST(what_a_worker_has_no_time_for_is_left_to_the_next_one)
{
    add_models(b, 1, 100000);
    step(b, hello("first", 1, 1));
    step(b, host_ready(b, 0, 60000));
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    step(b, hello_for("brief", 2, 1, 100));
    assert_int_equal(state(b), SWEEP_RUNNING); /* not stalled: it goes soon */
}

/* ---- Caps ---- */

TEST(a_model_works_in_no_more_slots_than_it_may)
{
    add_models(b, 1, 100000);
    core_set_rules(b->core, 0, &(struct core_rules){ .max_replicas = 2 });
    step(b, hello("w", 1, 4));
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_int_equal(v.busy_slots, 2);
    assert_int_equal(v.replicas, 2);
}

TEST(requests_at_once_are_shared_among_the_slots)
{
    add_models(b, 1, 100000);
    core_set_rules(b->core, 0, &(struct core_rules){ .concurrency = 5 });
    assert_string_equal(step(b, hello("w", 1, 3)), "welcome\n"
                                                   "grant slot=0 0/0 [0,+16) at_once=2\n"
                                                   "grant slot=1 0/0 [16,+16) at_once=2\n"
                                                   "grant slot=2 0/0 [32,+16) at_once=1\n"
                                                   "grant slot=0 0/0 [48,+16) at_once=2\n"
                                                   "grant slot=1 0/0 [64,+16) at_once=2\n"
                                                   "grant slot=2 0/0 [80,+16) at_once=1\n");
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_int_equal(v.inflight, 5);
}

TEST(a_slot_that_is_through_passes_its_share_on)
{
    add_models(b, 1, 40);
    core_set_rules(b->core, 0, &(struct core_rules){ .concurrency = 1 });
    assert_string_equal(step(b, hello("w", 1, 2)), "welcome\n"
                                                   "grant slot=0 0/0 [0,+16) at_once=1\n"
                                                   "grant slot=0 0/0 [16,+12) at_once=1\n");
    uint64_t behind = b->attempt;
    step(b, ended(b, behind - 1, ENDED_RETURNED)); /* its slot still has another */
    struct core_event e = ended(b, behind, ENDED_REFUSED);
    const char *trace = step(b, e);
    assert_null(strstr(trace, "grant slot=1")); /* slot 0 took more of it in the meantime */
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_in_range(v.inflight, 0, 1);
}

/* ---- Priorities ---- */

TEST(the_highest_priority_is_served_first_and_alone)
{
    add_models(b, 3, 1000);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 5 });
    core_set_rules(b->core, 2, &(struct core_rules){ .priority = -5 });
    const char *trace = step(b, hello("w", 1, 4));
    assert_non_null(strstr(trace, "grant slot=3 1/0"));
    assert_null(strstr(trace, " 0/0"));
    assert_null(strstr(trace, " 2/0"));
}

TEST(a_lower_priority_gets_what_a_higher_one_cannot_use)
{
    add_models(b, 2, 1000);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 1, .max_replicas = 1 });
    const char *trace = step(b, hello("w", 1, 2));
    assert_non_null(strstr(trace, "grant slot=0 1/0"));
    assert_non_null(strstr(trace, "grant slot=1 0/0"));
}

TEST(unstarted_work_makes_room_for_a_higher_priority)
{
    add_models(b, 2, 40);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 1 });
    step(b, order(CORE_PAUSE_MODEL, 1));
    step(b, hello("w", 1, 1)); /* two attempts of model 0 */
    uint64_t low = b->attempt;
    assert_string_equal(step(b, order(CORE_RESUME_MODEL, 1)), "");
    assert_string_equal(time_passes(b, 1000), "revoke\nrevoke\n");
    assert_string_equal(time_passes(b, 1000), ""); /* once is enough */
    step(b, ended(b, low - 1, ENDED_RETURNED));
    assert_non_null(strstr(step(b, ended(b, low, ENDED_RETURNED)), "grant slot=0 1/0"));
}

TEST(a_capped_model_takes_back_no_more_slots_than_it_may_have)
{
    add_models(b, 2, 1000);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 1, .max_replicas = 1 });
    step(b, order(CORE_PAUSE_MODEL, 1));
    step(b, hello("w", 1, 3)); /* two attempts of model 0 a slot */
    step(b, order(CORE_RESUME_MODEL, 1));
    assert_string_equal(time_passes(b, 1000), "revoke\nrevoke\n");
}

/* All slots beat, and the last of them has model 0 loaded and nothing to do. */
static struct core_event beat_of_three(struct bench *b)
{
    static struct msg_slot_beat slots[3] = { { .state = SLOT_RUNNING },
                                             { .state = SLOT_RUNNING },
                                             { .state = SLOT_READY } };
    static struct msg_beat m;
    m = (struct msg_beat){ .slots = slots, .slot_count = 3 };
    struct core_event e = { .kind = CORE_BEAT, .session = b->session };
    for (uint32_t i = 0; i < 3; i++)
        b->beat_models[i] = (i + 1) % 3;
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

/* Of two models of a high priority one may have a slot, and takes longest; the other one is through
 * before it without the third slot. Once there is work of a lower priority, it has to be through
 * sooner. */
TEST(a_slot_is_not_idle_between_work_that_is_outranked_and_work_that_can_wait)
{
    add_models(b, 3, 100);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 1, .max_replicas = 1 });
    core_set_rules(b->core, 2, &(struct core_rules){ .priority = 1 });
    for (uint32_t i = 0; i < 3; i++)
        core_expect_model(b->core, i, 1000ll * MS, i == 1 ? 100000.0 * MS : 10000.0 * MS);
    step(b, order(CORE_PAUSE_MODEL, 0));
    assert_null(strstr(step(b, hello("w", 1, 3)), "grant slot=2"));
    step(b, beat_of_three(b));
    assert_non_null(strstr(step(b, order(CORE_RESUME_MODEL, 0)), "grant slot=2 2/0"));
}

/* The other one could wait for it to be done, and need not any more. */
TEST(a_slot_whose_model_is_paused_helps_with_another)
{
    add_models(b, 2, 100);
    core_set_rules(b->core, 0, &(struct core_rules){ .max_replicas = 1 });
    core_expect_model(b->core, 0, 1000ll * MS, 100000.0 * MS);
    core_expect_model(b->core, 1, 1000ll * MS, 10000.0 * MS);
    assert_string_equal(step(b, hello("w", 1, 2)), "welcome\n"
                                                   "grant slot=0 0/0 [0,+1)\n"
                                                   "grant slot=1 1/0 [0,+1)\n"
                                                   "grant slot=0 0/0 [1,+1)\n"
                                                   "grant slot=1 1/0 [1,+1)\n");
    uint64_t behind = b->attempt - 1, head = behind - 2;
    step(b, order(CORE_PAUSE_MODEL, 0));
    step(b, ended(b, behind, ENDED_RETURNED));
    assert_non_null(strstr(step(b, ended(b, head, ENDED_RETURNED)), "grant slot=0 1/0"));
}

/* ---- Backoff ---- */

static int64_t wait_after(struct bench *b, status st)
{
    add_models(b, 1, 1);
    step(b, hello("w", 1, 1));
    step(b, range(b, b->attempt, 0, 1, st));
    step(b, ended(b, b->attempt, ENDED_DONE));
    int64_t since = b->now_ms;
    for (int i = 0; i < 10; i++) { /* it beats, and lives */
        int64_t due = core_deadline_mono_ns(b->core) / MS + 1;
        b->now_ms = due < b->now_ms + 1000 ? due : b->now_ms + 1000;
        step(b, beat(b, 0));
        if (strstr(step(b, (struct core_event){ .kind = CORE_TIME }), "grant"))
            return b->now_ms - since;
    }
    return INT64_MAX;
}

TEST(a_crash_is_tried_again_after_a_backoff)
{
    assert_in_range(wait_after(b, STATUS_CRASH), 1000, 1600);
}

TEST(an_error_waits_longer_than_a_crash)
{
    assert_in_range(wait_after(b, STATUS_ERROR), 2000, 3100);
}

TEST(a_timeout_waits_longer_than_an_error)
{
    assert_in_range(wait_after(b, STATUS_TIMEOUT), 4000, 6100);
}

/* ---- A slot that a process holds which cannot be killed ---- */

static struct core_event beat_of_states(struct bench *b, enum slot_state first,
                                        enum slot_state second)
{
    static struct msg_slot_beat slots[2];
    static struct msg_beat m;
    slots[0] = (struct msg_slot_beat){ .state = (uint8_t)first };
    slots[1] = (struct msg_slot_beat){ .state = (uint8_t)second };
    m = (struct msg_beat){ .slots = slots, .slot_count = 2 };
    b->beat_models[0] = b->beat_models[1] = UINT32_MAX;
    struct core_event e = { .kind = CORE_BEAT, .session = b->session };
    e.as.beat.beat = &m;
    e.as.beat.models = b->beat_models;
    return e;
}

/* What its worker sent back for it would be refused for all its slots. */
TEST(a_slot_that_is_sick_gets_nothing_until_it_is_well)
{
    add_models(b, 1, 1000);
    step(b, order(CORE_PAUSE_MODEL, 0));
    step(b, hello("w", 1, 2));
    step(b, beat_of_states(b, SLOT_SICK, SLOT_IDLE));
    const char *trace = step(b, order(CORE_RESUME_MODEL, 0));
    assert_null(strstr(trace, "grant slot=0"));
    assert_non_null(strstr(trace, "grant slot=1"));
    assert_non_null(strstr(step(b, beat_of_states(b, SLOT_IDLE, SLOT_RUNNING)), "grant slot=0"));
}

/* All that there is takes a minute to load and five seconds to do. */
TEST(a_load_pays_if_all_that_is_left_is_done_in_time)
{
    add_models(b, 1, 5);
    core_expect_model(b->core, 0, 60000ll * MS, 1000.0 * MS);
    assert_string_equal(step(b, hello_for("too brief", 1, 1, 70)), "welcome\n"); /* 63 s */
    assert_non_null(strstr(step(b, hello_for("brief", 2, 1, 100)), "grant"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_attempt_is_expected_to_outlive_its_worker),
        cmocka_unit_test(a_worker_is_drained_before_its_time_is_over),
        cmocka_unit_test(the_longest_lifetime_has_an_end_far_away),
        cmocka_unit_test(a_load_that_would_not_pay_is_not_begun),
        cmocka_unit_test(what_a_worker_has_no_time_for_is_left_to_the_next_one),
        cmocka_unit_test(a_model_works_in_no_more_slots_than_it_may),
        cmocka_unit_test(requests_at_once_are_shared_among_the_slots),
        cmocka_unit_test(a_slot_that_is_through_passes_its_share_on),
        cmocka_unit_test(the_highest_priority_is_served_first_and_alone),
        cmocka_unit_test(a_lower_priority_gets_what_a_higher_one_cannot_use),
        cmocka_unit_test(unstarted_work_makes_room_for_a_higher_priority),
        cmocka_unit_test(a_capped_model_takes_back_no_more_slots_than_it_may_have),
        cmocka_unit_test(a_slot_whose_model_is_paused_helps_with_another),
        cmocka_unit_test(a_slot_is_not_idle_between_work_that_is_outranked_and_work_that_can_wait),
        cmocka_unit_test(a_crash_is_tried_again_after_a_backoff),
        cmocka_unit_test(an_error_waits_longer_than_a_crash),
        cmocka_unit_test(a_timeout_waits_longer_than_an_error),
        cmocka_unit_test(a_slot_that_is_sick_gets_nothing_until_it_is_well),
        cmocka_unit_test(a_load_pays_if_all_that_is_left_is_done_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
