/* muster report: the reports anew, from the sweep file and what is stored. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/exit_code.h"
#include "coordinator/report/report.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"
#include "ops/cli/summary.h"

static const char HELP[] =
    "Usage: muster report SWEEP.yaml... [--state DIR] [--quiet]\n"
    "\n"
    "Writes report.md, report.csv and report.json anew from what is stored, and shows the "
    "summary:\n"
    "where `muster run` writes them, also of one of several sweeps that were run together.\n"
    "Works while the sweep runs: the report then says how much is missing.\n"
    "\n"
    "  --state DIR  where results are kept (default: SWEEP.muster beside the first file)\n"
    "  --quiet      no summary\n"
    "\n"
    "Exit: 0 written; 2 bad input; 74 the store cannot be read, or a report not be written.\n";

struct options {
    const char *state; /* NULL: not given */
    bool quiet;
};

static err write_one(const struct sweeps *s, size_t i, struct store *store, const char *state,
                     bool quiet, struct errmsg *msg)
{
    char *dir = NULL;
    err e = OK;
    if (s->count > 1)
        dir = sweeps_report_dir(state, s->specs[i].name, true);
    else
        e = sweeps_find_report_dir(state, s->specs[i].name, store, &dir, msg);
    if (!e)
        e = report_write(&s->plans[i], store, dir, msg);
    if (!e && !quiet)
        e = summary_print(dir, msg);
    free(dir);
    return e;
}

static int write_reports(const struct sweeps *s, const char *state, bool quiet)
{
    char *store_path = file_join(state, "store");
    struct store_config config = { .path = store_path,
                                   .read_only = true,
                                   .allow_network_fs = true };
    struct store *store = NULL;
    struct errmsg msg = { 0 };
    err e = store_open(&config, &store, &msg);
    for (size_t i = 0; !e && i < s->count; i++)
        e = write_one(s, i, store, state, quiet, &msg);
    if (store)
        store_close(store);
    free(store_path);
    if (!e)
        return 0;
    return say_error("report", e == ERR_NOT_FOUND ? EXIT_BAD_INPUT : EXIT_STORE_FAILED, "%s",
                     msg.text);
}

static int parse(int argc, char **argv, struct options *o)
{
    enum { STATE = 256, QUIET, HELP_OPTION };
    static const struct option options[] = { { "state", required_argument, NULL, STATE },
                                             { "quiet", no_argument, NULL, QUIET },
                                             { "help", no_argument, NULL, HELP_OPTION },
                                             { NULL, 0, NULL, 0 } };
    *o = (struct options){ 0 };
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case STATE: o->state = optarg; break;
        case QUIET: o->quiet = true; break;
        case HELP_OPTION: fputs(HELP, stdout); return -1;
        default: return say_bad_option(argv, option);
        }
    }
    return expect_sweeps(argc, argv, optind);
}

int cmd_report(int argc, char **argv)
{
    struct options o;
    int code = parse(argc, argv, &o);
    if (code)
        return code < 0 ? 0 : code;
    struct sweeps *sweeps = xcalloc(1, sizeof(*sweeps));
    code = open_sweeps((const char *const *)(argv + optind), (size_t)(argc - optind), sweeps);
    if (code == 0) {
        char *state = o.state ? xstrdup(o.state) : default_state(argv[optind]);
        code = write_reports(sweeps, state, o.quiet);
        free(state);
    }
    sweeps_release(sweeps);
    free(sweeps);
    return code;
}
