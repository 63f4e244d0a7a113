#include "worker/options.h"

#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "common/io/zsock.h"
#include "common/limits.h"
#include "common/text.h"
#include "proto/definition/definition.h"
#include "worker/topology/topology.h"

const char worker_usage[] =
    "usage: muster-worker --connect ENDPOINT [option ...]\n"
    "       muster-worker --plan [--json] [option ...]\n"
    "\n"
    "Runs models for a coordinator, a model a slot, until it is told to drain (SIGTERM, SIGINT,\n"
    "the coordinator, the end of its lifetime). A second signal stops everything at once.\n"
    "\n"
    "  --connect ENDPOINT     the coordinator's, as tcp://host:7770 or ipc:///path\n"
    "  --key FILE             a worker's key, from the coordinator's keys/worker.key or of\n"
    "                         muster keygen; needed for tcp unless the coordinator is --insecure\n"
    "  --name NAME            this worker's, the same after a restart (the host name)\n"
    "  --state DIR            logs, temporary files, media\n"
    "                         (~/.local/state/muster/worker-NAME)\n"
    "  --media DIR            generated files (DIR/media of --state)\n"
    "  --slots N              at most N slots\n"
    "  --gpus-per-slot N      GPUs a slot (1); 0: slots without GPUs\n"
    "  --cores-per-slot N     cores a slot without GPUs (1)\n"
    "  --memory SIZE          as 64GiB: what models may use of this machine, all slots together "
    "(what\n"
    "                         it has, less if a cgroup or Slurm allows less); 0: not limited\n"
    "  --plan                 say how the machine is shared out, and exit\n"
    "  --json                 ... as JSON\n"
    "  --topology FILE        plan for the machine in this file of lstopo instead of this one\n"
    "  --lifetime TIME        as 4h: how long this allocation lasts; drained before it ends\n"
    "  --log FILE             (standard error)\n"
    "  --log-level LEVEL      error, warn, info or debug (info)\n"
    "  --nice N               priority of the models, 0 to 19 (0)\n"
    "  --die-with-parent[=PID] drain when the process that started this one ends, and go for good\n"
    "                         if no coordinator comes for what is left\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 drained or stopped; 1 it failed; 2 bad usage; 4 the coordinator speaks "
    "another\n"
    "version of the protocol.\n";

enum choice {
    TAKE_CONNECT = 1,
    TAKE_KEY,
    TAKE_NAME,
    TAKE_STATE,
    TAKE_MEDIA,
    TAKE_SLOTS,
    TAKE_GPUS,
    TAKE_CORES,
    TAKE_MEMORY,
    TAKE_PLAN,
    TAKE_JSON,
    TAKE_TOPOLOGY,
    TAKE_LIFETIME,
    TAKE_LOG,
    TAKE_LOG_LEVEL,
    TAKE_NICE,
    TAKE_DIE_WITH_PARENT,
    TAKE_HELP,
    TAKE_VERSION
};

static const struct option long_options[] = {
    { "connect", required_argument, NULL, TAKE_CONNECT },
    { "key", required_argument, NULL, TAKE_KEY },
    { "name", required_argument, NULL, TAKE_NAME },
    { "state", required_argument, NULL, TAKE_STATE },
    { "media", required_argument, NULL, TAKE_MEDIA },
    { "slots", required_argument, NULL, TAKE_SLOTS },
    { "gpus-per-slot", required_argument, NULL, TAKE_GPUS },
    { "cores-per-slot", required_argument, NULL, TAKE_CORES },
    { "memory", required_argument, NULL, TAKE_MEMORY },
    { "plan", no_argument, NULL, TAKE_PLAN },
    { "json", no_argument, NULL, TAKE_JSON },
    { "topology", required_argument, NULL, TAKE_TOPOLOGY },
    { "lifetime", required_argument, NULL, TAKE_LIFETIME },
    { "log", required_argument, NULL, TAKE_LOG },
    { "log-level", required_argument, NULL, TAKE_LOG_LEVEL },
    { "nice", required_argument, NULL, TAKE_NICE },
    { "die-with-parent", optional_argument, NULL, TAKE_DIE_WITH_PARENT },
    { "help", no_argument, NULL, TAKE_HELP },
    { "version", no_argument, NULL, TAKE_VERSION },
    { 0 },
};

static bool take_number(const char *text, unsigned least, unsigned most, unsigned *out)
{
    uint64_t value;
    if (!text_parse_u64(text, &value) || value < least || value > most)
        return false;
    *out = (unsigned)value;
    return true;
}

static bool take_level(const char *text, enum log_level *out)
{
    static const char *const levels[] = { "error", "warn", "info", "debug" };
    for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(text, levels[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool take_endpoint(const char *text, const char **out)
{
    *out = text;
    return zsock_is_endpoint(text);
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* As the protocol has it: a coordinator would refuse the hello. */
static bool take_name(const char *text, const char **out)
{
    *out = text;
    size_t len = strlen(text);
    return len > 0 && len <= NAME_BYTES_MAX && text_is_utf8(span_str(text)) && !strchr(text, '/') &&
           !has_control(text);
}

static bool take_path(const char *text, const char **out)
{
    *out = text;
    return *text != '\0';
}

static bool take_lifetime(const char *text, int64_t *out)
{
    return text_parse_duration_ms(text, out) && *out > 0 &&
           *out <= LIFETIME_DAYS_MAX * INT64_C(86400000);
}

static bool take_memory(const char *text, struct worker_options *o)
{
    double bytes;
    o->has_memory = true;
    if (!text_parse_bytes(text, &bytes) || bytes > (double)MODEL_MEMORY_BYTES_MAX)
        return false;
    if (bytes > 0 && bytes < 1)
        return false; /* a unit was forgotten: rounded it would mean "not limited" */
    o->memory_bytes = (uint64_t)bytes;
    return true;
}

static bool take_flag(bool *out)
{
    *out = true;
    return true;
}

/* NULL: taken; else what was expected. */
static const char *take(enum choice choice, const char *text, struct worker_options *o)
{
    unsigned nice = 0;
    switch (choice) {
    case TAKE_CONNECT:
        return take_endpoint(text, &o->connect) ? NULL : "tcp://HOST:PORT or ipc://PATH";
    case TAKE_KEY: return take_path(text, &o->key) ? NULL : "a file";
    case TAKE_NAME:
        return take_name(text, &o->name)
                   ? NULL
                   : "a name of up to 200 bytes without \"/\" and control characters";
    case TAKE_STATE: return take_path(text, &o->state) ? NULL : "a folder";
    case TAKE_MEDIA: return take_path(text, &o->media) ? NULL : "a folder";
    case TAKE_SLOTS:
        return take_number(text, 1, SLOTS_MAX, &o->slots) ? NULL : "a number from 1 to 1024";
    case TAKE_GPUS:
        return take_number(text, 0, 64, &o->gpus_per_slot) ? NULL : "a number from 0 to 64";
    case TAKE_CORES:
        return take_number(text, 1, 4096, &o->cores_per_slot) ? NULL : "a number from 1 to 4096";
    case TAKE_MEMORY:
        return take_memory(text, o) ? NULL : "a size such as 512MB or 64GiB, up to 1 PiB";
    case TAKE_PLAN: return take_flag(&o->plan) ? NULL : "nothing";
    case TAKE_JSON: return take_flag(&o->json) ? NULL : "nothing";
    case TAKE_TOPOLOGY: return take_path(text, &o->topology) ? NULL : "a file";
    case TAKE_LIFETIME:
        return take_lifetime(text, &o->lifetime_ms) ? NULL : "a time, as 90s, 30m or 4h";
    case TAKE_LOG: return take_path(text, &o->log) ? NULL : "a file";
    case TAKE_LOG_LEVEL:
        return take_level(text, &o->log_level) ? NULL : "error, warn, info or debug";
    case TAKE_NICE:
        if (!take_number(text, 0, 19, &nice))
            return "a number from 0 to 19";
        o->nice = (int)nice;
        return NULL;
    case TAKE_DIE_WITH_PARENT:
        o->die_with_parent = true;
        return !text || take_number(text, 1, INT_MAX, &o->parent) ? NULL : "a process id";
    case TAKE_HELP: return take_flag(&o->help) ? NULL : "nothing";
    case TAKE_VERSION: return take_flag(&o->version) ? NULL : "nothing";
    }
    return "another option";
}

/* getopt's complaints: no such option, no value where one is due, a value where none is. */
static err say_unusable(char **argv, int complaint, int option, struct errmsg *msg)
{
    const char *word = argv[optind - 1], *names[sizeof long_options / sizeof *long_options];
    size_t count = 0;
    for (const struct option *o = long_options; o->name; o++) {
        names[count++] = o->name;
        if (o->val == option && complaint == ':')
            return err_say(msg, ERR_INVALID, "--%s needs a value; see --help", o->name);
        if (o->val == option)
            return err_say(msg, ERR_INVALID, "--%s takes no value; see --help", o->name);
    }
    const char *near = text_nearest(word + strspn(word, "-"), names, count);
    return err_say(msg, ERR_INVALID, "unknown option %s%s%s; see --help", word,
                   near ? "; did you mean --" : "", near ? near : "");
}

static err check_together(const struct worker_options *o, struct errmsg *msg)
{
    if (o->help || o->version || o->plan)
        return OK;
    if (o->json)
        return err_say(msg, ERR_INVALID, "--json goes with --plan");
    if (o->topology)
        return err_say(msg, ERR_INVALID,
                       "--topology FILE goes with --plan: slots can only be "
                       "bound on this machine");
    if (!o->connect)
        return err_say(msg, ERR_INVALID,
                       "--connect ENDPOINT is missing: the coordinator's, as "
                       "tcp://host:7770");
    return OK;
}

err worker_options_parse(int argc, char **argv, struct worker_options *out, struct errmsg *msg)
{
    struct topology_rules rules = topology_rules_default();
    *out = (struct worker_options){
        .log_level = LOG_INFO,
        .gpus_per_slot = rules.gpus_per_slot,
        .cores_per_slot = rules.cores_per_slot,
    };
    optind = 0; /* glibc: start over */
    int choice, index = -1;
    while ((choice = getopt_long(argc, argv, "+:", long_options, &index)) != -1) {
        if (choice == '?' || choice == ':')
            return say_unusable(argv, choice, optopt, msg);
        const char *expected = take((enum choice)choice, optarg, out);
        if (expected)
            return err_say(msg, ERR_INVALID, "--%s: expected %s, not \"%s\"",
                           long_options[index].name, expected, optarg);
    }
    if (optind < argc)
        return err_say(msg, ERR_INVALID, "\"%s\" is no option; see --help", argv[optind]);
    return check_together(out, msg);
}
