/* What the commands share that ask a running coordinator, or order something. */
#ifndef MUSTER_OPS_CLI_ASK_H
#define MUSTER_OPS_CLI_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

struct ask_options {
    const char *command;
    char *state;               /* the caller frees */
    const char *connect, *key; /* at an endpoint instead of a state folder; NULL: no */
    const char *sweep_file;    /* NULL: a state folder was named */
    const char *model;         /* failures, pause, resume */
    const char *worker;        /* drain */
    const char *what;          /* explain: the last word */
    uint64_t limit;
    bool json;
};

/* What a command takes beyond what all take. An option that it would not heed is refused: `drain
 * --model` would stop everything. */
enum { ASK_MODEL = 1, ASK_WORKER = 2, ASK_LIMIT = 4, ASK_WHAT = 8 };

struct ask_usage {
    unsigned takes;    /* of ASK_... */
    const char *words; /* the same, as the usage has it; "" or with a blank behind it */
    const char *does;
};

/* 0, -1 after --help, or the exit code after saying what was expected. */
int ask_parse(int argc, char **argv, const struct ask_usage *usage, struct ask_options *o);

/* Whether a coordinator has the store open. holder: its pid and host are appended; may be NULL. */
bool ask_somebody_runs(const char *state, struct buf *holder);

/* Takes over the question. 0, and the caller releases *out; or the exit code, after saying why. */
int ask(const struct ask_options *o, json_t *question, json_t **out);
/* The whole of an answer whose list `key` comes in pages. */
int ask_all(const struct ask_options *o, const char *what, const char *key, json_t **out);

/* A member of an answer: 0, or "-", if there is none. */
long long ask_whole(const json_t *o, const char *key);
const char *ask_text(const json_t *o, const char *key);

void ask_print_json(const json_t *o);
/* Text that came from models or workers must not steer the terminal. */
void ask_print_safe(const char *s);
/* The same in a column of so many characters, filled up with blanks; what is longer is cut, or
 * where it is wanted whole, shifts the rest. */
void ask_print_cell(const char *s, size_t columns, bool is_cut);
void ask_print_insecure(const json_t *reply); /* nothing, if it is not */

#endif
