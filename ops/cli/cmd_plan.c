/* muster plan: what a run would do, before it costs anything. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "coordinator/spec/plan_report.h"
#include "coordinator/store/store.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"
#include "ops/cli/machine.h"

static const char HELP[] =
    "Usage: muster plan SWEEP.yaml [--state DIR] [--slots N] [--json]\n"
    "\n"
    "Says what `muster run` would do on this machine: how many jobs and instances, what is done\n"
    "already, what cannot run and why. Starts nothing, changes nothing.\n"
    "\n"
    "Exit: 0 everything could run; 2 bad input; 4 something cannot run.\n";

/* ---- A look into the store ---- */

static void done_of(void *owner, const struct plan_model *m, const struct plan_task *t,
                    struct plan_done *out)
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
    bitmap_copy(&missing, &t->wanted);
    bitmap_andnot(&missing, &ended);
    out->ended = t->wanted_count - bitmap_count(&missing);
    for (int s = 0; s < STATUS_COUNT; s++)
        out->rows += tally.count[s];
    out->micros = tally.micros;
    bitmap_release(&missing);
    bitmap_release(&ended);
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

/* ---- The command ---- */

static struct store *open_existing(const char *state, struct errmsg *msg)
{
    char *path = file_join(state, "store");
    struct store *store = NULL;
    struct store_config config = { .path = path, .read_only = true, .allow_network_fs = true };
    if (file_is_dir(path))
        (void)store_open(&config, &store, msg); /* msg says why it stays NULL */
    free(path);
    return store;
}

static int print_plan(const struct spec *spec, const struct plan *plan, const char *state,
                      unsigned slots, bool json)
{
    struct errmsg msg = { 0 };
    struct machine machine;
    if (machine_of_this_host(spec, 1, slots, &machine, &msg))
        return say_error("plan", EXIT_INFRASTRUCTURE, "%s", msg.text);
    struct store *store = open_existing(state, &msg);
    if (msg.text[0])
        return say_error("plan", EXIT_STORE_FAILED, "%s", msg.text);
    struct plan_store look = { .owner = store, .done = done_of, .earlier = earlier_of };
    struct plan_report report;
    plan_report_make(plan, &machine.slots, store ? &look : NULL, &report);
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

int cmd_plan(int argc, char **argv)
{
    enum { STATE = 256, SLOTS, JSON, HELP_OPTION };
    static const struct option options[] = { { "state", required_argument, NULL, STATE },
                                             { "slots", required_argument, NULL, SLOTS },
                                             { "json", no_argument, NULL, JSON },
                                             { "help", no_argument, NULL, HELP_OPTION },
                                             { NULL, 0, NULL, 0 } };
    const char *given = NULL;
    uint64_t slots = 0;
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case STATE: given = optarg; break;
        case SLOTS:
            if (!text_parse_u64(optarg, &slots) || slots == 0 || slots > 1024)
                return say_error("plan", EXIT_BAD_INPUT,
                                 "--slots: expected a number from 1 to 1024, found \"%s\"", optarg);
            break;
        case JSON: json = true; break;
        case HELP_OPTION: fputs(HELP, stdout); return 0;
        default: return EXIT_BAD_INPUT;
        }
    }
    struct sweep sweep;
    int code = sweep_open(given, argc, argv, optind, &sweep);
    if (code)
        return code;
    code = print_plan(&sweep.spec, &sweep.plan, sweep.state, (unsigned)slots, json);
    sweep_close(&sweep);
    return code;
}
