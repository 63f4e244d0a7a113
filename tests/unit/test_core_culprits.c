/* Whose fault it is: the instance's, the model's on a type of GPU, or the worker's. */
#include "coordinator/core/explain.h"
#include "tests/lib/core_bench.h"

/* A worker of these tests, as it talks. */
struct peer {
    uint64_t session, seq;
    uint32_t index;
};

static struct peer join_of(struct bench *b, const char *name, uint8_t id, const char *type)
{
    static struct msg_slot slot;
    struct core_event e = hello(name, id, 1);
    slot = (struct msg_slot){ .gpus = 1, .cpus = 4, .gpu_type = span_str(type) };
    e.as.hello.slots = &slot;
    step(b, e);
    return (struct peer){ b->session, 1, core_worker_count(b->core) - 1 };
}

/* Models of one cell each, all of the same size. */
static void add_models(struct bench *b, uint32_t models, uint32_t size)
{
    core_add_task(b->core, size);
    for (uint32_t i = 0; i < models; i++) {
        core_add_model(b->core, &(struct core_need){ .gpus = 1, .cpus = 1 });
        add_cell(b, i, 0, size);
    }
}

static struct core_slot_view slot_of(struct bench *b, const struct peer *p)
{
    struct core_slot_view v;
    core_slot_view(b->core, p->index, 0, &v);
    return v;
}

/* Every row of the instances, from the attempt that its slot runs. */
static const char *rows(struct bench *b, struct peer *p, uint32_t first, uint32_t count, status st)
{
    struct core_slot_view v = slot_of(b, p);
    b->session = p->session;
    b->seq = p->seq++;
    struct core_event e = range(b, v.attempt, first, count, st);
    e.as.results.model = v.model;
    return step(b, e);
}

static const char *end(struct bench *b, struct peer *p, enum ended reason)
{
    b->session = p->session;
    b->seq = p->seq++;
    return step(b, ended(b, slot_of(b, p).attempt, reason));
}

/* Time passes; whoever is connected beats. */
static void wait_s(struct bench *b, const struct peer *peers, size_t count, int seconds)
{
    for (int i = 0; i < 2 * seconds; i++) {
        b->now_ms += 500;
        for (size_t k = 0; k < count; k++) {
            struct core_worker_view w;
            core_worker_view(b->core, peers[k].index, &w);
            if (!w.live)
                continue;
            b->session = peers[k].session;
            struct core_slot_view v = slot_of(b, &peers[k]);
            b->beat_models[0] = v.model;
            step(b, beat(b, v.attempt));
        }
        if (core_deadline_mono_ns(b->core) <= b->now_ms * MS)
            step(b, (struct core_event){ .kind = CORE_TIME });
    }
}

static struct core_worker_view worker_of(struct bench *b, const struct peer *p)
{
    struct core_worker_view v;
    core_worker_view(b->core, p->index, &v);
    return v;
}

static struct core_model_on_type on_type(struct bench *b, uint32_t model, uint32_t type)
{
    struct core_model_on_type v;
    core_model_on_type(b->core, model, type, &v);
    return v;
}

TEST(an_instance_is_given_up_only_after_it_failed_in_two_places)
{
    add_models(b, 1, 1);
    struct peer peers[2] = { join_of(b, "one", 1, "A") };
    for (int strike = 1; strike <= 2; strike++) {
        assert_non_null(strstr(rows(b, &peers[0], 0, 1, STATUS_CRASH), "strike 0/0/0"));
        end(b, &peers[0], ENDED_DONE);
        wait_s(b, peers, 1, 5);
    }
    peers[1] = join_of(b, "two", 2, "A");
    assert_string_equal(rows(b, &peers[0], 0, 1, STATUS_CRASH), "ack 5\n"); /* the last one? */
    end(b, &peers[0], ENDED_DONE);
    wait_s(b, peers, 2, 8);
    assert_int_equal(slot_of(b, &peers[0]).queued, 0);
    assert_int_equal(slot_of(b, &peers[1]).queued, 1); /* there it has not failed yet */
    assert_non_null(strstr(rows(b, &peers[1], 0, 1, STATUS_CRASH), "record 0/0"));
    assert_int_equal(state(b), SWEEP_DONE);
}

/* It would not pay to load the model on a second worker. But where it is its instances fail, and
 * only another place can tell whose fault that is. */
TEST(a_model_that_fails_where_it_is_loaded_is_tried_elsewhere)
{
    add_models(b, 1, 40);
    core_expect_model(b->core, 0, 1000000ll * MS, 1000.0 * MS);
    core_add_strike(b->core, 0, 0, 0, 2, 0);
    struct peer peers[2] = { join_of(b, "one", 1, "A") };
    peers[1] = join_of(b, "two", 2, "A");
    wait_s(b, peers, 2, 8);
    assert_int_equal(slot_of(b, &peers[1]).queued, 0);
    rows(b, &peers[0], 0, 1, STATUS_CRASH);
    end(b, &peers[0], ENDED_DONE);
    wait_s(b, peers, 2, 8); /* its backoff is over */
    assert_int_equal(slot_of(b, &peers[1]).model, 0);
    core_selfcheck(b->core);
}

/* Fails `count` instances one by one from the range that the slot has, until it is told to stop. */
static void fail_each(struct bench *b, struct peer *p, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        rows(b, p, first + i, 1, STATUS_CRASH);
}

/* A fifth failure in a row: nobody waits until each instance has failed as often as it may. */
TEST(a_model_of_which_many_in_a_row_fail_is_tried_elsewhere)
{
    add_models(b, 1, 40);
    core_expect_model(b->core, 0, 1000000ll * MS, 1000.0 * MS);
    struct peer peers[2] = { join_of(b, "one", 1, "A") };
    peers[1] = join_of(b, "two", 2, "A");
    fail_each(b, &peers[0], 0, 4);
    wait_s(b, peers, 2, 4);
    assert_int_equal(slot_of(b, &peers[1]).queued, 0);
    fail_each(b, &peers[0], 4, 1);
    assert_int_equal(slot_of(b, &peers[1]).model, 0);
    assert_true(slot_of(b, &peers[1]).queued > 0);
    core_selfcheck(b->core);
}

TEST(a_slot_on_which_a_model_fails_leaves_the_only_place_that_its_cap_allows)
{
    add_models(b, 1, 40);
    core_set_rules(b->core, 0, &(struct core_rules){ .concurrency = 1 });
    core_expect_model(b->core, 0, 1000000ll * MS, 1000.0 * MS);
    struct peer peers[2] = { join_of(b, "one", 1, "A") };
    peers[1] = join_of(b, "two", 2, "A");
    for (uint32_t i = 0; i < 5; i++) { /* whatever it is granted */
        assert_int_equal(slot_of(b, &peers[1]).queued, 0);
        rows(b, &peers[0], i, 1, STATUS_CRASH);
    }
    for (int i = 0; i < 5 && slot_of(b, &peers[0]).queued > 0; i++) /* what it has, and no more */
        end(b, &peers[0], ENDED_RETURNED);
    assert_int_equal(slot_of(b, &peers[0]).queued, 0);
    assert_int_equal(slot_of(b, &peers[1]).model, 0);
    assert_true(slot_of(b, &peers[1]).queued > 0);
    core_selfcheck(b->core);
}

TEST(a_worker_on_which_all_fails_that_is_fine_elsewhere_is_drained)
{
    add_models(b, 2, 8);
    struct peer peers[2];
    peers[0] =
        join_of(b, "bad", 1, "A"); /* model 0, alone: one instance of it fails, is given back */
    assert_int_equal(slot_of(b, &peers[0]).model, 0);
    fail_each(b, &peers[0], 0, 3);
    end(b, &peers[0], ENDED_DONE);
    peers[1] = join_of(b, "good", 2, "A");
    struct core_totals t;
    for (int i = 0; i < 400 && state(b) != SWEEP_DONE && !worker_of(b, &peers[0]).draining; i++) {
        for (int k = 0; k < 2; k++) {
            if (slot_of(b, &peers[k]).queued == 0)
                continue;
            struct core_slot_view v = slot_of(b, &peers[k]);
            for (uint32_t n = 0; n < 8; n++) { /* those of it that are open */
                if (slot_of(b, &peers[k]).attempt != v.attempt)
                    break;
                rows(b, &peers[k], n, 1, k == 0 ? STATUS_CRASH : STATUS_OK);
            }
            if (slot_of(b, &peers[k]).attempt == v.attempt)
                end(b, &peers[k], ENDED_DONE);
        }
        wait_s(b, peers, 2, 1);
    }
    assert_true(worker_of(b, &peers[0]).draining);
    assert_non_null(strstr(worker_of(b, &peers[0]).drain_reason, "fine elsewhere"));
    core_totals(b->core, &t);
    assert_true(t.strikes_withdrawn > 0);
    assert_int_equal(t.failed, 0);
    assert_false(worker_of(b, &peers[1]).draining);
}

static const char *cannot_start(struct bench *b, struct peer *p)
{
    return end(b, p, ENDED_HOST_FAILED);
}

/* Each attempt that its slot has of the model is told of. */
static void cannot_start_any(struct bench *b, struct peer *p)
{
    uint32_t model = slot_of(b, p).model;
    while (slot_of(b, p).queued > 0 && slot_of(b, p).model == model)
        cannot_start(b, p);
}

static void starts(struct bench *b, struct peer *p)
{
    struct core_event e = { .kind = CORE_HOST, .session = p->session };
    e.as.host.model = slot_of(b, p).model;
    e.as.host.ready = true;
    e.as.host.load_ns = 1000ll * MS;
    step(b, e);
}

/* Model 0 is not worth more than one slot; model 1 has work for all of them. */
static void one_that_starts_nowhere(struct bench *b, struct peer peers[5])
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    add_models(b, 2, 4000);
    core_set_rules(b->core, 0, &(struct core_rules){ .priority = 1, .max_replicas = 1 });
    peers[0] = join_of(b, names[0], 1, "A");
    assert_int_equal(slot_of(b, &peers[0]).model, 0);
    peers[1] = join_of(b, names[1], 2, "A");
    assert_int_equal(slot_of(b, &peers[1]).model, 1);
    starts(b, &peers[1]);
    rows(b, &peers[1], 0, 1, STATUS_OK); /* model 1 is fine on this type */
    for (uint8_t i = 2; i < 5; i++)
        peers[i] = join_of(b, names[i], (uint8_t)(i + 1), "A");
    for (int tries = 0; tries < 3; tries++) {
        struct peer *has = NULL;
        for (int i = 0; i < 5; i++)
            if (slot_of(b, &peers[i]).queued > 0 && slot_of(b, &peers[i]).model == 0)
                has = &peers[i];
        for (int i = 0; i < 5 && !has; i++) { /* a slot comes free, and gets the higher priority */
            if (slot_of(b, &peers[i]).model != 1 || i == 1)
                continue;
            while (slot_of(b, &peers[i]).queued > 0 && slot_of(b, &peers[i]).model == 1)
                end(b, &peers[i], ENDED_RETURNED);
            has = slot_of(b, &peers[i]).model == 0 ? &peers[i] : NULL;
        }
        assert_non_null(has);
        cannot_start_any(b, has);
    }
}

static const char *a_name(const void *owner, uint32_t index)
{
    (void)index;
    return owner;
}

static void expect_said_to_fail(struct bench *b, const char *type)
{
    const struct explain_names names = { "it", a_name, a_name, a_name };
    struct buf why = { 0 }, expected = { 0 };
    buf_printf(&expected, "it waits: it fails on %s, and is tried again there in ", type);
    assert_int_equal(explain_model(b->core, &names, 0, b->now_ms * MS, &why), EXPLAIN_TYPE);
    if (strncmp(buf_cstr(&why), buf_cstr(&expected), expected.len) != 0)
        fail_msg("%s", buf_cstr(&why));
    buf_release(&why);
    buf_release(&expected);
}

TEST(a_model_that_starts_on_no_worker_of_a_type_is_paused_there)
{
    struct peer peers[5];
    one_that_starts_nowhere(b, peers);
    assert_true(on_type(b, 0, 1).is_paused);
    assert_false(on_type(b, 1, 1).is_paused);
    for (int i = 0; i < 5; i++) { /* what waits there was taken back, and nothing follows */
        while (slot_of(b, &peers[i]).queued > 0 && slot_of(b, &peers[i]).model == 0)
            assert_null(strstr(end(b, &peers[i], ENDED_RETURNED), " 0/0"));
    }
    expect_said_to_fail(b, "A");
    assert_int_equal(core_decisions(b->core, DECISION_TYPE_PAUSED), 1);
}

TEST(an_operator_ends_a_pause)
{
    struct peer peers[5];
    one_that_starts_nowhere(b, peers);
    struct core_event e = { .kind = CORE_RESUME_MODEL };
    e.as.order.model = 0;
    step(b, e);
    assert_false(on_type(b, 0, 1).is_paused);
}

TEST(a_worker_on_which_models_do_not_start_that_run_elsewhere_is_drained)
{
    add_models(b, 3, 4000);
    struct peer good[3], bad;
    static const char *const names[] = { "a", "b", "c" };
    for (uint8_t i = 0; i < 3; i++) {
        good[i] = join_of(b, names[i], (uint8_t)(i + 1), "A");
        starts(b, &good[i]);
    }
    bad = join_of(b, "bad", 9, "A");
    for (int i = 0; i < 3 && !worker_of(b, &bad).draining; i++) {
        uint32_t model = slot_of(b, &bad).model;
        while (slot_of(b, &bad).queued > 0 && slot_of(b, &bad).model == model &&
               !worker_of(b, &bad).draining)
            cannot_start(b, &bad);
    }
    assert_true(worker_of(b, &bad).draining);
    assert_non_null(strstr(worker_of(b, &bad).drain_reason, "do not start here"));
}

/* Of failures in one place more are counted than places are kept of. */
TEST(an_instance_that_failed_very_often_in_one_place_is_given_up_after_it_failed_in_another)
{
    add_models(b, 1, 1);
    core_set_rules(b->core, 0, &(struct core_rules){ .strikes_max = 10 });
    struct peer peers[2] = { join_of(b, "one", 1, "A") };
    for (int strike = 1; strike <= 9; strike++) {
        rows(b, &peers[0], 0, 1, STATUS_CRASH);
        end(b, &peers[0], ENDED_DONE);
        wait_s(b, peers, 1, 100);
    }
    peers[1] = join_of(b, "two", 2, "A");
    assert_null(strstr(rows(b, &peers[0], 0, 1, STATUS_CRASH), "record"));
    end(b, &peers[0], ENDED_DONE);
    wait_s(b, peers, 2, 200);
    assert_int_equal(slot_of(b, &peers[1]).queued, 1);
    assert_non_null(strstr(rows(b, &peers[1], 0, 1, STATUS_CRASH), "record 0/0"));
}

/* Its host fails here whatever it is, and others would start the model. */
TEST(a_worker_that_starts_again_and_again_is_one_on_which_a_model_does_not_start)
{
    add_models(b, 2, 4000);
    core_set_rules(b->core, 0, &(struct core_rules){ .priority = 1, .max_replicas = 1 });
    struct peer bad = join_of(b, "bad", 1, "A"), fine = join_of(b, "fine", 2, "A");
    assert_int_equal(slot_of(b, &fine).model, 1);
    starts(b, &fine);
    rows(b, &fine, 0, 1, STATUS_OK);
    for (uint8_t i = 3; i < 7; i++) {
        assert_int_equal(slot_of(b, &bad).model, 0);
        cannot_start_any(b, &bad);
        bad = join_of(b, "bad", i, "A");
        bad.index = 0;
    }
    assert_false(on_type(b, 0, 1).is_paused);
}

/* What was tried again is judged anew once an operator says that it is mended. */
TEST(a_pause_that_an_operator_ended_does_not_come_back_after_one_failure)
{
    struct peer peers[5];
    one_that_starts_nowhere(b, peers);
    wait_s(b, peers, 5, 61); /* tried again */
    struct core_event e = { .kind = CORE_RESUME_MODEL };
    e.as.order.model = 0;
    step(b, e);
    assert_int_equal(slot_of(b, &peers[4]).model, 0);
    cannot_start_any(b, &peers[4]);
    assert_false(on_type(b, 0, 1).is_paused);
}

/* The rest of what the slot has goes back. */
static void give_all_back(struct bench *b, struct peer *p)
{
    for (int i = 0; i < 10 && slot_of(b, p).queued > 0; i++)
        end(b, p, ENDED_RETURNED);
}

/* Model 0 fails on type B, where model 1 is fine and done, and is paused there; the worker of type
 * A has it, and 35 instances of it to do. That of type B still holds it. */
static void one_that_fails_on_type_b(struct bench *b, struct peer *fine, struct peer *fails)
{
    struct core_event e = { .kind = CORE_PAUSE_MODEL };
    add_models(b, 2, 40);
    step(b, e);
    *fails = join_of(b, "fails", 1, "B");
    starts(b, fails);
    rows(b, fails, 0, 40, STATUS_OK); /* of model 1 */
    while (slot_of(b, fails).queued > 0)
        end(b, fails, ENDED_DONE);
    e.kind = CORE_RESUME_MODEL;
    step(b, e);
    starts(b, fails);
    fail_each(b, fails, 0, 5);
    *fine = join_of(b, "fine", 2, "A");
    rows(b, fine, 0, 5, STATUS_OK);
    give_all_back(b, fails);
    assert_true(on_type(b, 0, 1).is_paused);
    assert_int_equal(slot_of(b, fails).model, 0);
}

TEST(what_failed_once_does_not_wait_for_a_slot_that_must_not_have_it)
{
    struct peer peers[2];
    one_that_fails_on_type_b(b, &peers[0], &peers[1]);
    rows(b, &peers[0], 5, 34, STATUS_OK);
    rows(b, &peers[0], 39, 1, STATUS_CRASH);
    for (uint32_t attempts = slot_of(b, &peers[0]).queued; attempts > 0; attempts--)
        end(b, &peers[0], ENDED_DONE);
    wait_s(b, peers, 2, 5);
    assert_int_equal(slot_of(b, &peers[0]).queued, 1);
}

/* Its answers say neither that the model works on the type nor that it does not. */
TEST(another_slot_tries_again_if_the_first_one_found_nothing_out)
{
    struct peer fine, peers[2];
    one_that_fails_on_type_b(b, &fine, &peers[0]);
    peers[1] = join_of(b, "third", 3, "B");
    assert_int_equal(slot_of(b, &peers[1]).queued, 0);
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = fine.session });
    wait_s(b, peers, 2, 62);
    struct peer *tries = slot_of(b, &peers[0]).queued > 0 ? &peers[0] : &peers[1];
    const struct peer *other = tries == &peers[0] ? &peers[1] : &peers[0];
    struct core_event drain = { .kind = CORE_DRAIN_WORKER };
    drain.as.order.worker = span_str(tries == &peers[0] ? "fails" : "third");
    step(b, drain);
    for (uint64_t newest = b->attempt; slot_of(b, tries).queued > 1; newest--) {
        b->session = tries->session;
        b->seq = tries->seq++;
        step(b, ended(b, newest, ENDED_RETURNED));
    }
    assert_int_equal(slot_of(b, other).queued, 0); /* one slot at a time */
    rows(b, tries, 5, 16, STATUS_TOO_LONG);
    end(b, tries, ENDED_DONE);
    assert_true(slot_of(b, other).queued > 0);
}

/* Three instances fail on the only worker there is; another one comes, where one of them is fine.
 */
TEST(a_worker_is_not_at_fault_for_one_instance_that_is_fine_elsewhere)
{
    add_models(b, 1, 3);
    core_set_rules(b->core, 0, &(struct core_rules){ .strikes_max = 10 });
    struct peer peers[2] = { join_of(b, "one", 1, "A") };
    for (int i = 0; i < 2; i++) {
        for (uint32_t k = 0; k < 3; k++) {
            rows(b, &peers[0], k, 1, STATUS_CRASH);
            end(b, &peers[0], ENDED_DONE);
        }
        wait_s(b, peers, 1, 5);
    }
    peers[1] = join_of(b, "two", 2, "A");
    wait_s(b, peers, 2, 9);
    assert_true(slot_of(b, &peers[0]).queued > 0 && slot_of(b, &peers[1]).queued > 0);
    rows(b, &peers[1], 1, 1, STATUS_OK);
    rows(b, &peers[0], 2, 1, STATUS_CRASH);
    assert_false(worker_of(b, &peers[0]).draining);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_is_given_up_only_after_it_failed_in_two_places),
        cmocka_unit_test(a_model_that_fails_where_it_is_loaded_is_tried_elsewhere),
        cmocka_unit_test(a_model_of_which_many_in_a_row_fail_is_tried_elsewhere),
        cmocka_unit_test(a_slot_on_which_a_model_fails_leaves_the_only_place_that_its_cap_allows),
        cmocka_unit_test(a_worker_on_which_all_fails_that_is_fine_elsewhere_is_drained),
        cmocka_unit_test(a_model_that_starts_on_no_worker_of_a_type_is_paused_there),
        cmocka_unit_test(an_operator_ends_a_pause),
        cmocka_unit_test(a_worker_on_which_models_do_not_start_that_run_elsewhere_is_drained),
        cmocka_unit_test(
            an_instance_that_failed_very_often_in_one_place_is_given_up_after_it_failed_in_another),
        cmocka_unit_test(
            a_worker_that_starts_again_and_again_is_one_on_which_a_model_does_not_start),
        cmocka_unit_test(a_pause_that_an_operator_ended_does_not_come_back_after_one_failure),
        cmocka_unit_test(what_failed_once_does_not_wait_for_a_slot_that_must_not_have_it),
        cmocka_unit_test(another_slot_tries_again_if_the_first_one_found_nothing_out),
        cmocka_unit_test(a_worker_is_not_at_fault_for_one_instance_that_is_fine_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
