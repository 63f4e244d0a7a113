/* Policies against each other and against the lower bound, in virtual time.
 *
 *     bench_sched            eight workloads, four policies
 *     bench_sched full       one sweep of 100 models x 325,544 instances on 1,024 GPUs of two types
 *     bench_sched huge       one of 1,000 models on 10,000 GPUs: minutes
 *     bench_sched NAME ...   only these workloads
 *     bench_sched -m ...     only muster, and not those it is compared with
 *     bench_sched -s N ...   other durations, slow workers and deaths: seed N
 *
 * To add a workload: its line in `workloads`. Prints what it ran and under which conditions; ends
 * with 1 if any policy leaves work undone. */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/io/clock.h"
#include "common/mem.h"
#include "common/rng.h"
#include "coordinator/simulate/lower_bound.h"
#include "coordinator/simulate/outcome_print.h"
#include "coordinator/simulate/simulate.h"

struct workload {
    const char *name, *what;
    uint32_t models, tasks, instances; /* tasks and instances of each model */
    const char *cluster;
    enum {
        ONE_SLOT, /* is what each model needs, and all of them it may have */
        GANGS,    /* of ten models one needs 8 GPUs, two 4 and three 2 */
        APIS      /* of ten models three need no GPU, and may have so many requests at once */
    } kind;       /* of models; muster alone runs GANGS, and alone keeps the caps of APIS */
};

#define LATENCY "network: {latency: 1ms}\n"

static const struct workload workloads[] = {
    { "uniform", "20 models, all instances equal", 20, 70, 32000,
      "workers: [{count: 16, slots: 8}]\n" LATENCY
      "models: [{load: 60s, instance: 400ms, spread: 0}]\n",
      ONE_SLOT },
    { "heavy", "heavy-tailed durations, between instances and between tasks", 20, 70, 32000,
      "workers: [{count: 16, slots: 8}]\n" LATENCY
      "models: [{load: 60s, instance: 400ms, spread: 1.2, task_spread: 0.7}]\n",
      ONE_SLOT },
    { "mixed", "100 models; instances of 30 ms to 3 s, loads of 10 s to 10 min", 100, 70, 8000,
      "workers: [{count: 16, slots: 8}]\n" LATENCY "models:\n"
      "  - {load: 60s, instance: 400ms, spread: 0.8, task_spread: 0.5}\n"
      "  - {match: \"m?1\", load: 10s, instance: 30ms}\n"
      "  - {match: \"m?3\", load: 20s, instance: 100ms}\n"
      "  - {match: \"m?6\", load: 3m, instance: 1s}\n"
      "  - {match: \"m?8\", load: 5m, instance: 2s}\n"
      "  - {match: \"m?9\", load: 10m, instance: 3s}\n",
      ONE_SLOT },
    { "faulty", "one worker in 20 is 3x slower, 2 % die within 20 minutes", 20, 70, 32000,
      "workers: [{count: 128, slots: 1, slow: {every: 20, factor: 3}, die: {share: 0.02, after: "
      "20m}}]\n" LATENCY "models: [{load: 60s, instance: 400ms, spread: 0.8, task_spread: 0.5}]\n",
      ONE_SLOT },
    { "tail", "the last of 10 models has instances of 8 s, and loads for 5 minutes", 10, 70, 16000,
      "workers: [{count: 16, slots: 8}]\n" LATENCY "models:\n"
      "  - {load: 60s, instance: 200ms, spread: 0.8, task_spread: 0.5}\n"
      "  - {match: m09, load: 5m, instance: 8s}\n",
      ONE_SLOT },
    { "slow", "instances of 8 s; one worker in 10 is 8x slower than it is known to be", 8, 20, 4000,
      "workers: [{count: 64, slots: 1, slow: {every: 10, factor: 8}}]\n" LATENCY
      "models: [{load: 60s, instance: 8s, spread: 0.8, task_spread: 0.5}]\n",
      ONE_SLOT },
    { "gangs", "of 20 models on slots of one GPU 2 need 8 GPUs, 4 need 4, 6 need 2", 20, 70, 8000,
      "workers: [{count: 16, slots: 8}]\n" LATENCY "models:\n"
      "  - {load: 60s, instance: 400ms, spread: 0.8, task_spread: 0.5}\n"
      "  - {match: \"m?9\", load: 5m, instance: 1s}\n",
      GANGS },
    { "caps", "of 20 models 6 are APIs that take 4, 8 or 16 requests at once; 14 need a GPU", 20,
      70, 32000,
      "workers: [{count: 16, slots: 8}, {count: 2, slots: 16, gpus_per_slot: 0}]\n" LATENCY
      "models:\n"
      "  - {load: 60s, instance: 400ms, spread: 0.8, task_spread: 0.5}\n"
      "  - {match: \"m?3\", load: 1s, instance: 220ms}\n"
      "  - {match: \"m?6\", load: 1s, instance: 440ms}\n"
      "  - {match: \"m?8\", load: 1s, instance: 660ms}\n",
      APIS },
    { "full", "100 models x 325,544 instances on 1,024 GPUs of two types", 100, 699, 325544,
      "workers:\n"
      "  - {count: 64, slots: 8, gpu: H100}\n"
      "  - {count: 64, slots: 8, gpu: A100, speed: 0.45, slow: {every: 20, factor: 3}}\n" LATENCY
      "models:\n"
      "  - {load: 90s, instance: 400ms, spread: 0.8, task_spread: 0.5}\n"
      "  - {match: \"m?1\", load: 20s, instance: 80ms}\n"
      "  - {match: \"m?7\", load: 4m, instance: 1500ms}\n",
      ONE_SLOT },
    { "huge", "1,000 models x 325,544 instances on 10,000 GPUs of two types", 1000, 699, 325544,
      "workers:\n"
      "  - {count: 625, slots: 8, gpu: H100}\n"
      "  - {count: 625, slots: 8, gpu: A100, speed: 0.45, slow: {every: 20, factor: 3}}\n" LATENCY
      "models:\n"
      "  - {load: 90s, instance: 400ms, spread: 0.8, task_spread: 0.5}\n"
      "  - {match: \"m*1\", load: 20s, instance: 80ms}\n"
      "  - {match: \"m*7\", load: 4m, instance: 1500ms}\n",
      ONE_SLOT },
};
enum { WORKLOAD_COUNT = sizeof(workloads) / sizeof(workloads[0]), FULL = WORKLOAD_COUNT - 2 };

/* ---- Making the work ---- */

/* Sizes of tasks are log-normal, as those of General-Bench are about, and add up exactly. */
static void add_tasks(struct work *work, const struct workload *l)
{
    struct rng rng;
    rng_seed(&rng, 4);
    double *weights = xcalloc(l->tasks, sizeof(*weights)), sum = 0;
    for (uint32_t i = 0; i < l->tasks; i++) {
        double z = -6;
        for (int k = 0; k < 12; k++)
            z += rng_unit(&rng);
        sum += weights[i] = exp(0.9 * z);
    }
    uint32_t left = l->instances - l->tasks;
    for (uint32_t i = 0; i < l->tasks; i++) {
        uint32_t more = (uint32_t)((l->instances - l->tasks) * weights[i] / sum);
        more = i + 1 == l->tasks || more > left ? left : more;
        work_add_task(work, 1 + more);
        left -= more;
    }
    free(weights);
}

/* Requests that an API takes at once; 0: the model needs a GPU. */
static uint32_t api_cap(const struct workload *l, uint32_t model)
{
    static const uint32_t caps[] = { 0, 0, 0, 4, 0, 0, 8, 0, 16, 0 };
    return l->kind == APIS ? caps[model % 10] : 0;
}

static uint32_t gpus_of(const struct workload *l, uint32_t model)
{
    static const uint32_t gpus[] = { 1, 1, 2, 1, 4, 2, 1, 4, 2, 8 };
    return l->kind == GANGS ? gpus[model % 10] : api_cap(l, model) > 0 ? 0 : 1;
}

static void add_models(struct work *work, const struct workload *l, const struct cluster *cluster)
{
    for (uint32_t i = 0; i < l->models; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%02u", i);
        struct cluster_timing timing = cluster_timing_of(cluster, name);
        work_add_model(work, name, &(struct core_need){ .gpus = gpus_of(l, i), .cpus = 1 },
                       &timing);
        work->models[i].rules.concurrency = api_cap(l, i);
        for (uint32_t task = 0; task < l->tasks; task++)
            work_add_cell(work, task, NULL, 0);
    }
}

/* ---- Running it ---- */

static double since_s(int64_t start_ns)
{
    return (double)(clock_cpu_ns() - start_ns) / 1e9;
}

static void print_row(const char *name, const struct outcome *o, const struct lower_bound *bound,
                      double wall_s)
{
    double run, load;
    outcome_shares(o, &run, &load);
    printf("  %-17s %9.0f %8.3f %6.1f %6.1f %6.1f %8llu %9llu %8llu %8.2f %7.1f%s\n", name,
           (double)o->makespan_ns / 1e9, (double)o->makespan_ns / (double)bound->ns, 100 * run,
           100 * load, 100 * (1 - run - load), (unsigned long long)o->loads,
           (unsigned long long)o->attempts, (unsigned long long)o->run_twice, o->lost_ns / 3600e9,
           wall_s, o->is_complete ? "" : "  INCOMPLETE");
    fflush(stdout);
}

/* The chunk policies get the size that suits this workload best, which nobody knows beforehand. */
static bool run_policy(const struct work *work, const struct fleet *fleet, enum policy policy,
                       bool tells_timing, const struct lower_bound *bound)
{
    static const uint32_t chunks[] = { 16, 32, 64, 128, 256, 512, 1024, 2048 };
    bool has_chunks = policy == POLICY_CHUNK_RELOAD || policy == POLICY_CHUNK_QUEUE;
    size_t tries = has_chunks ? sizeof(chunks) / sizeof(chunks[0]) : 1, best_try = 0;
    struct outcome best = { 0 };
    int64_t start_ns = clock_cpu_ns();
    for (size_t i = 0; i < tries; i++) {
        struct outcome o;
        struct simulate_options options = {
            .policy = policy, .seed = work->seed, .chunk = chunks[i], .tells_timing = tells_timing
        };
        simulate(work, fleet, &options, &o);
        if (i > 0 && o.makespan_ns >= best.makespan_ns) {
            outcome_release(&o);
            continue;
        }
        outcome_release(&best);
        best = o;
        best_try = i;
    }
    char name[32];
    if (has_chunks)
        snprintf(name, sizeof(name), "%s/%u", policy_texts[policy], chunks[best_try]);
    else
        snprintf(name, sizeof(name), "%s%s", policy_texts[policy], tells_timing ? ", told" : "");
    print_row(name, &best, bound, since_s(start_ns) / (double)tries);
    bool is_complete = best.is_complete;
    outcome_release(&best);
    return is_complete;
}

static bool run_workload(const struct workload *l, uint64_t seed, int policies)
{
    struct cluster cluster;
    struct problems problems = { 0 };
    if (cluster_parse(l->name, span_str(l->cluster), &cluster, &problems)) {
        struct buf text = { 0 };
        problems_format(&problems, &text);
        fputs(buf_cstr(&text), stderr);
        buf_release(&text);
        problems_release(&problems);
        return false;
    }
    struct fleet fleet;
    struct work work = { .seed = seed };
    struct lower_bound bound;
    fleet_init(&fleet, &cluster, seed);
    add_tasks(&work, l);
    add_models(&work, l, &cluster);
    lower_bound(&work, &fleet, &bound);
    printf("\n%s: %s\n  %u models x %u instances of %u tasks, %u slots of %u workers; bound %.0f s"
           " (%s)\n",
           l->name, l->what, l->models, l->instances, l->tasks, fleet.slot_count,
           fleet.worker_count, (double)bound.ns / 1e9, bound_text(bound.kind));
    if (bound.blind_ns > bound.ns)
        printf("  blind bound %.0f s: %.3f\n", (double)bound.blind_ns / 1e9,
               (double)bound.blind_ns / (double)bound.ns);
    printf(
        "  policy             makespan  / bound  busy%%  load%%  idle%%    loads  attempts    twice"
        "   lost h    cpu s\n");
    bool is_complete = true;
    for (int p = 0; p < (l->kind == ONE_SLOT ? policies : POLICY_MUSTER + 1); p++) {
        is_complete &= run_policy(&work, &fleet, (enum policy)p, false, &bound);
        if (p == POLICY_MUSTER)
            is_complete &= run_policy(&work, &fleet, (enum policy)p, true, &bound);
    }
    work_release(&work);
    fleet_release(&fleet);
    cluster_release(&cluster);
    return is_complete;
}

static const struct workload *find(const char *name)
{
    for (size_t i = 0; i < WORKLOAD_COUNT; i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    return NULL;
}

/* 0: not one. */
static uint64_t read_seed(const char *text)
{
    char *end;
    unsigned long long seed = strtoull(text, &end, 10);
    return *end == '\0' ? seed : 0;
}

int main(int argc, char **argv)
{
    bool is_complete = true;
    int policies = POLICY_COUNT;
    uint64_t seed = 1;
    int64_t start_ns = clock_cpu_ns();
    for (int option; (option = getopt(argc, argv, "ms:")) != -1;) {
        policies = option == 'm' ? POLICY_MUSTER + 1 : policies;
        seed = option == 's' ? read_seed(optarg) : seed;
        if (option == '?' || seed == 0) {
            fprintf(stderr, "usage: bench_sched [-m] [-s SEED] [WORKLOAD ...]\n");
            return 2;
        }
    }
    printf(
        "Virtual time; one thread; seed %" PRIu64
        "; beats of 1 s, leases of 15 s, attempts of 30 s,\n"
        "chunks of the best of eight sizes (behind the slash). twice: instances that ran twice;\n"
        "lost h: slot hours of dead workers; cpu s: of one simulation. told: muster knows each\n"
        "model's load and mean instance beforehand, as the sweep file may say. blind\n"
        "bound: of those who are not told, for the mean over all orders of the models.\n",
        seed);
    for (int i = optind; i < argc; i++) {
        const struct workload *l = find(argv[i]);
        if (!l) {
            fprintf(stderr, "bench_sched: no workload \"%s\"\n", argv[i]);
            return 2;
        }
        is_complete &= run_workload(l, seed, policies);
    }
    for (int i = 0; argc == optind && i < FULL; i++)
        is_complete &= run_workload(&workloads[i], seed, policies);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("\n%.1f s, %.0f MiB at most\n", since_s(start_ns), (double)usage.ru_maxrss / 1024);
    return is_complete ? 0 : 1;
}
