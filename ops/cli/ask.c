#include "ops/cli/ask.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/zsock.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "ops/cli/client.h"
#include "ops/cli/common.h"

enum {
    ASK_TIMEOUT_MS = 5000,
    NOBODY_TIMEOUT_MS = 1000 /* nobody runs the sweep, or is just being started again */
};

static const char HELP[] =
    "Usage: muster %s [SWEEP.yaml | --state DIR | --connect ENDPOINT --key FILE] %s[--json]\n"
    "\n"
    "%s\n"
    "\n"
    "Asks the coordinator that runs the sweep. SWEEP.yaml stands for its state folder,\n"
    "SWEEP.muster; without either, the only *.muster folder here is meant. From another machine:\n"
    "the ENDPOINT of its --listen-operators, and an operator's key.\n"
    "\n"
    "Exit: 0 answered; 2 bad input; 4 no coordinator answers.\n";

static bool is_called_as_a_sweep(const char *word)
{
    return text_ends_with(word, ".yaml") || text_ends_with(word, ".yml") ||
           text_ends_with(word, ".muster");
}

/* `first`: of the words. The last one is what is asked about, unless it is the sweep, alone. */
static int take_what(struct ask_options *o, int *argc, char **argv, int first, bool has_sweep)
{
    bool is_missing = first == *argc || !*argv[*argc - 1] ||
                      (first + 1 == *argc && !has_sweep && is_called_as_a_sweep(argv[first]));
    if (is_missing)
        return say_error(argv[0], EXIT_BAD_INPUT,
                         "what%s%s? expected a model, worker, task, MODEL/TASK or attempt; see "
                         "--help",
                         first < *argc ? " of " : "", first < *argc ? argv[first] : "");
    o->what = argv[--*argc];
    return 0;
}

/* JSON has nothing else, and nothing has such a name. */
static int check_names(const struct ask_options *o)
{
    const char *const names[] = { o->model, o->worker, o->what };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i] && !text_is_utf8(span_str(names[i])))
            return say_error(o->command, EXIT_BAD_INPUT,
                             "expected a name in UTF-8, found bytes that are none");
    return 0;
}

static int check_connect(const struct ask_options *o, bool has_sweep)
{
    if (o->connect && has_sweep)
        return say_error(o->command, EXIT_BAD_INPUT,
                         "--connect ENDPOINT or a sweep of this machine, not both");
    if (o->connect && !zsock_is_endpoint(o->connect))
        return say_error(o->command, EXIT_BAD_INPUT,
                         "--connect: expected tcp://HOST:PORT or ipc://PATH, found \"%s\"",
                         o->connect);
    if (o->key && (!o->connect || strncmp(o->connect, "tcp://", 6) != 0))
        return say_error(o->command, EXIT_BAD_INPUT, "--key goes with --connect tcp://HOST:PORT");
    return 0;
}

int ask_parse(int argc, char **argv, const struct ask_usage *usage, struct ask_options *o)
{
    enum { STATE = 256, CONNECT, KEY, MODEL, WORKER, LIMIT, JSON, HELP_OPTION };
    static const struct option options[] = {
        { "state", required_argument, NULL, STATE },
        { "connect", required_argument, NULL, CONNECT },
        { "key", required_argument, NULL, KEY },
        { "model", required_argument, NULL, MODEL },
        { "worker", required_argument, NULL, WORKER },
        { "limit", required_argument, NULL, LIMIT },
        { "json", no_argument, NULL, JSON },
        { "help", no_argument, NULL, HELP_OPTION },
        { NULL, 0, NULL, 0 },
    };
    *o = (struct ask_options){ .command = argv[0], .limit = 100 };
    const char *given = NULL;
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        unsigned takes = option == MODEL    ? ASK_MODEL
                         : option == WORKER ? ASK_WORKER
                         : option == LIMIT  ? ASK_LIMIT
                                            : 0;
        if (takes & ~usage->takes)
            return say_error(argv[0], EXIT_BAD_INPUT, "--%s is no option of muster %s; see --help",
                             options[option - STATE].name, argv[0]);
        switch (option) {
        case STATE: given = optarg; break;
        case CONNECT: o->connect = optarg; break;
        case KEY: o->key = optarg; break;
        case MODEL: o->model = optarg; break;
        case WORKER: o->worker = optarg; break;
        case LIMIT:
            if (!text_parse_u64(optarg, &o->limit) || o->limit == 0)
                return say_error(argv[0], EXIT_BAD_INPUT,
                                 "--limit: expected a whole number from 1, found \"%s\"", optarg);
            break;
        case JSON: o->json = true; break;
        case HELP_OPTION: printf(HELP, argv[0], usage->words, usage->does); return -1;
        default: return say_bad_option(argv, option);
        }
    }
    if ((usage->takes & ASK_WHAT) && take_what(o, &argc, argv, optind, given || o->connect) != 0)
        return EXIT_BAD_INPUT;
    if (check_names(o) != 0 || check_connect(o, given || optind < argc) != 0)
        return EXIT_BAD_INPUT;
    if (o->connect)
        return 0;
    if (optind < argc && !file_is_dir(argv[optind]))
        o->sweep_file = argv[optind];
    o->state = find_state(given, argc, argv, optind);
    return o->state ? 0 : EXIT_BAD_INPUT;
}

bool ask_somebody_runs(const char *state, struct buf *holder)
{
    char *lock = file_join(state, "store/muster.lock");
    bool held = file_is_locked(lock, holder);
    free(lock);
    return held;
}

static err connect_there(const struct ask_options *o, struct client **out, struct errmsg *msg)
{
    struct key_file key;
    err e = o->key ? key_read_for(KEY_OPERATOR, o->key, &key, msg) : OK;
    if (e)
        return e == ERR_IO ? e : ERR_INVALID; /* bad input, whatever is wrong with it */
    e = client_connect(o->connect, o->key ? &key : NULL, out, msg);
    if (o->key)
        key_forget(&key);
    return e;
}

/* A sweep was started in this folder: nothing is made in one that has another purpose, and nobody
 * waits for an answer from there. */
static err check_state(const char *state, struct errmsg *msg)
{
    static const char *const signs[] = { "run.lock", "log" };
    bool is_absent = true;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        char *path = file_join(state, signs[i]);
        is_absent &= file_is_absent(path);
        free(path);
    }
    if (is_absent)
        return err_say(msg, ERR_NOT_FOUND,
                       "%s: expected the state folder of a sweep that was started (muster run)",
                       state);
    if (access(state, X_OK) != 0)
        return err_say(msg, ERR_DENIED,
                       "%s: %s: only who runs the sweep may ask here; others may with --connect "
                       "and an operator's key",
                       state, strerror(errno));
    return OK;
}

static err connect_here(const struct ask_options *o, struct client **out, struct errmsg *msg)
{
    err e = check_state(o->state, msg);
    return e ? e : client_open(o->state, out, msg);
}

int ask(const struct ask_options *o, json_t *question, json_t **out)
{
    bool may_take_long = o->connect || ask_somebody_runs(o->state, NULL);
    int timeout_ms = may_take_long ? ASK_TIMEOUT_MS : NOBODY_TIMEOUT_MS;
    struct errmsg msg = { 0 };
    struct client *client = NULL;
    err e = o->connect ? connect_there(o, &client, &msg) : connect_here(o, &client, &msg);
    if (!e)
        e = client_ask(client, question, timeout_ms, out, &msg);
    client_close(client);
    json_decref(question);
    if (!e)
        return 0;
    if (e == ERR_TIMEOUT && !may_take_long)
        return say_error(o->command, EXIT_INFRASTRUCTURE,
                         "no coordinator answers: nothing runs in %s; muster plan SWEEP.yaml says "
                         "what is done, muster failures SWEEP.yaml what failed, and muster run "
                         "SWEEP.yaml goes on",
                         o->state);
    return say_error(o->command,
                     e == ERR_INVALID || e == ERR_NOT_FOUND ? EXIT_BAD_INPUT : EXIT_INFRASTRUCTURE,
                     "%s", msg.text);
}

int ask_all(const struct ask_options *o, const char *what, const char *key, json_t **out)
{
    int code = ask(o, json_pack("{s:s}", "ask", what), out);
    json_t *next = code == 0 ? json_incref(json_object_get(*out, "next")) : NULL;
    while (code == 0 && json_is_integer(next)) {
        json_t *page = NULL;
        code = ask(o, json_pack("{s:s,s:O}", "ask", what, "from", next), &page);
        json_decref(next);
        next = code == 0 ? json_incref(json_object_get(page, "next")) : NULL;
        json_array_extend(json_object_get(*out, key), json_object_get(page, key));
        json_decref(page);
    }
    json_decref(next);
    json_object_del(*out, "next");
    return code;
}

void ask_print_json(const json_t *o)
{
    json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    putchar('\n');
}

long long ask_whole(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

const char *ask_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "-";
}

void ask_print_safe(const char *s)
{
    struct buf out = { 0 };
    text_append_safe(&out, span_str(s));
    fputs(buf_cstr(&out), stdout);
    buf_release(&out);
}

void ask_print_cell(const char *s, size_t columns, bool is_cut)
{
    struct buf out = { 0 };
    size_t used = 0, len = 0;
    text_append_safe(&out, span_str(s));
    while (len < out.len && (used < columns || !is_cut)) {
        len++;
        while (len < out.len && (out.data[len] & 0xC0) == 0x80) /* the rest of a character */
            len++;
        used++;
    }
    fwrite(out.data, 1, len, stdout);
    printf("%*s", used < columns ? (int)(columns - used) : 0, "");
    buf_release(&out);
}

void ask_print_insecure(const json_t *reply)
{
    if (json_is_true(json_object_get(reply, "insecure")))
        puts(
            "INSECURE: it listens without keys; nothing is encrypted, whoever connects is trusted");
}
