/* One event at a time: what it is for the agent, and what the agent wants done. */
#include "worker/worker_private.h"

#include <inttypes.h>
#include <unistd.h>

#include "common/check.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "worker/catalog.h"
#include "worker/link.h"
#include "worker/spool.h"
#include "worker/translate.h"

/* --- effects --- */

static uint64_t smallest_memory(const struct topology_slot *slot)
{
    uint64_t least = slot->gpu_count > 0 ? slot->gpus[0]->memory_bytes : 0;
    for (size_t i = 1; i < slot->gpu_count; i++)
        if (slot->gpus[i]->memory_bytes < least)
            least = slot->gpus[i]->memory_bytes;
    return least;
}

/* GPUs of one vendor may still differ: the first one's name stands for the slot, and the smallest
 * memory, since a model is spread over all of them. */
static void worker_describe_slots(struct worker *w, struct msg_hello *hello)
{
    hello->gpu_memory = arena_alloc(&w->scratch, w->slot_count * sizeof(*hello->gpu_memory));
    hello->places = arena_alloc(&w->scratch, w->slot_count * sizeof(*hello->places));
    for (uint32_t i = 0; i < w->slot_count; i++) {
        const struct topology_slot *slot = &w->config.topology->slots[i];
        if (slot->gpu_count > 0 && slot->gpus[0]->model)
            hello->slots[i].gpu_type = span_str(slot->gpus[0]->model);
        hello->gpu_memory[i] = smallest_memory(slot);
        hello->places[i] = slot->place;
    }
}

static void worker_say_hello(struct worker *w)
{
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1); /* for people; "" does no harm */
    struct msg m = { .type = MSG_HELLO, .seq = spool_first_seq(w->spool) };
    struct msg_hello *hello = &m.as.hello;
    arena_clear(&w->scratch);
    agent_hello(w->agent, &w->scratch, hello);
    hello->worker_name = span_str(w->config.name);
    memcpy(hello->worker_id, w->id, sizeof w->id);
    hello->version = span_str(MUSTER_VERSION);
    hello->host = span_str(host);
    hello->pid = (uint32_t)getpid();
    if (w->ends_mono_ns != INT64_MAX) {
        int64_t left_ms = (w->ends_mono_ns - clock_mono_ns()) / 1000000;
        hello->lifetime_ms = left_ms > 0 ? (uint64_t)left_ms : 1;
    }
    worker_describe_slots(w, hello);
    link_say_hello(w->link, &m);
}

static void worker_say_beat(struct worker *w)
{
    struct msg m = { .type = MSG_BEAT };
    arena_clear(&w->scratch);
    agent_beat(w->agent, &w->scratch, &m.as.beat);
    link_say(w->link, &m);
}

static void worker_say_host(struct worker *w, const struct agent_effect *e)
{
    struct msg m = { .type = MSG_HOST };
    m.as.host.slot = e->as.host.slot;
    m.as.host.model = e->as.host.model;
    m.as.host.ready = e->as.host.ready;
    m.as.host.load_ms = e->as.host.load_ms;
    m.as.host.text = e->as.host.text;
    link_say(w->link, &m);
}

static void worker_record(struct worker *w, const struct agent_effect *e)
{
    const struct task_definition *task = catalog_get_task(w->catalog, e->as.record.task);
    spool_record(w->spool, e->as.record.attempt, task->task.metric->stat_count, e->as.record.rows,
                 e->as.record.count);
}

static void worker_leave(struct worker *w)
{
    struct msg m = { .type = MSG_GOODBYE };
    m.as.goodbye.reason = span_str("drained");
    link_say(w->link, &m);
    log_info("worker_drained");
    worker_shut(w);
}

static void worker_note(const struct agent_effect *e)
{
    log_line(e->as.note.is_warning ? LOG_WARN : LOG_INFO, "%.*s", (int)e->as.note.text.len,
             (const char *)e->as.note.text.data);
}

/* Alone, or with all that the slots of its gang have. */
static void worker_start_host(struct worker *w, const struct agent_effect *e)
{
    uint32_t lead = e->as.start_host.slot, members = e->as.start_host.member_count;
    if (members == 0) {
        worker_slot_start(w->slots[lead], e->as.start_host.model, NULL);
        return;
    }
    unsigned slots[GANG_SLOTS_MAX] = { lead };
    for (uint32_t i = 0; i < members; i++)
        slots[i + 1] = e->as.start_host.members[i];
    arena_clear(&w->scratch);
    struct topology_slot gang = topology_join(w->config.topology, slots, members + 1, &w->scratch);
    struct host_place place = worker_place(w, &gang, &w->scratch);
    worker_slot_start(w->slots[lead], e->as.start_host.model, &place);
}

static void worker_do(struct worker *w, const struct agent_effect *e)
{
    switch (e->kind) {
    case AGENT_DO_START_HOST: worker_start_host(w, e); break;
    case AGENT_DO_STOP_HOST:
        worker_slot_stop(w->slots[e->as.stop_host.slot], e->as.stop_host.how);
        break;
    case AGENT_DO_REQUEST: worker_slot_request(w->slots[e->as.request.slot], e); break;
    case AGENT_DO_RECORD: worker_record(w, e); break;
    case AGENT_DO_FLUSH:
        spool_flush(w->spool, e->as.flush.attempt, e->as.flush.model, e->as.flush.task,
                    e->as.flush.seq);
        break;
    case AGENT_DO_SEND_ENDED:
        spool_ended(w->spool, e->as.ended.attempt, e->as.ended.reason, e->as.ended.text,
                    e->as.ended.from, e->as.ended.seq);
        break;
    case AGENT_DO_RESEND: spool_rewind(w->spool); break;
    case AGENT_DO_SEND_HELLO: worker_say_hello(w); break;
    case AGENT_DO_SEND_BEAT: worker_say_beat(w); break;
    case AGENT_DO_SEND_HOST: worker_say_host(w, e); break;
    case AGENT_DO_LEAVE: worker_leave(w); break;
    case AGENT_DO_NOTE: worker_note(e); break;
    case AGENT_EFFECT_COUNT: check(!"an effect");
    }
}

/* --- events --- */

static void worker_step(struct worker *w, const struct agent_event *e)
{
    agent_effects_clear(&w->effects);
    agent_step(w->agent, e, &w->effects);
    for (size_t i = 0; i < w->effects.count; i++)
        worker_do(w, &w->effects.items[i]);
}

/* No step inside a step: what the effects of one event cause waits for its turn. */
void worker_on_event(void *owner, const struct agent_event *e)
{
    struct worker *w = owner;
    if (w->state != WORKER_RUNNING)
        return; /* hosts on their way out; nothing is started any more */
    if (w->is_stepping) {
        inbox_put(&w->inbox, e);
        return;
    }
    w->is_stepping = true;
    worker_step(w, e);
    for (const struct agent_event *next; (next = inbox_next(&w->inbox));)
        worker_step(w, next);
    w->is_stepping = false;
}

void worker_post(struct worker *w, enum agent_event_kind kind)
{
    struct agent_event e = { .kind = kind, .now_mono_ns = clock_mono_ns() };
    worker_on_event(w, &e);
}

void worker_drain(struct worker *w, const char *why)
{
    if (w->is_draining)
        return;
    w->is_draining = true;
    log_info("worker_draining reason=\"%s\" unacked_messages=%zu", why, spool_count(w->spool));
    worker_post(w, AGENT_ON_DRAIN);
}

/* --- messages --- */

/* A message that will never be read must not be in the way for ever. */
static void worker_on_unreadable(struct worker *w, uint64_t seq, struct span text)
{
    struct errmsg why;
    (void)err_say(&why, ERR_UNSUPPORTED,
                  "the coordinator cannot read its results (%.*s): is it of the release of this "
                  "worker, " MUSTER_VERSION "?",
                  (int)(text.len < 200 ? text.len : 200), (const char *)text.data);
    if (spool_refused(w->spool, seq, span_str(why.text)))
        log_error("message_given_up seq=%" PRIu64 " reason=\"%s\"", seq, why.text);
}

static void worker_on_reject(struct worker *w, const struct msg *m)
{
    const struct msg_reject *reject = &m->as.reject;
    struct span text = reject->text;
    if (reject->code != REJECT_SESSION || link_has_session(w->link)) /* once for all it refuses */
        log_warn("rejected code=%u reason=\"%.*s\"", reject->code, (int)text.len,
                 (const char *)text.data);
    link_set_session(w->link, 0); /* nothing more is of use before the next welcome */
    if (reject->code == REJECT_MALFORMED && m->seq != 0)
        worker_on_unreadable(w, m->seq, text);
    if (reject->code != REJECT_VERSION)
        return;
    log_error("version_mismatch: this worker speaks version %d.%d of the protocol (%s); install "
              "the coordinator's release here",
              MSG_MAJOR, MSG_MINOR, MUSTER_VERSION);
    w->end = WORKER_REJECTED;
    worker_shut(w);
}

/* What the agent has to know besides the message: what the model needs, and whether it and the
 * task are known here. */
static void worker_complete_grant(struct worker *w, struct agent_event *e, struct errmsg *why)
{
    const struct model_definition *model;
    const struct task_definition *task;
    err found = catalog_find_model(w->catalog, e->as.grant.model, &model, why);
    if (found == OK) {
        e->as.grant.needs = translate_needs(model);
        found = catalog_find_task(w->catalog, e->as.grant.task, &task, why);
    }
    if (found == OK && (e->as.grant.first > task->task.size ||
                        e->as.grant.count > task->task.size - e->as.grant.first))
        found =
            err_say(why, ERR_INVALID, "instances %" PRIu32 "+%" PRIu32 " of a task with %" PRIu32,
                    e->as.grant.first, e->as.grant.count, task->task.size);
    if (found)
        e->as.grant.refusal = span_str(why->text);
}

/* A coordinator of before 1.4 does not say. */
static bool worker_is_elsewhere(struct worker *w, struct span store)
{
    if (store.len == 0)
        return false;
    if (!w->has_store)
        memcpy(w->store, store.data, STORE_ID_BYTES);
    w->has_store = true;
    return memcmp(w->store, store.data, STORE_ID_BYTES) != 0;
}

/* The same numbers mean other models, tasks and attempts there: not a message may leave. */
static void worker_leave_for_another(struct worker *w, const struct msg_welcome *welcome)
{
    log_warn("another_store sweep=\"%.*s\" unacked_messages=%zu: what is here is of no use there",
             (int)welcome->sweep.len, (const char *)welcome->sweep.data, spool_count(w->spool));
    link_set_session(w->link, 0);
    if (!w->is_draining)
        w->end = WORKER_ELSEWHERE;
    worker_shut(w);
}

static void worker_on_welcome(struct worker *w, const struct msg_welcome *welcome, bool packs)
{
    if (worker_is_elsewhere(w, welcome->store)) {
        worker_leave_for_another(w, welcome);
        return;
    }
    link_set_session(w->link, welcome->session);
    spool_set_packing(w->spool, packs);
    log_info("welcomed epoch=%" PRIu64 " sweep=\"%.*s\" unacked_messages=%zu", welcome->epoch,
             (int)welcome->sweep.len, (const char *)welcome->sweep.data, spool_count(w->spool));
}

static void worker_on_define_model(struct worker *w, const struct msg_define *define)
{
    if (!catalog_define_model(w->catalog, define->id, define->json))
        return;
    struct agent_event e = { .kind = AGENT_ON_REDEFINED, .now_mono_ns = clock_mono_ns() };
    e.as.redefined.model = define->id;
    worker_on_event(w, &e);
}

void worker_on_message(void *owner, const struct msg *m)
{
    struct worker *w = owner;
    struct errmsg why = { "" };
    struct agent_event e;
    if (w->state != WORKER_RUNNING)
        return;
    if (m->type == MSG_DEFINE_MODEL)
        worker_on_define_model(w, &m->as.define);
    else if (m->type == MSG_DEFINE_TASK)
        catalog_define_task(w->catalog, m->as.define.id, m->as.define.json);
    else if (m->type == MSG_REJECT)
        worker_on_reject(w, m);
    else if (m->type == MSG_WELCOME)
        worker_on_welcome(w, &m->as.welcome, msg_takes_packed(m));
    else if (m->type == MSG_ACK)
        spool_ack(w->spool, m->as.ack.seq);
    if (w->state != WORKER_RUNNING || !translate_message(m, &e))
        return;
    if (e.kind == AGENT_ON_DRAIN) {
        worker_drain(w, "the coordinator says so");
        return;
    }
    if (e.kind == AGENT_ON_GRANT)
        worker_complete_grant(w, &e, &why);
    e.now_mono_ns = clock_mono_ns();
    worker_on_event(w, &e);
}
