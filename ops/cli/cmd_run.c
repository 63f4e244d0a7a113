/* muster run: a coordinator and local workers as processes of their own, progress, and the report.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/endpoints.h"
#include "coordinator/exit_code.h"
#include "coordinator/sweeps.h"
#include "ops/cli/children.h"
#include "ops/cli/claim.h"
#include "ops/cli/client.h"
#include "ops/cli/commands.h"
#include "ops/cli/common.h"
#include "ops/cli/invite.h"
#include "ops/cli/machine.h"
#include "ops/cli/orphans.h"
#include "ops/cli/progress_view.h"
#include "ops/cli/summary.h"

enum {
    ASK_MS = 250,        /* between two looks at the status */
    ASK_AGAIN_MS = 2000, /* an ask whose answer does not come: a restart may have lost it */
    WORKERS_MAX_LOCAL = 64,
    SIGNALLED = 128,      /* exit codes of children above it are signals */
    KILL_AFTER_MS = 5000, /* a stopped process that does not go */
    ORPHAN_LOOK_MS = 20,  /* between two looks at what a dead child left behind, ... */
    ORPHAN_LOOKS = 100,   /* ... at the end of a run: so many */
    PATIENCE_MS = 60000   /* with what a killed run left: an instance may take a while */
};

static const char HELP[] =
    "Usage: muster run SWEEP.yaml... [options]\n"
    "\n"
    "Runs what is missing of a sweep on this machine, and ends with its report. Several sweeps\n"
    "share the machine by their weights and priorities. Run it again to go on: after Ctrl-C, a\n"
    "crash, or with more models or tasks in the file.\n"
    "Ctrl-C lets running instances finish and stops; a second Ctrl-C stops at once. Neither loses\n"
    "a result. After kill -9 running instances finish, too, and the next run waits for them.\n"
    "\n"
    "  --state DIR        where results are kept (default: SWEEP.muster beside the file)\n"
    "  --slots N          model processes at a time (default: one a GPU, or by cores)\n"
    "  --workers N        local worker processes (default 1); 0: only workers that connect\n"
    "  --listen ENDPOINT  also let workers of other machines connect there (tcp://0.0.0.0:7770):\n"
    "                     encrypted, with the key that is made in the state folder\n"
    "  --listen-operators ENDPOINT  and operators: muster status --connect\n"
    "  --keys DIR         keys and allow list (default: keys in the state folder)\n"
    "  --insecure         without encryption or keys: closed networks only\n"
    "  --retry-failures   try instances again that were quarantined\n"
    "  --quiet            no progress, no report on the screen\n"
    "  --help\n"
    "\n"
    "Exit: 0 done; 2 bad input; 3 some instances failed; 4 infrastructure failed; 5 stopped "
    "early;\n"
    "75 it runs already.\n";

struct run {
    char *const *sweep_files; /* those of the command line */
    size_t sweep_count;
    char *state;
    unsigned slots; /* 0: as many as fit */
    const char *listen, *listen_operators, *keys;
    unsigned workers;
    bool insecure, retry_failures, quiet;

    struct claim claim;
    struct spec specs[SWEEPS_MAX];
    struct machine machine;
    uv_loop_t loop;
    struct children children;
    struct client *client;
    struct progress_view view;
    struct invitation invitation;
    bool invited;
    uv_timer_t ask, kill;
    int64_t asked_ns;       /* when the ask was sent that waits for its answer; 0: none waits */
    int64_t child_ended_ns; /* the last one that did */
    int64_t coordinator_died_ns;
    uv_signal_t sigint, sigterm;
    unsigned stops; /* Ctrl-C and its like, so far */
    int64_t last_done;
    bool orphans_due; /* a child ended: it may have left processes behind */
};

/* ---- Processes ---- */

static char *program(const char *name)
{
    char *dir = file_program_dir();
    char *path = file_join(dir, name);
    free(dir);
    return path;
}

/* With our pid: who is started just before we end would take the next parent for us. */
static char *tie_to_us(void)
{
    return xformat("--die-with-parent=%ld", (long)getpid());
}

static void start_coordinator(struct run *r)
{
    char *path = program("muster-coordinator"), *tie = tie_to_us();
    const char *args[CHILD_ARGS_MAX] = { path, "--state", r->state, "--exit-when-done", tie };
    size_t count = 5;
    for (size_t i = 0; i < r->sweep_count; i++) {
        args[count++] = "--sweep";
        args[count++] = r->sweep_files[i];
    }
    const struct {
        const char *option, *value;
    } more[] = { { "--listen", r->listen },
                 { "--listen-operators", r->listen_operators },
                 { "--keys", r->keys } };
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (more[i].value) {
            args[count++] = more[i].option;
            args[count++] = more[i].value;
        }
    }
    if (r->insecure)
        args[count++] = "--insecure";
    if (r->retry_failures)
        args[count++] = "--retry-failures";
    children_start(&r->children, "coordinator", args, count, r->claim.coordinator_fd);
    free(path);
    free(tie);
}

static void start_worker(struct run *r, const char *endpoint, unsigned index)
{
    char *path = program("muster-worker"), *tie = tie_to_us();
    char *name = xformat("local-%u", index), *title = xformat("worker local-%u", index);
    char *dir = xformat("%s/worker-%u", r->state, index);
    char *media = file_join(r->state, "media");
    char *log = xformat("%s/log/worker-%u.log", r->state, index);
    char *gpu_text = xformat("%u", r->machine.gpus_per_slot);
    char *cpu_text = xformat("%u", r->machine.cores_per_slot);
    const char *args[24] = {
        path,     "--connect",        endpoint, "--name", name, "--state",
        dir,      "--media",          media,    "--log",  log,  "--gpus-per-slot",
        gpu_text, "--cores-per-slot", cpu_text, tie
    };
    size_t count = 16;
    char *slot_text = xformat("%u", r->slots);
    if (r->slots) {
        args[count++] = "--slots";
        args[count++] = slot_text;
    }
    children_start(&r->children, title, args, count, -1);
    char *all[] = { path, name, title, dir, media, log, gpu_text, cpu_text, slot_text, tie };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

static bool is_coordinator(const struct run *r, const struct child *child)
{
    return child == &r->children.list[0];
}

/* A coordinator's answers are final, but for a failed store, which a restart mends or shows again.
 * A worker ends well when it was told to go. Whatever dies after a stop stays dead. */
static bool is_final(void *owner, const struct child *child, int exit_code)
{
    struct run *r = owner;
    r->orphans_due = true;
    r->child_ended_ns = clock_mono_ns();
    if (r->stops > 0 || r->children.list[0].finished)
        return true;
    if (!is_coordinator(r, child))
        return exit_code == 0;
    if (exit_code <= EXIT_STOPPED || exit_code == EXIT_STATE_HELD)
        return true;
    r->coordinator_died_ns = r->child_ended_ns;
    return false;
}

static void on_kill(uv_timer_t *timer)
{
    children_signal(&((struct run *)timer->data)->children, SIGKILL);
}

/* The workers follow the coordinator: what they have not handed over was not acknowledged. */
static void wind_down(struct run *r)
{
    uv_timer_stop(&r->ask);
    if (children_running(&r->children) == 0) {
        uv_stop(&r->loop);
        return;
    }
    children_signal(&r->children, SIGTERM);
    if (!uv_is_active((uv_handle_t *)&r->kill))
        check(uv_timer_start(&r->kill, on_kill, KILL_AFTER_MS, 1000) == 0);
}

static void on_changed(void *owner)
{
    struct run *r = owner;
    struct child *coordinator = &r->children.list[0];
    if (r->children.given_up || coordinator->finished)
        wind_down(r);
    else if (r->stops > 0 && !coordinator->running)
        wind_down(r); /* it was stopped while it waited for its restart */
    /* else a worker ended: on_status sees whether anybody is left */
}

/* ---- Progress and stopping ---- */

static int64_t count_of(const json_t *status, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(status, key));
}

/* The local workers were drained, and none from elsewhere is there or expected. An answer from
 * before the last of them ended, when they had not connected yet, says nothing. At the end of the
 * sweep they are to go; the coordinator ends by itself then. */
static bool nobody_works(const struct run *r, const json_t *status)
{
    if (r->asked_ns < r->child_ended_ns || count_of(status, "done") >= count_of(status, "total"))
        return false;
    if (r->workers == 0 || r->listen || count_of(status, "workers") > 0)
        return false;
    for (size_t i = 1; i < r->children.count; i++)
        if (!r->children.list[i].finished)
            return false;
    return true;
}

static void stop_coordinator(struct run *r)
{
    if (r->children.list[0].running)
        (void)uv_process_kill(&r->children.list[0].process, SIGTERM); /* it drains */
    else
        wind_down(r);
}

/* Workers that went before our coordinator died were sent away by that one, or by one of a run
 * before this that still drained: the one that is there now has work for them. */
static bool call_workers_back(struct run *r)
{
    if (r->child_ended_ns != r->coordinator_died_ns)
        return false;
    for (size_t i = 1; i < r->children.count; i++)
        child_start_again(&r->children.list[i]);
    return true;
}

static void on_status(struct run *r, const json_t *status)
{
    int64_t done = count_of(status, "done");
    if (!r->invited)
        invite(&r->invitation); /* who answers listens at every endpoint */
    r->invited = true;
    if (done > r->last_done)
        children_progressed(&r->children);
    r->last_done = done;
    child_forget_arg(&r->children.list[0], "--retry-failures"); /* once is enough */
    if (r->stops == 0 && nobody_works(r, status) && !call_workers_back(r)) {
        r->stops = 1;
        progress_view_end(&r->view);
        fprintf(stderr, "muster: every local worker was drained; stopping\n");
        stop_coordinator(r);
    }
    if (!r->quiet)
        progress_view_show(&r->view, status, clock_mono_ns());
}

static void on_ask(uv_timer_t *timer)
{
    struct run *r = timer->data;
    struct errmsg msg = { 0 };
    json_t *status = NULL;
    r->orphans_due = r->orphans_due && orphans_end(&r->children);
    err e = client_poll(r->client, &status, &msg);
    if (e == OK)
        on_status(r, status);
    json_decref(status);
    /* One at a time: an answer that takes longer than a look, as on a slow disk, must count. */
    int64_t now = clock_mono_ns();
    if (e == ERR_AGAIN && r->asked_ns && now - r->asked_ns < ASK_AGAIN_MS * 1000000ll)
        return;
    json_t *ask = json_pack("{s:s}", "ask", "status");
    (void)client_send(r->client, ask, &msg); /* nobody there yet: the next look */
    json_decref(ask);
    r->asked_ns = now;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct run *r = handle->data;
    (void)number;
    r->stops++;
    progress_view_end(&r->view);
    if (r->stops == 1) {
        fprintf(stderr, "\nmuster: stopping: instances that run may finish; press Ctrl-C again to "
                        "stop at once\n");
        stop_coordinator(r);
        return;
    }
    fprintf(stderr, "\nmuster: stopping now\n");
    children_signal(&r->children, SIGKILL);
    if (children_running(&r->children) == 0)
        uv_stop(&r->loop);
}

/* ---- The end ---- */

static void print_report(const struct run *r, size_t sweep)
{
    char *dir = r->sweep_count > 1 ? xformat("%s/report/%s", r->state, r->specs[sweep].name)
                                   : file_join(r->state, "report");
    struct errmsg msg = { 0 };
    err e = summary_print(dir, &msg);
    if (e && e != ERR_NOT_FOUND) /* it ended before its first report, and has said why */
        fprintf(stderr, "muster: %s\n", msg.text);
    free(dir);
}

/* The second stop is a kill; and the first may meet a coordinator that has no handler for it yet.
 */
static bool died_of_a_stop(const struct run *r, const struct child *coordinator)
{
    return coordinator->exit_code > (r->stops > 1 ? EXIT_STOPPED : SIGNALLED) && r->stops > 0;
}

/* What this run's slots did all the time, as the coordinator has left it. */
static void print_use(const struct run *r)
{
    char *path = xformat("%s/log/use.json", r->state), text[USE_TEXT_BYTES];
    json_t *use = json_load_file(path, 0, NULL);
    if (format_use(use, text))
        printf("%s %s\n", r->machine.slots.gpus_per_slot > 0 && !r->listen ? "GPUs" : "slots",
               text);
    json_decref(use);
    free(path);
}

static int outcome(struct run *r)
{
    const struct child *coordinator = &r->children.list[0];
    if (r->children.given_up)
        return say_error("run", EXIT_INFRASTRUCTURE, "%s; the logs are in %s/log",
                         r->children.error.text, r->state);
    if (!coordinator->finished || died_of_a_stop(r, coordinator)) {
        fprintf(stderr, "muster: stopped; run the same command again to go on\n");
        return EXIT_STOPPED;
    }
    int code = coordinator->exit_code;
    bool has_report = code == EXIT_DONE || code == EXIT_SOME_FAILED ||
                      (code == EXIT_INFRASTRUCTURE && r->invited); /* else one of an earlier run */
    for (size_t i = 0; i < r->sweep_count && has_report && !r->quiet; i++)
        print_report(r, i);
    if (has_report && !r->quiet)
        print_use(r);
    if (code == EXIT_STOPPED)
        fprintf(stderr, "muster: stopped before the end; run the same command again to go on\n");
    if (code == EXIT_INFRASTRUCTURE)
        fprintf(stderr, "muster: not everything could be run; the logs are in %s/log\n", r->state);
    return code;
}

static void start_handles(struct run *r)
{
    check(uv_loop_init(&r->loop) == 0);
    r->ask.data = r->kill.data = r->sigint.data = r->sigterm.data = r;
    check(uv_timer_init(&r->loop, &r->ask) == 0 && uv_timer_init(&r->loop, &r->kill) == 0);
    check(uv_timer_start(&r->ask, on_ask, ASK_MS, ASK_MS) == 0);
    check(uv_signal_init(&r->loop, &r->sigint) == 0 && uv_signal_init(&r->loop, &r->sigterm) == 0);
    check(uv_signal_start(&r->sigint, on_signal, SIGINT) == 0);
    check(uv_signal_start(&r->sigterm, on_signal, SIGTERM) == 0);
}

static void end_orphans(const struct run *r)
{
    for (int looks = 0; looks < ORPHAN_LOOKS && orphans_end(&r->children); looks++)
        uv_sleep(ORPHAN_LOOK_MS);
}

static void close_handles(struct run *r)
{
    uv_close((uv_handle_t *)&r->ask, NULL);
    uv_close((uv_handle_t *)&r->kill, NULL);
    uv_close((uv_handle_t *)&r->sigint, NULL);
    uv_close((uv_handle_t *)&r->sigterm, NULL);
    children_close(&r->children);
    check(uv_loop_close(&r->loop) == 0);
}

static int take_state(struct run *r)
{
    struct errmsg msg = { 0 };
    if (machine_of_this_host(r->specs, r->sweep_count, r->slots, &r->machine, &msg) ||
        file_make_dir(r->state, 0700, &msg))
        return say_error("run", EXIT_INFRASTRUCTURE, "%s", msg.text);
    return claim_take(r->state, PATIENCE_MS, &r->claim);
}

static int supervise(struct run *r)
{
    struct errmsg msg = { 0 };
    struct endpoints endpoints;
    r->invitation = (struct invitation){ .listen = r->listen,
                                         .listen_operators = r->listen_operators,
                                         .keys = r->keys,
                                         .state = r->state,
                                         .insecure = r->insecure };
    if (invite_prepare(&r->invitation, &msg) || endpoints_of(r->state, &endpoints, &msg) ||
        client_open(r->state, &r->client, &msg))
        return say_error("run", EXIT_INFRASTRUCTURE, "%s", msg.text);
    r->last_done = -1;
    progress_view_init(&r->view);
    start_handles(r);
    orphans_adopt();
    children_init(&r->children, &r->loop, r, is_final, on_changed);
    start_coordinator(r);
    for (unsigned i = 1; i <= r->workers && !r->children.given_up; i++)
        start_worker(r, endpoints.workers, i);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    progress_view_end(&r->view);
    int code = outcome(r);
    end_orphans(r);
    close_handles(r);
    client_close(r->client);
    return code;
}

/* ---- Arguments ---- */

static bool read_count(const char *text, uint64_t max, unsigned *out)
{
    uint64_t n;
    if (!text_parse_u64(text, &n) || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

static int parse(int argc, char **argv, struct run *r)
{
    enum {
        STATE = 256,
        SLOTS,
        WORKERS,
        LISTEN,
        OPERATORS,
        KEYS,
        INSECURE,
        RETRY,
        QUIET,
        HELP_OPTION
    };
    static const struct option options[] = {
        { "state", required_argument, NULL, STATE },
        { "slots", required_argument, NULL, SLOTS },
        { "workers", required_argument, NULL, WORKERS },
        { "listen", required_argument, NULL, LISTEN },
        { "listen-operators", required_argument, NULL, OPERATORS },
        { "keys", required_argument, NULL, KEYS },
        { "insecure", no_argument, NULL, INSECURE },
        { "retry-failures", no_argument, NULL, RETRY },
        { "quiet", no_argument, NULL, QUIET },
        { "help", no_argument, NULL, HELP_OPTION },
        { NULL, 0, NULL, 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        switch (option) {
        case STATE: r->state = xstrdup(optarg); break;
        case SLOTS:
            if (!read_count(optarg, 1024, &r->slots) || r->slots == 0)
                return say_error("run", EXIT_BAD_INPUT,
                                 "--slots: expected a number from 1 to 1024, found \"%s\"", optarg);
            break;
        case WORKERS:
            if (!read_count(optarg, WORKERS_MAX_LOCAL, &r->workers))
                return say_error("run", EXIT_BAD_INPUT,
                                 "--workers: expected a number from 0 to 64, found \"%s\"", optarg);
            break;
        case LISTEN: r->listen = optarg; break;
        case OPERATORS: r->listen_operators = optarg; break;
        case KEYS: r->keys = optarg; break;
        case INSECURE: r->insecure = true; break;
        case RETRY: r->retry_failures = true; break;
        case QUIET: r->quiet = true; break;
        case HELP_OPTION: fputs(HELP, stdout); return -1;
        default: return say_bad_option(argv, option);
        }
    }
    if (optind >= argc || argc - optind > SWEEPS_MAX)
        return say_error("run", EXIT_BAD_INPUT,
                         "expected 1 to %d sweep files, found %d; see muster run --help",
                         SWEEPS_MAX, argc - optind);
    r->sweep_files = argv + optind;
    r->sweep_count = (size_t)(argc - optind);
    return 0;
}

/* A bad file is told before anything starts. */
static int load_specs(struct run *r)
{
    int code = 0;
    for (size_t i = 0; i < r->sweep_count && code == 0; i++)
        code = open_sweep(r->sweep_files[i], &r->specs[i], NULL);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct run *r = xcalloc(1, sizeof(*r));
    r->workers = 1;
    r->claim = (struct claim){ -1, -1 };
    int code = parse(argc, argv, r);
    if (code == 0) {
        if (!r->state)
            r->state = default_state(r->sweep_files[0]);
        code = load_specs(r);
    }
    if (code == 0)
        code = take_state(r);
    if (code == 0)
        code = supervise(r);
    claim_release(&r->claim);
    for (size_t i = 0; i < r->sweep_count; i++)
        spec_release(&r->specs[i]);
    free(r->state);
    free(r);
    return code < 0 ? 0 : code;
}
