/* The command line of muster-launch. */
#ifndef MUSTER_WORKER_LAUNCH_OPTIONS_H
#define MUSTER_WORKER_LAUNCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
    LAUNCH_IDS_MAX = 8192, /* cpus or nodes; Linux is built for at most so many */
    LAUNCH_WORD_BITS = 8 * sizeof(unsigned long),
    LAUNCH_WORDS = LAUNCH_IDS_MAX / LAUNCH_WORD_BITS,
    LAUNCH_LIMITS = 4
};

/* A set of cpus or nodes, laid out as the kernel wants it. */
struct launch_ids {
    unsigned long words[LAUNCH_WORDS];
    unsigned count;
};

struct launch_limit {
    unsigned resource; /* RLIMIT_... */
    rlim_t value;
};

struct launch_options {
    struct launch_ids cpus, nodes; /* count 0: leave as it is */
    bool strict_nodes;             /* memory from these nodes only, rather than first from them */
    const char *cwd;               /* NULL: stay */
    struct launch_limit limits[LAUNCH_LIMITS];
    size_t limit_count;
    bool has_nice;
    int nice;
    pid_t ppid; /* 0: not checked */
    bool help;
    char **command; /* the model and its arguments, ended by NULL */
};

/* False: the line in `problem` says what is wrong. Borrows from argv. */
bool options_parse(int argc, char **argv, struct launch_options *out, char *problem,
                   size_t problem_bytes);

extern const char options_usage[];

#endif
