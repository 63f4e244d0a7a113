/* Simulated sweeps: what holds of every policy, and what tells them apart. */
#include "tests/lib/test.h"

#include <math.h>

#include "common/mem.h"
#include "common/rng.h"
#include "coordinator/simulate/from_plan.h"
#include "coordinator/simulate/lower_bound.h"
#include "coordinator/simulate/outcome_print.h"
#include "coordinator/simulate/simulate.h"
#include "coordinator/simulate/timeline.h"

#define S 1000000000ll

/* ---- A case: a cluster, its fleet, and work ---- */

struct trial {
    struct cluster cluster;
    struct fleet fleet;
    struct work work;
};

static void trial_open(struct trial *t, const char *yaml, uint64_t seed)
{
    struct problems problems = { 0 };
    assert_int_equal(cluster_parse("cluster.yaml", span_str(yaml), &t->cluster, &problems), OK);
    problems_release(&problems);
    fleet_init(&t->fleet, &t->cluster, seed);
    t->work = (struct work){ .seed = seed };
}

static void trial_close(struct trial *t)
{
    work_release(&t->work);
    fleet_release(&t->fleet);
    cluster_release(&t->cluster);
}

static void add_model(struct trial *t, const char *name, uint32_t gpus)
{
    struct cluster_timing timing = cluster_timing_of(&t->cluster, name);
    work_add_model(&t->work, name, &(struct core_need){ .gpus = gpus, .cpus = 1 }, &timing);
    for (uint32_t task = 0; task < t->work.task_count; task++)
        work_add_cell(&t->work, task, NULL, 0);
}

static struct outcome run(const struct trial *t, enum policy policy)
{
    struct outcome o;
    simulate(
        &t->work, &t->fleet,
        &(struct simulate_options){ .policy = policy, .chunk = 16, .seed = 1, .keeps_spans = true },
        &o);
    return o;
}

static struct lower_bound bound_of(const struct trial *t)
{
    struct lower_bound b;
    lower_bound(&t->work, &t->fleet, &b);
    return b;
}

static struct buf words_of(struct outcome *o, enum policy policy)
{
    struct outcome_list list = { .outcomes = o, .policies = &policy, .count = 1 };
    struct buf text = { 0 };
    outcome_json(&list, &text);
    timeline_csv(o, &text);
    return text;
}

/* ---- Models that take several slots ---- */

static void gangs_open(struct trial *t, uint64_t seed)
{
    trial_open(t,
               "workers: [{count: 2, slots: 8}, {count: 1, slots: 2, gpus_per_slot: 2}]\n"
               "models: [{load: 20s, instance: 500ms, spread: 0.8}]\n",
               seed);
    work_add_task(&t->work, 300);
    work_add_task(&t->work, 40);
    add_model(t, "small", 1);
    add_model(t, "two", 2);
    add_model(t, "four", 4);
    add_model(t, "eight", 8);
}

static void models_of_several_slots_are_done_and_not_sooner_than_the_bound(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct trial t;
        gangs_open(&t, seed);
        struct outcome o = run(&t, POLICY_MUSTER);
        assert_true(o.is_complete);
        double ratio = (double)o.makespan_ns / (double)bound_of(&t).ns;
        if (ratio < 1 || ratio > 2)
            fail_msg("seed %d: %f of the bound", (int)seed, ratio);
        outcome_release(&o);
        trial_close(&t);
    }
}

static void policies_that_give_a_model_one_slot_say_that_they_cannot(void **state)
{
    (void)state;
    struct trial t;
    gangs_open(&t, 1);
    for (int p = POLICY_MUSTER + 1; p < POLICY_COUNT; p++) {
        struct outcome o = run(&t, (enum policy)p);
        assert_false(o.is_complete);
        assert_non_null(strstr(o.why, "several slots"));
        outcome_release(&o);
    }
    trial_close(&t);
}

/* ---- Every policy, many small cases ---- */

static const char *const small_clusters[] = {
    "workers: [{count: 1, slots: 1}]\n"
    "models: [{load: 3s, instance: 100ms}]\n",
    "workers: [{count: 3, slots: 2}, {count: 2, slots: 1, gpus_per_slot: 2, speed: 1.7}]\n"
    "models: [{load: 20s, instance: 300ms, spread: 1.2, task_spread: 0.5}]\n",
    "workers: [{count: 6, slots: 2, slow: {every: 3, factor: 3}}]\n"
    "models: [{load: 0s, instance: 1s, spread: 0.3}]\n"
    "network: {latency: 50ms}\n",
    "workers: [{count: 8, slots: 1, gpus_per_slot: 2, die: {share: 0.5, after: 2m}}]\n"
    "models: [{load: 10s, instance: 500ms, spread: 0.8}]\n",
    "workers: [{count: 40, slots: 1, gpus_per_slot: 2}]\n"
    "models: [{load: 30s, instance: 50ms}]\n",
};
enum { CLUSTER_COUNT = sizeof(small_clusters) / sizeof(small_clusters[0]), SEED_COUNT = 6 };

static void trial_random(struct trial *t, size_t which, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed * 100 + which);
    trial_open(t, small_clusters[which], seed);
    uint32_t tasks = 1 + (uint32_t)rng_below(&rng, 5);
    for (uint32_t i = 0; i < tasks; i++)
        work_add_task(&t->work, 1 + (uint32_t)rng_below(&rng, 120));
    uint32_t models = 1 + (uint32_t)rng_below(&rng, 6);
    bool has_large_slots = t->cluster.groups[t->cluster.group_count - 1].gpus_per_slot > 1;
    for (uint32_t i = 0; i < models; i++) {
        char name[] = { 'm', (char)('0' + i), 0 };
        add_model(t, name, has_large_slots && rng_below(&rng, 3) == 0 ? 2 : 1);
    }
}

static void for_each_case(void (*f)(const struct trial *t, enum policy policy))
{
    for (size_t which = 0; which < CLUSTER_COUNT; which++) {
        for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
            struct trial t;
            trial_random(&t, which, seed);
            for (int p = 0; p < POLICY_COUNT; p++)
                f(&t, (enum policy)p);
            trial_close(&t);
        }
    }
}

static void check_complete(const struct trial *t, enum policy policy)
{
    struct outcome o = run(t, policy);
    assert_true(o.is_complete);
    assert_true(o.instances == t->work.instances); /* each is counted when it is recorded, once */
    assert_true(policy == POLICY_MUSTER || o.run_twice == 0); /* a copy may race its original */
    outcome_release(&o);
}

static void every_instance_is_done_once(void **state)
{
    (void)state;
    for_each_case(check_complete);
}

static void check_bound(const struct trial *t, enum policy policy)
{
    struct outcome o = run(t, policy);
    assert_true(o.makespan_ns >= bound_of(t).ns);
    outcome_release(&o);
}

static void no_policy_beats_the_lower_bound(void **state)
{
    (void)state;
    for_each_case(check_bound);
}

static void check_repeatable(const struct trial *t, enum policy policy)
{
    struct outcome first = run(t, policy), again = run(t, policy);
    struct buf a = words_of(&first, policy), b = words_of(&again, policy);
    assert_string_equal(buf_cstr(&a), buf_cstr(&b));
    buf_release(&a);
    buf_release(&b);
    outcome_release(&first);
    outcome_release(&again);
}

static void the_same_seed_gives_the_same_outcome(void **state)
{
    (void)state;
    for_each_case(check_repeatable);
}

static void check_time_adds_up(const struct trial *t, enum policy policy)
{
    struct outcome o = run(t, policy);
    double work_ns = bound_of(t).work_ns, run_ns = 0;
    for (size_t i = 0; i < t->cluster.group_count; i++) {
        assert_true(o.groups[i].run_ns + o.groups[i].load_ns <= o.groups[i].total_ns * 1.000001);
        run_ns += o.groups[i].run_ns * t->cluster.groups[i].speed;
    }
    bool is_even = t->cluster.groups[0].slow_every == 0 && o.lost_ns <= 0;
    if (is_even) /* what ran is the work, but for rounding ... */
        assert_true(run_ns >= work_ns * 0.999999);
    if (is_even && policy != POLICY_MUSTER) /* ... and no more, where nothing runs twice */
        assert_true(run_ns <= work_ns * 1.000001 + 1e6);
    outcome_release(&o);
}

static void slot_time_is_the_work_loads_and_rest(void **state)
{
    (void)state;
    for_each_case(check_time_adds_up);
}

/* ---- The lower bound ---- */

enum { TINY_SLOTS_MAX = 3, TINY_MODELS = 3 };

/* When this slot ends if it does the instances that `assigned` gives to it, each model loaded once,
 * in any order. */
static double tiny_end(const struct trial *t, const uint32_t *assigned, uint32_t slot)
{
    double work_ns = 0, load_ns = 0;
    for (size_t i = 0; i < t->work.cell_count; i++) {
        const struct work_cell *cell = &t->work.cells[i];
        bool is_used = false;
        for (uint32_t k = 0; k < cell->size; k++, assigned++) {
            is_used |= *assigned == slot;
            work_ns += *assigned == slot ? (double)work_instance_ns(cell, k) : 0;
        }
        load_ns += is_used ? (double)t->work.models[cell->model].timing.load_ns : 0;
    }
    return load_ns + work_ns / fleet_worker_of(&t->fleet, slot)->speed;
}

static bool tiny_fits(const struct trial *t, const uint32_t *assigned)
{
    for (size_t i = 0; i < t->work.cell_count; i++)
        for (uint32_t k = 0; k < t->work.cells[i].size; k++, assigned++)
            if (!fleet_slot_fits(
                    &t->fleet, *assigned,
                    fleet_fits(&t->fleet, &t->work.models[t->work.cells[i].model].need)))
                return false;
    return true;
}

/* The best makespan of all schedules there are: every instance on every slot. */
static double tiny_optimum(const struct trial *t)
{
    uint32_t assigned[16] = { 0 }, n = (uint32_t)t->work.instances, i;
    double best = INFINITY;
    assert_true(n < 16);
    do {
        double end = 0;
        for (uint32_t s = 0; s < t->fleet.slot_count; s++)
            end = fmax(end, tiny_end(t, assigned, s));
        if (end < best && tiny_fits(t, assigned))
            best = end;
        for (i = 0; i < n && ++assigned[i] == t->fleet.slot_count; i++)
            assigned[i] = 0;
    } while (i < n);
    return best;
}

/* Slots of different speeds, some too small for a model, loads of all lengths: the bound is never
 * above the best schedule, and often near it. */
static void the_lower_bound_is_below_the_best_of_all_schedules(void **state)
{
    (void)state;
    static const char *const tiny[] = {
        "workers: [{count: 3, slots: 1}]\n"
        "models: [{load: 4s, instance: 3s, spread: 0}, {match: b, load: 1s}, {match: c, load: "
        "9s}]\n",
        "workers: [{count: 1, slots: 1, gpus_per_slot: 2}, {count: 2, slots: 1, speed: 2.5}]\n"
        "models: [{load: 2s, instance: 4s, spread: 1}, {match: c, load: 7s}]\n",
        "workers: [{count: 2, slots: 1, slow: {every: 2, factor: 3}}]\n"
        "models: [{load: 5s, instance: 2s, spread: 0.5}, {match: b, load: 0s, instance: 5s}]\n",
    };
    double closest = INFINITY;
    for (size_t which = 0; which < sizeof(tiny) / sizeof(tiny[0]); which++) {
        for (uint64_t seed = 1; seed <= 12; seed++) {
            struct trial t;
            struct rng rng;
            rng_seed(&rng, seed);
            trial_open(&t, tiny[which], seed);
            work_add_task(&t.work, 1 + (uint32_t)rng_below(&rng, 3));
            for (int i = 0; i < TINY_MODELS; i++)
                add_model(&t, (char[]){ (char)('a' + i), 0 }, which == 1 && i == 2 ? 2 : 1);
            double best = tiny_optimum(&t), bound = (double)bound_of(&t).ns;
            assert_true(bound <= best);
            closest = fmin(closest, best / bound);
            trial_close(&t);
        }
    }
    assert_true(closest < 1.01);
}

/* Of 40 slots a model may have 4, or 2: it does a quarter, or half of its work in each of them. */
static void the_lower_bound_knows_caps(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 20, slots: 2}]\n"
               "models: [{load: 10s, instance: 1s, spread: 0}]\n",
               1);
    work_add_task(&t.work, 400);
    add_model(&t, "api", 0);
    t.work.models[0].rules.concurrency = 4;
    struct lower_bound bound = bound_of(&t);
    assert_int_equal(bound.kind, BOUND_CAP);
    assert_int_equal(bound.ns / S, 10 + 400 / 4 - 1); /* rounded down, a hair below */
    t.work.models[0].rules.max_replicas = 2;
    assert_int_equal(bound_of(&t).ns / S, 10 + 400 / 2 - 1);
    struct outcome o = run(&t, POLICY_MUSTER);
    assert_true(o.makespan_ns >= bound_of(&t).ns);
    outcome_release(&o);
    trial_close(&t);
}

/* Four requests at once where the only slot would have eight: it takes twice as long. */
static void a_slot_with_fewer_requests_open_is_slower(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 1, slots: 1}]\n"
               "models: [{load: 10s, instance: 1s, spread: 0, inflight: 8}]\n",
               1);
    work_add_task(&t.work, 100);
    add_model(&t, "api", 1);
    struct outcome free_of_caps = run(&t, POLICY_MUSTER);
    t.work.models[0].rules.concurrency = 4;
    struct outcome capped = run(&t, POLICY_MUSTER);
    assert_in_range(free_of_caps.makespan_ns / S, 110, 111);
    assert_in_range(capped.makespan_ns / S, 210, 211);
    assert_int_equal(bound_of(&t).ns / S, 210 - 1); /* rounded down, a hair below */
    outcome_release(&free_of_caps);
    outcome_release(&capped);
    trial_close(&t);
}

/* Two models of 100 s on four slots, loads of 60 s: by 120 s two slots would have to hold each, and
 * then do only 60 s each of their 100. */
static void the_lower_bound_counts_the_replicas_that_it_takes(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 4, slots: 1}]\n"
               "models: [{load: 60s, instance: 1s, spread: 0}]\n",
               1);
    work_add_task(&t.work, 100);
    add_model(&t, "a", 1);
    add_model(&t, "b", 1);
    assert_int_equal(bound_of(&t).ns / S, 60 + 50 - 1); /* rounded down, a hair below */
    add_model(&t, "c", 1); /* sooner than by 160 s each of them takes two slots: six loads, 660 s */
    assert_int_equal(bound_of(&t).ns / S, 60 + 100 - 1);
    trial_close(&t);
}

static void add_model_of(struct trial *t, const char *name, double each_ns)
{
    struct cluster_timing timing = cluster_timing_of(&t->cluster, name);
    work_add_model(&t->work, name, &(struct core_need){ .gpus = 1, .cpus = 1 }, &timing);
    work_add_cell(&t->work, 0, NULL, each_ns);
}

/* A short model and a long one that look alike, on four slots: until 10 s nobody knows which is
 * which, and two slots load the short one, that needs far less than one. 4 T = 400 s of work, 40 s
 * of loads in the dark, and 390 / (T - 10) slots that load the long one, of which two did by then.
 */
static void the_blind_bound_is_what_nobody_beats_in_the_mean(void **state)
{
    (void)state;
    double sum_ns = 0, bound_ns = 0;
    for (int long_is_first = 0; long_is_first < 2; long_is_first++) {
        struct trial t;
        trial_open(&t,
                   "workers: [{count: 4, slots: 1}]\n"
                   "models: [{load: 10s, instance: 1s, spread: 0}]\n",
                   1);
        work_add_task(&t.work, 100);
        add_model_of(&t, "a", long_is_first ? 3.9e9 : 0.1e9);
        add_model_of(&t, "b", long_is_first ? 0.1e9 : 3.9e9);
        struct lower_bound bound = bound_of(&t);
        assert_int_equal(bound.blind_ns / S, 114);
        assert_true(bound.blind_ns > bound.ns);
        struct outcome o = run(&t, POLICY_MUSTER);
        sum_ns += (double)o.makespan_ns;
        bound_ns += (double)bound.blind_ns;
        outcome_release(&o);
        trial_close(&t);
    }
    assert_true(sum_ns >= bound_ns);
}

/* Of models that need not be mistaken for each other there is no blind bound but the true one. */
static void models_that_can_be_told_apart_have_no_blind_bound(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 4, slots: 1}]\n"
               "models: [{load: 10s, instance: 1s, spread: 0}]\n",
               1);
    work_add_task(&t.work, 100);
    add_model_of(&t, "a", 0.1e9);
    add_model_of(&t, "b", 3.9e9);
    t.work.models[1].rules.priority = 1;
    assert_int_equal(bound_of(&t).blind_ns, bound_of(&t).ns);
    trial_close(&t);
}

/* ---- What tells policies apart ---- */

/* One slot, three models, four chunks each. */
static void trial_one_slot(struct trial *t)
{
    trial_open(t,
               "workers: [{count: 1, slots: 1}]\n"
               "network: {latency: 0ms}\n"
               "models: [{load: 100s, instance: 1s, spread: 0}]\n",
               1);
    work_add_task(&t->work, 64);
    add_model(t, "a", 1);
    add_model(t, "b", 1);
    add_model(t, "c", 1);
}

static void one_slot_loads_each_model_once_unless_every_chunk_reloads(void **state)
{
    (void)state;
    static const struct {
        enum policy policy;
        uint64_t loads;
    } expected[] = { { POLICY_MUSTER, 3 },
                     { POLICY_STATIC_RANK, 3 },
                     { POLICY_CHUNK_QUEUE, 3 },
                     { POLICY_CHUNK_RELOAD, 12 } };
    struct trial t;
    trial_one_slot(&t);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct outcome o = run(&t, expected[i].policy);
        assert_true(o.loads == expected[i].loads);
        assert_true(o.makespan_ns == (int64_t)(expected[i].loads * 100 + 3 * 64) * S);
        outcome_release(&o);
    }
    assert_int_equal(bound_of(&t).ns / S, 3 * 100 + 3 * 64 - 1); /* rounded down, a hair below */
    trial_close(&t);
}

/* A rank waits for the slowest at each barrier; a queue does not. */
static void static_ranks_wait_for_the_slow_worker(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 10, slots: 1, slow: {every: 10, factor: 3}}]\n"
               "models: [{load: 5s, instance: 1s, spread: 0}]\n",
               1);
    work_add_task(&t.work, 2000);
    add_model(&t, "a", 1);
    struct outcome fixed = run(&t, POLICY_STATIC_RANK), queued = run(&t, POLICY_CHUNK_QUEUE),
                   muster = run(&t, POLICY_MUSTER);
    assert_int_equal(fixed.makespan_ns / S, 5 + 3 * 200);
    assert_true(queued.makespan_ns < fixed.makespan_ns / 2);
    assert_true(muster.makespan_ns < fixed.makespan_ns / 2);
    outcome_release(&fixed);
    outcome_release(&queued);
    outcome_release(&muster);
    trial_close(&t);
}

static void muster_is_ahead_of_all_three_where_loads_are_long(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 8, slots: 1}]\n"
               "models: [{load: 120s, instance: 500ms, spread: 0.8}]\n",
               3);
    work_add_task(&t.work, 400);
    for (int i = 0; i < 8; i++)
        add_model(&t, (char[]){ 'm', (char)('0' + i), 0 }, 1);
    struct outcome muster = run(&t, POLICY_MUSTER);
    for (int p = POLICY_MUSTER + 1; p < POLICY_COUNT; p++) {
        struct outcome other = run(&t, (enum policy)p);
        assert_true(muster.makespan_ns < other.makespan_ns);
        assert_true(muster.loads < other.loads);
        outcome_release(&other);
    }
    outcome_release(&muster);
    trial_close(&t);
}

/* ---- Deaths ---- */

static void the_share_that_dies_is_exact_and_within_its_time(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t, "workers: [{count: 200, slots: 1, die: {share: 0.1, after: 1h}}]\n", 5);
    unsigned dead = 0;
    for (uint32_t i = 0; i < t.fleet.worker_count; i++) {
        if (t.fleet.workers[i].dies_ns == INT64_MAX)
            continue;
        dead++;
        assert_true(t.fleet.workers[i].dies_ns >= 0 && t.fleet.workers[i].dies_ns < 3600 * S);
    }
    assert_int_equal(dead, 20);
    trial_close(&t);
}

static void work_of_dead_workers_is_done_by_the_others(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 10, slots: 2, die: {share: 0.9, after: 3m}}]\n"
               "models: [{load: 10s, instance: 2s, spread: 1}]\n",
               2);
    work_add_task(&t.work, 900);
    add_model(&t, "a", 1);
    add_model(&t, "b", 1);
    for (int p = 0; p < POLICY_COUNT; p++) {
        struct outcome o = run(&t, (enum policy)p);
        assert_true(o.is_complete && o.instances == 1800);
        assert_true(o.lost_ns > 0);
        outcome_release(&o);
    }
    trial_close(&t);
}

static void a_sweep_whose_workers_all_die_says_what_is_left(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 4, slots: 1, die: {share: 1, after: 1m}}]\n"
               "models: [{load: 1s, instance: 1s}]\n",
               2);
    work_add_task(&t.work, 10000);
    add_model(&t, "a", 1);
    for (int p = 0; p < POLICY_COUNT; p++) {
        struct outcome o = run(&t, (enum policy)p);
        assert_false(o.is_complete);
        assert_non_null(o.why);
        assert_true(o.instances < 10000);
        outcome_release(&o);
    }
    trial_close(&t);
}

/* ---- Durations ---- */

static void durations_have_the_median_and_spread_that_were_asked_for(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 1, slots: 1}]\n"
               "models: [{instance: 400ms, spread: 0.8}]\n",
               7);
    work_add_task(&t.work, 100000);
    add_model(&t, "a", 1);
    uint32_t below = 0;
    double sum = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t ns = work_instance_ns(&t.work.cells[0], i);
        below += ns < 400000000;
        sum += (double)ns;
    }
    assert_in_range(below, 49000, 51000);
    double mean = sum / 100000, expected = 400e6 * work_mean_factor(0.8);
    assert_true(mean > 0.98 * expected && mean < 1.02 * expected);
    trial_close(&t);
}

static void rules_are_laid_over_each_other_in_order(void **state)
{
    (void)state;
    struct trial t;
    trial_open(&t,
               "workers: [{count: 1, slots: 1}]\n"
               "models:\n"
               "  - {match: \"*\", load: 60s, instance: 400ms}\n"
               "  - {match: \"org/**\", instance: 2s}\n"
               "  - {match: org/big, load: 5m, spread: 0.1}\n",
               1);
    struct cluster_timing big = cluster_timing_of(&t.cluster, "org/big");
    struct cluster_timing other = cluster_timing_of(&t.cluster, "small");
    assert_int_equal(big.load_ns, 300 * S);
    assert_int_equal(big.instance_ns, 2 * S);
    assert_true(big.spread > 0.09 && big.spread < 0.11);
    assert_int_equal(other.load_ns, 60 * S);
    assert_int_equal(other.instance_ns, S * 4 / 10);
    trial_close(&t);
}

/* ---- The picture ---- */

static void the_timeline_is_one_page_that_refers_to_nothing(void **state)
{
    (void)state;
    struct trial t;
    trial_one_slot(&t);
    struct outcome o = run(&t, POLICY_STATIC_RANK);
    struct buf html = { 0 }, csv = { 0 };
    timeline_html(&o, "a <b> & c", &html);
    timeline_csv(&o, &csv);
    assert_non_null(strstr(buf_cstr(&html), "a &lt;b&gt; &amp; c"));
    assert_null(strstr(buf_cstr(&html), "http"));
    assert_null(strstr(buf_cstr(&html), "src="));
    assert_non_null(strstr(buf_cstr(&html), "<rect class=\"m2 l\""));
    assert_string_equal(buf_cstr(&csv), "slot,worker,gpu,model,kind,start_seconds,end_seconds\n"
                                        "0,0,\"\",\"a\",load,0.000,100.000\n"
                                        "0,0,\"\",\"a\",run,100.000,164.000\n"
                                        "0,0,\"\",\"b\",load,164.000,264.000\n"
                                        "0,0,\"\",\"b\",run,264.000,328.000\n"
                                        "0,0,\"\",\"c\",load,328.000,428.000\n"
                                        "0,0,\"\",\"c\",run,428.000,492.000\n");
    buf_release(&html);
    buf_release(&csv);
    outcome_release(&o);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_of_several_slots_are_done_and_not_sooner_than_the_bound),
        cmocka_unit_test(policies_that_give_a_model_one_slot_say_that_they_cannot),
        cmocka_unit_test(every_instance_is_done_once),
        cmocka_unit_test(no_policy_beats_the_lower_bound),
        cmocka_unit_test(the_same_seed_gives_the_same_outcome),
        cmocka_unit_test(slot_time_is_the_work_loads_and_rest),
        cmocka_unit_test(the_lower_bound_is_below_the_best_of_all_schedules),
        cmocka_unit_test(the_lower_bound_counts_the_replicas_that_it_takes),
        cmocka_unit_test(the_lower_bound_knows_caps),
        cmocka_unit_test(the_blind_bound_is_what_nobody_beats_in_the_mean),
        cmocka_unit_test(models_that_can_be_told_apart_have_no_blind_bound),
        cmocka_unit_test(a_slot_with_fewer_requests_open_is_slower),
        cmocka_unit_test(one_slot_loads_each_model_once_unless_every_chunk_reloads),
        cmocka_unit_test(static_ranks_wait_for_the_slow_worker),
        cmocka_unit_test(muster_is_ahead_of_all_three_where_loads_are_long),
        cmocka_unit_test(the_share_that_dies_is_exact_and_within_its_time),
        cmocka_unit_test(work_of_dead_workers_is_done_by_the_others),
        cmocka_unit_test(a_sweep_whose_workers_all_die_says_what_is_left),
        cmocka_unit_test(durations_have_the_median_and_spread_that_were_asked_for),
        cmocka_unit_test(rules_are_laid_over_each_other_in_order),
        cmocka_unit_test(the_timeline_is_one_page_that_refers_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
