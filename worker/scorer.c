#include "worker/scorer.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/list.h"
#include "common/mem.h"

enum {
    FAILURES_MAX = 3,
    BACKOFF_MS = 1000,
    IDLE_MS = 60 * 1000,     /* a loaded scorer is kept so long without work */
    ASK_MS = 5 * 1000,       /* told to go, it has so long */
    KILL_MS = 10 * 1000,     /* not gone so long after SIGKILL: the kernel holds it */
    TIMEOUT_MS = 120 * 1000, /* the defaults of a model: the sweep file says nothing of scorers */
    LOAD_TIMEOUT_MS = 600 * 1000
};

enum scorer_state {
    SCORER_IDLE,    /* no program */
    SCORER_WAITING, /* no program: one failed to start, the next try is due later */
    SCORER_LOADING,
    SCORER_READY,
    SCORER_ASKED, /* the head of the queue is with it */
    SCORER_STOPPING,
    SCORER_KILLED,
    SCORER_LATE, /* killed, since it said no hello */
    SCORER_STUCK /* killed, and still there */
};

struct job {
    struct list node;
    const struct task_definition *task;
    uint64_t id;
};

struct scorer {
    struct scorer_config config;
    enum scorer_state state;
    struct host *host;                  /* NULL: IDLE and WAITING */
    const struct task_definition *task; /* whose program the host is */
    struct model_definition program;
    struct list jobs;
    unsigned failures; /* to start, in a row */
    uv_timer_t timer;  /* of the state */
};

static void scorer_pump(struct scorer *s);

static struct job *scorer_head(struct scorer *s)
{
    return list_empty(&s->jobs) ? NULL : container_of(list_first(&s->jobs), struct job, node);
}

static uint64_t scorer_take(struct job *job)
{
    check(job);
    uint64_t id = job->id;
    list_remove(&job->node);
    free(job);
    return id;
}

static void scorer_on_timer(uv_timer_t *timer);

static void scorer_set(struct scorer *s, enum scorer_state state, uint64_t timeout_ms)
{
    s->state = state;
    uv_timer_start(&s->timer, scorer_on_timer, timeout_ms, 0);
}

/* --- what the program does --- */

static void scorer_on_hello(void *owner, const char *name, uint32_t inflight, uint32_t run_max)
{
    (void)name;
    (void)inflight, (void)run_max; /* one thing at a time, whatever it would like */
    struct scorer *s = owner;
    if (s->state != SCORER_LOADING)
        return;
    scorer_set(s, SCORER_READY, IDLE_MS);
    scorer_pump(s);
}

static void scorer_fail_job(struct scorer *s, const char *text)
{
    uint64_t id = scorer_take(scorer_head(s));
    struct host_reply reply = { .status = STATUS_SCORER, .answer = span_str(text) };
    s->config.on_scored(s->config.owner, id, &reply);
}

static void scorer_on_reply(void *owner, const struct host_reply *reply)
{
    struct scorer *s = owner;
    if (s->state != SCORER_ASKED)
        return; /* told to go meanwhile */
    scorer_set(s, SCORER_READY, IDLE_MS);
    s->failures = 0;
    uint64_t id = scorer_take(scorer_head(s));
    struct host_reply scored = *reply;
    if (reply->status != STATUS_OK)
        scored.status = STATUS_SCORER;
    s->config.on_scored(s->config.owner, id, &scored);
    scorer_pump(s);
}

/* Of one task; NULL: of all. */
static void scorer_refuse_jobs(struct scorer *s, const struct task_definition *task,
                               const char *text)
{
    struct list *next;
    for (struct list *n = list_first(&s->jobs); n != &s->jobs; n = next) {
        next = n->next;
        struct job *job = container_of(n, struct job, node);
        if (!task || job->task == task)
            s->config.on_unable(s->config.owner, scorer_take(job), text);
    }
}

/* It did not come up: its jobs cannot be done here once it has failed often enough. */
static void scorer_count_failure(struct scorer *s, const char *text)
{
    s->failures++;
    if (s->failures < FAILURES_MAX) {
        scorer_set(s, SCORER_WAITING, s->failures == 1 ? BACKOFF_MS : 5 * BACKOFF_MS);
        return;
    }
    s->failures = 0;
    scorer_set(s, SCORER_IDLE, 0);
    scorer_refuse_jobs(s, s->task, text);
}

static void scorer_on_exited(void *owner, enum host_end end, const char *text)
{
    (void)end;
    struct scorer *s = owner;
    enum scorer_state before = s->state;
    s->host = NULL;
    if (before == SCORER_LOADING || before == SCORER_LATE) {
        scorer_count_failure(s, before == SCORER_LATE ? "it said no hello within 600 s" : text);
        return;
    }
    scorer_set(s, SCORER_IDLE, 0); /* pumps from the timer */
    if (before == SCORER_ASKED)
        scorer_fail_job(s, text);
}

/* --- what it is told --- */

static const struct host_callbacks scorer_callbacks = {
    .on_hello = scorer_on_hello,
    .on_reply = scorer_on_reply,
    .on_exited = scorer_on_exited,
};

static void scorer_start(struct scorer *s, const struct task_definition *task)
{
    if (s->task != task)
        s->failures = 0;
    s->task = task;
    s->program = (struct model_definition){
        .name = task->task.path,
        .host = HOST_EXEC,
        .command = task->scorer,
        .command_count = task->scorer_count,
    };
    struct host_config config = {
        .loop = s->config.loop,
        .model = &s->program,
        .place = s->config.place,
        .callbacks = &scorer_callbacks,
        .owner = s,
    };
    struct errmsg msg = { "" };
    if (host_open(&config, &s->host, &msg) == OK)
        scorer_set(s, SCORER_LOADING, LOAD_TIMEOUT_MS);
    else
        scorer_count_failure(s, msg.text);
}

static void scorer_ask(struct scorer *s)
{
    for (struct job *job = scorer_head(s); job; job = scorer_head(s)) {
        struct host_request request = { 0 };
        if (!s->config.on_ask(s->config.owner, job->id, &request)) {
            scorer_take(job);
            continue;
        }
        scorer_set(s, SCORER_ASKED, TIMEOUT_MS);
        host_request(s->host, &request);
        return;
    }
}

static bool scorer_fits(const struct scorer *s, const struct task_definition *task)
{
    return s->task == task || strcmp(s->task->task.scorer, task->task.scorer) == 0;
}

static void scorer_pump(struct scorer *s)
{
    const struct job *head = scorer_head(s);
    if (!head)
        return;
    if (s->state == SCORER_IDLE) {
        scorer_start(s, head->task);
    } else if (s->state == SCORER_READY && scorer_fits(s, head->task)) {
        scorer_ask(s);
    } else if (s->state == SCORER_READY) {
        scorer_set(s, SCORER_STOPPING, ASK_MS);
        host_close(s->host);
    }
}

static void scorer_kill(struct scorer *s)
{
    scorer_set(s, s->state == SCORER_LOADING ? SCORER_LATE : SCORER_KILLED, KILL_MS);
    host_kill(s->host);
}

static void scorer_on_timer(uv_timer_t *timer)
{
    struct scorer *s = container_of(timer, struct scorer, timer);
    switch (s->state) {
    case SCORER_WAITING: s->state = SCORER_IDLE; break;
    case SCORER_LOADING:
    case SCORER_STOPPING: scorer_kill(s); return;
    case SCORER_READY:
        if (!scorer_head(s)) {
            scorer_set(s, SCORER_STOPPING, ASK_MS);
            host_close(s->host);
            return;
        }
        break;
    case SCORER_ASKED:
        scorer_kill(s);
        scorer_fail_job(s, "the scorer gave no answer within 120 s");
        return;
    case SCORER_IDLE: break;
    case SCORER_KILLED:
    case SCORER_LATE:
    case SCORER_STUCK:
        s->state = SCORER_STUCK;
        scorer_refuse_jobs(s, NULL, "a process of it does not die of SIGKILL");
        return;
    }
    scorer_pump(s);
}

/* --- the header's functions --- */

struct scorer *scorer_new(const struct scorer_config *config)
{
    struct scorer *s = xcalloc(1, sizeof *s);
    s->config = *config;
    list_init(&s->jobs);
    check(uv_timer_init(config->loop, &s->timer) == 0);
    return s;
}

void scorer_submit(struct scorer *s, const struct task_definition *task, uint64_t id)
{
    check(task->scorer_count > 0);
    struct job *job = xmalloc(sizeof *job);
    *job = (struct job){ .task = task, .id = id };
    list_push_back(&s->jobs, &job->node);
    if (s->state == SCORER_IDLE || s->state == SCORER_READY || s->state == SCORER_STUCK)
        scorer_set(s, s->state, 0); /* goes on from the loop */
}

bool scorer_is_idle(const struct scorer *s)
{
    return !s->host;
}

static bool scorer_is_killed(const struct scorer *s)
{
    return s->state == SCORER_KILLED || s->state == SCORER_LATE || s->state == SCORER_STUCK;
}

void scorer_stop(struct scorer *s, bool now)
{
    while (!list_empty(&s->jobs))
        scorer_take(scorer_head(s));
    if (!s->host || scorer_is_killed(s))
        return;
    if (now) {
        scorer_kill(s);
    } else if (s->state != SCORER_STOPPING) {
        scorer_set(s, SCORER_STOPPING, ASK_MS);
        host_close(s->host);
    }
}

static void scorer_on_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct scorer, timer));
}

void scorer_free(struct scorer *s)
{
    if (!s)
        return;
    check(scorer_is_idle(s));
    while (!list_empty(&s->jobs))
        scorer_take(scorer_head(s));
    uv_close((uv_handle_t *)&s->timer, scorer_on_closed);
}
