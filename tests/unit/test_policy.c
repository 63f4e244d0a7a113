/* The scheduling policy, one rule a test: who loads what, and when, on a cluster small enough to
 * follow. muster is told the true durations, so that what it does is its policy, not its guesses,
 * except where a rule is about what it does not know.
 */
#include "tests/lib/test.h"

#include "coordinator/simulate/simulate.h"

#define S 1000000000ll

struct scene {
    struct cluster cluster;
    struct fleet fleet;
    struct work work;
    struct outcome outcome;
};

/* `workers` and `models` of a cluster file; instances do not vary. */
static void scene_open(struct scene *s, const char *yaml)
{
    struct problems problems = { 0 };
    assert_int_equal(cluster_parse("cluster.yaml", span_str(yaml), &s->cluster, &problems), OK);
    problems_release(&problems);
    fleet_init(&s->fleet, &s->cluster, 1);
    s->work = (struct work){ .seed = 1 };
}

/* One task of so many instances that take so long each. */
static void add_model_of(struct scene *s, const char *name, uint32_t gpus, uint32_t instances,
                         double each_ns)
{
    struct cluster_timing timing = cluster_timing_of(&s->cluster, name);
    uint32_t task = work_add_task(&s->work, instances);
    work_add_model(&s->work, name, &(struct core_need){ .gpus = gpus, .cpus = 1 }, &timing);
    work_add_cell(&s->work, task, NULL, each_ns);
}

static void add_slow_model(struct scene *s, const char *name, uint32_t instances, double each_ns)
{
    add_model_of(s, name, 1, instances, each_ns);
}

static void add_model(struct scene *s, const char *name, uint32_t seconds)
{
    add_slow_model(s, name, seconds, 1e9);
}

/* "a@0 b@0 a@75": the loads by their start in whole seconds, and how it ended. */
static const char *loads_if(struct scene *s, bool tells_timing)
{
    static char text[1000];
    struct simulate_options options = { .seed = 1,
                                        .keeps_spans = true,
                                        .tells_timing = tells_timing };
    size_t used = 0;
    simulate(&s->work, &s->fleet, &options, &s->outcome);
    assert_true(s->outcome.is_complete);
    for (size_t i = 0; i < s->outcome.span_count; i++) {
        const struct outcome_span *span = &s->outcome.spans[i];
        if (span->kind == SPAN_LOAD)
            used +=
                (size_t)snprintf(text + used, sizeof(text) - used, "%s%s@%lld", used ? " " : "",
                                 s->work.models[span->model].name, (long long)(span->start_ns / S));
    }
    snprintf(text + used, sizeof(text) - used, " end@%lld",
             (long long)(s->outcome.makespan_ns / S));
    return text;
}

static const char *loads(struct scene *s)
{
    return loads_if(s, true);
}

static void scene_close(struct scene *s)
{
    outcome_release(&s->outcome);
    work_release(&s->work);
    fleet_release(&s->fleet);
    cluster_release(&s->cluster);
}

#define SCENE(name, ...)                                                                           \
    static void name##_body(struct scene *s);                                                      \
    static void name(void **unused)                                                                \
    {                                                                                              \
        (void)unused;                                                                              \
        struct scene s;                                                                            \
        scene_open(&s, __VA_ARGS__);                                                               \
        name##_body(&s);                                                                           \
        scene_close(&s);                                                                           \
    }                                                                                              \
    static void name##_body(struct scene *s)

/* What takes longest begins first; whoever is free in the end helps where a load still pays. */
SCENE(the_longest_begin_first_and_the_last_is_split,
      "workers: [{count: 2, slots: 1}]\n"
      "models: [{load: 10s, instance: 1s, spread: 0}]\n")
{
    add_model(s, "small", 100);
    add_model(s, "large", 300);
    add_model(s, "middle", 160);
    assert_string_equal(loads(s), "large@0 middle@0 small@170 large@280 end@300");
}

SCENE(replicas_follow_the_remaining_work, "workers: [{count: 4, slots: 1}]\n"
                                          "models: [{load: 20s, instance: 1s, spread: 0}]\n")
{
    add_model(s, "one", 300);
    add_model(s, "three", 900);
    assert_string_equal(loads(s), "three@0 one@0 three@0 three@0 end@320");
}

SCENE(no_slot_loads_what_is_through_before_it_would_be_loaded,
      "workers: [{count: 4, slots: 1}]\n"
      "models: [{load: 100s, instance: 1s, spread: 0}]\n")
{
    add_model(s, "a", 60);
    assert_string_equal(loads(s), "a@0 end@160");
}

/* a would be through at 760 with both slots; one of them can have it done by 1,000 when the other
 * goes at 550, with time to be worth its load of b. */
SCENE(a_slot_leaves_for_another_model_as_soon_as_the_rest_can_do_without_it,
      "workers: [{count: 4, slots: 1}]\n"
      "models: [{load: 60s, instance: 1s, spread: 0}]\n")
{
    add_model(s, "a", 1400);
    add_model(s, "b", 1400);
    add_model(s, "c", 900);
    assert_string_equal(loads(s), "a@0 b@0 c@0 a@0 b@550 b@960 end@1031");
}

/* Three slots for a would be four loads of it, and nobody for the others: two have it to the end.
 */
SCENE(a_model_gets_no_more_slots_than_it_needs_while_others_wait,
      "workers: [{count: 3, slots: 1}]\n"
      "models: [{load: 60s, instance: 1s, spread: 0}]\n")
{
    add_model(s, "a", 1500);
    add_model(s, "b", 200);
    add_model(s, "c", 200);
    add_model(s, "d", 200);
    assert_string_equal(loads(s), "a@0 a@0 b@0 c@260 d@520 end@810");
}

/* When long is measured, at 110, it wants two slots more until the end. a began when nobody knew
 * that, and is short: it goes, and comes again in the end. Of b's slot long wants only a part: b is
 * done first. */
SCENE(a_short_model_makes_way_for_one_that_nobody_knew_was_long,
      "workers: [{count: 3, slots: 1}]\n"
      "models:\n"
      "  - {load: 10s, instance: 1s, spread: 0}\n"
      "  - {match: long, load: 100s}\n")
{
    add_model(s, "a", 400);
    add_model(s, "b", 400);
    add_slow_model(s, "long", 400, 10e9);
    assert_string_equal(loads_if(s, false),
                        "a@0 b@0 long@0 long@162 long@410 a@1492 a@1680 a@1700 end@1717");
}

/* When a is measured, at 100, one slot would do for it and b could have the other one. That one has
 * just loaded a: it stays for as long as that took. */
SCENE(a_slot_stays_with_its_model_for_as_long_as_the_load_took,
      "workers: [{count: 4, slots: 1}]\n"
      "models:\n"
      "  - {load: 20s, instance: 1s, spread: 0}\n"
      "  - {match: a, load: 100s}\n")
{
    add_slow_model(s, "a", 1000, 1e9);
    add_slow_model(s, "b", 1000, 4e9);
    assert_string_equal(loads_if(s, false), "b@0 b@0 a@0 a@0 b@252 b@948 end@1320");
}

/* The third slot is a hundred times slower than the others. When they are through it is stuck in an
 * instance: they take what it has behind that, and copy the instance. */
SCENE(a_slot_that_is_stuck_keeps_nothing_for_itself,
      "workers: [{count: 3, slots: 1, slow: {every: 3, factor: 100}}]\n"
      "models: [{load: 10s, instance: 1s, spread: 0}]\n")
{
    add_model(s, "a", 600);
    assert_string_equal(loads_if(s, false), "a@0 a@0 a@0 end@314");
}

#define A_PAIR_OF_SLOTS                                                                            \
    "workers: [{count: 1, slots: 2}]\n"                                                            \
    "models: [{load: 10s, instance: 1s, spread: 0}]\n"

/* wide takes 400 s of slot time, narrow only 340, though it takes its slot for longer. */
SCENE(what_takes_the_most_slot_time_begins_first, A_PAIR_OF_SLOTS)
{
    add_model(s, "narrow", 340);
    add_model_of(s, "wide", 2, 200, 1e9);
    assert_string_equal(loads(s), "wide@0 wide@0 narrow@210 narrow@210 end@390");
}

/* As far as is known narrow takes 300 of something, and wide 100. */
SCENE(of_models_nobody_has_measured_the_wide_begin_first, A_PAIR_OF_SLOTS)
{
    add_model(s, "narrow", 300);
    add_model_of(s, "wide", 2, 100, 1e9);
    assert_string_equal(loads_if(s, false), "wide@0 wide@0 narrow@110 narrow@110 end@270");
}

/* When long is measured, at 110, it wants a second worker until the end. Those who are there began
 * when nobody knew that, and others have their models, too: they go together once the first of them
 * is free, pairs included. */
SCENE(a_worker_is_cleared_for_a_gang_that_nobody_knew_was_long,
      "workers: [{count: 3, slots: 4}]\n"
      "models:\n"
      "  - {load: 10s, instance: 1s, spread: 0}\n"
      "  - {match: long, load: 100s}\n")
{
    add_model_of(s, "two", 2, 400, 1e9);
    add_model_of(s, "pair", 2, 400, 1e9);
    add_model(s, "a", 400);
    add_model(s, "b", 400);
    add_model(s, "c", 400);
    add_model(s, "d", 400);
    add_model_of(s, "long", 4, 400, 10e9);
    assert_string_equal(loads_if(s, false),
                        "two@0 two@0 pair@0 pair@0 a@0 b@0 c@0 d@0 long@0 long@0 long@0 long@0 "
                        "long@162 long@162 long@162 long@162 long@410 long@410 long@410 long@410 "
                        "two@1620 two@1620 pair@1620 pair@1620 two@1622 two@1622 pair@1622 "
                        "pair@1622 two@1630 two@1630 pair@1630 pair@1630 end@1717");
}

/* When long is measured, at 110, it wants a second worker, though not until the end. Left alone,
 * both others would be free late, and long would need the two of them. */
SCENE(a_worker_is_cleared_for_a_part_of_the_time_before_two_are_needed,
      "workers: [{count: 3, slots: 4}]\n"
      "models:\n"
      "  - {load: 10s, instance: 1s, spread: 0}\n"
      "  - {match: long, load: 100s}\n")
{
    add_model(s, "a", 2600);
    add_model(s, "b", 2600);
    add_model(s, "c", 2600);
    add_model(s, "d", 2600);
    add_model_of(s, "long", 4, 320, 10e9);
    assert_string_equal(loads_if(s, false),
                        "a@0 b@0 c@0 d@0 a@0 b@0 c@0 d@0 long@0 long@0 long@0 long@0 "
                        "long@163 long@163 long@163 long@163 "
                        "a@1613 b@1613 c@1613 d@1613 a@1950 b@1950 c@1950 d@1950 end@2014");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_begin_first_and_the_last_is_split),
        cmocka_unit_test(replicas_follow_the_remaining_work),
        cmocka_unit_test(no_slot_loads_what_is_through_before_it_would_be_loaded),
        cmocka_unit_test(a_slot_leaves_for_another_model_as_soon_as_the_rest_can_do_without_it),
        cmocka_unit_test(a_model_gets_no_more_slots_than_it_needs_while_others_wait),
        cmocka_unit_test(a_short_model_makes_way_for_one_that_nobody_knew_was_long),
        cmocka_unit_test(a_slot_stays_with_its_model_for_as_long_as_the_load_took),
        cmocka_unit_test(a_slot_that_is_stuck_keeps_nothing_for_itself),
        cmocka_unit_test(what_takes_the_most_slot_time_begins_first),
        cmocka_unit_test(of_models_nobody_has_measured_the_wide_begin_first),
        cmocka_unit_test(a_worker_is_cleared_for_a_gang_that_nobody_knew_was_long),
        cmocka_unit_test(a_worker_is_cleared_for_a_part_of_the_time_before_two_are_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
