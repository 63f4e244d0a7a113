/* muster fsck: is everything in a state folder as it should be? */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "coordinator/exit_code.h"
#include "coordinator/store/store.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"

static const char HELP[] =
    "Usage: muster fsck [SWEEP.yaml | --state DIR] [--json]\n"
    "\n"
    "Verifies a state folder: checksums, order, that each instance is recorded once, and that "
    "every\n"
    "counter equals a recount of the results. Changes nothing. SWEEP.yaml stands for its state\n"
    "folder, SWEEP.muster; without either, the only *.muster folder here is meant.\n"
    "\n"
    "Exit: 0 clean; 1 violations were found and printed; 2 bad input; 74 it cannot be read.\n";

enum { EXIT_VIOLATIONS = 1 };

static void on_violation(void *owner, const char *sentence)
{
    json_t *list = owner;
    json_array_append_new(list, json_string(sentence));
    fprintf(stderr, "%s\n", sentence);
}

static void print_json(const struct fsck_summary *sum, json_t *sentences)
{
    json_t *o = json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:O}", "schema", 1,
                          "models", (json_int_t)sum->models, "tasks", (json_int_t)sum->tasks,
                          "cells", (json_int_t)sum->cells, "blocks", (json_int_t)sum->blocks,
                          "rows", (json_int_t)sum->rows, "failures", (json_int_t)sum->failures,
                          "strikes", (json_int_t)sum->strikes, "bytes", (json_int_t)sum->bytes,
                          "block_bytes", (json_int_t)sum->block_bytes, "violations",
                          (json_int_t)sum->violations, "sentences", sentences);
    json_dumpf(o, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(o);
}

static void print_text(const struct fsck_summary *sum)
{
    printf("%llu results in %llu blocks, %llu failures, %llu strikes, %llu models, %llu tasks: "
           "%llu violations\n",
           (unsigned long long)sum->rows, (unsigned long long)sum->blocks,
           (unsigned long long)sum->failures, (unsigned long long)sum->strikes,
           (unsigned long long)sum->models, (unsigned long long)sum->tasks,
           (unsigned long long)sum->violations);
}

static int check_store(const char *state, bool json)
{
    char *path = file_join(state, "store");
    struct store_config config = { .path = path, .read_only = true, .allow_network_fs = true };
    struct store *store = NULL;
    struct errmsg msg = { 0 };
    struct fsck_summary sum = { 0 };
    json_t *sentences = json_array();
    err e = store_open(&config, &store, &msg);
    if (!e)
        e = store_fsck(store, on_violation, sentences, &sum, &msg);
    if (store)
        store_close(store);
    free(path);
    if (!e && json)
        print_json(&sum, sentences);
    else if (!e)
        print_text(&sum);
    json_decref(sentences);
    if (e)
        return say_error("fsck", e == ERR_NOT_FOUND ? EXIT_BAD_INPUT : EXIT_STORE_FAILED, "%s",
                         msg.text);
    return sum.violations ? EXIT_VIOLATIONS : EXIT_DONE;
}

int cmd_fsck(int argc, char **argv)
{
    enum { STATE = 256, JSON, HELP_OPTION };
    static const struct option options[] = { { "state", required_argument, NULL, STATE },
                                             { "json", no_argument, NULL, JSON },
                                             { "help", no_argument, NULL, HELP_OPTION },
                                             { NULL, 0, NULL, 0 } };
    const char *given = NULL;
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case STATE: given = optarg; break;
        case JSON: json = true; break;
        case HELP_OPTION: fputs(HELP, stdout); return 0;
        default: return say_bad_option(argv, option);
        }
    }
    char *state = find_state(given, argc, argv, optind);
    if (!state)
        return EXIT_BAD_INPUT;
    int code = check_store(state, json);
    free(state);
    return code;
}
