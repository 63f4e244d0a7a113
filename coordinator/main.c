/* muster-coordinator: wiring, and nothing else. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/descriptors.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/parent.h"
#include "common/mem.h"
#include "coordinator/access/keys.h"
#include "coordinator/config.h"
#include "coordinator/endpoints.h"
#include "coordinator/exit_code.h"
#include "coordinator/pauses.h"
#include "coordinator/restore.h"
#include "coordinator/server.h"
#include "coordinator/sweeps.h"
#include "coordinator/tidy.h"

enum { DESCRIPTORS_NEEDED = 64 }; /* by itself and some workers; each takes one more */
static const int64_t MS = 1000000;

struct coordinator {
    struct config config;
    struct sweeps sweeps;
    struct store *store;
    struct store_info info;
    struct catalog catalog;
    struct core *core;
    enum sweep_state ended_as;
};

/* What went wrong is said twice: on the screen, and in the log that outlives it. */
static int fail(int code, const char *text)
{
    fprintf(stderr, "muster-coordinator: %s\n", text);
    log_error("failed text=\"%s\"", text);
    return code;
}

static int open_log(const struct config *config, struct errmsg *msg)
{
    if (file_make_dir(config->state, 0700, msg))
        return EXIT_BAD_INPUT;
    char *dir = file_join(config->state, "log");
    char *path = file_join(dir, "coordinator.log");
    int code = 0;
    if (file_make_dir(dir, 0700, msg)) {
        code = EXIT_INFRASTRUCTURE;
    } else if (log_open(path, config->level) != 0) {
        err_say(msg, ERR_IO, "%s: cannot write the log: %s", path, strerror(errno));
        code = EXIT_INFRASTRUCTURE;
    }
    free(path);
    free(dir);
    return code;
}

static void say_problems(const struct problems *problems, const char *event)
{
    struct buf text = { 0 };
    problems_format(problems, &text);
    fputs(buf_cstr(&text), stderr);
    log_error("%s text=\"%s\"", event, buf_cstr(&text));
    buf_release(&text);
}

static int open_plan(struct coordinator *c)
{
    struct problems problems = { 0 };
    err e = sweeps_open(c->config.sweeps, c->config.sweep_count, &c->sweeps, &problems);
    if (e)
        say_problems(&problems, "bad_input");
    problems_release(&problems);
    return e ? EXIT_BAD_INPUT : 0;
}

static err submit(struct coordinator *c, struct errmsg *msg)
{
    struct errmsg said = { 0 };
    err e = sweeps_submit(&c->sweeps, c->store, &said);
    if (e == ERR_FULL) { /* results wait for room; a deadline that begins anew is no reason to */
        log_warn("submission_not_recorded text=\"%s\"", said.text);
        return OK;
    }
    if (e)
        *msg = said;
    return e;
}

static int open_store(struct coordinator *c, struct errmsg *msg)
{
    char *path = file_join(c->config.state, "store");
    struct store_config config = { .path = path,
                                   .map_bytes = (size_t)c->config.map_gib << 30,
                                   .allow_network_fs = c->config.allow_network_fs };
    err e = store_open(&config, &c->store, msg);
    free(path);
    if (e == ERR_BUSY) {
        struct errmsg why = *msg;
        (void)err_say(msg, e, "this sweep runs already: %s", why.text);
        return EXIT_STATE_HELD;
    }
    if (e)
        return EXIT_INFRASTRUCTURE;
    tidy_state(c->config.state);
    store_info(c->store, &c->info);
    log_info("store_open epoch=%llu was_clean=%d", (unsigned long long)c->info.epoch,
             c->info.was_clean);
    if (submit(c, msg))
        return EXIT_STORE_FAILED;
    return catalog_open(c->sweeps.all, c->store, &c->catalog, msg) ? EXIT_STORE_FAILED : 0;
}

static err retry_failures(struct coordinator *c, struct errmsg *msg)
{
    struct store_batch *batch = store_batch_new();
    const struct plan *all = c->sweeps.all;
    for (size_t i = 0; i < all->cell_count; i++)
        store_batch_retry(batch, c->catalog.models[all->cells[i].model].id,
                          c->catalog.tasks[all->cells[i].task].id);
    err e = store_commit(c->store, batch, msg);
    store_batch_free(batch);
    return e;
}

/* Of all slot time; the models of a sweep that wants none have none. */
static double copy_share(const struct sweeps *s)
{
    double share = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->specs[i].settings.speculation > share)
            share = s->specs[i].settings.speculation;
    return share;
}

/* Else a run that waits for nothing but a word would seem to hang. */
static void say_paused(const struct coordinator *c)
{
    for (uint32_t i = 0; i < c->catalog.model_count; i++) {
        struct core_model_view v;
        core_model_view(c->core, i, &v);
        if (!v.paused)
            continue;
        const char *name = c->catalog.models[i].name;
        log_warn("model_paused model=%s: it was before the coordinator crashed", name);
        fprintf(stderr,
                "muster-coordinator: model %s is paused, as it was before the crash; muster resume "
                "--model %s lets it go on\n",
                name, name);
    }
}

static int open_core(struct coordinator *c, struct errmsg *msg)
{
    if (c->config.retry_failures && retry_failures(c, msg))
        return EXIT_STORE_FAILED;
    struct core_config config = { .epoch = c->info.epoch,
                                  .seed = c->info.epoch,
                                  .beat_ns = c->config.beat_ms * MS,
                                  .lease_ns = c->config.lease_ms * MS,
                                  .job_target_ns = 30000 * MS,
                                  .probe_ns = 5000 * MS,
                                  .backoff_ns = 500 * MS,
                                  .strikes_max = c->sweeps.specs[0].settings.strikes,
                                  .attempt_max = c->config.attempt_max,
                                  .copy_share = copy_share(&c->sweeps) };
    err e = restore_core(c->sweeps.all, &c->catalog, c->store, &config, &c->core, msg);
    if (!e)
        e = pauses_restore(c->store, &c->catalog, c->core, msg);
    if (e)
        return EXIT_STORE_FAILED;
    say_paused(c);
    return 0;
}

static int serve(struct coordinator *c, struct errmsg *msg)
{
    struct core_totals t;
    core_totals(c->core, &t);
    if (c->config.exit_when_done && t.ended == t.wanted)
        return 0; /* nothing is missing: no socket, no worker, straight to the report */
    struct endpoints endpoints;
    if (endpoints_of(c->config.state, &endpoints, msg))
        return EXIT_INFRASTRUCTURE;
    char *keys = keys_dir(c->config.keys, c->config.state);
    struct server_config config = { .sweep_name = c->sweeps.name,
                                    .plan = c->sweeps.all,
                                    .deadlines = c->sweeps.deadlines,
                                    .worker_endpoint = endpoints.workers,
                                    .operator_endpoint = endpoints.operators,
                                    .listen = c->config.listen,
                                    .listen_count = c->config.listen_count,
                                    .listen_operators = c->config.listen_operators,
                                    .listen_operators_count = c->config.listen_operators_count,
                                    .keys_dir = c->config.insecure ? NULL : keys,
                                    .beat_ms = c->config.beat_ms,
                                    .lease_ms = c->config.lease_ms,
                                    .exit_when_done = c->config.exit_when_done,
                                    .catalog = &c->catalog,
                                    .store = c->store,
                                    .core = c->core,
                                    .epoch = c->info.epoch };
    err e = server_run(&config, &c->ended_as, msg);
    free(keys);
    return e ? EXIT_INFRASTRUCTURE : 0;
}

/* For whoever started us. It is of this run, so no part of the reports. */
static void write_use(const struct coordinator *c, const struct msg_use *use)
{
    struct errmsg msg = { 0 };
    struct buf text = { 0 };
    char *path = xformat("%s/log/use.json", c->config.state);
    buf_printf(&text, "{\"busy_ns\":%" PRIu64 ",\"load_ns\":%" PRIu64 ",\"idle_ns\":%" PRIu64 "}\n",
               use->busy_ns, use->load_ns, use->idle_ns);
    if (file_write_atomic(path, buf_span(&text), 0644, &msg))
        log_warn("use_not_written text=\"%s\"", msg.text);
    buf_release(&text);
    free(path);
}

/* If it cannot be recorded, its deadline goes on, and no more. */
static void end_submission(const struct coordinator *c)
{
    struct errmsg msg = { 0 };
    if (sweeps_end(&c->sweeps, c->store, &msg))
        log_warn("end_not_recorded text=\"%s\"", msg.text);
}

/* Results of two programs may be mixed under the identity of one, and a report does not show it. */
static bool say_changed_files(const struct coordinator *c)
{
    struct problems problems = { 0 };
    for (size_t i = 0; i < c->sweeps.count; i++)
        plan_check_files(&c->sweeps.plans[i], &problems);
    bool any = problems_any(&problems);
    if (any)
        say_problems(&problems, "files_changed");
    problems_release(&problems);
    return any;
}

/* What the sweep came to, as an exit code; the reports are written in every case. */
static int finish(struct coordinator *c, struct errmsg *msg)
{
    struct core_totals t;
    core_totals(c->core, &t);
    write_use(c, &t.use);
    if (t.ended == t.wanted)
        end_submission(c);
    if (sweeps_report(&c->sweeps, c->store, c->config.state, msg)) {
        struct errmsg why = *msg;
        (void)err_say(msg, ERR_IO, "%s; the results are recorded: muster report writes it later",
                      why.text);
        return EXIT_INFRASTRUCTURE;
    }
    bool changed = say_changed_files(c);
    if (t.ended < t.wanted)
        return c->ended_as == SWEEP_STALLED ? EXIT_INFRASTRUCTURE : EXIT_STOPPED;
    if (changed)
        return EXIT_INFRASTRUCTURE;
    return t.failed ? EXIT_SOME_FAILED : 0;
}

static int run(struct coordinator *c, struct errmsg *msg)
{
    int code = open_plan(c);
    if (code) {
        msg->text[0] = '\0'; /* the problems were printed */
        return code;
    }
    code = open_store(c, msg);
    if (!code)
        code = open_core(c, msg);
    if (!code)
        code = serve(c, msg);
    if (code)
        return code;
    return finish(c, msg);
}

static void release(struct coordinator *c)
{
    core_free(c->core);
    catalog_release(&c->catalog);
    if (c->store)
        store_close(c->store);
    sweeps_release(&c->sweeps);
}

int main(int argc, char **argv)
{
    struct coordinator c = { 0 };
    struct errmsg msg = { 0 };
    descriptors_fill();
    int code = config_parse(argc, argv, &c.config);
    if (code)
        return code - 1;
    json_set_alloc_funcs(xmalloc, free); /* no document may be silently short of a part */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* until there is an allow list that could be read again */
    if (c.config.die_with_parent && !parent_tie((pid_t)c.config.parent))
        return EXIT_STOPPED;
    code = descriptors_raise(DESCRIPTORS_NEEDED, &msg) ? EXIT_INFRASTRUCTURE : 0;
    if (!code)
        code = open_log(&c.config, &msg);
    if (!code)
        code = run(&c, &msg);
    if (code && msg.text[0])
        fail(code, msg.text);
    log_info("exit code=%d", code);
    release(&c);
    return code;
}
