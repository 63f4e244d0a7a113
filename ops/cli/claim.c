#include "ops/cli/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "coordinator/exit_code.h"
#include "ops/cli/ask.h"
#include "ops/cli/common.h"

enum { LOOK_MS = 50 };

static err take(const char *state, const char *name, int *fd, struct errmsg *msg)
{
    char *path = file_join(state, name);
    err e = file_lock(path, fd, msg);
    free(path);
    return e;
}

static int say_unlocked(const struct errmsg *why)
{
    return say_error("run", EXIT_INFRASTRUCTURE, "%s", why->text);
}

static int say_runs_already(const char *state, const struct errmsg *why)
{
    struct buf coordinator = { 0 };
    ask_somebody_runs(state, &coordinator);
    int code = say_error("run", EXIT_STATE_HELD,
                         "this sweep runs already: %s; its coordinator: %s; muster status shows "
                         "it",
                         why->text, coordinator.len > 0 ? buf_cstr(&coordinator) : "none now");
    buf_release(&coordinator);
    return code;
}

/* Who has the store: our lock file has the pid of the run that was killed. */
static int say_stays(const char *state, int64_t patience_ms)
{
    struct buf coordinator = { 0 };
    ask_somebody_runs(state, &coordinator);
    int code =
        say_error("run", EXIT_STATE_HELD,
                  "the coordinator of an earlier run that was killed still runs after "
                  "%" PRId64 " s (pid and host: %s); wait for its end, or send it "
                  "SIGTERM: then it ends without waiting for what runs",
                  patience_ms / 1000, coordinator.len > 0 ? buf_cstr(&coordinator) : "not known");
    buf_release(&coordinator);
    return code;
}

static err await_coordinator(const char *state, int64_t patience_ms, int *fd, struct errmsg *msg)
{
    int64_t until_ns = clock_mono_ns() + patience_ms * 1000000;
    err e = take(state, "coordinator.lock", fd, msg);
    if (e == ERR_BUSY)
        fprintf(stderr,
                "muster: an earlier run was killed; waiting up to %" PRId64 " s for its "
                "coordinator, which lets running instances finish\n",
                patience_ms / 1000);
    while (e == ERR_BUSY && clock_mono_ns() < until_ns) {
        uv_sleep(LOOK_MS);
        e = take(state, "coordinator.lock", fd, msg);
    }
    return e;
}

int claim_take(const char *state, int64_t patience_ms, struct claim *out)
{
    struct errmsg msg = { 0 };
    *out = (struct claim){ -1, -1 };
    err e = take(state, "run.lock", &out->run_fd, &msg);
    if (e)
        return e == ERR_BUSY ? say_runs_already(state, &msg) : say_unlocked(&msg);
    e = await_coordinator(state, patience_ms, &out->coordinator_fd, &msg);
    if (e == OK)
        return 0;
    claim_release(out);
    return e == ERR_BUSY ? say_stays(state, patience_ms) : say_unlocked(&msg);
}

static void give_back(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing is written through it any more */
    *fd = -1;
}

void claim_release(struct claim *c)
{
    give_back(&c->coordinator_fd);
    give_back(&c->run_fd);
}
