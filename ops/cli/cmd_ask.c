/* The commands that ask a running coordinator, or order something: status, workers, failures,
 * explain, drain, pause, resume. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/exit_code.h"
#include "ops/cli/client.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"
#include "ops/cli/stored_failures.h"

enum {
    ASK_TIMEOUT_MS = 5000,
    NOBODY_TIMEOUT_MS = 1000 /* nobody runs the sweep, or is just being started again */
};

struct ask_options {
    const char *command;
    char *state;
    const char *connect, *key; /* at an endpoint instead of a state folder; NULL: no */
    const char *sweep_file;    /* NULL: a state folder was named */
    const char *model;         /* failures, pause, resume */
    const char *worker;        /* drain */
    const char *what;          /* explain: the last word */
    uint64_t limit;
    bool json;
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
    bool is_missing =
        first == *argc || (first + 1 == *argc && !has_sweep && is_called_as_a_sweep(argv[first]));
    if (is_missing)
        return say_error(argv[0], EXIT_BAD_INPUT,
                         "what%s%s? expected a model, worker, task, MODEL/TASK or attempt; see "
                         "--help",
                         first < *argc ? " of " : "", first < *argc ? argv[first] : "");
    o->what = argv[--*argc];
    return 0;
}

static int parse(int argc, char **argv, const char *extra, const char *what, struct ask_options *o)
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
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
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
        case HELP_OPTION: printf(HELP, argv[0], extra, what); return -1;
        default: return EXIT_BAD_INPUT;
        }
    }
    if (strcmp(argv[0], "explain") == 0 &&
        take_what(o, &argc, argv, optind, given || o->connect) != 0)
        return EXIT_BAD_INPUT;
    if (o->connect && (given || optind < argc))
        return say_error(argv[0], EXIT_BAD_INPUT,
                         "--connect ENDPOINT or a sweep of this machine, not both");
    if (o->key && !o->connect)
        return say_error(argv[0], EXIT_BAD_INPUT, "--key goes with --connect tcp://HOST:PORT");
    if (o->connect)
        return 0;
    if (optind < argc && !file_is_dir(argv[optind]))
        o->sweep_file = argv[optind];
    o->state = find_state(given, argc, argv, optind);
    return o->state ? 0 : EXIT_BAD_INPUT;
}

static bool is_run_by_somebody(const char *state)
{
    char *lock = file_join(state, "store/muster.lock");
    bool held = file_is_locked(lock);
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

static int ask(const struct ask_options *o, json_t *question, json_t **out)
{
    bool may_take_long = o->connect || is_run_by_somebody(o->state);
    int timeout_ms = may_take_long ? ASK_TIMEOUT_MS : NOBODY_TIMEOUT_MS;
    struct errmsg msg = { 0 };
    struct client *client = NULL;
    err e = o->connect ? connect_there(o, &client, &msg) : client_open(o->state, &client, &msg);
    if (!e)
        e = client_ask(client, question, timeout_ms, out, &msg);
    client_close(client);
    json_decref(question);
    if (!e)
        return 0;
    return say_error(o->command,
                     e == ERR_INVALID || e == ERR_NOT_FOUND ? EXIT_BAD_INPUT : EXIT_INFRASTRUCTURE,
                     "%s", msg.text);
}

/* The whole of an answer whose list `key` comes in pages. */
static int ask_all(const struct ask_options *o, const char *what, const char *key, json_t **out)
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

static void print_json(const json_t *o)
{
    json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    putchar('\n');
}

static long long whole(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "-";
}

/* Text that came from models or workers must not steer the terminal. */
static void print_safe(const char *s)
{
    struct buf out = { 0 };
    text_append_safe(&out, span_str(s));
    fputs(buf_cstr(&out), stdout);
    buf_release(&out);
}

/* ---- status ---- */

static void print_if_insecure(const json_t *reply)
{
    if (json_is_true(json_object_get(reply, "insecure")))
        puts(
            "INSECURE: it listens without keys; nothing is encrypted, whoever connects is trusted");
}

static void print_duration(double seconds)
{
    char text_of[32];
    text_format_duration(text_of, sizeof(text_of), (int64_t)(seconds * 1000));
    fputs(text_of, stdout);
}

static void print_count(long long n)
{
    char text_of[32];
    text_format_count(text_of, sizeof(text_of), (uint64_t)n);
    fputs(text_of, stdout);
}

static void print_slots(const json_t *s)
{
    struct buf fleet = { 0 };
    char use[USE_TEXT_BYTES];
    append_fleet(&fleet, s);
    printf("%s, on %lld worker%s", buf_cstr(&fleet), whole(s, "workers"),
           whole(s, "workers") == 1 ? "" : "s");
    if (format_use(s, use))
        printf("; so far slots %s", use);
    putchar('\n');
    buf_release(&fleet);
}

static void print_progress(const json_t *s)
{
    const json_t *left = json_object_get(s, "eta_s");
    printf("sweep %s: %s, ", text(s, "sweep"), text(s, "state"));
    print_count(whole(s, "done"));
    fputs(" of ", stdout);
    print_count(whole(s, "total"));
    printf(" done, %lld failed, %lld given out\n", whole(s, "failed"), whole(s, "running"));
    printf("%.1f instances/s, ", json_number_value(json_object_get(s, "rate_per_s")));
    if (json_is_number(left)) {
        print_duration(json_number_value(left));
        fputs(" to go at this rate", stdout);
    } else {
        fputs("not known how long to go", stdout);
    }
    fputs("; running for ", stdout);
    print_duration(json_number_value(json_object_get(s, "elapsed_s")));
    putchar('\n');
}

/* "  nightly: 200 of 500 done, in 3 slots, 2m 10s left; deadline in 8h 00m: in time" */
static void print_sweep(const json_t *s)
{
    const json_t *left = json_object_get(s, "left_s"), *until = json_object_get(s, "deadline_s");
    const json_t *late = json_object_get(s, "late_by_s");
    printf("  %s: %lld of %lld done, in %lld slots", text(s, "name"), whole(s, "done"),
           whole(s, "total"), whole(s, "busy_slots"));
    if (json_is_number(left)) {
        fputs(", ", stdout);
        print_duration(json_number_value(left));
        fputs(" left", stdout);
    }
    if (json_is_number(until)) {
        double seconds = json_number_value(until);
        fputs(seconds < 0 ? "; the deadline was " : "; the deadline is in ", stdout);
        print_duration(seconds < 0 ? -seconds : seconds);
        fputs(seconds < 0 ? " ago" : "", stdout);
    }
    if (json_is_number(late) && json_number_value(late) <= 0) {
        fputs(": in time", stdout);
    } else if (json_is_number(late)) {
        fputs(": late by ", stdout);
        print_duration(json_number_value(late));
    }
    putchar('\n');
}

static void print_sweeps(const json_t *list)
{
    size_t i;
    json_t *s;
    bool is_told =
        json_array_size(list) > 1 || json_object_get(json_array_get(list, 0), "deadline_s") != NULL;
    json_array_foreach(list, i, s)
    {
        if (is_told)
            print_sweep(s);
    }
}

static void print_model(const json_t *m)
{
    const json_t *ms = json_object_get(m, "instance_ms");
    char per[16] = "-";
    struct buf state = { 0 };
    if (json_is_number(ms))
        snprintf(per, sizeof(per), "%.1f", json_number_value(ms));
    append_model_state(&state, m);
    printf("%-28.28s %10lld %10lld %8lld %10lld %9s  %s\n", text(m, "name"), whole(m, "done"),
           whole(m, "total"), whole(m, "failed"), whole(m, "running"), per, buf_cstr(&state));
    buf_release(&state);
}

static void print_status(const json_t *s)
{
    print_progress(s);
    print_slots(s);
    print_sweeps(json_object_get(s, "sweeps"));
    if (json_is_string(json_object_get(s, "blocked")))
        printf("NOT RECORDING: %s\n", text(s, "blocked"));
    print_if_insecure(s);
    printf("\n%-28s %10s %10s %8s %10s %9s  %s\n", "MODEL", "DONE", "TOTAL", "FAILED", "GIVEN OUT",
           "MS/INST", "STATE");
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(s, "models"), i, m) print_model(m);
}

int cmd_status(int argc, char **argv)
{
    struct ask_options o;
    int code = parse(argc, argv, "", "How far the sweep is, by model.", &o);
    json_t *reply = NULL;
    if (code == 0)
        code = ask_all(&o, "status", "models", &reply);
    if (code == 0 && o.json)
        print_json(reply);
    else if (code == 0)
        print_status(reply);
    json_decref(reply);
    free(o.state);
    return code < 0 ? 0 : code;
}

/* ---- workers ---- */

static void print_slot(const json_t *s)
{
    char use[USE_TEXT_BYTES];
    bool is_known = format_use(s, use);
    printf("  slot %-3lld %-9s %-28.28s %lld queued, %lld GPUs, %lld cores%s%s", whole(s, "slot"),
           text(s, "state"), text(s, "model"), whole(s, "queued"), whole(s, "gpus"),
           whole(s, "cpus"), is_known ? "; " : "", use);
    if (json_is_integer(json_object_get(s, "gang")))
        printf("; %s gang of slot %lld",
               json_is_true(json_object_get(s, "held")) ? "held for the" : "in the",
               whole(s, "gang"));
    putchar('\n');
}

static void print_workers(const json_t *reply)
{
    print_if_insecure(reply);
    printf("%-20s %-9s %8s %10s %8s %10s\n", "WORKER", "STATE", "HEARD", "DONE", "FAILED",
           "UNACKED");
    size_t i, k;
    json_t *w, *s;
    json_array_foreach(json_object_get(reply, "workers"), i, w)
    {
        printf("%-20.20s %-9s %7.1fs %10lld %8lld %9lldB\n", text(w, "name"), text(w, "state"),
               json_number_value(json_object_get(w, "heard_s")), whole(w, "done"),
               whole(w, "failed"), whole(w, "unacked_bytes"));
        json_array_foreach(json_object_get(w, "slots"), k, s) print_slot(s);
    }
}

int cmd_workers(int argc, char **argv)
{
    struct ask_options o;
    int code = parse(argc, argv, "", "The workers, their slots, and what each does.", &o);
    json_t *reply = NULL;
    if (code == 0)
        code = ask_all(&o, "workers", "workers", &reply);
    if (code == 0 && o.json)
        print_json(reply);
    else if (code == 0)
        print_workers(reply);
    json_decref(reply);
    free(o.state);
    return code < 0 ? 0 : code;
}

/* ---- failures ---- */

static void print_failures(const json_t *list)
{
    size_t i;
    json_t *f;
    json_array_foreach(list, i, f)
    {
        printf("%-24s %-40s %6lld  %-9s ", text(f, "model"), text(f, "task"), whole(f, "instance"),
               text(f, "status"));
        print_safe(text(f, "reason"));
        putchar('\n');
    }
    if (json_array_size(list) == 0)
        puts("no instance has failed for good");
}

/* Pages of the coordinator's list, until there are enough or no more. */
static int collect_failures(const struct ask_options *o, json_t *list)
{
    json_t *after = json_null();
    int code = 0;
    while (code == 0 && json_array_size(list) < o->limit) {
        uint64_t left = o->limit - json_array_size(list);
        json_t *question = json_pack("{s:s,s:I,s:O}", "ask", "failures", "limit",
                                     (json_int_t)(left < 200 ? left : 200), "after", after);
        if (o->model)
            json_object_set_new(question, "model", json_string(o->model));
        json_t *reply = NULL;
        code = ask(o, question, &reply);
        json_decref(after);
        after = NULL;
        if (code)
            break;
        json_array_extend(list, json_object_get(reply, "failures"));
        after = json_incref(json_object_get(reply, "next"));
        json_decref(reply);
        if (json_is_null(after))
            break;
    }
    json_decref(after);
    return code;
}

int cmd_failures(int argc, char **argv)
{
    struct ask_options o;
    int code = parse(
        argc, argv, "[--model NAME] [--limit N] ",
        "Instances that failed for good (quarantined), and why. With SWEEP.yaml also when the\n"
        "sweep does not run: then they are read from its store.",
        &o);
    json_t *list = json_array();
    if (code == 0 && o.sweep_file && !is_run_by_somebody(o.state))
        code = stored_failures(o.sweep_file, o.state, o.model, o.limit, list);
    else if (code == 0)
        code = collect_failures(&o, list);
    if (code == 0 && o.json)
        print_json(list);
    else if (code == 0)
        print_failures(list);
    json_decref(list);
    free(o.state);
    return code < 0 ? 0 : code;
}

/* ---- explain ---- */

int cmd_explain(int argc, char **argv)
{
    struct ask_options o;
    int code = parse(
        argc, argv, "WHAT ",
        "Why WHAT is where it is, in one sentence: a model, a worker, a task, MODEL/TASK, or\n"
        "an attempt as `muster workers --json` shows it. The beginning of a name will do.",
        &o);
    json_t *reply = NULL;
    if (code == 0)
        code = ask(&o, json_pack("{s:s,s:s}", "ask", "explain", "what", o.what), &reply);
    if (code == 0 && o.json) {
        print_json(reply);
    } else if (code == 0) {
        print_safe(text(reply, "text"));
        putchar('\n');
    }
    json_decref(reply);
    free(o.state);
    return code < 0 ? 0 : code;
}

/* ---- orders ---- */

static int order(struct ask_options *o, json_t *question, const char *done)
{
    json_t *reply = NULL;
    int code = ask(o, question, &reply);
    if (code == 0 && o->json)
        print_json(reply);
    else if (code == 0)
        puts(done);
    json_decref(reply);
    return code;
}

int cmd_drain(int argc, char **argv)
{
    struct ask_options o;
    int code =
        parse(argc, argv, "[--worker NAME] ",
              "Let what runs finish, start nothing new: of one worker, or of the whole sweep,\n"
              "which then ends; run it again to go on.",
              &o);
    if (code == 0 && o.worker)
        code = order(&o, json_pack("{s:s,s:s}", "ask", "drain_worker", "worker", o.worker),
                     "the worker gets no more work");
    else if (code == 0)
        code = order(&o, json_pack("{s:s}", "ask", "drain"), "the sweep is being stopped");
    free(o.state);
    return code < 0 ? 0 : code;
}

static int order_model(int argc, char **argv, const char *what, const char *done)
{
    struct ask_options o;
    int code = parse(argc, argv, "--model NAME ", what, &o);
    if (code == 0 && !o.model)
        code = say_error(argv[0], EXIT_BAD_INPUT, "--model NAME is needed");
    if (code == 0)
        code = order(&o, json_pack("{s:s,s:s}", "ask", argv[0], "model", o.model), done);
    free(o.state);
    return code < 0 ? 0 : code;
}

int cmd_pause(int argc, char **argv)
{
    return order_model(argc, argv, "Take a model's unstarted work back, and give it no more.",
                       "the model is paused");
}

int cmd_resume(int argc, char **argv)
{
    return order_model(argc, argv, "Let a paused model go on.", "the model goes on");
}
