/* To add an option: a line in `long_options`, a case in take_option, a line in the usage. */
#include "worker/launch/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

const char options_usage[] =
    "usage: muster-launch [option ...] -- command [argument ...]\n"
    "\n"
    "Starts a model: sets up its process, then becomes it (exec, no shell).\n"
    "\n"
    "  --cpus LIST       run on these cpus, as 0-3,8\n"
    "  --nodes LIST      take memory first from these NUMA nodes\n"
    "  --strict-nodes    ... and from no others\n"
    "  --cwd DIR         change to this folder\n"
    "  --nofile N        at most N open files\n"
    "  --core BYTES      largest core dump\n"
    "  --fsize BYTES     largest file written\n"
    "  --memory BYTES    most private memory (RLIMIT_DATA)\n"
    "  --nice N          scheduling priority, -20 to 19\n"
    "  --ppid PID        exit if this is no longer the parent\n"
    "  --help            this text\n"
    "\n"
    "Exit status: the command's; 127 if it is not there, 126 if it cannot be started.\n";

enum choice {
    TAKE_CPUS = 1,
    TAKE_NODES,
    TAKE_STRICT_NODES,
    TAKE_CWD,
    TAKE_NOFILE,
    TAKE_CORE,
    TAKE_FSIZE,
    TAKE_MEMORY,
    TAKE_NICE,
    TAKE_PPID,
    TAKE_HELP,
};

static const struct option long_options[] = {
    { "cpus", required_argument, NULL, TAKE_CPUS },
    { "nodes", required_argument, NULL, TAKE_NODES },
    { "strict-nodes", no_argument, NULL, TAKE_STRICT_NODES },
    { "cwd", required_argument, NULL, TAKE_CWD },
    { "nofile", required_argument, NULL, TAKE_NOFILE },
    { "core", required_argument, NULL, TAKE_CORE },
    { "fsize", required_argument, NULL, TAKE_FSIZE },
    { "memory", required_argument, NULL, TAKE_MEMORY },
    { "nice", required_argument, NULL, TAKE_NICE },
    { "ppid", required_argument, NULL, TAKE_PPID },
    { "help", no_argument, NULL, TAKE_HELP },
    { NULL, 0, NULL, 0 },
};

/* A decimal number in [least, most] at *at, which moves behind it. */
static bool take_number(const char **at, long long least, long long most, long long *out)
{
    char *end = NULL;
    bool starts_well = (**at >= '0' && **at <= '9') || (**at == '-' && least < 0);
    errno = 0;
    *out = strtoll(*at, &end, 10);
    if (!starts_well || end == *at || errno || *out < least || *out > most)
        return false;
    *at = end;
    return true;
}

static bool parse_number(const char *text, long long least, long long most, long long *out)
{
    return take_number(&text, least, most, out) && *text == '\0';
}

static void ids_add(struct launch_ids *ids, size_t id)
{
    unsigned long bit = 1ul << (id % LAUNCH_WORD_BITS);
    unsigned long *word = &ids->words[id / LAUNCH_WORD_BITS];
    ids->count += (*word & bit) ? 0 : 1;
    *word |= bit;
}

/* "0-3,8" */
static bool parse_ids(const char *text, struct launch_ids *out)
{
    for (;;) {
        long long first = 0, last = 0;
        if (!take_number(&text, 0, LAUNCH_IDS_MAX - 1, &first))
            return false;
        last = first;
        if (*text == '-') {
            text++;
            if (!take_number(&text, first, LAUNCH_IDS_MAX - 1, &last))
                return false;
        }
        for (long long id = first; id <= last; id++)
            ids_add(out, (size_t)id);
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

static bool take_limit(struct launch_options *out, unsigned resource, const char *text)
{
    long long value = 0;
    if (out->limit_count == LAUNCH_LIMITS || !parse_number(text, 0, LLONG_MAX, &value))
        return false;
    out->limits[out->limit_count++] = (struct launch_limit){ resource, (rlim_t)value };
    return true;
}

static bool take_option(enum choice choice, const char *text, struct launch_options *out)
{
    long long number = 0;
    switch (choice) {
    case TAKE_CPUS: return parse_ids(text, &out->cpus);
    case TAKE_NODES: return parse_ids(text, &out->nodes);
    case TAKE_STRICT_NODES: out->strict_nodes = true; return true;
    case TAKE_CWD: out->cwd = text; return *text != '\0';
    case TAKE_NOFILE: return take_limit(out, RLIMIT_NOFILE, text);
    case TAKE_CORE: return take_limit(out, RLIMIT_CORE, text);
    case TAKE_FSIZE: return take_limit(out, RLIMIT_FSIZE, text);
    case TAKE_MEMORY: return take_limit(out, RLIMIT_DATA, text);
    case TAKE_NICE:
        out->has_nice = parse_number(text, -20, 19, &number);
        out->nice = (int)number;
        return out->has_nice;
    case TAKE_PPID:
        if (!parse_number(text, 1, INT_MAX, &number))
            return false;
        out->ppid = (pid_t)number;
        return true;
    case TAKE_HELP: out->help = true; return true;
    }
    return false;
}

bool options_parse(int argc, char **argv, struct launch_options *out, char *problem,
                   size_t problem_bytes)
{
    *out = (struct launch_options){ 0 };
    opterr = 0; /* one line of ours instead */
    optind = 0; /* glibc: start afresh, for tests that parse more than once */
    for (;;) {
        int index = -1, at = optind ? optind : 1;
        int found = getopt_long(argc, argv, "+", long_options, &index);
        if (found == -1)
            break;
        if (found == '?') {
            snprintf(problem, problem_bytes, "%s: unknown option, or its value is missing",
                     argv[at]);
            return false;
        }
        if (!take_option((enum choice)found, optarg, out)) {
            snprintf(problem, problem_bytes, "--%s: \"%s\" is no value for it",
                     long_options[index].name, optarg);
            return false;
        }
    }
    out->command = argv + optind;
    if (!out->help && !*out->command) {
        snprintf(problem, problem_bytes, "no command; see --help");
        return false;
    }
    return true;
}
