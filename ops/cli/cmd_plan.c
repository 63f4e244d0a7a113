/* muster plan: what a run would do, before it costs anything. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "coordinator/spec/plan_report.h"
#include "coordinator/store/store.h"
#include "coordinator/sweeps.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"
#include "ops/cli/machine.h"
#include "ops/cli/plan_look.h"

static const char HELP[] =
    "Usage: muster plan SWEEP.yaml... [--state DIR] [--slots N | --cluster FILE] [--json]\n"
    "\n"
    "Says what `muster run` of the same files would do on this machine: how many jobs and\n"
    "instances, what is done already, what cannot run and why, and, as far as durations are\n"
    "measured or estimated, when each sweep would be done. Starts nothing, changes nothing.\n"
    "\n"
    "  --state DIR     where results are kept (default: SWEEP.muster beside the first file)\n"
    "  --slots N       as of muster run\n"
    "  --cluster FILE  on these workers instead: the file is that of muster simulate\n"
    "  --json          for programs\n"
    "\n"
    "Exit: 0 everything could run; 2 bad input; 4 something cannot run; 74 the store cannot\n"
    "be read.\n";

struct options {
    const char *state, *cluster; /* NULL: not given */
    uint64_t slots;              /* 0: as many as fit */
    bool json;
};

/* ---- The store ---- */

static struct store *open_existing(const char *state, struct errmsg *msg)
{
    char *path = file_join(state, "store");
    struct store *store = NULL;
    struct store_config config = { .path = path, .read_only = true, .allow_network_fs = true };
    err e = store_open(&config, &store, msg); /* msg says why it stays NULL */
    if (e == ERR_NOT_FOUND) /* also while a first run, or one that was cut short, makes it */
        msg->text[0] = '\0';
    free(path);
    return store;
}

/* ---- The machines ---- */

/* A kind of them a group of the cluster file. The caller frees. */
static struct plan_machine *machines_of(const struct cluster *cluster)
{
    struct plan_machine *list = xcalloc(cluster->group_count + 1, sizeof(*list));
    for (size_t i = 0; i < cluster->group_count; i++) {
        const struct cluster_group *g = &cluster->groups[i];
        const char *nameless = g->gpus_per_slot > 0 ? "GPUs of no name" : "no GPU";
        list[i] = (struct plan_machine){ .name = *g->gpu ? g->gpu : nameless,
                                         .workers = g->count,
                                         .slots = g->slots,
                                         .gpus_per_slot = g->gpus_per_slot,
                                         .cores_per_slot = g->cpus_per_slot,
                                         .memory_bytes = g->memory_per_slot,
                                         .gpu_memory_bytes = g->gpu_memory,
                                         .gpu_type = *g->gpu ? g->gpu : NULL };
    }
    return list;
}

/* ---- The command ---- */

static int print_plan(struct sweeps *sweeps, const struct plan_machine *machines, size_t count,
                      const char *state, bool json)
{
    struct errmsg msg = { 0 };
    struct store *store = open_existing(state, &msg);
    if (msg.text[0])
        return say_error("plan", EXIT_STORE_FAILED, "%s", msg.text);
    if (store)
        (void)sweeps_recall(sweeps, store, NULL); /* what is damaged is fsck's to tell */
    struct plan_store look = plan_look(store);
    struct plan_question question = { .machines = machines,
                                      .machine_count = count,
                                      .store = store ? &look : NULL,
                                      .now_wall_ms = clock_wall_ms(),
                                      .submitted_wall_ms = sweeps->submitted_wall_ms };
    struct plan_report report;
    plan_report_make(sweeps->all, &question, &report);
    struct buf out = { 0 };
    if (json)
        plan_report_json(&report, &out);
    else
        plan_report_text(&report, &out);
    fwrite(out.data, 1, out.len, stdout);
    int code = report.blocked > 0 ? EXIT_INFRASTRUCTURE : EXIT_DONE;
    buf_release(&out);
    plan_report_release(&report);
    if (store)
        store_close(store);
    return code;
}

static int plan_here(struct sweeps *sweeps, const char *state, const struct options *o)
{
    struct errmsg msg = { 0 };
    struct machine machine;
    if (machine_of_this_host(sweeps->specs, sweeps->count, (unsigned)o->slots, &machine, &msg))
        return say_error("plan", EXIT_INFRASTRUCTURE, "%s", msg.text);
    return print_plan(sweeps, &machine.slots, 1, state, o->json);
}

static int plan_on_cluster(struct sweeps *sweeps, const char *state, const struct options *o)
{
    struct cluster cluster;
    int code = open_cluster(o->cluster, &cluster);
    if (code)
        return code;
    struct plan_machine *machines = machines_of(&cluster);
    code = print_plan(sweeps, machines, cluster.group_count, state, o->json);
    free(machines);
    cluster_release(&cluster);
    return code;
}

static int parse(int argc, char **argv, struct options *o)
{
    enum { STATE = 256, SLOTS, CLUSTER, JSON, HELP_OPTION };
    static const struct option options[] = { { "state", required_argument, NULL, STATE },
                                             { "slots", required_argument, NULL, SLOTS },
                                             { "cluster", required_argument, NULL, CLUSTER },
                                             { "json", no_argument, NULL, JSON },
                                             { "help", no_argument, NULL, HELP_OPTION },
                                             { NULL, 0, NULL, 0 } };
    *o = (struct options){ 0 };
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case STATE: o->state = optarg; break;
        case SLOTS:
            if (!text_parse_u64(optarg, &o->slots) || o->slots == 0 || o->slots > 1024)
                return say_error("plan", EXIT_BAD_INPUT,
                                 "--slots: expected a number from 1 to 1024, found \"%s\"", optarg);
            break;
        case CLUSTER: o->cluster = optarg; break;
        case JSON: o->json = true; break;
        case HELP_OPTION: fputs(HELP, stdout); return -1;
        default: return say_bad_option(argv, option);
        }
    }
    if (o->slots > 0 && o->cluster)
        return say_error("plan", EXIT_BAD_INPUT,
                         "--slots is of this machine, and --cluster is another one: not both");
    return expect_sweeps(argc, argv, optind);
}

int cmd_plan(int argc, char **argv)
{
    struct options o;
    int code = parse(argc, argv, &o);
    if (code)
        return code < 0 ? 0 : code;
    struct sweeps *sweeps = xcalloc(1, sizeof(*sweeps));
    code = open_sweeps((const char *const *)(argv + optind), (size_t)(argc - optind), sweeps);
    if (code == 0) {
        char *state = o.state ? xstrdup(o.state) : default_state(argv[optind]);
        if (file_exists(state) && !file_is_dir(state)) /* mistyped: nothing is ever stored there */
            code = say_error("plan", EXIT_BAD_INPUT,
                             "%s: expected the folder where results are kept; it is none", state);
        else
            code = o.cluster ? plan_on_cluster(sweeps, state, &o) : plan_here(sweeps, state, &o);
        free(state);
    }
    sweeps_release(sweeps);
    free(sweeps);
    return code;
}
