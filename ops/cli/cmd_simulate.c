/* muster simulate: how long a sweep would take, on machines that need not exist. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "coordinator/simulate/from_plan.h"
#include "coordinator/simulate/outcome_print.h"
#include "coordinator/simulate/timeline.h"
#include "coordinator/store/store.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"
#include "ops/cli/measured.h"

static const char HELP[] =
    "Usage: muster simulate SWEEP.yaml --cluster CLUSTER.yaml [options]\n"
    "\n"
    "Says how long the sweep would take on that cluster, and what its slots would do all the "
    "time:\n"
    "the real scheduler in virtual time, beside the time that nothing can beat. Starts nothing.\n"
    "\n"
    "  --cluster FILE     workers, their speeds and faults, and what models take (required);\n"
    "                     ops/examples/cluster.yaml is one\n"
    "  --policy P         muster (default), static-rank, chunk-reload, chunk-queue; or all:\n"
    "                     the four beside each other\n"
    "  --chunk N          instances of a chunk of the chunk policies (default 256)\n"
    "  --durations STATE  loads, and mean durations of pairs of model and task, as measured in\n"
    "                     this state folder of an earlier run, for those that it has; slots of\n"
    "                     speed 1 take them\n"
    "  --seed N           of durations and faults, instead of the cluster file's\n"
    "  --json             for programs\n"
    "  --timeline FILE    who did what when, as CSV (one policy only)\n"
    "  --html FILE        the same as a picture, one page that needs nothing else\n"
    "\n"
    "Exit: 0 the sweep would finish; 2 bad input; 4 something of it would not run; 74 the state\n"
    "folder cannot be read.\n";

enum { CHUNK_MAX = 1 << 24 };

struct arguments {
    const char *sweep, *cluster, *durations, *timeline, *html;
    enum policy policies[POLICY_COUNT];
    size_t policy_count;
    uint64_t chunk, seed;
    bool has_seed, json;
};

/* ---- Arguments ---- */

static int parse_policy(const char *word, struct arguments *a)
{
    a->policy_count = 0;
    for (int p = 0; p < POLICY_COUNT; p++)
        if (strcmp(word, "all") == 0 || strcmp(word, policy_texts[p]) == 0)
            a->policies[a->policy_count++] = (enum policy)p;
    if (a->policy_count > 0)
        return 0;
    const char *near = text_nearest(word, policy_texts, POLICY_COUNT);
    return say_error("simulate", EXIT_BAD_INPUT,
                     "--policy: expected muster, static-rank, chunk-reload, chunk-queue or all, "
                     "found \"%s\"%s%s%s",
                     word, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int parse_number(const char *option, const char *word, uint64_t min, uint64_t max,
                        uint64_t *out)
{
    if (text_parse_u64(word, out) && *out >= min && *out <= max)
        return 0;
    return say_error("simulate", EXIT_BAD_INPUT,
                     "--%s: expected a number from %llu to %llu, found \"%s\"", option,
                     (unsigned long long)min, (unsigned long long)max, word);
}

static int check_arguments(int argc, char **argv, struct arguments *a)
{
    if (optind + 1 != argc)
        return say_error("simulate", EXIT_BAD_INPUT, "expected one sweep file; see --help");
    a->sweep = argv[optind];
    if (!a->cluster)
        return say_error("simulate", EXIT_BAD_INPUT,
                         "expected --cluster FILE; ops/examples/cluster.yaml is one");
    if (a->policy_count > 1 && (a->timeline || a->html))
        return say_error("simulate", EXIT_BAD_INPUT,
                         "--timeline and --html show one policy; choose it with --policy");
    return 0;
}

/* 0: go on; -1: help was printed; else the exit code. */
static int parse(int argc, char **argv, struct arguments *a)
{
    enum { CLUSTER = 256, POLICY, CHUNK, DURATIONS, SEED, JSON, TIMELINE, HTML, HELP_OPTION };
    static const struct option options[] = { { "cluster", required_argument, NULL, CLUSTER },
                                             { "policy", required_argument, NULL, POLICY },
                                             { "chunk", required_argument, NULL, CHUNK },
                                             { "durations", required_argument, NULL, DURATIONS },
                                             { "seed", required_argument, NULL, SEED },
                                             { "json", no_argument, NULL, JSON },
                                             { "timeline", required_argument, NULL, TIMELINE },
                                             { "html", required_argument, NULL, HTML },
                                             { "help", no_argument, NULL, HELP_OPTION },
                                             { NULL, 0, NULL, 0 } };
    *a = (struct arguments){ .policies = { POLICY_MUSTER }, .policy_count = 1 };
    int option, code = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case CLUSTER: a->cluster = optarg; break;
        case POLICY: code = parse_policy(optarg, a); break;
        case CHUNK: code = parse_number("chunk", optarg, 1, CHUNK_MAX, &a->chunk); break;
        case DURATIONS: a->durations = optarg; break;
        case SEED:
            code = parse_number("seed", optarg, 0, INT64_MAX, &a->seed);
            a->has_seed = true;
            break;
        case JSON: a->json = true; break;
        case TIMELINE: a->timeline = optarg; break;
        case HTML: a->html = optarg; break;
        case HELP_OPTION: fputs(HELP, stdout); return -1;
        default: return say_bad_option(argv, option);
        }
    }
    return code ? code : check_arguments(argc, argv, a);
}

/* ---- Input ---- */

static int open_durations(const char *state, struct store **out)
{
    char *path = file_join(state, "store");
    struct errmsg msg = { 0 };
    struct store_config config = { .path = path, .read_only = true, .allow_network_fs = true };
    int code = 0;
    if (!file_is_dir(path))
        code = say_error("simulate", EXIT_BAD_INPUT, "--durations: there is no store in %s", state);
    else if (store_open(&config, out, &msg))
        code = say_error("simulate", EXIT_STORE_FAILED, "%s", msg.text);
    free(path);
    return code;
}

static double instance_ns(void *owner, const struct plan_model *m, const struct plan_task *t)
{
    return measured_instance_ns(owner, m, t);
}

static double load_ns(void *owner, const struct plan_model *m)
{
    return (double)measured_model(((struct measured *)owner)->store, m).load_ns;
}

/* ---- Output ---- */

static int write_file(const char *path, const struct buf *text)
{
    struct errmsg msg = { 0 };
    const char *slash = strrchr(path, '/');
    char *dir = file_dir_of(path);
    file_remove_abandoned(dir, slash ? slash + 1 : path); /* of one that was killed here */
    free(dir);
    if (file_write_named(path, buf_span(text), 0644, &msg))
        return say_error("simulate", EXIT_INFRASTRUCTURE, "%s", msg.text);
    return 0;
}

static int write_timelines(const struct arguments *a, const char *name, struct outcome *o)
{
    struct buf text = { 0 };
    int code = 0;
    if (a->timeline) {
        timeline_csv(o, &text);
        code = write_file(a->timeline, &text);
    }
    buf_clear(&text);
    if (a->html && code == 0) {
        char *title = xformat("%s, simulated: %s", name, policy_texts[a->policies[0]]);
        timeline_html(o, title, &text);
        code = write_file(a->html, &text);
        free(title);
    }
    buf_release(&text);
    return code;
}

static void say_blocked(const struct work *work)
{
    for (size_t i = 0; i < work->model_count; i++) {
        const struct work_model *m = &work->models[i];
        if (m->is_blocked)
            say_error("simulate", 0,
                      "%s fits no slot of the cluster: it needs %u GPUs, %u cores and %llu MiB; it "
                      "is left out",
                      m->name, m->need.gpus, m->need.cpus,
                      (unsigned long long)(m->need.memory_bytes >> 20));
    }
}

/* ---- The command ---- */

static int simulate_all(const struct arguments *a, const char *name, const struct work *work,
                        const struct fleet *fleet)
{
    struct outcome outcomes[POLICY_COUNT];
    struct outcome_list list = { .outcomes = outcomes,
                                 .policies = a->policies,
                                 .count = a->policy_count };
    bool is_complete = true;
    lower_bound(work, fleet, &list.bound);
    for (size_t i = 0; i < a->policy_count; i++) {
        struct simulate_options options = { .policy = a->policies[i],
                                            .chunk = (uint32_t)a->chunk,
                                            .keeps_spans = a->timeline || a->html,
                                            .seed = work->seed };
        simulate(work, fleet, &options, &outcomes[i]);
        is_complete &= outcomes[i].is_complete;
    }
    struct buf text = { 0 };
    if (a->json)
        outcome_json(&list, &text);
    else
        outcome_text(&list, &text);
    fwrite(text.data, 1, text.len, stdout);
    buf_release(&text);
    int code = write_timelines(a, name, &outcomes[0]);
    for (size_t i = 0; i < a->policy_count; i++)
        outcome_release(&outcomes[i]);
    return code ? code : is_complete ? EXIT_DONE : EXIT_INFRASTRUCTURE;
}

static int simulate_plan(const struct arguments *a, const struct plan *plan,
                         const struct cluster *cluster, struct store *store)
{
    struct work work = { .seed = a->has_seed ? a->seed : cluster->seed };
    struct fleet fleet;
    fleet_init(&fleet, cluster, work.seed);
    struct measured from = { .store = store, .plan = plan };
    struct work_measured measured = { &from, instance_ns, load_ns };
    size_t blocked = work_from_plan(plan, &fleet, store ? &measured : NULL, &work);
    say_blocked(&work);
    int code = simulate_all(a, plan->spec->name, &work, &fleet);
    work_release(&work);
    fleet_release(&fleet);
    return code == EXIT_DONE && blocked > 0 ? EXIT_INFRASTRUCTURE : code;
}

int cmd_simulate(int argc, char **argv)
{
    struct arguments a;
    int code = parse(argc, argv, &a);
    if (code)
        return code < 0 ? 0 : code;
    struct cluster cluster;
    code = open_cluster(a.cluster, &cluster);
    if (code)
        return code;
    struct store *store = NULL;
    struct spec spec;
    struct plan plan;
    code = a.durations ? open_durations(a.durations, &store) : 0;
    if (code == 0)
        code = open_sweep(a.sweep, &spec, &plan);
    if (code == 0) {
        code = simulate_plan(&a, &plan, &cluster, store);
        plan_release(&plan);
        spec_release(&spec);
    }
    if (store)
        store_close(store);
    cluster_release(&cluster);
    return code;
}
