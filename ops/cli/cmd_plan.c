/* muster plan: what a run would do, before it costs anything. */
#include <getopt.h>
#include <jansson.h>
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
#include "ops/cli/measured.h"

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
    "Exit: 0 everything could run; 2 bad input; 4 something cannot run.\n";

struct options {
    const char *state, *cluster; /* NULL: not given */
    uint64_t slots;              /* 0: as many as fit */
    bool json;
};

/* ---- A look into the store ---- */

struct failed_count {
    const struct bitmap *wanted;
    uint32_t count;
};

static void count_wanted(void *owner, const struct strike *failure)
{
    struct failed_count *c = owner;
    c->count += bitmap_get(c->wanted, failure->instance) ? 1 : 0;
}

/* Of those that are wanted: an earlier form of the sweep may have asked for more. */
static uint32_t count_failed(struct store *store, uint32_t model, uint32_t task, uint64_t failed,
                             const struct bitmap *wanted)
{
    struct failed_count c = { .wanted = wanted };
    struct strike before = { .model = model, .task = task - 1, .instance = UINT32_MAX };
    size_t given = 0; /* fewer are for fsck to tell */
    (void)store_each_failure(store, model, before, failed, count_wanted, &c, &given, NULL);
    return c.count;
}

static void done_of(void *owner, const struct plan_model *m, const struct plan_task *t,
                    const struct bitmap *wanted, struct plan_done *out)
{
    struct store *store = owner;
    uint32_t model = store_find_model(store, &m->identity);
    uint32_t task = store_find_task(store, &t->identity);
    *out = (struct plan_done){ 0 };
    struct bitmap ended;
    struct tally tally;
    if (model == 0 || task == 0 ||
        store_load_cell(store, model, task, t->task->size, &ended, &tally, NULL))
        return; /* nothing there; a damaged cell is for fsck to tell */
    struct bitmap missing;
    bitmap_copy(&missing, wanted);
    bitmap_andnot(&missing, &ended);
    out->ended = bitmap_count(wanted) - bitmap_count(&missing);
    for (int s = 0; s < STATUS_COUNT; s++)
        out->rows += tally.count[s];
    out->micros = tally.micros;
    uint64_t failed = out->rows - tally.count[STATUS_OK];
    if (failed > 0)
        out->failed = count_failed(store, model, task, failed, wanted);
    bitmap_release(&missing);
    bitmap_release(&ended);
}

static void times_of(void *owner, const struct plan_model *m, struct plan_times *out)
{
    struct learned learned = measured_model(owner, m);
    *out = (struct plan_times){ .load_ms = (double)learned.load_ns * 1e-6,
                                .instance_ms = (double)learned.instance_ns * 1e-6 };
}

struct named {
    const char *name;
    struct store *store;
    plan_earlier_f *each;
    void *owner;
    struct {
        uint32_t id;
        struct digest identity;
        char *record;
    } * found;
    size_t count, capacity;
};

static void collect_named(void *owner, uint32_t id, const struct digest *identity,
                          struct span record)
{
    struct named *n = owner;
    json_t *o = json_loadb((const char *)record.data, record.len, 0, NULL);
    const char *name = json_string_value(json_object_get(o, "name"));
    if (name && strcmp(name, n->name) == 0) {
        n->found = xgrow(n->found, &n->capacity, n->count + 1, sizeof(*n->found));
        n->found[n->count].id = id;
        n->found[n->count].identity = *identity;
        n->found[n->count].record = xstrndup((const char *)record.data, record.len);
        n->count++;
    }
    json_decref(o);
}

static void earlier_of(void *owner, const char *model_name, plan_earlier_f *each, void *each_owner)
{
    struct named n = { .name = model_name, .store = owner, .each = each, .owner = each_owner };
    (void)store_each_model(owner, collect_named, &n, NULL); /* what is damaged is fsck's to tell */
    for (size_t i = 0; i < n.count; i++) {
        uint64_t results = 0;
        (void)store_count_results(owner, n.found[i].id, &results, NULL);
        each(each_owner, &(struct plan_earlier){ .identity = n.found[i].identity,
                                                 .record = span_str(n.found[i].record),
                                                 .results = results });
        free(n.found[i].record);
    }
    free(n.found);
}

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
    struct plan_store look = {
        .owner = store, .done = done_of, .earlier = earlier_of, .times = times_of
    };
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
        code = o.cluster ? plan_on_cluster(sweeps, state, &o) : plan_here(sweeps, state, &o);
        free(state);
    }
    sweeps_release(sweeps);
    free(sweeps);
    return code;
}
