/* Speculation: copies of what is slow in the end. */
#include "tests/lib/core_bench.h"

/* Two workers with a slot each. a does instance 0 of two in a second, and is then stuck in
 * instance 1; b has the model loaded, and nothing to do. */
struct pair {
    struct bench *b;
    uint64_t a_session, b_session, a_seq, b_seq;
    uint64_t first, slow; /* attempts of a */
};

static struct core_event of_a(struct pair *p, struct core_event e)
{
    e.session = p->a_session;
    if (e.kind == CORE_ENDED)
        e.as.ended.seq = p->a_seq++;
    else
        e.as.results.seq = p->a_seq++;
    return e;
}

static struct core_event of_b(struct pair *p, struct core_event e)
{
    e.session = p->b_session;
    e.as.results.seq = p->b_seq++;
    return e;
}

static void pair_open(struct pair *p, struct bench *b, double copy_share, bool never_copied)
{
    core_free(b->core);
    b->core = core_new(&(struct core_config){ .epoch = 3,
                                              .seed = 1,
                                              .beat_ns = 1000ll * MS,
                                              .lease_ns = 20000ll * MS,
                                              .job_target_ns = 30000ll * MS,
                                              .probe_ns = 1000ll * MS,
                                              .backoff_ns = 1000ll * MS,
                                              .strikes_max = 3,
                                              .copy_share = copy_share });
    one_cell(b, 2);
    core_set_rules(b->core, 0, &(struct core_rules){ .never_copied = never_copied });
    *p = (struct pair){ .b = b, .a_seq = 1, .b_seq = 1 };
    step(b, hello("a", 1, 1));
    p->a_session = b->session;
    p->slow = b->attempt;
    p->first = b->attempt - 1;
    step(b, hello("b", 2, 1));
    p->b_session = b->session;
    struct core_event has_it = beat(b, 0);
    static struct msg_beat ready;
    static struct msg_slot_beat slot = { .state = SLOT_READY, .model = 1 };
    ready = (struct msg_beat){ .slots = &slot, .slot_count = 1 };
    has_it.as.beat.beat = &ready;
    step(b, has_it);
    b->now_ms += 1000;
    step(b, of_a(p, range(b, p->first, 0, 1, STATUS_OK)));
    step(b, of_a(p, ended(b, p->first, ENDED_DONE)));
}

/* Let so much time pass, deadline by deadline; whether anything was granted. */
static bool grants_within(struct bench *b, int64_t ms)
{
    bool any = false;
    for (int64_t until = b->now_ms + ms; !any;) {
        int64_t due_ms = core_deadline_mono_ns(b->core) / MS;
        if (due_ms > until)
            break;
        b->now_ms = due_ms > b->now_ms ? due_ms : b->now_ms + 1;
        any = strstr(step(b, (struct core_event){ .kind = CORE_TIME }), "grant slot=0 0/0 [1,+1)");
    }
    return any;
}

static struct core_totals totals(const struct bench *b)
{
    struct core_totals t;
    core_totals(b->core, &t);
    return t;
}

TEST(an_idle_slot_copies_what_is_slow_and_the_first_result_counts)
{
    struct pair p;
    pair_open(&p, b, 10, false);
    assert_false(grants_within(b, 1900)); /* twice its time, and two beats, have to pass */
    assert_true(grants_within(b, 2000));
    assert_false(grants_within(b, 3000)); /* one copy is enough */
    assert_string_equal(step(b, of_b(&p, range(b, b->attempt, 1, 1, STATUS_OK))),
                        "record 0/0\nack 1\n");
    assert_int_equal(totals(b).state, SWEEP_DONE);
    assert_string_equal(step(b, of_a(&p, range(b, p.slow, 1, 1, STATUS_OK))), "ack 3\n");
    assert_int_equal(totals(b).rows_duplicate, 1);
    assert_int_equal(totals(b).nondeterministic, 0);
}

TEST(a_copy_that_is_not_needed_any_more_is_revoked)
{
    struct pair p;
    pair_open(&p, b, 10, false);
    assert_true(grants_within(b, 4000));
    assert_string_equal(step(b, of_a(&p, range(b, p.slow, 1, 1, STATUS_OK))),
                        "revoke\nrecord 0/0\nack 3\n");
}

/* To compare answers, the digest of each is made: it is not, once no second one can come. */
TEST(answers_are_compared_as_long_as_both_are_at_it)
{
    struct pair p;
    pair_open(&p, b, 10, false);
    assert_true(grants_within(b, 4000));
    uint64_t copy = b->attempt;
    step(b, of_a(&p, range(b, p.slow, 1, 1, STATUS_OK)));
    step(b, of_a(&p, ended(b, p.slow, ENDED_DONE)));
    assert_true(core_compares_answers(b->core));
    struct core_event e = ended(b, copy, ENDED_RETURNED);
    e.session = p.b_session;
    e.as.ended.seq = p.b_seq++;
    step(b, e);
    assert_false(core_compares_answers(b->core));
}

/* Nor does one come of what a copy goes on with alone. */
TEST(the_answer_of_a_copy_that_took_over_is_not_waited_for_twice)
{
    struct pair p;
    pair_open(&p, b, 10, false);
    assert_true(grants_within(b, 4000));
    uint64_t copy = b->attempt;
    step(b, (struct core_event){ .kind = CORE_GOODBYE, .session = p.a_session });
    step(b, of_b(&p, range(b, copy, 1, 1, STATUS_OK)));
    struct core_event e = ended(b, copy, ENDED_DONE);
    e.session = p.b_session;
    e.as.ended.seq = p.b_seq++;
    step(b, e);
    assert_false(core_compares_answers(b->core));
}

TEST(nothing_is_copied_beyond_the_share_or_of_a_model_that_forbids_it)
{
    struct pair p;
    pair_open(&p, b, 0.5, false); /* a copy would take a second, and one was spent so far */
    assert_false(grants_within(b, 9000));
    bench_release(b);
    bench_init(b);
    pair_open(&p, b, 0, false);
    assert_false(grants_within(b, 9000));
    bench_release(b);
    bench_init(b);
    pair_open(&p, b, 10, true);
    assert_false(grants_within(b, 9000));
}

TEST(a_copy_takes_the_place_of_an_attempt_that_is_lost)
{
    struct pair p;
    pair_open(&p, b, 10, false);
    assert_true(grants_within(b, 4000));
    uint64_t copy = b->attempt;
    struct core_event bye = { .kind = CORE_GOODBYE, .session = p.a_session };
    assert_string_equal(step(b, bye), "gone\n"); /* and nothing is granted: it is being done */
    assert_int_equal(totals(b).taken, 1);
    step(b, of_b(&p, range(b, copy, 1, 1, STATUS_OK)));
    assert_int_equal(totals(b).state, SWEEP_DONE);
}

TEST(a_copy_that_fails_accuses_nobody)
{
    struct pair p;
    pair_open(&p, b, 10, false);
    assert_true(grants_within(b, 4000));
    assert_string_equal(step(b, of_b(&p, range(b, b->attempt, 1, 1, STATUS_CRASH))), "ack 1\n");
    assert_int_equal(totals(b).strikes, 0);
    assert_string_equal(step(b, of_a(&p, range(b, p.slow, 1, 1, STATUS_OK))),
                        "revoke\nrecord 0/0\nack 3\n");
}

/* Of the two that are through each takes another one, when both look at once. */
TEST(two_idle_slots_copy_two_slow_instances)
{
    static struct msg_slot_beat ready[4];
    static struct msg_beat m = { .slots = ready, .slot_count = 4 };
    core_free(b->core);
    b->core = core_new(&(struct core_config){ .epoch = 3,
                                              .seed = 1,
                                              .beat_ns = 1000ll * MS,
                                              .lease_ns = 20000ll * MS,
                                              .job_target_ns = 30000ll * MS,
                                              .probe_ns = 1000ll * MS,
                                              .backoff_ns = 1000ll * MS,
                                              .strikes_max = 3,
                                              .copy_share = 10 });
    one_cell(b, 4);
    step(b, (struct core_event){ .kind = CORE_PAUSE_MODEL });
    step(b, hello("w", 1, 4));
    for (int i = 0; i < 4; i++)
        ready[i] = (struct msg_slot_beat){ .state = SLOT_READY, .model = 1 };
    struct core_event e = beat(b, 0);
    e.as.beat.beat = &m;
    step(b, e);
    assert_string_equal(step(b, (struct core_event){ .kind = CORE_RESUME_MODEL }),
                        "grant slot=0 0/0 [0,+1)\n"
                        "grant slot=1 0/0 [1,+1)\n"
                        "grant slot=2 0/0 [2,+1)\n"
                        "grant slot=3 0/0 [3,+1)\n");
    uint64_t last = b->attempt;
    b->now_ms += 1000;
    for (uint32_t i = 2; i < 4; i++) {
        step(b, range(b, last - 3 + i, i, 1, STATUS_OK));
        step(b, ended(b, last - 3 + i, ENDED_DONE));
    }
    const char *trace = "";
    for (int s = 0; s < 9 && !strstr(trace, "grant"); s++) {
        b->now_ms += 500;
        step(b, e);
        trace = step(b, (struct core_event){ .kind = CORE_TIME });
    }
    assert_string_equal(trace, "grant slot=2 0/0 [0,+1)\ngrant slot=3 0/0 [1,+1)\n");
}

TEST(two_answers_that_differ_are_counted)
{
    struct pair p;
    pair_open(&p, b, 10, false);
    assert_true(grants_within(b, 4000));
    assert_true(core_compares_answers(b->core));
    struct core_event copy = of_b(&p, range(b, b->attempt, 1, 1, STATUS_OK));
    copy.as.results.answer = (const uint32_t[]){ 7 };
    step(b, copy);
    struct core_event late = of_a(&p, range(b, p.slow, 1, 1, STATUS_OK));
    late.as.results.answer = (const uint32_t[]){ 8 };
    step(b, late);
    assert_int_equal(totals(b).nondeterministic, 1);
    assert_false(core_compares_answers(b->core));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_slot_copies_what_is_slow_and_the_first_result_counts),
        cmocka_unit_test(a_copy_that_is_not_needed_any_more_is_revoked),
        cmocka_unit_test(nothing_is_copied_beyond_the_share_or_of_a_model_that_forbids_it),
        cmocka_unit_test(a_copy_takes_the_place_of_an_attempt_that_is_lost),
        cmocka_unit_test(a_copy_that_fails_accuses_nobody),
        cmocka_unit_test(answers_are_compared_as_long_as_both_are_at_it),
        cmocka_unit_test(the_answer_of_a_copy_that_took_over_is_not_waited_for_twice),
        cmocka_unit_test(two_idle_slots_copy_two_slow_instances),
        cmocka_unit_test(two_answers_that_differ_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
