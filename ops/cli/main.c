/* muster: one program, a command each. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/descriptors.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "ops/cli/commands.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} COMMANDS[] = {
    { "run", cmd_run, "run a sweep here: what is missing of it, then the report" },
    { "plan", cmd_plan, "what a run would do, what is done already, what cannot run and why" },
    { "simulate", cmd_simulate, "how long a sweep would take on a cluster that need not exist" },
    { "status", cmd_status, "how far a running sweep is" },
    { "workers", cmd_workers, "the workers of a running sweep, and what each does" },
    { "failures", cmd_failures, "instances that failed for good, and why" },
    { "explain", cmd_explain, "why a model, worker, task or attempt is where it is" },
    { "drain", cmd_drain, "let a worker or the whole sweep finish what runs, and stop" },
    { "pause", cmd_pause, "take a model's work back for now" },
    { "resume", cmd_resume, "let a paused model go on" },
    { "report", cmd_report, "write the reports anew from what is stored" },
    { "levels", cmd_levels, "General-Level from a table of task scores, without any sweep" },
    { "keygen", cmd_keygen, "a key for a worker or an operator on another machine" },
    { "fsck", cmd_fsck, "verify a state folder" },
};
enum { COMMAND_COUNT = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

static void print_help(FILE *out)
{
    fputs("Usage: muster COMMAND [arguments]\n\n", out);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].what);
    fputs("\nmuster COMMAND --help says more. Exit codes: 0 done, 2 bad input, 3 some instances\n"
          "failed, 4 infrastructure failed, 5 stopped early, 74 the store failed, 75 the state is\n"
          "held by another coordinator.\n",
          out);
}

static int unknown(const char *word)
{
    const char *names[COMMAND_COUNT];
    for (int i = 0; i < COMMAND_COUNT; i++)
        names[i] = COMMANDS[i].name;
    const char *near = text_nearest(word, names, COMMAND_COUNT);
    fprintf(stderr, "muster: no command \"%s\"%s%s%s; see muster help\n", word,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return EXIT_BAD_INPUT;
}

static const struct command *find(const char *word)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, word) == 0)
            return &COMMANDS[i];
    return NULL;
}

static int help_of(const struct command *c, char *name)
{
    char option[] = "--help", *words[] = { name, option, NULL };
    return c->run(2, words);
}

/* `muster help`, or `muster help COMMAND` as `muster COMMAND --help`. */
static int help(int argc, char **argv)
{
    const struct command *c = argc > 2 ? find(argv[2]) : NULL;
    if (c)
        return help_of(c, argv[2]);
    if (argc > 2)
        return unknown(argv[2]);
    print_help(stdout);
    return 0;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_BAD_INPUT;
    }
    const char *word = argv[1];
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help(argc, argv);
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        puts("muster " MUSTER_VERSION);
        return 0;
    }
    const struct command *c = find(word);
    if (c && argc == 3 && strcmp(argv[2], "-h") == 0)
        return help_of(c, argv[1]);
    return c ? c->run(argc - 1, argv + 1) : unknown(word);
}

/* Output that is cut short, on a full disk for instance, must not pass for all of it. But a sweep
 * has been run, whatever becomes of what a run shows: its exit code is that of the sweep. */
static int flush(int code, bool is_run)
{
    int failed_before = ferror(stdout);
    if (fflush(stdout) == 0 && !failed_before)
        return code;
    fprintf(stderr, "muster: cannot write the output: %s\n",
            failed_before ? "some of it is lost" : strerror(errno));
    return code || is_run ? code : EXIT_INFRASTRUCTURE;
}

int main(int argc, char **argv)
{
    descriptors_fill();
    json_set_alloc_funcs(xmalloc, free); /* no document may be silently short of a part */
    signal(SIGPIPE, SIG_DFL);            /* `muster failures | head` ends quietly */
    return flush(run(argc, argv), argc > 1 && strcmp(argv[1], "run") == 0);
}
