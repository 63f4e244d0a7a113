#include "coordinator/config.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/io/zsock.h"
#include "common/limits.h"
#include "common/text.h"
#include "coordinator/exit_code.h"

enum {
    LEASE_BEATS_MIN = 3,        /* a lease outlives two lost beats */
    MAP_GIB_MAX = 65536,        /* what a process can have: 64 TiB, half of its address space */
    DURATION_MS_MAX = 86400000, /* a day: more is a slip of the pen */
    STOP_HELP = 1,              /* what config_parse returns (config.h) */
    STOP_BAD_INPUT = EXIT_BAD_INPUT + 1
};

static const char HELP[] =
    "Usage: muster-coordinator --sweep FILE --state DIR [options]\n"
    "\n"
    "Schedules the sweep of FILE over the workers that connect, and keeps every result in DIR.\n"
    "Started by `muster run`; start it yourself to add workers from elsewhere.\n"
    "\n"
    "  --sweep FILE          the sweep file (YAML); may be repeated: sweeps that share the "
    "workers\n"
    "  --state DIR           where everything is kept; made if absent, never shared\n"
    "  --listen ENDPOINT     also listen for workers there: tcp://0.0.0.0:PORT; may be repeated\n"
    "  --listen-operators ENDPOINT  and for operators: muster status --connect ...\n"
    "  --keys DIR            keys and allow list for tcp (default: keys in the state folder); "
    "made\n"
    "                        if absent, and the list is read again at SIGHUP\n"
    "  --insecure            tcp without encryption, open to whoever connects: closed networks "
    "only\n"
    "  --exit-when-done      end when nothing is left to do (else serve until told to stop)\n"
    "  --retry-failures      open failed instances again\n"
    "  --beat DURATION       how often workers report (default 1s)\n"
    "  --lease DURATION      how long a silent worker keeps its work (default 15s)\n"
    "  --attempt-max N       give out at most N instances at a time (default: by their durations)\n"
    "  --log-level LEVEL     error, warn, info (default) or debug\n"
    "  --allow-network-fs    keep the state on a network file system, at your own risk\n"
    "  --map GIB             address space for the store (default 256), where that is limited; "
    "the\n"
    "                        store cannot grow beyond it\n"
    "  --die-with-parent[=PID]  end when the process that started it ends\n"
    "  --help, --version\n"
    "\n"
    "Exit: 0 done; 2 bad input; 3 some instances failed; 4 infrastructure failed; 5 stopped "
    "early;\n"
    "74 the store failed; 75 another coordinator holds the state.\n";

enum {
    OPT_SWEEP = 256,
    OPT_STATE,
    OPT_LISTEN,
    OPT_LISTEN_OPERATORS,
    OPT_KEYS,
    OPT_INSECURE,
    OPT_EXIT,
    OPT_RETRY,
    OPT_BEAT,
    OPT_LEASE,
    OPT_ATTEMPT_MAX,
    OPT_LEVEL,
    OPT_NETWORK_FS,
    OPT_MAP,
    OPT_DIE,
    OPT_HELP,
    OPT_VERSION
};

static const struct option OPTIONS[] = {
    { "sweep", required_argument, NULL, OPT_SWEEP },
    { "state", required_argument, NULL, OPT_STATE },
    { "listen", required_argument, NULL, OPT_LISTEN },
    { "listen-operators", required_argument, NULL, OPT_LISTEN_OPERATORS },
    { "keys", required_argument, NULL, OPT_KEYS },
    { "insecure", no_argument, NULL, OPT_INSECURE },
    { "exit-when-done", no_argument, NULL, OPT_EXIT },
    { "retry-failures", no_argument, NULL, OPT_RETRY },
    { "beat", required_argument, NULL, OPT_BEAT },
    { "lease", required_argument, NULL, OPT_LEASE },
    { "attempt-max", required_argument, NULL, OPT_ATTEMPT_MAX },
    { "log-level", required_argument, NULL, OPT_LEVEL },
    { "allow-network-fs", no_argument, NULL, OPT_NETWORK_FS },
    { "map", required_argument, NULL, OPT_MAP },
    { "die-with-parent", optional_argument, NULL, OPT_DIE },
    { "help", no_argument, NULL, OPT_HELP },
    { "version", no_argument, NULL, OPT_VERSION },
    { NULL, 0, NULL, 0 },
};

static int wrong(const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "muster-coordinator: %s: expected %s, found \"%s\"\n", option, expected, value);
    return STOP_BAD_INPUT;
}

static bool read_duration(const char *text, uint32_t *out)
{
    int64_t ms;
    if (!text_parse_duration_ms(text, &ms) || ms < 1 || ms > DURATION_MS_MAX)
        return false;
    *out = (uint32_t)ms;
    return true;
}

static bool read_pid(const char *text, long *out)
{
    uint64_t pid;
    if (!text_parse_u64(text, &pid) || pid < 1 || pid > INT_MAX)
        return false;
    *out = (long)pid;
    return true;
}

static bool read_map(const char *text, uint32_t *out)
{
    uint64_t gib;
    if (!text_parse_u64(text, &gib) || gib < 1 || gib > MAP_GIB_MAX)
        return false;
    *out = (uint32_t)gib;
    return true;
}

static bool read_level(const char *text, enum log_level *out)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *out = (enum log_level)i;
        return true;
    }
    return false;
}

static int take_endpoint(const char *option, const char **list, size_t *count)
{
    if (!zsock_is_endpoint(optarg))
        return wrong(option, optarg, "tcp://ADDRESS:PORT or ipc://PATH");
    if (*count == LISTEN_MAX)
        return wrong(option, optarg, "at most 16 endpoints");
    list[(*count)++] = optarg;
    return 0;
}

static bool read_count(const char *text, uint32_t *out)
{
    uint64_t n;
    if (!text_parse_u64(text, &n) || n == 0 || n > TASK_INSTANCES_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

static int take_sweep(struct config *c, const char *file)
{
    if (c->sweep_count == SWEEPS_MAX) {
        fprintf(stderr, "muster-coordinator: --sweep: at most %d sweeps run together\n",
                SWEEPS_MAX);
        return STOP_BAD_INPUT;
    }
    c->sweeps[c->sweep_count++] = file;
    return 0;
}

static int take_option(int option, struct config *c)
{
    switch (option) {
    case OPT_SWEEP: return take_sweep(c, optarg);
    case OPT_STATE: c->state = optarg; return 0;
    case OPT_LISTEN: return take_endpoint("--listen", c->listen, &c->listen_count);
    case OPT_LISTEN_OPERATORS:
        return take_endpoint("--listen-operators", c->listen_operators, &c->listen_operators_count);
    case OPT_KEYS: c->keys = optarg; return 0;
    case OPT_INSECURE: c->insecure = true; return 0;
    case OPT_EXIT: c->exit_when_done = true; return 0;
    case OPT_RETRY: c->retry_failures = true; return 0;
    case OPT_NETWORK_FS: c->allow_network_fs = true; return 0;
    case OPT_MAP:
        return read_map(optarg, &c->map_gib) ? 0 : wrong("--map", optarg, "a number of GiB, as 64");
    case OPT_DIE:
        c->die_with_parent = true;
        return !optarg || read_pid(optarg, &c->parent)
                   ? 0
                   : wrong("--die-with-parent", optarg, "a process id");
    case OPT_BEAT:
        return read_duration(optarg, &c->beat_ms) ? 0
                                                  : wrong("--beat", optarg, "a duration, as 1s");
    case OPT_LEASE:
        return read_duration(optarg, &c->lease_ms) ? 0
                                                   : wrong("--lease", optarg, "a duration, as 15s");
    case OPT_ATTEMPT_MAX:
        return read_count(optarg, &c->attempt_max)
                   ? 0
                   : wrong("--attempt-max", optarg, "a number of instances, as 100");
    case OPT_LEVEL:
        return read_level(optarg, &c->level)
                   ? 0
                   : wrong("--log-level", optarg, "error, warn, info or debug");
    case OPT_HELP: fputs(HELP, stdout); return STOP_HELP;
    case OPT_VERSION: puts("muster-coordinator " MUSTER_VERSION); return STOP_HELP;
    default: return STOP_BAD_INPUT; /* getopt has said what */
    }
}

static int check_config(const struct config *c, int argc, char **argv)
{
    if (optind < argc)
        return wrong("command line", argv[optind], "options only");
    if (c->sweep_count == 0 || !c->state) {
        fprintf(stderr,
                "muster-coordinator: --sweep FILE and --state DIR are needed; see --help\n");
        return STOP_BAD_INPUT;
    }
    if (c->lease_ms < LEASE_BEATS_MIN * c->beat_ms) {
        fprintf(stderr, "muster-coordinator: --lease must be at least three times --beat\n");
        return STOP_BAD_INPUT;
    }
    return 0;
}

int config_parse(int argc, char **argv, struct config *out)
{
    *out = (struct config){ .beat_ms = 1000, .lease_ms = 15000, .level = LOG_INFO };
    optind = 1;
    int option, done = 0;
    while (!done && (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
        done = take_option(option, out);
    return done ? done : check_config(out, argc, argv);
}
