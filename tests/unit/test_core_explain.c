/* Why things are where they are: a sentence and a reason for each case that people ask about. */
#include "tests/lib/core_bench.h"

#include "coordinator/core/explain.h"

static const char *model_name(const void *owner, uint32_t model)
{
    static const char *const names[] = { "qwen-72b", "phi", "gemma" };
    (void)owner;
    return names[model];
}

static const char *task_name(const void *owner, uint32_t task)
{
    static const char *const names[] = { "nlp/qa", "video/action" };
    (void)owner;
    return names[task];
}

static const char *account_name(const void *owner, uint32_t account)
{
    static const char *const names[] = { "sweep day", "sweep night" };
    (void)owner;
    return names[account - 1];
}

static const struct explain_names names = { NULL, model_name, task_name, account_name };
static struct buf sentence;

static void expect(enum explain_reason got, enum explain_reason reason, const char *text)
{
    char said[1000];
    (void)snprintf(said, sizeof(said), "%s", buf_cstr(&sentence));
    buf_release(&sentence);
    assert_string_equal(said, text);
    assert_string_equal(explain_reason_text(got), explain_reason_text(reason));
}

static void expect_model(struct bench *b, uint32_t model, enum explain_reason reason,
                         const char *text)
{
    expect(explain_model(b->core, &names, model, b->now_ms * MS, &sentence), reason, text);
}

static void expect_worker(struct bench *b, uint32_t worker, enum explain_reason reason,
                          const char *text)
{
    expect(explain_worker(b->core, &names, worker, b->now_ms * MS, &sentence), reason, text);
}

/* Its load takes a minute and an instance a second, as told. */
static uint32_t add_model(struct bench *b, const struct core_need *need, uint32_t size)
{
    uint32_t model = core_add_model(b->core, need);
    uint32_t task = core_add_task(b->core, size);
    add_cell(b, model, task, size);
    core_expect_model(b->core, model, 60000ll * MS, 1000.0 * MS);
    return model;
}

static void one_model(struct bench *b, uint32_t gpus)
{
    add_model(b, &(struct core_need){ .gpus = gpus, .cpus = 1 }, 100);
}

static struct core_event order(enum core_event_kind kind, uint32_t model)
{
    struct core_event e = { .kind = kind };
    e.as.order.model = model;
    return e;
}

TEST(no_worker)
{
    one_model(b, 1);
    expect_model(b, 0, EXPLAIN_NO_WORKER, "qwen-72b waits: no worker is connected that takes work");
}

TEST(no_slot_and_no_gang_is_large_enough)
{
    one_model(b, 4);
    step(b, hello("node-7", 1, 2));
    expect_model(b, 0, EXPLAIN_TOO_LARGE,
                 "qwen-72b waits: it needs 4 GPUs, 1 core on one worker, and none has that; the "
                 "largest, node-7, has 2 GPUs and 8 cores in 2 slots");
    expect_worker(
        b, 0, EXPLAIN_IDLE,
        "node-7 is idle: of 2 slots 0 run, 2 are idle: of qwen-72b, with 100 instances "
        "to go, the slot has not the GPUs, cores and memory that it needs: 4 GPUs, 1 core; it "
        "has 1 GPU and 4 cores");
}

static struct core_event hello_with_memory(const char *name, uint8_t id, uint32_t slots,
                                           uint64_t memory_bytes)
{
    static struct msg_slot all[8];
    struct core_event e = hello(name, id, slots);
    for (uint32_t i = 0; i < slots; i++) {
        all[i] = e.as.hello.slots[i];
        all[i].memory_bytes = memory_bytes;
    }
    e.as.hello.slots = all;
    e.as.hello.peer = id;
    return e;
}

/* Two workers: what is short decides which of them is the largest. */
TEST(no_worker_has_the_memory)
{
    add_model(b, &(struct core_need){ .cpus = 1, .memory_bytes = 512ull << 30 }, 100);
    step(b, hello_with_memory("many-cores", 1, 4, 1ull << 30));
    step(b, hello_with_memory("much-memory", 2, 2, 100ull << 30));
    expect_model(b, 0, EXPLAIN_TOO_LARGE,
                 "qwen-72b waits: it needs 1 core, 512 GiB on one worker, and none has that; the "
                 "largest, much-memory, has 2 GPUs and 8 cores, 200 GiB in 2 slots");
    expect_worker(
        b, 1, EXPLAIN_IDLE,
        "much-memory is idle: of 2 slots 0 run, 2 are idle: of qwen-72b, with 100 instances to "
        "go, the slot has not the GPUs, cores and memory that it needs: 1 core, 512 GiB; it has "
        "1 GPU and 4 cores, 100 GiB");
}

TEST(waiting_for_its_load)
{
    one_model(b, 1);
    step(b, hello("node-7", 1, 1));
    expect_model(b, 0, EXPLAIN_LOADS,
                 "qwen-72b loads on 1 slot: 0 of 100 instances done, 2 given out, 98 wait; to "
                 "load takes about 1m 00s");
    expect_worker(b, 0, EXPLAIN_WORKS, "node-7 works: of 1 slot 0 run, 1 loads");
}

TEST(waiting_for_its_first_load)
{
    core_add_model(b->core, &(struct core_need){ .cpus = 1 });
    core_add_task(b->core, 100);
    add_cell(b, 0, 0, 100);
    step(b, hello("node-7", 1, 1));
    b->now_ms += 7000;
    step(b, (struct core_event){ .kind = CORE_TIME });
    expect_model(b, 0, EXPLAIN_LOADS,
                 "qwen-72b loads on 1 slot: 0 of 100 instances done, 32 given out, 68 wait; how "
                 "long that takes is not known yet, so far 7s");
}

TEST(running_and_done)
{
    one_model(b, 1);
    step(b, hello("node-7", 1, 1));
    struct core_event ready = { .kind = CORE_HOST, .session = b->session };
    ready.as.host.ready = true;
    ready.as.host.load_ns = 60000ll * MS;
    step(b, ready);
    expect_model(b, 0, EXPLAIN_RUNS,
                 "qwen-72b runs on 1 slot: 0 of 100 instances done, 2 given out, 98 wait; about "
                 "1m 40s of work for these");
    step(b, range(b, b->attempt, 0, 100, STATUS_OK));
    expect_model(b, 0, EXPLAIN_DONE, "qwen-72b is done: 100 instances");
}

TEST(capped)
{
    one_model(b, 1);
    core_set_rules(b->core, 0, &(struct core_rules){ .max_replicas = 1 });
    step(b, hello("node-7", 1, 2));
    struct core_event ready = { .kind = CORE_HOST, .session = b->session };
    ready.as.host.ready = true;
    ready.as.host.load_ns = 60000ll * MS;
    step(b, ready);
    expect_model(b, 0, EXPLAIN_CAPPED,
                 "qwen-72b runs on 1 slot: 0 of 100 instances done, 2 given out, 98 wait; about "
                 "1m 40s of work for these; it is capped: it has work on 1 slot and may have 1");
    expect_worker(b, 0, EXPLAIN_WORKS,
                  "node-7 works: of 2 slots 1 runs, 1 is idle: of qwen-72b, with 98 instances to "
                  "go, it is capped: it has work on 1 slot and may have 1");
}

TEST(paused)
{
    one_model(b, 1);
    step(b, order(CORE_PAUSE_MODEL, 0));
    expect_model(b, 0, EXPLAIN_PAUSED,
                 "qwen-72b is paused, with 100 instances to go: muster resume lets it go on");
}

TEST(quarantined)
{
    one_model(b, 1);
    step(b, hello("node-7", 1, 1));
    uint64_t attempt = b->attempt;
    step(b, range(b, attempt, 0, 2, STATUS_REFUSED));
    step(b, order(CORE_PAUSE_MODEL, 0));
    step(b, ended(b, attempt, ENDED_RETURNED));
    expect_model(b, 0, EXPLAIN_PAUSED,
                 "qwen-72b is paused, with 98 instances to go: muster resume lets it go on; 2 "
                 "failed for good (quarantined)");
    expect(explain_task(b->core, &names, 0, 0, b->now_ms * MS, &sentence), EXPLAIN_PAUSED,
           "nlp/qa with qwen-72b: 2 of 100 instances done, 2 of them failed for good "
           "(quarantined), 0 given out, 0 wait to be tried again, 98 not started; qwen-72b is "
           "paused, with 98 instances to go: muster resume lets it go on; 2 failed for good "
           "(quarantined)");
    expect(explain_task(b->core, &names, UINT32_MAX, 0, b->now_ms * MS, &sentence), EXPLAIN_TURN,
           "nlp/qa is done by 0 of 1 models: 2 of 100 instances, 2 of them failed for good "
           "(quarantined); 0 are given out");
}

TEST(waiting_to_be_tried_again)
{
    add_model(b, &(struct core_need){ .cpus = 1 }, 1);
    step(b, hello("node-7", 1, 1));
    step(b, range(b, b->attempt, 0, 1, STATUS_CRASH));
    step(b, ended(b, b->attempt, ENDED_DONE));
    enum explain_reason got = explain_model(b->core, &names, 0, b->now_ms * MS, &sentence);
    assert_int_equal(got, EXPLAIN_BACKOFF);
    assert_non_null(strstr(buf_cstr(&sentence), "qwen-72b waits: 1 instance failed and will be "
                                                "tried again, the next in "));
    buf_release(&sentence);
}

TEST(draining)
{
    one_model(b, 1);
    step(b, hello("node-7", 1, 1));
    struct core_event e = { .kind = CORE_DRAIN_WORKER };
    e.as.order.worker = span_str("node-7");
    step(b, e);
    expect_worker(b, 0, EXPLAIN_DRAINS,
                  "node-7 drains, since an operator asked for it: 2 attempts are still there");
    expect(explain_attempt(b->core, &names, b->attempt, b->now_ms * MS, &sentence), EXPLAIN_QUEUED,
           "attempt 300000002 (1 instances of nlp/qa with qwen-72b) waits on slot 0 of node-7 "
           "behind 1 other: 0 recorded; its lease ends in 10s; the worker drains, and gets nothing "
           "behind it");
}

TEST(a_low_priority)
{
    one_model(b, 1);
    add_model(b, &(struct core_need){ .gpus = 1, .cpus = 1 }, 100);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 5 });
    step(b, hello("node-7", 1, 1));
    expect_model(b, 0, EXPLAIN_OUTRANKED,
                 "qwen-72b waits: phi goes first by priority, and has 98 instances to go");
}

TEST(its_turn)
{
    add_model(b, &(struct core_need){ .cpus = 1 }, 1000);
    add_model(b, &(struct core_need){ .cpus = 1 }, 100);
    step(b, hello("node-7", 1, 1));
    expect_model(b, 1, EXPLAIN_TURN,
                 "phi waits its turn: 1 slot could run it and has other work; it has about 1m 40s "
                 "of work for one slot, and takes 1m 00s to load");
}

/* Both of "day" and one of "night", that weighs half of it, want the only slot of three. */
static void three_models_of_two_sweeps(struct bench *b)
{
    uint32_t day = core_add_account(b->core, 0, 2), night = core_add_account(b->core, 0, 1);
    uint32_t account[] = { day, night, day };
    for (uint32_t i = 0; i < 3; i++) {
        add_model(b, &(struct core_need){ .cpus = 1 }, 1000);
        core_set_rules(b->core, i, &(struct core_rules){ .account = account[i] });
    }
}

TEST(its_sweep_has_had_its_share)
{
    three_models_of_two_sweeps(b);
    step(b, hello("node-7", 1, 1));
    expect_model(b, 2, EXPLAIN_SHARE,
                 "gemma waits for sweep night, which is 1s of slot time behind sweep day by their "
                 "weights: sweep day has 1 of 1 slots, its share is 0.667; sweep night has 0, its "
                 "share is 0.333");
}

TEST(its_sweep_is_behind_and_its_turn_comes)
{
    three_models_of_two_sweeps(b);
    step(b, hello("node-7", 1, 1));
    expect_model(b, 1, EXPLAIN_TURN,
                 "phi waits its turn: 1 slot could run it and has other work; it has about 16m 40s "
                 "of work for one slot, and takes 1m 00s to load; sweep night has 0 of 1 slots, "
                 "its share by weight is 0.333");
}

TEST(a_lifetime_that_is_too_short)
{
    one_model(b, 1);
    struct core_event e = hello("node-7", 1, 1);
    e.as.hello.lifetime_ms = 50000;
    step(b, e);
    expect_model(b, 0, EXPLAIN_LIFETIME,
                 "qwen-72b waits for a worker with more time: to load takes 1m 00s and has to pay, "
                 "but the longest that one has left is 45s");
    expect_worker(b, 0, EXPLAIN_IDLE,
                  "node-7 is idle: of 1 slot 0 run, 1 is idle: of qwen-72b, with 100 instances to "
                  "go, the worker's time is over before its load would pay: 1m 00s to load, and "
                  "45s are left");
}

TEST(refused_by_the_worker)
{
    one_model(b, 1);
    step(b, hello("node-7", 1, 2));
    step(b, ended(b, b->attempt, ENDED_HOST_FAILED));
    step(b, ended(b, b->attempt - 1, ENDED_HOST_FAILED));
    expect_model(b, 0, EXPLAIN_REFUSED,
                 "qwen-72b waits: 2 slots of workers that could run it refuse it; the last, on "
                 "worker node-7: because");
}

/* A gang is held back for by one slot while the other finishes. */
TEST(a_gang_and_an_attempt)
{
    add_model(b, &(struct core_need){ .gpus = 2, .cpus = 1 }, 100);
    uint32_t small = core_add_model(b->core, &(struct core_need){ .gpus = 1, .cpus = 1 });
    core_add_task(b->core, 2);
    add_cell(b, small, 1, 2);
    core_expect_model(b->core, small, 1000ll * MS, 10000.0 * MS);
    step(b, order(CORE_PAUSE_MODEL, 0));
    step(b, hello("node-7", 1, 2));
    uint64_t other = b->attempt;
    step(b, order(CORE_RESUME_MODEL, 0));
    struct core_event e = range(b, other - 1, 0, 1, STATUS_OK);
    e.as.results.model = e.as.results.task = 1;
    step(b, e);
    step(b, ended(b, other - 1, ENDED_DONE));
    expect_model(b, 0, EXPLAIN_GANG,
                 "qwen-72b waits for a gang: it needs 2 GPUs, 1 core of one worker; of 2 slots of "
                 "node-7 (0,1) 1 is idle and held for it, the others are busy for about 8s");
    expect_worker(b, 0, EXPLAIN_WORKS,
                  "node-7 works: of 2 slots 0 run, 1 loads, 1 is held for a gang of qwen-72b, for "
                  "about 8s");
    expect(explain_attempt(b->core, &names, other, b->now_ms * MS, &sentence), EXPLAIN_LOADS,
           "attempt 300000002 (1 instances of video/action with phi) waits for its model to load "
           "on slot 1 of node-7: 0 recorded; its lease ends in 10s");
    expect(explain_attempt(b->core, &names, 77, b->now_ms * MS, &sentence), EXPLAIN_OVER,
           "attempt 4d is over, or was never granted: nobody holds a lease on it");
}

static void expect_fleet(struct bench *b, uint32_t busy, uint32_t loading, uint32_t slots)
{
    struct core_fleet_view v;
    core_fleet_view(b->core, &v);
    assert_int_equal(v.slots, slots);
    assert_int_equal(v.gpus, slots); /* a GPU each */
    assert_int_equal(v.busy_slots, busy);
    assert_int_equal(v.busy_gpus, busy);
    assert_int_equal(v.loading_slots, loading);
    assert_int_equal(v.loading_gpus, loading);
}

/* Both slots of the gang load, then work, though only one of them was given anything. */
TEST(what_the_fleet_does)
{
    one_model(b, 2);
    expect_fleet(b, 0, 0, 0);
    step(b, hello("node-7", 1, 3));
    expect_fleet(b, 0, 2, 3);
    struct core_model_view v;
    core_model_view(b->core, 0, &v);
    assert_int_equal(v.loading, 1);
    struct core_event ready = { .kind = CORE_HOST, .session = b->session };
    ready.as.host.ready = true;
    ready.as.host.load_ns = 60000ll * MS;
    step(b, ready);
    expect_fleet(b, 2, 0, 3);
    core_model_view(b->core, 0, &v);
    assert_int_equal(v.loading, 0);
    step(b, range(b, b->attempt, 0, 100, STATUS_OK));
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    expect_fleet(b, 0, 0, 0);
}

TEST(lost)
{
    one_model(b, 1);
    step(b, hello("node-7", 1, 1));
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = b->session });
    b->now_ms += 40000;
    expect_worker(b, 0, EXPLAIN_LOST,
                  "node-7 is not connected: last heard 40s ago; what it had was given to others");
}

TEST(held_by_a_process_that_cannot_be_killed)
{
    one_model(b, 1);
    step(b, order(CORE_PAUSE_MODEL, 0));
    step(b, hello("node-7", 1, 1));
    struct core_event e = beat(b, 0);
    b->beat_models[0] = UINT32_MAX;
    struct msg_slot_beat slot = { .state = SLOT_SICK };
    struct msg_beat m = { .slots = &slot, .slot_count = 1 };
    e.as.beat.beat = &m;
    step(b, e);
    step(b, order(CORE_RESUME_MODEL, 0));
    expect_model(b, 0, EXPLAIN_SICK,
                 "qwen-72b waits: 1 slot that could run it is held by a process that cannot be "
                 "killed");
}

/* The one of the highest priority fits nowhere: the slot goes to another one. */
TEST(a_low_priority_beside_a_high_one_that_cannot_run)
{
    one_model(b, 1);
    add_model(b, &(struct core_need){ .gpus = 1, .cpus = 1 }, 100);
    add_model(b, &(struct core_need){ .gpus = 64, .cpus = 1 }, 100);
    core_set_rules(b->core, 1, &(struct core_rules){ .priority = 5 });
    core_set_rules(b->core, 2, &(struct core_rules){ .priority = 9 });
    step(b, hello("node-7", 1, 1));
    expect_model(b, 0, EXPLAIN_OUTRANKED,
                 "qwen-72b waits: phi goes first by priority, and has 98 instances to go");
}

/* All that is left of the model is of a task that the worker has no data for. */
TEST(a_worker_idles_as_it_refuses_the_task_that_is_left)
{
    one_model(b, 1);
    step(b, hello("node-7", 1, 1));
    step(b, ended(b, b->attempt - 1, ENDED_REFUSED));
    step(b, ended(b, b->attempt, ENDED_REFUSED));
    expect_worker(b, 0, EXPLAIN_IDLE,
                  "node-7 is idle: of 1 slot 0 run, 1 is idle: of qwen-72b, with 100 instances to "
                  "go, it was found that it cannot run here");
    expect_model(b, 0, EXPLAIN_REFUSED,
                 "qwen-72b waits: 1 slot of workers that could run it refuse it; the last, on "
                 "worker node-7: because");
}

/* A larger slot has room for it alone; on others it would be a gang. */
TEST(running_on_a_slot_that_is_large_enough)
{
    static const struct msg_slot large = { .gpus = 2, .cpus = 8 };
    one_model(b, 2);
    struct core_event e = hello("large", 1, 1);
    e.as.hello.slots = &large;
    step(b, e);
    struct core_event ready = { .kind = CORE_HOST, .session = b->session };
    ready.as.host.ready = true;
    ready.as.host.load_ns = 60000ll * MS;
    step(b, ready);
    core_set_rules(b->core, 0, &(struct core_rules){ .max_replicas = 1 });
    step(b, hello("small", 2, 2));
    expect_model(b, 0, EXPLAIN_CAPPED,
                 "qwen-72b runs on 1 slot: 0 of 100 instances done, 2 given out, 98 wait; about "
                 "1m 40s of work for these; it is capped: it has work on 1 slot and may have 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_worker),
        cmocka_unit_test(no_slot_and_no_gang_is_large_enough),
        cmocka_unit_test(no_worker_has_the_memory),
        cmocka_unit_test(waiting_for_its_load),
        cmocka_unit_test(waiting_for_its_first_load),
        cmocka_unit_test(running_and_done),
        cmocka_unit_test(capped),
        cmocka_unit_test(paused),
        cmocka_unit_test(quarantined),
        cmocka_unit_test(waiting_to_be_tried_again),
        cmocka_unit_test(draining),
        cmocka_unit_test(a_low_priority),
        cmocka_unit_test(its_turn),
        cmocka_unit_test(its_sweep_has_had_its_share),
        cmocka_unit_test(its_sweep_is_behind_and_its_turn_comes),
        cmocka_unit_test(a_lifetime_that_is_too_short),
        cmocka_unit_test(refused_by_the_worker),
        cmocka_unit_test(a_gang_and_an_attempt),
        cmocka_unit_test(what_the_fleet_does),
        cmocka_unit_test(lost),
        cmocka_unit_test(held_by_a_process_that_cannot_be_killed),
        cmocka_unit_test(a_low_priority_beside_a_high_one_that_cannot_run),
        cmocka_unit_test(a_worker_idles_as_it_refuses_the_task_that_is_left),
        cmocka_unit_test(running_on_a_slot_that_is_large_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
