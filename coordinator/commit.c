#include "coordinator/commit.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/mem.h"
#include "coordinator/exit_code.h"

enum {
    /* Of what waits for its commit: records, and what is said then. A few rows may have long
     * answers, and a full disk is waited out. */
    CONGESTED_BYTES = 64 << 20,
    /* A commit takes what gathered during the one before, but no more than is through in about this
     * time at the rate that was seen: results must not wait long for their acknowledgement, and
     * what the coordinator does not read yet, its workers keep. */
    COMMIT_TARGET_US = 8000,
    COMMIT_ROWS_MIN = 1 << 16, /* full rate even where flushes are slow, by measurement */
    COMMIT_ROWS_MAX = 1 << 20,
    FULL_RETRY_MS = 1000
};

struct commit {
    uv_loop_t *loop;
    struct store *store;
    void *owner;
    commit_done_f *done;
    struct turn turns[2];
    struct turn *open, *flying; /* flying NULL: nothing is in flight */
    uv_work_t work;
    uv_timer_t retry;
    err result; /* of the work thread, read when it is over ... */
    struct errmsg msg;
    int64_t open_ns, flying_ns; /* when the first message of the turn came */
    int64_t started_ns;         /* the commit */
    bool full;
    struct errmsg why_full; /* ... so the sentence for askers is a copy */
    size_t rows_max;        /* of the next commit: COMMIT_TARGET_US */
    struct commit_counters counters;
};

static void start_work(struct commit *c);

static void on_retry(uv_timer_t *timer)
{
    start_work(timer->data);
}

struct commit *commit_new(uv_loop_t *loop, struct store *store, void *owner, commit_done_f *done)
{
    struct commit *c = xcalloc(1, sizeof(*c));
    *c = (struct commit){ .loop = loop, .store = store, .owner = owner, .done = done };
    turn_init(&c->turns[0]);
    turn_init(&c->turns[1]);
    c->open = &c->turns[0];
    c->rows_max = COMMIT_ROWS_MIN;
    c->work.data = c;
    check(uv_timer_init(loop, &c->retry) == 0);
    c->retry.data = c;
    return c;
}

struct turn *commit_open_turn(struct commit *c)
{
    if (turn_is_empty(c->open))
        c->open_ns = clock_mono_ns();
    return c->open;
}

static void land(struct commit *c)
{
    struct turn *turn = c->flying;
    c->flying = NULL;
    turn_seal(turn);
    c->done(c->owner, turn);
    turn_clear(turn);
}

/* Work thread. */
static void on_work(uv_work_t *work)
{
    struct commit *c = work->data;
    c->result = store_commit(c->store, c->flying->batch, &c->msg);
}

static void wait_for_space(struct commit *c)
{
    c->why_full = c->msg;
    if (!c->full)
        log_error("store_full text=\"%s\" action=\"nothing is acknowledged until there is space\"",
                  c->msg.text);
    c->full = true;
    check(uv_timer_start(&c->retry, on_retry, FULL_RETRY_MS, 0) == 0);
}

/* What was recorded is unknown: only a restart can find out. Unless the store was taken away: who
 * did that shall not find a new one growing in its place. */
static _Noreturn void end_process(const struct commit *c)
{
    log_error("store_failed error=\"%s\" text=\"%s\"", err_text(c->result), c->msg.text);
    fprintf(stderr, "muster-coordinator: the store failed: %s\n", c->msg.text);
    exit(c->result == ERR_NOT_FOUND ? EXIT_INFRASTRUCTURE : EXIT_STORE_FAILED);
}

/* Half of the way to what the commit that has just ended suggests: one slow flush is no rule. */
static void size_commits(struct commit *c, size_t rows, uint64_t us)
{
    if (rows < COMMIT_ROWS_MIN / 2)
        return; /* it says more about the flush than about rows */
    double fits = (double)rows * COMMIT_TARGET_US / (double)(us + 1);
    size_t next = (c->rows_max + (fits < COMMIT_ROWS_MAX ? (size_t)fits : COMMIT_ROWS_MAX)) / 2;
    c->rows_max = next > COMMIT_ROWS_MIN ? next : COMMIT_ROWS_MIN;
}

static void count_commit(struct commit *c)
{
    int64_t now = clock_mono_ns();
    uint64_t us = (uint64_t)(now - c->started_ns) / 1000;
    histogram_add(&c->counters.ack_us, (uint64_t)(now - c->flying_ns) / 1000);
    c->counters.commits++;
    c->counters.rows += store_batch_rows(c->flying->batch);
    c->counters.last_us = us;
    size_commits(c, store_batch_rows(c->flying->batch), us);
    if (us > c->counters.max_us)
        c->counters.max_us = us;
}

static void on_work_done(uv_work_t *work, int cancelled)
{
    struct commit *c = work->data;
    check(cancelled == 0);
    if (c->result == ERR_FULL) {
        wait_for_space(c);
        return;
    }
    if (c->result)
        end_process(c);
    if (c->full) /* again with the reason: a log on the same disk lacks the line about it */
        log_info("store_has_space after_ms=%lld text=\"%s\"",
                 (long long)(clock_mono_ns() - c->started_ns) / 1000000, c->why_full.text);
    c->full = false;
    count_commit(c);
    land(c);
    commit_go(c);
}

static void start_work(struct commit *c)
{
    check(uv_queue_work(c->loop, &c->work, on_work, on_work_done) == 0);
}

void commit_go(struct commit *c)
{
    if (c->flying || turn_is_empty(c->open))
        return;
    c->flying = c->open;
    c->flying_ns = c->open_ns;
    c->open = c->flying == &c->turns[0] ? &c->turns[1] : &c->turns[0];
    if (store_batch_empty(c->flying->batch)) {
        land(c);
        return;
    }
    c->started_ns = clock_mono_ns();
    start_work(c);
}

void commit_each_block(const struct commit *c, store_batch_block_f *each, void *owner)
{
    if (c->flying)
        store_batch_each_block(c->flying->batch, each, owner);
    store_batch_each_block(c->open->batch, each, owner);
}

bool commit_is_idle(const struct commit *c)
{
    return !c->flying && turn_is_empty(c->open);
}

bool commit_is_congested(const struct commit *c)
{
    const struct turn *t = c->open;
    size_t bytes = store_batch_bytes(t->batch) + t->frames.len + t->notes.len;
    return bytes > CONGESTED_BYTES || store_batch_rows(t->batch) > c->rows_max;
}

const char *commit_blocked(const struct commit *c)
{
    return c->full ? c->why_full.text : NULL;
}

const struct commit_counters *commit_counters(const struct commit *c)
{
    return &c->counters;
}

static void on_closed(uv_handle_t *handle)
{
    struct commit *c = handle->data;
    turn_release(&c->turns[0]);
    turn_release(&c->turns[1]);
    free(c);
}

void commit_close(struct commit *c)
{
    check(!c->flying);
    uv_close((uv_handle_t *)&c->retry, on_closed);
}
