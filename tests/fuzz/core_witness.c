#include "tests/fuzz/core_witness.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/mem.h"

struct witness_attempt *witness_find(const struct witness *w, uint64_t attempt)
{
    for (size_t i = w->attempt_count; i-- > 0;)
        if (w->attempts[i].id == attempt)
            return &w->attempts[i];
    return NULL;
}

/* The attempt takes what is open of its range: nobody may hold any of it. */
static void take_range(struct witness *w, const struct witness_attempt *a)
{
    struct witness_cell *cell = &w->cells[a->model][a->task];
    check(a->count > 0 && a->first < cell->size && a->count <= cell->size - a->first);
    for (uint32_t i = a->first; i < a->first + a->count; i++) {
        if (cell->closed[i] || !cell->wanted[i])
            continue;
        size_t holder = cell->holder[i];
        check(holder == 0 || !w->attempts[holder - 1].live);
        cell->holder[i] = w->attempt_count + 1;
    }
}

/* One that is taken up again under its number gets a new entry: the old one holds nothing. */
static void add_attempt(struct witness *w, const struct witness_attempt *a)
{
    const struct witness_attempt *before = witness_find(w, a->id);
    check(!before || !before->live);
    if (!a->is_copy)
        take_range(w, a);
    w->attempts =
        xgrow(w->attempts, &w->attempt_capacity, w->attempt_count + 1, sizeof(*w->attempts));
    w->attempts[w->attempt_count++] = *a;
}

static void attempt_over(struct witness *w, uint64_t id, uint32_t worker)
{
    struct witness_attempt *a = witness_find(w, id);
    if (a && a->worker == worker)
        a->live = false;
}

/* What lies at `from` or behind is nobody's now. */
static void part_over(struct witness *w, uint64_t id, uint32_t worker, uint32_t from)
{
    struct witness_attempt *a = witness_find(w, id);
    if (!a || a->worker != worker || !a->live || from <= a->first || from - a->first >= a->count)
        return;
    struct witness_cell *cell = &w->cells[a->model][a->task];
    size_t number = (size_t)(a - w->attempts) + 1;
    for (uint32_t i = from; i < a->first + a->count; i++)
        cell->holder[i] = cell->holder[i] == number ? 0 : cell->holder[i];
    a->count = from - a->first;
}

static struct witness_worker *of_session(struct witness *w, uint64_t session)
{
    for (uint32_t i = 0; session && i < WITNESS_WORKERS; i++)
        if (w->workers[i].session == session)
            return &w->workers[i];
    return NULL;
}

/* ---- the trace ---- */

static void trace_event(const struct witness *w, uint32_t worker, const struct core_event *e)
{
    if (!w->trace)
        return;
    static const char *const kinds[] = {
        [CORE_TIME] = "time",
        [CORE_HELLO] = "hello",
        [CORE_BEAT] = "beat",
        [CORE_RESULTS] = "results",
        [CORE_ENDED] = "ended",
        [CORE_HOST] = "host",
        [CORE_GOODBYE] = "goodbye",
        [CORE_DRAIN] = "drain",
        [CORE_DRAIN_WORKER] = "drain_worker",
        [CORE_PAUSE_MODEL] = "pause",
        [CORE_RESUME_MODEL] = "resume",
    };
    fprintf(w->trace, "[%7" PRId64 "] %s worker=%" PRIu32 " session=%" PRIx64, w->now_ns / 1000000,
            kinds[e->kind], worker, e->session);
    if (e->kind == CORE_RESULTS) {
        fprintf(w->trace, " seq=%" PRIu64 " attempt=%" PRIx64 " cell=%" PRIu32 "/%" PRIu32 " rows=",
                e->as.results.seq, e->as.results.attempt, e->as.results.model, e->as.results.task);
        for (uint32_t i = 0; i < e->as.results.rows; i++)
            fprintf(w->trace, "%" PRIu32 ":%s ", e->as.results.instance[i],
                    status_text((status)e->as.results.status[i]));
    }
    if (e->kind == CORE_ENDED)
        fprintf(w->trace, " seq=%" PRIu64 " attempt=%" PRIx64 " reason=%s from=%" PRIu32,
                e->as.ended.seq, e->as.ended.attempt, ended_text(e->as.ended.reason),
                e->as.ended.from);
    fputc('\n', w->trace);
}

static void trace_effect(const struct witness *w, const struct core_effect *e)
{
    if (!w->trace)
        return;
    static const char *const kinds[] = {
        [EFFECT_RECORD] = "record",   [EFFECT_STRIKE] = "strike",
        [EFFECT_WELCOME] = "welcome", [EFFECT_REJECT] = "reject",
        [EFFECT_GRANT] = "grant",     [EFFECT_REVOKE] = "revoke",
        [EFFECT_ACK] = "ack",         [EFFECT_BEAT_REPLY] = "beat_reply",
        [EFFECT_DRAIN] = "drain",     [EFFECT_GONE] = "gone",
        [EFFECT_NOTE] = "note",       [EFFECT_LEARNED] = "learned",
    };
    fprintf(w->trace, "    %s session=%" PRIx64, kinds[e->kind], e->session);
    if (e->kind == EFFECT_GRANT)
        fprintf(w->trace,
                " attempt=%" PRIx64 " slot=%" PRIu32 " cell=%" PRIu32 "/%" PRIu32 " [%" PRIu32
                ",+%" PRIu32 ")",
                e->as.grant.attempt, e->as.grant.slot, e->as.grant.model, e->as.grant.task,
                e->as.grant.first, e->as.grant.count);
    if (e->kind == EFFECT_NOTE)
        fprintf(w->trace, " %s (%" PRIu32 ")", e->as.note.text, e->as.note.model);
    fputc('\n', w->trace);
}

/* ---- effects ---- */

/* What the slots of a grant have together is enough. Who else has work there: core_selfcheck. */
static void check_slots(const struct witness *w, const struct witness_worker *to,
                        const struct core_effect *e)
{
    const struct core_need *need = &w->needs[e->as.grant.model];
    uint32_t gpus = 0, cpus = 0;
    uint64_t memory = 0;
    bool is_limited = true;
    for (uint32_t i = 0; i <= e->as.grant.member_count; i++) {
        uint32_t at = i == 0 ? e->as.grant.slot : e->as.grant.members[i - 1];
        check(at < to->slot_count && (i == 0 || at > e->as.grant.slot));
        check(i < 2 || at > e->as.grant.members[i - 2]);
        gpus += to->slots[at].gpus;
        cpus += to->slots[at].cpus;
        memory += to->slots[at].memory_bytes;
        is_limited &= to->slots[at].memory_bytes > 0;
    }
    check(need->gpus <= gpus && need->cpus <= cpus);
    check(!is_limited || need->memory_bytes <= memory);
}

static void check_grant(struct witness *w, const struct core_effect *e)
{
    struct witness_worker *to = of_session(w, e->session);
    uint32_t model = e->as.grant.model, task = e->as.grant.task;
    uint32_t first = e->as.grant.first, count = e->as.grant.count;
    check(to && !to->draining && !w->stopping);
    check(model < w->model_count && task < w->task_count && !w->paused[model]);
    check(e->as.grant.slot < to->slot_count);
    check_slots(w, to, e);
    check(e->as.grant.attempt > w->last_granted && e->as.grant.attempt >> 32 == w->config.epoch);
    w->last_granted = e->as.grant.attempt;

    const struct witness_cell *cell = &w->cells[model][task];
    check(count > 0 && first < cell->size && count <= cell->size - first);
    struct span skip = e->as.grant.skip;
    check(skip.len == 0 || skip.len == (count + 7u) / 8);
    uint32_t open = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_open = cell->wanted[first + i] && !cell->closed[first + i];
        bool is_skipped = skip.len && (skip.data[i / 8] >> (i % 8) & 1);
        check(is_open != is_skipped);
        open += is_open;
    }
    check(open > 0);
    const struct witness_attempt a = { e->as.grant.attempt,
                                       (uint32_t)(to - w->workers),
                                       e->as.grant.slot,
                                       model,
                                       task,
                                       first,
                                       count,
                                       true,
                                       e->as.grant.is_copy };
    add_attempt(w, &a);
}

static void check_record(struct witness *w, const struct core_event *event,
                         const struct core_effect *e)
{
    check(event->kind == CORE_RESULTS && w->sender_may_report);
    check(e->as.record.model == event->as.results.model);
    check(e->as.record.task == event->as.results.task);
    struct witness_cell *cell = &w->cells[e->as.record.model][e->as.record.task];
    uint32_t kept = 0;
    for (uint32_t row = 0; row < event->as.results.rows; row++) {
        bool keep = bitmap_get(&e->as.record.keep, row);
        check(keep || !e->as.record.all);
        if (!keep)
            continue;
        uint32_t instance = event->as.results.instance[row];
        check(instance < cell->size && cell->wanted[instance] && !cell->closed[instance]);
        cell->closed[instance] = true;
        kept++;
        w->ended++;
        w->failed += event->as.results.status[row] != STATUS_OK;
    }
    check(kept > 0);
}

static void check_strike(struct witness *w, const struct core_event *event,
                         const struct core_effect *e)
{
    static const char withdrawn[] = "withdrawn";
    bool is_withdrawn = e->as.strike.reason.len >= sizeof(withdrawn) - 1 &&
                        memcmp(e->as.strike.reason.data, withdrawn, sizeof(withdrawn) - 1) == 0;
    check(is_withdrawn || (event->kind == CORE_RESULTS && e->as.strike.count > 0));
    check(!status_is_final(e->as.strike.status) && e->as.strike.count < w->config.strikes_max);
    const struct witness_cell *cell = &w->cells[e->as.strike.model][e->as.strike.task];
    check(e->as.strike.instance < cell->size && !cell->closed[e->as.strike.instance]);
}

static void welcome(struct witness_worker *worker, const struct core_event *event,
                    const struct core_effect *e)
{
    check(event->kind == CORE_HELLO && e->session != 0);
    check(e->as.welcome.peer == event->as.hello.peer);
    if (memcmp(worker->process, event->as.hello.worker_id, WORKER_ID_BYTES) != 0)
        worker->draining = false; /* a new process starts with a clean slate */
    memcpy(worker->process, event->as.hello.worker_id, WORKER_ID_BYTES);
    memcpy(worker->slots, event->as.hello.slots,
           event->as.hello.slot_count * sizeof(*worker->slots));
    worker->slot_count = event->as.hello.slot_count;
    worker->session = e->session;
    worker->takes_cuts = event->as.hello.takes_cuts;
    worker->next_seq = event->as.hello.next_seq;
}

/* The number behind a word that a note starts with; 0: it starts otherwise. */
static uint64_t note_number(const char *note, const char *word)
{
    size_t len = strlen(word);
    return strncmp(note, word, len) == 0 ? strtoull(note + len, NULL, 16) : 0;
}

/* What an older incarnation granted, or what was over here, is taken up again with the range that
 * the worker says it has. Ids in a hello of ours differ. */
static void adopted(struct witness *w, uint32_t worker, const struct core_event *event, uint64_t id)
{
    check(event->kind == CORE_HELLO && id <= w->last_granted);
    const struct core_held *h = event->as.hello.held;
    while (h->attempt != id)
        check(++h < event->as.hello.held + event->as.hello.held_count);
    check(h->model < w->model_count && h->task < w->task_count);
    check(h->slot < w->workers[worker].slot_count);
    const struct witness_attempt a = { id,       worker,   h->slot, h->model, h->task,
                                       h->first, h->count, true,    false };
    add_attempt(w, &a);
}

static void worker_lost(struct witness *w, const char *name)
{
    for (size_t i = 0; i < w->attempt_count; i++) {
        const char *of = w->workers[w->attempts[i].worker].name;
        if (strncmp(name, of, strlen(of)) == 0 && name[strlen(of)] == ' ')
            w->attempts[i].live = false;
    }
}

static void look_at_note(struct witness *w, uint32_t worker, const struct core_event *event,
                         const char *note)
{
    static const char lost[] = "worker_lost worker=";
    uint64_t expired = note_number(note, "lease_expired attempt=");
    uint64_t taken_up = note_number(note, "attempt_adopted attempt=");
    if (expired) {
        check(event->kind == CORE_TIME && witness_find(w, expired)->live);
        witness_find(w, expired)->live = false;
    } else if (taken_up) {
        adopted(w, worker, event, taken_up);
    } else if (strncmp(note, lost, strlen(lost)) == 0) {
        worker_lost(w, note + strlen(lost));
    }
}

static void check_effect(struct witness *w, uint32_t worker, const struct core_event *event,
                         const struct core_effect *e)
{
    struct witness_worker *to = of_session(w, e->session);
    trace_effect(w, e);
    switch (e->kind) {
    case EFFECT_RECORD: check_record(w, event, e); return;
    case EFFECT_STRIKE: check_strike(w, event, e); return;
    case EFFECT_LEARNED:
        check(e->as.learned.model < w->model_count);
        check(e->as.learned.load_ns >= 0 && e->as.learned.instance_ns >= 0);
        for (size_t i = 0; i < e->as.learned.factor_count; i++)
            check(e->as.learned.factors[i].factor > 0);
        return;
    case EFFECT_WELCOME: welcome(&w->workers[worker], event, e); return;
    case EFFECT_REJECT: check(e->as.reject.code < REJECT_COUNT && e->as.reject.text); return;
    case EFFECT_GRANT: check_grant(w, e); return;
    case EFFECT_REVOKE: {
        const struct witness_attempt *a = witness_find(w, e->as.revoke.attempt);
        check(to && a && a->live && &w->workers[a->worker] == to);
        if (e->as.revoke.from > 0)
            check(to->takes_cuts && e->as.revoke.from > a->first &&
                  e->as.revoke.from - a->first < a->count);
        return;
    }
    case EFFECT_ACK: check(to && e->as.ack.seq == to->next_seq - 1); return;
    case EFFECT_BEAT_REPLY:
        check(to && event->kind == CORE_BEAT);
        check(e->as.beat_reply.count <= event->as.beat.beat->attempt_count);
        return;
    case EFFECT_DRAIN:
        check(to && e->as.drain.reason);
        to->draining = true;
        return;
    case EFFECT_GONE:
        check(to);
        to->session = 0;
        return;
    case EFFECT_NOTE:
        check(e->as.note.text);
        look_at_note(w, worker, event, e->as.note.text);
        return;
    }
    check(!"an effect");
}

/* ---- the step ---- */

static bool needs_session(enum core_event_kind kind)
{
    return kind == CORE_BEAT || kind == CORE_RESULTS || kind == CORE_ENDED || kind == CORE_HOST ||
           kind == CORE_GOODBYE;
}

/* What the event itself says, before the core hears of it. True: it is the next reliable message.
 */
static bool note_event(struct witness *w, const struct core_event *e)
{
    struct witness_worker *from = of_session(w, e->session);
    switch (e->kind) {
    case CORE_DRAIN: w->stopping = true; return false;
    case CORE_PAUSE_MODEL: w->paused[e->as.order.model] = true; return false;
    case CORE_RESUME_MODEL: w->paused[e->as.order.model] = false; return false;
    case CORE_DRAIN_WORKER:
        for (uint32_t i = 0; i < WITNESS_WORKERS; i++)
            if (w->workers[i].session &&
                span_equal(span_str(w->workers[i].name), e->as.order.worker))
                w->workers[i].draining = true;
        return false;
    case CORE_BEAT:
        if (from && e->as.beat.beat->draining)
            from->draining = true;
        return false;
    case CORE_RESULTS:
        if (!from || e->as.results.seq != from->next_seq)
            return false;
        from->next_seq++;
        return true;
    case CORE_ENDED:
        if (!from || e->as.ended.seq != from->next_seq)
            return false;
        from->next_seq++;
        if (e->as.ended.from > 0)
            part_over(w, e->as.ended.attempt, (uint32_t)(from - w->workers), e->as.ended.from);
        else
            attempt_over(w, e->as.ended.attempt, (uint32_t)(from - w->workers));
        return true;
    case CORE_TIME:
    case CORE_HELLO:
    case CORE_HOST:
    case CORE_GOODBYE: break;
    }
    return false;
}

static bool was_granted_to(const struct witness *w, uint64_t id, uint32_t worker)
{
    for (size_t i = 0; i < w->attempt_count; i++)
        if (w->attempts[i].id == id)
            return w->attempts[i].worker == worker; /* the first that had it */
    return false;
}

/* Whether the sender may have these results: of an attempt that it was given. What an older
 * incarnation gave nobody knows. */
static bool may_report(struct witness *w, const struct core_event *e)
{
    const struct witness_worker *from = of_session(w, e->session);
    uint64_t id = e->as.results.attempt;
    if (e->kind != CORE_RESULTS || !from)
        return false;
    uint32_t worker = (uint32_t)(from - w->workers);
    const struct witness_attempt *a = witness_find(w, id);
    if (a && a->live && a->worker == worker)
        return a->model == e->as.results.model && a->task == e->as.results.task;
    if (id >> 32 == w->config.epoch)
        return was_granted_to(w, id, worker);
    return id >> 32 > 0 && id >> 32 < w->config.epoch && (id & UINT32_MAX) > 0;
}

/* Results that came in order and say something final are in the books now. */
static void check_nothing_is_lost(const struct witness *w, const struct core_event *e)
{
    uint32_t model = e->as.results.model, task = e->as.results.task;
    if (model >= w->model_count || task >= w->task_count || w->cells[model][task].size == 0)
        return;
    const struct witness_cell *cell = &w->cells[model][task];
    for (uint32_t i = 0; i < e->as.results.rows; i++)
        if (e->as.results.instance[i] >= cell->size)
            return; /* a message that makes no sense is left aside as a whole */
    for (uint32_t i = 0; i < e->as.results.rows; i++) {
        uint32_t instance = e->as.results.instance[i];
        if (status_is_final((status)e->as.results.status[i]))
            check(cell->closed[instance] || !cell->wanted[instance]);
    }
}

static void check_unknown_session(const struct core_effects *out)
{
    check(out->count >= 1 && out->items[0].kind == EFFECT_REJECT);
    check(out->items[0].as.reject.code == REJECT_SESSION);
    for (size_t i = 1; i < out->count; i++)
        check(out->items[i].kind == EFFECT_NOTE);
}

static void check_books(const struct witness *w, const struct core_event *e)
{
    struct core_totals t;
    core_totals(w->core, &t);
    check(t.ended == w->ended && t.failed == w->failed && t.ended <= t.wanted);
    check((t.state == SWEEP_DONE) == (t.ended == t.wanted));
    if (e->kind == CORE_TIME)
        check(core_deadline_mono_ns(w->core) > w->now_ns);
    core_selfcheck(w->core);
}

void witness_step(struct witness *w, uint32_t worker, struct core_event *event)
{
    struct core_effects out = { 0 };
    event->now_mono_ns = w->now_ns;
    bool known = !needs_session(event->kind) || of_session(w, event->session);
    bool in_order = note_event(w, event);
    w->sender_may_report = may_report(w, event);
    trace_event(w, worker, event);
    core_step(w->core, event, &out);
    for (size_t i = 0; i < out.count; i++)
        check_effect(w, worker, event, &out.items[i]);
    if (!known)
        check_unknown_session(&out);
    if (in_order && w->sender_may_report)
        check_nothing_is_lost(w, event);
    check_books(w, event);
    core_effects_release(&out);
}

void witness_start(struct witness *w)
{
    for (uint32_t i = 0; i < WITNESS_WORKERS; i++)
        (void)snprintf(w->workers[i].name, sizeof(w->workers[i].name), "w%u", i);
    w->last_granted = w->config.epoch << 32; /* everything up to here was granted by others */
    core_selfcheck(w->core);
}

void witness_release(struct witness *w)
{
    core_free(w->core);
    free(w->attempts);
}
