/* The commands of `muster`. Each parses its own arguments (argv[0] is its name), prints what it has
 * to say, and returns the exit code (coordinator/exit_code.h).
 *
 * To add one: its function here, a file cmd_NAME.c, a line in the table of main.c. */
#ifndef MUSTER_OPS_CLI_COMMANDS_H
#define MUSTER_OPS_CLI_COMMANDS_H

int cmd_run(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_workers(int argc, char **argv);
int cmd_failures(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_fsck(int argc, char **argv);
int cmd_levels(int argc, char **argv);
int cmd_keygen(int argc, char **argv);

#endif
