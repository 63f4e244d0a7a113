/* muster run: a coordinator and local workers as processes of their own, progress, and the report.
 */
#include <inttypes.h>
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
#include "ops/cli/run_options.h"
#include "ops/cli/summary.h"

enum {
    ASK_MS = 250,         /* between two looks at the status */
    ASK_AGAIN_MS = 2000,  /* an ask whose answer does not come: a restart may have lost it */
    SIGNALLED = 128,      /* exit codes of children above it are signals */
    KILL_AFTER_MS = 5000, /* a stopped process that does not go */
    ORPHAN_LOOK_MS = 20,  /* between two looks at what a dead child left behind, ... */
    ORPHAN_LOOKS = 100,   /* ... at the end of a run: so many */
    PATIENCE_MS = 60000   /* with what a killed run left: an instance may take a while */
};

struct run {
    struct run_options options;
    struct claim claim;
    struct spec specs[SWEEPS_MAX];
    struct machine machine;
    uv_loop_t loop;
    struct children children;
    struct client *client;
    struct progress_view view;
    struct invitation invitation;
    bool invited;
    uint64_t old_summaries[SWEEPS_MAX];
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
    const char *args[CHILD_ARGS_MAX] = { path, "--state", r->options.state, "--exit-when-done",
                                         tie };
    size_t count = 5;
    for (size_t i = 0; i < r->options.sweep_count; i++) {
        args[count++] = "--sweep";
        args[count++] = r->options.sweep_files[i];
    }
    const struct {
        const char *option, *value;
    } more[] = { { "--listen", r->options.listen },
                 { "--listen-operators", r->options.listen_operators },
                 { "--keys", r->options.keys } };
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (more[i].value) {
            args[count++] = more[i].option;
            args[count++] = more[i].value;
        }
    }
    if (r->options.insecure)
        args[count++] = "--insecure";
    if (r->options.retry_failures)
        args[count++] = "--retry-failures";
    children_start(&r->children, "coordinator", args, count, r->claim.coordinator_fd);
    free(path);
    free(tie);
}

/* The part of the machine's memory that one of several workers on it may use; 0: what it finds. */
static uint64_t memory_of_each(const struct run *r)
{
    const struct plan_machine *m = &r->machine.slots;
    return r->options.workers > 1 ? m->memory_bytes * m->slots / r->options.workers : 0;
}

static void start_worker(struct run *r, const char *endpoint, unsigned index)
{
    char *path = program("muster-worker"), *tie = tie_to_us();
    char *name = xformat("local-%u", index), *title = xformat("worker local-%u", index);
    char *dir = xformat("%s/worker-%u", r->options.state, index);
    char *media = file_join(r->options.state, "media");
    char *log = xformat("%s/log/worker-%u.log", r->options.state, index);
    char *gpu_text = xformat("%u", r->machine.gpus_per_slot);
    char *cpu_text = xformat("%u", r->machine.cores_per_slot);
    const char *args[24] = {
        path,     "--connect",        endpoint, "--name", name, "--state",
        dir,      "--media",          media,    "--log",  log,  "--gpus-per-slot",
        gpu_text, "--cores-per-slot", cpu_text, tie
    };
    size_t count = 16;
    char *slot_text = xformat("%u", r->options.slots);
    if (r->options.slots) {
        args[count++] = "--slots";
        args[count++] = slot_text;
    }
    char *memory_text = xformat("%" PRIu64, memory_of_each(r));
    if (memory_of_each(r) > 0) {
        args[count++] = "--memory";
        args[count++] = memory_text;
    }
    children_start(&r->children, title, args, count, -1);
    char *all[] = { path,     name,     title,     dir, media,      log,
                    gpu_text, cpu_text, slot_text, tie, memory_text };
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
    if (r->options.workers == 0 || r->options.listen || count_of(status, "workers") > 0)
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
    if (!r->options.quiet)
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

static char *report_dir(const struct run *r, size_t sweep)
{
    return sweeps_report_dir(r->options.state, r->specs[sweep].name, r->options.sweep_count > 1);
}

/* Which summaries are there already: those of a run before this. */
static void note_summaries(struct run *r)
{
    for (size_t i = 0; i < r->options.sweep_count; i++) {
        char *dir = report_dir(r, i);
        r->old_summaries[i] = summary_version(dir);
        free(dir);
    }
}

/* False: it ended before it wrote one, and has said why. */
static bool print_report(const struct run *r, size_t sweep)
{
    char *dir = report_dir(r, sweep);
    struct errmsg msg = { 0 };
    bool is_ours = summary_version(dir) != r->old_summaries[sweep];
    if (is_ours && summary_print(dir, &msg))
        fprintf(stderr, "muster: %s\n", msg.text);
    free(dir);
    return is_ours;
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
    char *path = xformat("%s/log/use.json", r->options.state), text[USE_TEXT_BYTES];
    json_t *use = json_load_file(path, 0, NULL);
    if (format_use(use, text))
        printf("%s %s\n",
               r->machine.slots.gpus_per_slot > 0 && !r->options.listen ? "GPUs" : "slots", text);
    json_decref(use);
    free(path);
}

static int outcome(struct run *r)
{
    const struct child *coordinator = &r->children.list[0];
    if (r->children.given_up)
        return say_error("run", EXIT_INFRASTRUCTURE, "%s; the logs are in %s/log",
                         r->children.error.text, r->options.state);
    if (!coordinator->finished || died_of_a_stop(r, coordinator)) {
        fprintf(stderr, "muster: stopped; run the same command again to go on\n");
        return EXIT_STOPPED;
    }
    int code = coordinator->exit_code;
    bool has_report = code == EXIT_DONE || code == EXIT_SOME_FAILED || code == EXIT_INFRASTRUCTURE;
    bool is_ours = false;
    for (size_t i = 0; i < r->options.sweep_count && has_report && !r->options.quiet; i++)
        is_ours |= print_report(r, i);
    if (is_ours)
        print_use(r);
    if (code == EXIT_STOPPED)
        fprintf(stderr, "muster: stopped before the end; run the same command again to go on\n");
    if (code == EXIT_INFRASTRUCTURE)
        fprintf(stderr, "muster: it did not end as it should; the logs are in %s/log\n",
                r->options.state);
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
    if (machine_of_this_host(r->specs, r->options.sweep_count, r->options.slots, &r->machine, &msg))
        return say_error("run", EXIT_INFRASTRUCTURE, "%s", msg.text);
    if (r->options.workers > 1 && r->machine.slots.gpus_per_slot > 0)
        return say_error("run", EXIT_BAD_INPUT,
                         "--workers %u: each would take all GPUs of this machine, and models would "
                         "share them; one worker has a slot for each",
                         r->options.workers);
    if (file_make_dir(r->options.state, 0700, &msg))
        return say_error("run", EXIT_INFRASTRUCTURE, "%s; --state DIR keeps results elsewhere",
                         msg.text);
    return claim_take(r->options.state, PATIENCE_MS, &r->claim);
}

static int supervise(struct run *r)
{
    struct errmsg msg = { 0 };
    struct endpoints endpoints;
    r->invitation = (struct invitation){ .listen = r->options.listen,
                                         .listen_operators = r->options.listen_operators,
                                         .keys = r->options.keys,
                                         .state = r->options.state,
                                         .insecure = r->options.insecure };
    if (invite_prepare(&r->invitation, &msg) || endpoints_of(r->options.state, &endpoints, &msg) ||
        client_open(r->options.state, &r->client, &msg))
        return say_error("run", EXIT_INFRASTRUCTURE, "%s", msg.text);
    note_summaries(r);
    r->last_done = -1;
    progress_view_init(&r->view);
    start_handles(r);
    orphans_adopt();
    children_init(&r->children, &r->loop, r, is_final, on_changed);
    start_coordinator(r);
    for (unsigned i = 1; i <= r->options.workers && !r->children.given_up; i++)
        start_worker(r, endpoints.workers, i);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    progress_view_end(&r->view);
    int code = outcome(r);
    end_orphans(r);
    close_handles(r);
    client_close(r->client);
    return code;
}

/* A bad file is told before anything starts. */
static int load_specs(struct run *r)
{
    int code = 0;
    for (size_t i = 0; i < r->options.sweep_count && code == 0; i++)
        code = open_sweep(r->options.sweep_files[i], &r->specs[i], NULL);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct run *r = xcalloc(1, sizeof(*r));
    r->claim = (struct claim){ -1, -1 };
    int code = run_options_parse(argc, argv, &r->options);
    if (code == 0)
        code = load_specs(r);
    if (code == 0)
        code = take_state(r);
    if (code == 0)
        code = supervise(r);
    claim_release(&r->claim);
    for (size_t i = 0; i < r->options.sweep_count; i++)
        spec_release(&r->specs[i]);
    run_options_release(&r->options);
    free(r);
    return code < 0 ? 0 : code;
}
