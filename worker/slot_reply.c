/* From what a model said to a row: the file put away, the scorer asked, the metric applied. */
#include <stdlib.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/mem.h"
#include "worker/catalog.h"
#include "worker/media.h"
#include "worker/scorer.h"
#include "worker/slot_private.h"

/* --- the end of a request --- */

/* What the rows bring about may need the request's place at once. */
void slot_finish(struct worker_slot *s, struct open_request *r, const struct result *rows,
                 uint32_t count)
{
    struct open_request over = *r;
    *r = (struct open_request){ 0 };
    s->finished_ns = clock_mono_ns();
    struct agent_event e = { .kind = AGENT_ON_ROWS };
    e.as.rows.slot = s->config.index;
    e.as.rows.request = over.id;
    e.as.rows.rows = rows;
    e.as.rows.count = count;
    slot_post_at(s, e, s->finished_ns);
    slot_close_request(&over);
}

static void slot_post_unserved(struct worker_slot *s, uint64_t request, const char *text)
{
    struct agent_event e = { .kind = AGENT_ON_UNSERVED };
    e.as.unserved.slot = s->config.index;
    e.as.unserved.request = request;
    e.as.unserved.text = span_str(text);
    slot_post(s, e);
}

void slot_finish_unserved(struct worker_slot *s, struct open_request *r, const char *text)
{
    uint64_t id = r->id;
    slot_close_request(r);
    slot_post_unserved(s, id, text);
}

/* --- replies --- */

void slot_finish_unreadable(struct worker_slot *s, struct open_request *r, err e,
                            const struct errmsg *why)
{
    if (e != ERR_INVALID) {
        slot_finish_unserved(s, r, why->text);
        return;
    }
    struct result row = {
        .instance = r->instance,
        .status = STATUS_INVALID,
        .answer = span_str(why->text),
    };
    slot_finish(s, r, &row, 1);
}

void slot_score(const struct task_definition *task, const struct instance *instance,
                const struct host_reply *said, struct result *row)
{
    struct metric_input input = {
        .answer = said->answer,
        .references = instance->references,
        .reference_count = instance->reference_count,
        .scorer_value = said->score,
        .option_count = instance->option_count,
    };
    if (metric_score(task->task.metric, &input, row->stats) == OK)
        return;
    row->status = STATUS_SCORER;
    row->is_media = false;
    row->answer = span_str("the score is not a finite number");
}

static void slot_finish_scored(struct worker_slot *s, struct open_request *r,
                               const struct host_reply *said, struct span recorded, bool is_media,
                               uint32_t micros)
{
    const struct task_definition *task = catalog_get_task(s->config.catalog, r->task);
    struct instance instance;
    struct errmsg msg = { "" };
    err e = catalog_instance(s->config.catalog, r->task, r->instance, &instance, &msg);
    if (e) {
        slot_finish_unreadable(s, r, e, &msg);
        return;
    }
    struct result row = {
        .instance = r->instance,
        .status = STATUS_OK,
        .micros = micros,
        .is_media = is_media,
        .answer = recorded,
    };
    slot_score(task, &instance, said, &row);
    slot_finish(s, r, &row, 1);
}

static void slot_finish_failed(struct worker_slot *s, struct open_request *r, status code,
                               uint32_t micros, struct span text)
{
    struct result row = {
        .instance = r->instance,
        .status = code,
        .micros = micros,
        .answer = text,
    };
    slot_finish(s, r, &row, 1);
}

/* The model is done with it; the rest is the scorer's. */
static void slot_submit(struct worker_slot *s, struct open_request *r,
                        const struct task_definition *task, struct span answer, const char *path,
                        uint32_t micros)
{
    r->is_scoring = true;
    r->micros = micros;
    buf_append_span(&r->answer, answer);
    r->file = path ? xstrdup(path) : NULL;
    scorer_submit(s->scorer, task, r->id);

    struct agent_event e = { .kind = AGENT_ON_ANSWERED };
    e.as.answered.slot = s->config.index;
    e.as.answered.request = r->id;
    slot_post(s, e);
}

static void slot_take_ok(struct worker_slot *s, struct open_request *r,
                         const struct host_reply *reply)
{
    struct errmsg msg = { "" };
    struct span recorded = reply->answer;
    const char *words, *path = NULL;
    if (reply->file) {
        err e = media_take(s->config.media, reply->file, &s->arena, &words, &path, &msg);
        if (e == ERR_IO || e == ERR_FULL) {
            slot_finish_unserved(s, r, msg.text);
            return;
        }
        if (e) {
            slot_finish_failed(s, r, STATUS_ERROR, reply->micros, span_str(msg.text));
            return;
        }
        recorded = span_str(words);
    }
    const struct task_definition *task = catalog_get_task(s->config.catalog, r->task);
    if (task->scorer_count > 0 && !reply->has_score)
        slot_submit(s, r, task, recorded, path, reply->micros);
    else
        slot_finish_scored(s, r, reply, recorded, reply->file != NULL, reply->micros);
}

void slot_on_reply(void *owner, const struct host_reply *reply)
{
    struct worker_slot *s = owner;
    struct open_request *r = slot_find(s, reply->id);
    if (!r || r->is_scoring)
        return; /* given up meanwhile */
    arena_clear(&s->arena);
    if (reply->status != STATUS_OK)
        slot_finish_failed(s, r, reply->status, reply->micros, reply->answer);
    else if (reply->has_score && s->model->host != HOST_SIM)
        slot_finish_failed(s, r, STATUS_PROTOCOL, reply->micros,
                           span_str("a model gives answers; only a scorer gives scores"));
    else
        slot_take_ok(s, r, reply);
}

/* --- scoring --- */

bool slot_on_ask(void *owner, uint64_t job, struct host_request *out)
{
    struct worker_slot *s = owner;
    struct open_request *r = slot_find(s, job);
    if (!r)
        return false;
    const struct task_definition *task = catalog_get_task(s->config.catalog, r->task);
    struct errmsg msg = { "" };
    err e = catalog_instance(s->config.catalog, r->task, r->instance, &s->at_scorer, &msg);
    if (e) {
        slot_finish_unreadable(s, r, e, &msg);
        return false;
    }
    *out = (struct host_request){
        .id = job,
        .task = &task->task,
        .instance = &s->at_scorer,
        .index = r->instance,
        .is_scoring = true,
        .answer = buf_span(&r->answer),
        .file = r->file,
    };
    return true;
}

/* Why this is no verdict for the task's metric; NULL: it is one. */
static const char *verdict_refusal(const struct task *task, const struct host_reply *verdict)
{
    if (verdict->file)
        return "the scorer replied with a file";
    bool wants_score = task->metric->kind == METRIC_SCORED;
    if (wants_score == verdict->has_score)
        return NULL;
    return wants_score ? "the scorer replied with an answer; expected a score"
                       : "the scorer replied with a score; expected an answer, which the task's "
                         "metric compares";
}

void slot_on_scored(void *owner, uint64_t job, const struct host_reply *reply)
{
    struct worker_slot *s = owner;
    struct open_request *r = slot_find(s, job);
    if (!r)
        return;
    const struct task_definition *task = catalog_get_task(s->config.catalog, r->task);
    const char *refusal = verdict_refusal(&task->task, reply);
    if (reply->status != STATUS_OK)
        slot_finish_failed(s, r, STATUS_SCORER, r->micros, reply->answer);
    else if (refusal)
        slot_finish_failed(s, r, STATUS_SCORER, r->micros, span_str(refusal));
    else
        slot_finish_scored(s, r, reply, buf_span(&r->answer), r->file != NULL, r->micros);
}

void slot_on_unable(void *owner, uint64_t job, const char *text)
{
    struct worker_slot *s = owner;
    struct open_request *r = slot_find(s, job);
    if (!r)
        return;
    arena_clear(&s->arena);
    slot_finish_unserved(s, r, arena_format(&s->arena, "the scorer does not start: %s", text));
}
