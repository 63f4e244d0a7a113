/* What `muster run` is told on its command line. */
#ifndef MUSTER_OPS_CLI_RUN_OPTIONS_H
#define MUSTER_OPS_CLI_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct run_options {
    char *const *sweep_files; /* those of the command line */
    size_t sweep_count;
    char *state;    /* its folder, told or by default */
    unsigned slots; /* 0: as many as fit */
    const char *listen, *listen_operators, *keys;
    unsigned workers;
    bool insecure, retry_failures, quiet;
};

/* 0; -1: help was asked for, and shown; else an exit code, the reason was printed. `out` borrows
 * from argv, and is released in each case. */
int run_options_parse(int argc, char **argv, struct run_options *out);
void run_options_release(struct run_options *o);

#endif
