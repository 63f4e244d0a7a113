/* Runs: a host in this process that takes no time is asked for many instances in one request, and
 * answers each from within the call. So what a result costs here is the answer, the score and the
 * row, and nothing else. */
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"
#include "worker/catalog.h"
#include "worker/slot_private.h"

/* A row that keeps `text`: where it lies is known when all of them are there. */
static void run_keep(struct slot_runs *runs, struct result *row)
{
    struct span text = row->answer;
    row->answer = span_of(NULL, text.len);
    buf_append_span(&runs->answers, text);
}

static void run_place_answers(struct slot_runs *runs, uint32_t count)
{
    const uint8_t *at = runs->answers.data;
    for (uint32_t i = 0; i < count; i++) {
        runs->rows[i].answer.data = at;
        at += runs->rows[i].answer.len;
    }
}

/* What an answer takes: made once a run, and not once a row. */
struct run_answer {
    struct instance instance;
    struct host_request request;
    struct host_reply reply;
};

/* ERR_INVALID is a row like others; another error: the task cannot be read. */
static err run_answer_one(struct worker_slot *s, const struct task_definition *task,
                          struct task_data *data, struct run_answer *a, struct result *row,
                          struct errmsg *msg)
{
    err e = task_data_instance(data, row->instance, &a->instance, msg);
    if (e == ERR_INVALID) {
        row->status = STATUS_INVALID;
        row->answer = span_str(msg->text);
    }
    if (e)
        return e == ERR_INVALID ? OK : e;
    a->request.index = row->instance;
    host_answer(s->host, &a->request, &a->reply);
    row->status = a->reply.status;
    row->micros = a->reply.micros;
    row->answer = a->reply.answer;
    if (a->reply.status == STATUS_OK)
        slot_score(task, &a->instance, &a->reply, row);
    return OK;
}

static err run_answer(struct worker_slot *s, const struct open_request *r, struct errmsg *msg)
{
    struct slot_runs *runs = &s->runs;
    const struct task_definition *task = catalog_get_task(s->config.catalog, r->task);
    struct task_data *data;
    err e = catalog_data(s->config.catalog, r->task, r->instance, r->count, &data, msg);
    if (e)
        return e;
    buf_clear(&runs->answers);
    struct run_answer a = { .request = { .task = &task->task, .instance = &a.instance } };
    for (uint32_t i = 0; e == OK && i < r->count; i++) {
        runs->rows[i] = (struct result){ .instance = r->instance + i };
        e = run_answer_one(s, task, data, &a, &runs->rows[i], msg);
        if (e == OK)
            run_keep(runs, &runs->rows[i]);
    }
    return e;
}

/* The oldest run; how many instances it has. */
static uint32_t run_next(struct worker_slot *s)
{
    struct slot_runs *runs = &s->runs;
    struct open_request *r = slot_find(s, runs->waiting[runs->first]);
    runs->first = (runs->first + 1) % SLOT_RUNS_MAX;
    runs->count--;
    if (!r)
        return 0; /* given up meanwhile */
    uint32_t count = r->count;
    struct errmsg msg = { "" };
    if (run_answer(s, r, &msg) != OK) {
        slot_finish_unserved(s, r, msg.text);
        return count;
    }
    run_place_answers(runs, count);
    slot_finish(s, r, runs->rows, count); /* brings the next one */
    return count;
}

/* So many instances a turn of the loop, of one run or of many: it sees to others as well. */
static void slot_on_idle(uv_idle_t *idle)
{
    struct worker_slot *s = container_of(idle, struct worker_slot, runs.idle);
    for (uint32_t done = 0; s->runs.count > 0 && done < AGENT_RUN_MAX;)
        done += run_next(s);
    if (s->runs.count == 0)
        uv_idle_stop(idle);
}

void slot_queue_run(struct worker_slot *s, uint64_t request)
{
    struct slot_runs *runs = &s->runs;
    check(runs->count < SLOT_RUNS_MAX); /* what the host's hello allowed */
    if (!runs->rows)
        runs->rows = xcalloc(AGENT_RUN_MAX, sizeof *runs->rows);
    runs->waiting[(runs->first + runs->count++) % SLOT_RUNS_MAX] = request;
    uv_idle_start(&runs->idle, slot_on_idle);
}

void slot_forget_runs(struct worker_slot *s)
{
    s->runs.count = 0;
    uv_idle_stop(&s->runs.idle);
}

void slot_init_runs(struct worker_slot *s)
{
    check(uv_idle_init(s->config.loop, &s->runs.idle) == 0);
}

static void slot_on_closed(uv_handle_t *handle)
{
    struct worker_slot *s = container_of((uv_idle_t *)handle, struct worker_slot, runs.idle);
    free(s->runs.rows);
    buf_release(&s->runs.answers);
    free(s);
}

void slot_close_runs(struct worker_slot *s)
{
    uv_close((uv_handle_t *)&s->runs.idle, slot_on_closed);
}
