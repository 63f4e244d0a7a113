/* The host in a slot and the requests at it; what comes of them is in slot_reply.c. */
#include "worker/slot.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/mem.h"
#include "worker/catalog.h"
#include "worker/media.h"
#include "worker/scorer.h"
#include "worker/slot_private.h"

void slot_post_at(struct worker_slot *s, struct agent_event e, int64_t now_mono_ns)
{
    e.now_mono_ns = now_mono_ns;
    s->config.on_event(s->config.owner, &e);
}

void slot_post(struct worker_slot *s, struct agent_event e)
{
    slot_post_at(s, e, clock_mono_ns());
}

static void slot_post_exited(struct worker_slot *s, enum host_end end, const char *text)
{
    struct agent_event e = { .kind = AGENT_ON_HOST_EXITED };
    e.as.host_exited.slot = s->config.index;
    e.as.host_exited.end = end;
    e.as.host_exited.text = span_str(text);
    slot_post(s, e);
}

/* --- the table of requests --- */

void slot_close_request(struct open_request *r)
{
    buf_release(&r->answer);
    free(r->file);
    *r = (struct open_request){ 0 };
}

static struct open_request *slot_open(struct worker_slot *s, const struct agent_effect *e)
{
    struct open_request *r = &s->open[agent_request_place(e->as.request.request)];
    slot_close_request(r); /* what the agent has given up may still be with the scorer */
    r->id = e->as.request.request;
    r->task = e->as.request.task;
    r->instance = e->as.request.instance;
    r->count = e->as.request.count;
    return r;
}

struct open_request *slot_find(const struct worker_slot *s, uint64_t request)
{
    struct open_request *r = &s->open[agent_request_place(request)];
    return r->id != 0 && r->id == request ? r : NULL;
}

/* The host is gone, and what it was asked with it. What is being scored stays. */
static void slot_forget_asked(struct worker_slot *s)
{
    for (size_t i = 0; i < AGENT_PLACES_MAX; i++)
        if (s->open[i].id != 0 && !s->open[i].is_scoring)
            slot_close_request(&s->open[i]);
    slot_forget_runs(s);
}

/* --- the host --- */

static void slot_on_hello(void *owner, const char *name, uint32_t inflight, uint32_t run_max)
{
    struct worker_slot *s = owner;
    check(run_max == 1 || inflight <= SLOT_RUNS_MAX);
    s->runs.are_taken = run_max > 1;
    log_info("host_ready slot=%u model=%s name=\"%s\" inflight=%u", s->config.index, s->model->name,
             name, inflight);
    struct agent_event e = { .kind = AGENT_ON_HOST_HELLO };
    e.as.host_hello.slot = s->config.index;
    e.as.host_hello.inflight = inflight;
    e.as.host_hello.run_max = run_max;
    slot_post(s, e);
}

static void slot_on_exited(void *owner, enum host_end end, const char *text)
{
    struct worker_slot *s = owner;
    log_info("host_exited slot=%u model=%s reason=\"%s\"", s->config.index, s->model->name, text);
    s->host = NULL;
    slot_forget_asked(s);
    arena_clear(&s->arena);
    media_clear_slot(s->config.media, s->config.index, &s->arena);
    slot_post_exited(s, end, text);
}

static const struct host_callbacks slot_callbacks = {
    .on_hello = slot_on_hello,
    .on_reply = slot_on_reply,
    .on_exited = slot_on_exited,
};

/* A model's name as part of a file's: "a/b" and "a.b" may share a log. */
static const char *slot_log_path(const struct worker_slot *s, const char *model,
                                 struct arena *arena)
{
    char *name = arena_strdup(arena, model);
    for (char *at = name; *at; at++)
        if (*at == '/')
            *at = '.';
    return arena_format(arena, "%s/%s-slot%u.log", s->config.log_dir, name, s->config.index);
}

static err slot_open_host(struct worker_slot *s, uint32_t model, struct host_place place,
                          struct errmsg *msg)
{
    s->model = catalog_get_model(s->config.catalog, model);
    s->model_id = model;
    place.log_path = slot_log_path(s, s->model->name, &s->arena);
    struct host_config config = {
        .loop = s->config.loop,
        .model = s->model,
        .place = &place,
        .callbacks = &slot_callbacks,
        .owner = s,
    };
    return host_open(&config, &s->host, msg);
}

void worker_slot_start(struct worker_slot *s, uint32_t model, const struct host_place *place)
{
    check(!s->host);
    struct errmsg msg = { "" };
    arena_clear(&s->arena);
    err e = slot_open_host(s, model, place ? *place : s->config.place, &msg);
    if (e)
        slot_post_exited(s, HOST_END_GONE, msg.text);
    else
        log_info("host_started slot=%u model=%s", s->config.index, s->model->name);
}

void worker_slot_stop(struct worker_slot *s, enum agent_stop how)
{
    if (!s->host)
        return; /* it never started; its exit is posted */
    if (how == AGENT_STOP_ASK) {
        host_close(s->host);
        return;
    }
    slot_forget_asked(s);
    host_kill(s->host);
}

/* What can only be scored by a program cannot be run without one. */
static err slot_check_scorable(const struct worker_slot *s, const struct task_definition *task,
                               struct errmsg *msg)
{
    if (task->task.metric->kind != METRIC_SCORED || task->scorer_count > 0 ||
        s->model->host == HOST_SIM)
        return OK;
    return err_say(msg, ERR_UNSUPPORTED,
                   "%s: the metric %s needs a scorer program; name one under \"scorers\" of its "
                   "suite in the sweep file",
                   task->task.path, task->task.metric_name);
}

void worker_slot_request(struct worker_slot *s, const struct agent_effect *effect)
{
    struct open_request *r = slot_open(s, effect);
    if (s->finished_ns > 0)
        histogram_add(&s->gaps_us, (uint64_t)(clock_mono_ns() - s->finished_ns) / 1000);
    s->finished_ns = 0;
    if (s->host && s->runs.are_taken) {
        slot_queue_run(s, r->id);
        return;
    }
    check(r->count == 1);
    const struct task_definition *task = catalog_get_task(s->config.catalog, r->task);
    struct instance instance;
    struct errmsg msg = { "" };
    arena_clear(&s->arena);
    err e = slot_check_scorable(s, task, &msg);
    if (e == OK)
        e = catalog_instance(s->config.catalog, r->task, r->instance, &instance, &msg);
    const char *output_file = NULL;
    if (e == OK && s->model->host == HOST_EXEC)
        e = media_output_path(s->config.media, s->config.index, r->id, &s->arena, &output_file,
                              &msg);
    if (e) {
        slot_finish_unreadable(s, r, e, &msg);
        return;
    }
    struct host_request request = {
        .id = r->id,
        .task = &task->task,
        .instance = &instance,
        .index = r->instance,
        .output_file = output_file,
        .decoding = strcmp(s->model->decoding, "{}") == 0 ? NULL : s->model->decoding,
    };
    if (s->host) /* else it ended just now: its exit is on its way to the agent */
        host_request(s->host, &request);
}

/* --- its own life --- */

struct worker_slot *worker_slot_new(const struct worker_slot_config *config)
{
    struct worker_slot *s = xcalloc(1, sizeof *s);
    s->config = *config;
    s->open = xcalloc(AGENT_PLACES_MAX, sizeof *s->open);
    slot_init_runs(s);
    s->scorer_log = xformat("%s/scorer-slot%u.log", config->log_dir, config->index);
    s->scorer_place = config->place;
    s->scorer_place.log_path = s->scorer_log;
    s->scorer = scorer_new(&(struct scorer_config){
        .loop = config->loop,
        .place = &s->scorer_place,
        .owner = s,
        .on_ask = slot_on_ask,
        .on_scored = slot_on_scored,
        .on_unable = slot_on_unable,
    });
    return s;
}

void worker_slot_shut(struct worker_slot *s, bool now)
{
    scorer_stop(s->scorer, now);
    if (s->host)
        worker_slot_stop(s, now ? AGENT_STOP_KILL : AGENT_STOP_ASK);
}

bool worker_slot_is_empty(const struct worker_slot *s)
{
    return !s->host && scorer_is_idle(s->scorer);
}

void worker_slot_free(struct worker_slot *s)
{
    if (!s)
        return;
    check(worker_slot_is_empty(s));
    if (s->gaps_us.count > 0)
        log_info("slot_gaps slot=%u count=%llu us_p50=%llu us_p99=%llu us_max=%llu",
                 s->config.index, (unsigned long long)s->gaps_us.count,
                 (unsigned long long)histogram_share(&s->gaps_us, 0.5),
                 (unsigned long long)histogram_share(&s->gaps_us, 0.99),
                 (unsigned long long)s->gaps_us.max);
    scorer_free(s->scorer);
    for (size_t i = 0; i < AGENT_PLACES_MAX; i++)
        slot_close_request(&s->open[i]);
    free(s->open);
    free(s->scorer_log);
    arena_release(&s->arena);
    slot_close_runs(s);
}
