/* muster levels: General-Level of one model from a score table, without a sweep. */
#ifndef MUSTER_OPS_CLI_LEVELS_H
#define MUSTER_OPS_CLI_LEVELS_H

/* argv[0] is the name of the subcommand. Writes to stdout, errors to stderr. Returns the exit code:
 * 0, or 2 for a wrong command line, a table that cannot be read, or scores that a rule refuses.
 * `muster levels --help` says the rest. */
int cmd_levels(int argc, char **argv);

#endif
