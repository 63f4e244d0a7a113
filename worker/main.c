/* muster-worker: options, folders, the machine's slots, signals; then the loop. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/descriptors.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/parent.h"
#include "common/mem.h"
#include "worker/child/reap.h"
#include "worker/options.h"
#include "worker/topology/plan_print.h"
#include "worker/worker.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_VERSION = 4 };
enum { DESCRIPTORS_NEEDED = 64 };   /* by itself and one model */
enum { LOOKS = 100, LOOK_MS = 20 }; /* for those who were left behind to be gone */
enum { FOLDER_LOOK_MS = 50 };       /* whether an earlier worker has left it */

/* Signals reach the worker through the loop. */
struct signals {
    uv_signal_t term, interrupt, parent_ended;
    struct worker *worker;
};

static int fail(int code, const struct errmsg *msg)
{
    fprintf(stderr, "muster-worker: %s\n", msg->text);
    return code;
}

/* --- where things are --- */

static const char *worker_name(const struct worker_options *o, struct arena *arena)
{
    char host[256] = "";
    if (o->name)
        return o->name;
    if (gethostname(host, sizeof host - 1) != 0 || !*host)
        return "worker";
    return arena_strdup(arena, host);
}

/* NULL: nobody says where. In the folder that it happens to be started in, the next start would not
 * find what this one left there. */
static const char *worker_state_dir(const struct worker_options *o, const char *name,
                                    struct arena *arena)
{
    if (o->state)
        return o->state;
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (base && *base)
        return arena_format(arena, "%s/muster/worker-%s", base, name);
    if (home && *home)
        return arena_format(arena, "%s/.local/state/muster/worker-%s", home, name);
    return NULL;
}

/* Its absolute path comes out. */
static err make_folder(const char *path, const char **out, struct arena *arena, struct errmsg *msg)
{
    err e = file_make_dir(path, 0700, msg);
    if (e)
        return e;
    char *real = file_real(path, msg);
    if (!real)
        return ERR_IO;
    *out = arena_strdup(arena, real);
    free(real);
    return OK;
}

/* Of workers that one process starts, two do not have one folder: who still has it was started by
 * one that was killed, and is draining. Signals end the wait, with the process. */
static err take_folder(const char *lock, bool waits, int *fd, struct errmsg *msg)
{
    err e = file_lock(lock, fd, msg);
    if (e == ERR_BUSY && waits)
        fprintf(stderr, "muster-worker: %s; waiting for its end\n", msg->text);
    while (e == ERR_BUSY && waits) {
        uv_sleep(FOLDER_LOOK_MS);
        e = file_lock(lock, fd, msg);
    }
    return e;
}

/* The folders, absolute, since models are started in others; and the lock that keeps a second
 * worker out of them. */
static err prepare_state(const struct worker_options *o, const char *name,
                         struct worker_config *config, int *lock_fd, struct arena *arena,
                         struct errmsg *msg)
{
    const char *state = worker_state_dir(o, name, arena);
    if (!state)
        return err_say(msg, ERR_NOT_FOUND,
                       "there is no HOME; --state DIR names the folder for logs, "
                       "temporary files and media");
    err e = make_folder(state, &state, arena, msg);
    if (e)
        return e;
    config->tmp_dir = arena_format(arena, "%s/tmp", state);
    config->work_dir = arena_format(arena, "%s/work", state);
    const char *media = o->media ? o->media : arena_format(arena, "%s/media", state);
    e = take_folder(arena_format(arena, "%s/lock", state), o->die_with_parent, lock_fd, msg);
    if (e == OK)
        e = make_folder(media, &config->media_dir, arena, msg);
    if (e == OK)
        e = make_folder(arena_format(arena, "%s/logs", state), &config->log_dir, arena, msg);
    return e;
}

/* What was started by a worker that was killed still has its GPUs and its memory: it ends before
 * anything is started. */
static void end_left_behind(const char *work_dir)
{
    struct errmsg msg = { "" };
    size_t left = 0;
    for (int looks = 0; looks < LOOKS; looks++) {
        if (reap_left_behind(work_dir, &left, &msg) != OK)
            log_warn("left_behind_not_looked_for reason=\"%s\"", msg.text);
        if (left == 0)
            return;
        if (looks == 0)
            log_warn("left_behind processes=%zu: of models of a worker that was killed; they are "
                     "ended now",
                     left);
        (void)poll(NULL, 0, LOOK_MS);
    }
    log_error("processes_left count=%zu: of models of a worker that was killed; they do not die of "
              "SIGKILL",
              left);
}

static const char *launcher_path(struct arena *arena)
{
    char *dir = file_program_dir();
    const char *path = arena_format(arena, "%s/muster-launch", dir);
    free(dir);
    return path;
}

/* --- the process --- */

static err prepare_process(const struct worker_options *o, pid_t parent, struct errmsg *msg)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (descriptors_raise(DESCRIPTORS_NEEDED, msg) != OK)
        return ERR_LIMIT;
    if (o->die_with_parent && !parent_tie(o->parent ? (pid_t)o->parent : parent))
        return err_say(msg, ERR_CLOSED, "the process that started this one is gone already");
    if (log_open(o->log, o->log_level) != 0)
        return err_say(msg, ERR_IO, "--log %s: %s", o->log, strerror(errno));
    return reap_init(msg);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct signals *signals = handle->data;
    log_info("signal number=%d", number);
    worker_stop(signals->worker);
}

static void on_parent_ended(uv_signal_t *handle, int number)
{
    struct signals *signals = handle->data;
    (void)number;
    worker_orphan(signals->worker);
}

static void start_signals(struct signals *s, uv_loop_t *loop, struct worker *worker)
{
    s->worker = worker;
    s->term.data = s->interrupt.data = s->parent_ended.data = s;
    check(uv_signal_init(loop, &s->term) == 0 && uv_signal_init(loop, &s->interrupt) == 0 &&
          uv_signal_init(loop, &s->parent_ended) == 0);
    check(uv_signal_start(&s->term, on_signal, SIGTERM) == 0 &&
          uv_signal_start(&s->interrupt, on_signal, SIGINT) == 0 &&
          uv_signal_start(&s->parent_ended, on_parent_ended, PARENT_ENDED) == 0);
}

static void stop_signals(struct signals *s)
{
    uv_close((uv_handle_t *)&s->term, NULL);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->parent_ended, NULL);
}

/* --- what it is asked to do --- */

static int print_plan(const struct topology *topology, bool json)
{
    struct buf out = { 0 };
    if (json)
        plan_print_json(topology, &out);
    else
        plan_print_text(topology, &out);
    size_t written = fwrite(out.data, 1, out.len, stdout);
    bool complete = written == out.len && fflush(stdout) == 0;
    buf_release(&out);
    if (!complete)
        fputs("muster-worker: cannot write the output\n", stderr);
    return complete ? 0 : EXIT_FAILED;
}

static err run_worker(const struct worker_config *config, enum worker_end *end, struct errmsg *msg)
{
    struct worker *worker = NULL;
    struct signals signals;
    err e = worker_new(config, &worker, msg);
    if (e)
        return e;
    start_signals(&signals, config->loop, worker);
    log_info("worker_started name=%s version=%s slots=%zu connect=%s", config->name, MUSTER_VERSION,
             config->topology->slot_count, config->endpoint);
    *end = worker_run(worker);
    stop_signals(&signals);
    worker_free(worker);
    log_info("worker_ended");
    return OK;
}

/* One worker after the other, as long as each is welcomed elsewhere than before. */
static int run_workers(struct worker_config config, struct errmsg *msg)
{
    int64_t ends_mono_ns = clock_mono_ns() + config.lifetime_ms * 1000000;
    enum worker_end end;
    do {
        if (run_worker(&config, &end, msg) != OK)
            return fail(EXIT_FAILED, msg);
        if (config.lifetime_ms > 0) {
            int64_t left_ms = (ends_mono_ns - clock_mono_ns()) / 1000000;
            config.lifetime_ms = left_ms > 0 ? left_ms : 1;
        }
    } while (end == WORKER_ELSEWHERE);
    return end == WORKER_REJECTED ? EXIT_VERSION : 0;
}

/* A key on a Unix socket, or none on TCP: the first is a slip, the second may be meant. */
static err read_key(const struct worker_options *o, struct key_file *key,
                    struct worker_config *config, struct errmsg *msg)
{
    if (!o->key)
        return OK;
    if (strncmp(o->connect, "tcp://", 6) != 0)
        return err_say(msg, ERR_INVALID, "--key goes with --connect tcp://...: %s needs no key",
                       o->connect);
    err e = key_read_for(KEY_WORKER, o->key, key, msg);
    if (e == OK)
        config->key = key;
    return e;
}

static int serve(const struct worker_options *o, const struct topology *topology, pid_t parent)
{
    struct arena arena = { 0 };
    struct errmsg msg = { "" };
    uv_loop_t loop;
    int lock_fd = -1, code = EXIT_FAILED;
    struct worker_config config = {
        .loop = &loop,
        .endpoint = o->connect,
        .name = worker_name(o, &arena),
        .launcher = launcher_path(&arena),
        .topology = topology,
        .lifetime_ms = o->lifetime_ms,
        .nice = o->nice,
    };
    struct key_file key = { .role = KEY_WORKER };
    check(uv_loop_init(&loop) == 0);
    if (read_key(o, &key, &config, &msg) != OK)
        code = fail(EXIT_USAGE, &msg);
    else if (prepare_process(o, parent, &msg) != OK ||
             prepare_state(o, config.name, &config, &lock_fd, &arena, &msg) != OK)
        (void)fail(code, &msg);
    else {
        end_left_behind(config.work_dir);
        code = run_workers(config, &msg);
    }
    (void)uv_loop_close(&loop); /* busy only if a process could not be killed */
    if (lock_fd >= 0)
        (void)close(lock_fd);
    key_forget(&key);
    arena_release(&arena);
    return code;
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    descriptors_fill();
    json_set_alloc_funcs(xmalloc, free); /* no document may be silently short of a part */
    struct worker_options options;
    struct errmsg msg = { "" };
    if (worker_options_parse(argc, argv, &options, &msg) != OK)
        return fail(EXIT_USAGE, &msg);
    if (options.help || options.version) {
        fputs(options.help ? worker_usage : "muster-worker " MUSTER_VERSION "\n", stdout);
        return 0;
    }
    struct topology_source source = {
        .xml_path = options.topology,
        .environment = options.topology ? NULL : environ,
    };
    struct topology_rules rules = {
        .gpus_per_slot = options.gpus_per_slot,
        .cores_per_slot = options.cores_per_slot,
        .slots_max = options.slots,
        .has_memory = options.has_memory,
        .memory_bytes = options.memory_bytes,
    };
    struct topology topology;
    if (topology_open(&source, &rules, &topology, &msg) != OK)
        return fail(options.topology ? EXIT_USAGE : EXIT_FAILED, &msg); /* a file that was given */
    int code =
        options.plan ? print_plan(&topology, options.json) : serve(&options, &topology, parent);
    topology_release(&topology);
    return code;
}
