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

static const char HELP[] = "Usage: muster report SWEEP.yaml [--state DIR] [--quiet]\n"
                           "\n"
                           "Writes report.md, report.csv and report.json anew from what is stored, "
                           "and shows the summary.\n"
                           "Works while the sweep runs: the report then says how much is missing.\n"
                           "\n"
                           "Exit: 0 written; 2 bad input; 74 the store cannot be read.\n";

static int write_report(const struct plan *plan, const char *state, bool quiet)
{
    char *store_path = file_join(state, "store"), *dir = file_join(state, "report");
    struct store_config config = { .path = store_path,
                                   .read_only = true,
                                   .allow_network_fs = true };
    struct store *store = NULL;
    struct errmsg msg = { 0 };
    err e = store_open(&config, &store, &msg);
    if (!e)
        e = report_write(plan, store, dir, &msg);
    if (!e && !quiet)
        e = summary_print(dir, &msg);
    if (store)
        store_close(store);
    free(store_path);
    free(dir);
    if (!e)
        return 0;
    return say_error("report", e == ERR_NOT_FOUND ? EXIT_BAD_INPUT : EXIT_STORE_FAILED, "%s",
                     msg.text);
}

int cmd_report(int argc, char **argv)
{
    enum { STATE = 256, QUIET, HELP_OPTION };
    static const struct option options[] = { { "state", required_argument, NULL, STATE },
                                             { "quiet", no_argument, NULL, QUIET },
                                             { "help", no_argument, NULL, HELP_OPTION },
                                             { NULL, 0, NULL, 0 } };
    const char *given = NULL;
    bool quiet = false;
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case STATE: given = optarg; break;
        case QUIET: quiet = true; break;
        case HELP_OPTION: fputs(HELP, stdout); return 0;
        default: return say_bad_option(argv, option);
        }
    }
    struct sweep sweep;
    int code = sweep_open(given, argc, argv, optind, &sweep);
    if (code)
        return code;
    code = write_report(&sweep.plan, sweep.state, quiet);
    sweep_close(&sweep);
    return code;
}
