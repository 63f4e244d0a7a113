/* Attempts that run are split for slots that starve. */
#include "tests/lib/core_bench.h"

/* Worker a has an attempt of 40 instances, a second each; b, and perhaps c, has nothing to do, and
 * loads the model in a second. */
enum { SIZE = 40 };
static const uint64_t ATTEMPT = 2ull << 32 | 1; /* of an earlier epoch: taken up again */

struct scene {
    struct bench *b;
    uint64_t session, seq; /* of a */
};

static struct core_held held = { .attempt = 2ull << 32 | 1, .count = SIZE };

static struct core_event hello_of_a(bool takes_cuts)
{
    struct core_event e = hello("a", 1, 1);
    held.count = SIZE;
    e.as.hello.held = &held;
    e.as.hello.held_count = 1;
    e.as.hello.takes_cuts = takes_cuts;
    return e;
}

static void scene_open(struct scene *s, struct bench *b, bool takes_cuts, bool has_c)
{
    one_cell(b, SIZE);
    core_expect_model(b->core, 0, 1000ll * MS, 1000.0 * MS);
    step(b, hello_of_a(takes_cuts));
    *s = (struct scene){ .b = b, .session = b->session, .seq = 1 };
    step(b, hello("b", 2, 1));
    if (has_c)
        step(b, hello("c", 3, 1));
}

static const char *a_beat_later(struct scene *s)
{
    s->b->now_ms += 1001;
    return step(s->b, (struct core_event){ .kind = CORE_TIME });
}

static const char *gives_back(struct scene *s, uint32_t from)
{
    struct core_event e = ended(s->b, ATTEMPT, ENDED_RETURNED);
    e.session = s->session;
    e.as.ended.seq = s->seq++;
    e.as.ended.from = from;
    return step(s->b, e);
}

static const char *tells_rows(struct scene *s, uint32_t first, uint32_t rows)
{
    struct core_event e = range(s->b, ATTEMPT, first, rows, STATUS_OK);
    e.session = s->session;
    e.as.results.seq = s->seq++;
    return step(s->b, e);
}

static uint64_t taken(const struct bench *b)
{
    struct core_totals t;
    core_totals(b->core, &t);
    return t.taken;
}

/* Half of the instance that runs is over; the load is worth one: 39.5 + 1, by two. */
TEST(it_keeps_what_it_is_through_with_when_its_helper_is)
{
    struct scene s;
    scene_open(&s, b, true, false);
    assert_string_equal(a_beat_later(&s), "revoke from=21\n");
    assert_int_equal(core_decisions(b->core, DECISION_SPLIT), 1);
    assert_int_equal(core_decisions(b->core, DECISION_TAKE_BACK), 0);
}

TEST(several_helpers_share)
{
    struct scene s;
    scene_open(&s, b, true, true);
    assert_string_equal(a_beat_later(&s), "revoke from=14\n");
}

TEST(nothing_is_granted_before_the_worker_says_what_it_gives_back)
{
    struct scene s;
    scene_open(&s, b, true, false);
    a_beat_later(&s);
    assert_int_equal(taken(b), SIZE);
    assert_string_equal(a_beat_later(&s), ""); /* nor is it asked again */
    assert_non_null(strstr(gives_back(&s, 30), "ack 1\ngrant slot=0 0/0 [30,"));
    assert_true(taken(b) < SIZE);
}

TEST(it_goes_on_with_what_it_kept)
{
    struct scene s;
    scene_open(&s, b, true, false);
    a_beat_later(&s);
    gives_back(&s, 21);
    assert_string_equal(tells_rows(&s, 0, 21), "record 0/0\nack 2\n");
    struct core_model_view m;
    core_model_view(b->core, 0, &m);
    assert_int_equal(m.ended, 21);
}

TEST(a_worker_that_knows_no_parts_gives_back_all)
{
    struct scene s;
    scene_open(&s, b, false, false);
    assert_string_equal(a_beat_later(&s), "revoke\n");
    assert_int_equal(core_decisions(b->core, DECISION_SPLIT), 0);
}

TEST(a_slot_that_gave_back_is_spared_until_it_has_a_result)
{
    struct scene s;
    scene_open(&s, b, true, false);
    a_beat_later(&s);
    gives_back(&s, SIZE); /* it had started all of them */
    assert_string_equal(a_beat_later(&s), "");
    tells_rows(&s, 0, 1);
    assert_non_null(strstr(a_beat_later(&s), "revoke from="));
}

TEST(a_slot_that_is_stuck_gives_back_all_that_it_has_not_started)
{
    struct scene s;
    scene_open(&s, b, true, false);
    tells_rows(&s, 0, 1);
    assert_string_equal(a_beat_later(&s), "revoke from=21\n");
    gives_back(&s, SIZE); /* it had started all of them */
    assert_string_equal(a_beat_later(&s), "revoke\n");
    assert_string_equal(a_beat_later(&s), ""); /* it is asked once */
}

/* What was granted, by the number of the attempt. */
struct granted {
    uint32_t first[2 * SIZE], count[2 * SIZE], known;
    uint64_t newest; /* attempt */
};

static void note_grants(struct granted *g, const struct bench *b, const char *trace)
{
    for (const char *at = trace; (at = strstr(at, "grant slot=0 0/0 [")) != NULL; at++) {
        assert_true(g->known < 2 * SIZE);
        assert_int_equal(
            sscanf(at, "grant slot=0 0/0 [%u,+%u)", &g->first[g->known], &g->count[g->known]), 2);
        g->known++;
    }
    g->newest = b->attempt;
}

static uint64_t attempt_of_b(const struct bench *b)
{
    struct core_slot_view v;
    core_slot_view(b->core, 1, 0, &v);
    return v.attempt;
}

/* Until there is nothing for it. */
static void b_does_what_it_gets(const struct scene *s, const char *trace)
{
    struct bench *b = s->b;
    struct granted g = { .known = 0 };
    b->seq = 1; /* it has told nothing yet */
    note_grants(&g, b, trace);
    for (uint64_t id; (id = attempt_of_b(b)) != 0;) {
        struct core_event e = beat(b, 0);
        e.session = s->session; /* a is there, and has no results */
        step(b, e);
        assert_in_range(id, g.newest - g.known + 1, g.newest);
        uint32_t i = g.known - 1 - (uint32_t)(g.newest - id);
        b->now_ms += 1000 * g.count[i];
        step(b, range(b, id, g.first[i], g.count[i], STATUS_OK));
        note_grants(&g, b, step(b, ended(b, id, ENDED_DONE)));
    }
}

/* It would be asked for ever, and its host end each time before it is known which one it was. */
TEST(what_a_stuck_slot_gets_after_that_it_keeps_until_a_result)
{
    struct scene s;
    scene_open(&s, b, true, false);
    tells_rows(&s, 0, 1);
    a_beat_later(&s);
    gives_back(&s, SIZE);
    assert_string_equal(a_beat_later(&s), "revoke\n");
    b_does_what_it_gets(&s, gives_back(&s, 0));
    struct core_slot_view v;
    core_slot_view(b->core, 0, 0, &v);
    assert_true(v.queued > 0);
    for (int i = 0; i < 4; i++)
        assert_null(strstr(a_beat_later(&s), "revoke"));
}

TEST(a_slot_is_not_stuck_while_it_has_results)
{
    struct scene s;
    scene_open(&s, b, true, false);
    for (uint32_t i = 0; i < 4; i++) {
        tells_rows(&s, i, 1);
        assert_string_not_equal(a_beat_later(&s), "revoke\n");
    }
}

TEST(the_word_may_be_lost_with_the_connection)
{
    struct scene s;
    scene_open(&s, b, true, false);
    a_beat_later(&s);
    step(b, hello_of_a(true));
    s.session = b->session;
    tells_rows(&s, 0, 1);
    assert_non_null(strstr(a_beat_later(&s), "revoke from="));
}

TEST(what_makes_no_sense_changes_nothing)
{
    struct scene s;
    scene_open(&s, b, true, false);
    assert_string_equal(gives_back(&s, SIZE), "ack 1\n");
    assert_string_equal(gives_back(&s, SIZE + 1), "ack 2\n");
    assert_string_equal(gives_back(&s, UINT32_MAX), "ack 3\n");
    assert_int_equal(taken(b), SIZE);
}

/* All of it, or more, would be an end, which has another form. */
TEST(a_part_from_its_first_instance_on_or_before_changes_nothing)
{
    one_cell(b, SIZE);
    struct core_event e = hello_of_a(true);
    held.first = 10;
    held.count = SIZE - 10;
    step(b, e);
    held.first = 0;
    struct scene s = { .b = b, .session = b->session, .seq = 1 };
    uint64_t before = taken(b);
    assert_string_equal(gives_back(&s, 10), "ack 1\n");
    assert_string_equal(gives_back(&s, 5), "ack 2\n");
    assert_int_equal(taken(b), before);
    assert_string_equal(tells_rows(&s, 10, SIZE - 10), "record 0/0\nack 3\n");
}

TEST(what_it_gave_back_twice_is_free_once)
{
    struct scene s;
    scene_open(&s, b, true, false);
    gives_back(&s, 30);
    uint64_t before = taken(b);
    assert_string_equal(gives_back(&s, 30), "ack 2\n");
    assert_int_equal(taken(b), before);
}

/* It was lost and is over: others have all of it. */
TEST(a_part_of_what_is_over_changes_nothing)
{
    struct scene s;
    scene_open(&s, b, true, false);
    struct core_event e = hello("a", 1, 1);
    e.as.hello.takes_cuts = true;
    step(b, e);
    s.session = b->session;
    for (int i = 0; i < 3; i++)
        a_beat_later(&s); /* the lease that it does not name is over */
    uint64_t before = taken(b);
    assert_non_null(strstr(gives_back(&s, 30), "ack 1\n"));
    assert_int_equal(taken(b), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_what_it_is_through_with_when_its_helper_is),
        cmocka_unit_test(several_helpers_share),
        cmocka_unit_test(nothing_is_granted_before_the_worker_says_what_it_gives_back),
        cmocka_unit_test(it_goes_on_with_what_it_kept),
        cmocka_unit_test(a_worker_that_knows_no_parts_gives_back_all),
        cmocka_unit_test(a_slot_that_gave_back_is_spared_until_it_has_a_result),
        cmocka_unit_test(a_slot_that_is_stuck_gives_back_all_that_it_has_not_started),
        cmocka_unit_test(what_a_stuck_slot_gets_after_that_it_keeps_until_a_result),
        cmocka_unit_test(a_slot_is_not_stuck_while_it_has_results),
        cmocka_unit_test(the_word_may_be_lost_with_the_connection),
        cmocka_unit_test(what_makes_no_sense_changes_nothing),
        cmocka_unit_test(a_part_from_its_first_instance_on_or_before_changes_nothing),
        cmocka_unit_test(what_it_gave_back_twice_is_free_once),
        cmocka_unit_test(a_part_of_what_is_over_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
