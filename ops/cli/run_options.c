#include "ops/cli/run_options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "coordinator/sweeps.h"
#include "ops/cli/common.h"

enum { WORKERS_MAX_LOCAL = 64 };

static const char HELP[] =
    "Usage: muster run SWEEP.yaml... [options]\n"
    "\n"
    "Runs what is missing of a sweep on this machine, and ends with its report. Several sweeps\n"
    "share the machine by their weights and priorities. Run it again to go on: after Ctrl-C, a\n"
    "crash, or with more models or tasks in the file.\n"
    "Ctrl-C lets running instances finish and stops; a second Ctrl-C stops at once. Neither loses\n"
    "a result. After kill -9 running instances finish, too, and the next run waits for them.\n"
    "\n"
    "  --state DIR        where results are kept (default: SWEEP.muster beside the file)\n"
    "  --slots N          model processes at a time (default: one a GPU, or by cores)\n"
    "  --workers N        local worker processes (default 1), each with all slots: more than 1\n"
    "                     only without GPUs; 0: only workers that connect\n"
    "  --listen ENDPOINT  also let workers of other machines connect there (tcp://0.0.0.0:7770):\n"
    "                     encrypted, with the key that is made in the state folder\n"
    "  --listen-operators ENDPOINT  and operators: muster status --connect\n"
    "  --keys DIR         keys and allow list (default: keys in the state folder)\n"
    "  --insecure         without encryption or keys: closed networks only\n"
    "  --retry-failures   try instances again that were quarantined\n"
    "  --quiet            no progress, no report on the screen\n"
    "  --help\n"
    "\n"
    "Exit: 0 done; 2 bad input; 3 some instances failed; 4 some cannot run, or something broke;\n"
    "5 stopped early; 74 the store failed; 75 it runs already.\n";

static bool read_count(const char *text, uint64_t max, unsigned *out)
{
    uint64_t n;
    if (!text_parse_u64(text, &n) || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

/* The last one of two would count, and nobody would connect to the first. */
static int take_once(const char *option, const char **out)
{
    if (*out)
        return say_error("run", EXIT_BAD_INPUT,
                         "--%s: expected one endpoint, found \"%s\" and \"%s\"; muster-coordinator "
                         "takes several",
                         option, *out, optarg);
    *out = optarg;
    return 0;
}

int run_options_parse(int argc, char **argv, struct run_options *out)
{
    enum {
        STATE = 256,
        SLOTS,
        WORKERS,
        LISTEN,
        OPERATORS,
        KEYS,
        INSECURE,
        RETRY,
        QUIET,
        HELP_OPTION
    };
    static const struct option options[] = {
        { "state", required_argument, NULL, STATE },
        { "slots", required_argument, NULL, SLOTS },
        { "workers", required_argument, NULL, WORKERS },
        { "listen", required_argument, NULL, LISTEN },
        { "listen-operators", required_argument, NULL, OPERATORS },
        { "keys", required_argument, NULL, KEYS },
        { "insecure", no_argument, NULL, INSECURE },
        { "retry-failures", no_argument, NULL, RETRY },
        { "quiet", no_argument, NULL, QUIET },
        { "help", no_argument, NULL, HELP_OPTION },
        { NULL, 0, NULL, 0 },
    };
    *out = (struct run_options){ .workers = 1 };
    int option, code = 0;
    while (code == 0 && (option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case STATE: out->state = xstrdup(optarg); break;
        case SLOTS:
            if (!read_count(optarg, 1024, &out->slots) || out->slots == 0)
                return say_error("run", EXIT_BAD_INPUT,
                                 "--slots: expected a number from 1 to 1024, found \"%s\"", optarg);
            break;
        case WORKERS:
            if (!read_count(optarg, WORKERS_MAX_LOCAL, &out->workers))
                return say_error("run", EXIT_BAD_INPUT,
                                 "--workers: expected a number from 0 to 64, found \"%s\"", optarg);
            break;
        case LISTEN: code = take_once("listen", &out->listen); break;
        case OPERATORS: code = take_once("listen-operators", &out->listen_operators); break;
        case KEYS: out->keys = optarg; break;
        case INSECURE: out->insecure = true; break;
        case RETRY: out->retry_failures = true; break;
        case QUIET: out->quiet = true; break;
        case HELP_OPTION: fputs(HELP, stdout); return -1;
        default: return say_bad_option(argv, option);
        }
    }
    code = code ? code : expect_sweeps(argc, argv, optind);
    if (code)
        return code;
    out->sweep_files = argv + optind;
    out->sweep_count = (size_t)(argc - optind);
    if (!out->state)
        out->state = default_state(out->sweep_files[0]);
    return 0;
}

void run_options_release(struct run_options *o)
{
    free(o->state);
}
