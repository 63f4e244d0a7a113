/* Workers come, beat and go. */
#include "common/text.h"
#include "coordinator/core/fleet_internal.h"
#include "coordinator/core/policy_internal.h"
#include "coordinator/core/work_internal.h"

#include <stdlib.h>

/* A new process under this name: nothing of the old one holds any more. */
static void start_afresh(struct core *c, struct worker *w, const struct core_event *e)
{
    memcpy(w->superseded_id, w->id, WORKER_ID_BYTES);
    memcpy(w->id, e->as.hello.worker_id, WORKER_ID_BYTES);
    w->refusal_count = 0;
    w->failures_in_row = w->wronged = 0;
    w->draining = false;
    free(w->drain_reason);
    w->drain_reason = NULL;
    gang_forget_groups(w);
    w->slot_count = e->as.hello.slot_count;
    w->slots = xrealloc(w->slots, (w->slot_count ? w->slot_count : 1) * sizeof(*w->slots));
    for (uint32_t i = 0; i < w->slot_count; i++) {
        const struct msg_slot *said = &e->as.hello.slots[i];
        struct slot *s = &w->slots[i];
        *s = (struct slot){ .worker = w,
                            .gpus = said->gpus,
                            .cpus = said->cpus,
                            .memory_bytes = said->memory_bytes,
                            .gpu_memory_bytes =
                                e->as.hello.gpu_memory ? e->as.hello.gpu_memory[i] : 0,
                            .gpu_type = gpu_type_find(c, said->gpu_type),
                            .model = NONE };
        kind_enter(c, s);
        list_init(&s->attempts);
        list_init(&s->in_hungry);
    }
    free(w->places);
    w->places = xcalloc(w->slot_count ? w->slot_count : 1, sizeof(*w->places));
    if (e->as.hello.places)
        memcpy(w->places, e->as.hello.places, w->slot_count * sizeof(*w->places));
}

static void reject_peer(struct core *c, uint64_t peer, enum reject code, const char *text)
{
    struct core_effect *effect = emit(c, EFFECT_REJECT, 0);
    effect->as.reject.peer = peer;
    effect->as.reject.code = (uint8_t)code;
    effect->as.reject.text = text;
}

static bool is_held(const struct core_event *e, uint64_t attempt)
{
    for (uint32_t i = 0; i < e->as.hello.held_count; i++)
        if (e->as.hello.held[i].attempt == attempt)
            return true;
    return false;
}

/* Leases that the worker does not name: a grant that was lost, or an end whose message is on its
 * way. They get two beats, not a whole term. */
static void shorten_unheld(struct core *c, struct worker *w, const struct core_event *e)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct list *attempts = &w->slots[i].attempts;
        for (struct list *n = list_first(attempts); n != attempts; n = n->next) {
            struct attempt *a = container_of(n, struct attempt, in_slot);
            a->is_being_split = false; /* the word may have been lost */
            if (is_held(e, a->id))
                lease_renew(c, a);
            else
                lease_until(c, a, c->now_ns + 2 * c->config.beat_ns);
        }
    }
}

/* Whether the slot may have an attempt of the model, that is held there: alone, or in a gang. */
static bool may_adopt(struct core *c, struct slot *s, uint32_t model)
{
    if (s->gang)
        return slot_leads(s, model);
    return slot_fits(s, &c->models[model]) || gang_adopt(c, s, model);
}

/* An attempt of an earlier incarnation goes on, if nobody else has any of its range by now. */
static void adopt(struct core *c, struct worker *w, const struct core_held *h)
{
    if (!attempt_was_given(c, w, h->attempt))
        return; /* somebody else was, or nobody yet: a grant to come will have that number */
    struct cell *cell = cell_find(c, h->model, h->task);
    if (!cell || h->slot >= w->slot_count || h->count == 0 || h->count > cell->size ||
        h->first > cell->size - h->count || map_find(&c->attempt_of, h->attempt) ||
        w->slots[h->slot].queued >= SLOT_ATTEMPTS_MAX)
        return;
    uint32_t open = 0;
    for (uint32_t i = h->first; i < h->first + h->count; i++) {
        if (cell_is_taken(cell, i))
            return;
        open += !bitmap_get(&cell->closed, i);
    }
    if (open == 0 || !may_adopt(c, &w->slots[h->slot], cell->model))
        return;
    count_decision(c, DECISION_ADOPT);
    attempt_new(c, w, h->slot, cell, h->first, h->count, h->attempt, true);
    note(c, false, "attempt_adopted attempt=%llx worker=%s open=%u", (unsigned long long)h->attempt,
         w->name, open);
}

void on_hello(struct core *c, const struct core_event *e)
{
    struct worker *w = worker_by_name(c, e->as.hello.name);
    bool same_process = w && memcmp(w->id, e->as.hello.worker_id, WORKER_ID_BYTES) == 0;
    if (w && w->session && memcmp(w->superseded_id, e->as.hello.worker_id, WORKER_ID_BYTES) == 0) {
        reject_peer(c, e->as.hello.peer, REJECT_NAME,
                    "a newer worker process took this name; start one of them with another --name");
        return;
    }
    if (!w && c->worker_count >= WORKERS_MAX) {
        reject_peer(c, e->as.hello.peer, REJECT_FULL,
                    "the coordinator has all the workers it can hold");
        return;
    }
    if (!w)
        w = worker_new(c, e->as.hello.name);
    if (w->session && same_process) {
        emit(c, EFFECT_GONE, w->session);
        map_take(&c->session_of, w->session);
    } else if (w->session) {
        worker_lose(c, w, "a new process took over its name");
    }
    if (!same_process)
        start_afresh(c, w, e);

    c->live_slots += w->session ? 0 : w->slot_count;
    w->session = c->config.epoch << 32 | ++c->next_session;
    w->peer = e->as.hello.peer;
    w->expected_seq = e->as.hello.next_seq;
    w->takes_cuts = e->as.hello.takes_cuts;
    map_put(&c->session_of, w->session, w);
    worker_heard(c, w);
    fits_count(c, w);
    limit_end_at(c, w, e->as.hello.lifetime_ms, !same_process);
    note(c, false, "worker_hello worker=%s session=%llx slots=%u held=%u", w->name,
         (unsigned long long)w->session, w->slot_count, e->as.hello.held_count);
    emit(c, EFFECT_WELCOME, w->session)->as.welcome.peer = w->peer;

    shorten_unheld(c, w, e);
    if (c->stopping || w->draining) {
        emit(c, EFFECT_DRAIN, w->session)->as.drain.reason =
            c->stopping       ? "the sweep is being stopped"
            : w->drain_reason ? arena_strdup(&c->out->arena, w->drain_reason)
                              : "it drains";
        return;
    }
    for (uint32_t i = 0; i < e->as.hello.held_count; i++)
        adopt(c, w, &e->as.hello.held[i]);
    for (uint32_t i = 0; i < w->slot_count; i++)
        match_slot_changed(c, w, i);
}

/* What it has loaded, or nothing; a slot with work in hand is about to have that work's model. */
static void note_model(struct core *c, struct slot *s, uint32_t model)
{
    if (s->queued > 0)
        return;
    if (s->gang && !gang_is_forming(s->gang)) {
        if (gang_lead(s->gang) == s && model != s->model)
            gang_end(c, s->gang); /* its host is gone */
        return;
    }
    bool is_alone = model != NONE && slot_fits(s, &c->models[model]);
    slot_set_model(c, s, is_alone ? model : NONE);
}

static void note_slot(struct core *c, struct slot *s, const struct msg_slot_beat *said,
                      uint32_t model)
{
    if (s->state == SLOT_SICK && said->state != SLOT_SICK)
        match_wake(c); /* a gang with it was out of the question */
    s->state = said->state;
    note_model(c, s, said->state == SLOT_SICK ? NONE : model);
    if (said->state == SLOT_LOADING)
        s->accounted_ns = c->now_ns; /* should the news be lost that the load is over */
    if ((said->state == SLOT_READY || said->state == SLOT_RUNNING) && model == s->model)
        s->loading_ns = 0;
}

static void add_since(uint64_t *sum, uint64_t *last, uint64_t now)
{
    *sum += now > *last ? now - *last : 0;
    *last = now;
}

static void note_use(struct core *c, struct slot *s, const struct msg_use *said)
{
    add_since(&c->use.busy_ns, &s->use.busy_ns, said->busy_ns);
    add_since(&c->use.load_ns, &s->use.load_ns, said->load_ns);
    add_since(&c->use.idle_ns, &s->use.idle_ns, said->idle_ns);
}

void on_beat(struct core *c, struct worker *w, const struct core_event *e)
{
    const struct msg_beat *beat = e->as.beat.beat;
    worker_heard(c, w);
    w->unacked_bytes = beat->unacked_bytes;
    for (uint32_t i = 0; i < beat->slot_count && i < w->slot_count; i++)
        note_slot(c, &w->slots[i], &beat->slots[i], e->as.beat.models[i]);
    for (uint32_t i = 0; beat->uses && i < beat->slot_count && i < w->slot_count; i++)
        note_use(c, &w->slots[i], &beat->uses[i]);

    uint64_t *stale = arena_alloc(&c->out->arena, beat->attempt_count * sizeof(*stale));
    uint32_t stale_count = 0;
    struct attempt *next = attempt_head(w, 0); /* workers name them slot by slot, as they run */
    for (uint32_t i = 0; i < beat->attempt_count; i++) {
        uint64_t id = beat->attempts[i].attempt;
        struct attempt *a = next && next->id == id ? next : map_find(&c->attempt_of, id);
        if (!a || a->worker != w) {
            stale[stale_count++] = id;
            continue;
        }
        lease_renew(c, a);
        a->done = beat->attempts[i].done;
        if (a->done_before == NONE)
            a->done_before = a->done;
        next = attempt_behind(a);
    }
    struct core_effect *effect = emit(c, EFFECT_BEAT_REPLY, w->session);
    effect->as.beat_reply.stale = stale;
    effect->as.beat_reply.count = stale_count;
    if (w->draining && !beat->draining && w->drain_reason) /* the word to drain was lost */
        emit(c, EFFECT_DRAIN, w->session)->as.drain.reason =
            arena_strdup(&c->out->arena, w->drain_reason);
    if (beat->draining && !w->draining)
        worker_drain(c, w, NULL);
}

void on_host(struct core *c, struct worker *w, const struct core_event *e)
{
    worker_heard(c, w);
    if (e->as.host.slot >= w->slot_count || e->as.host.model >= c->model_count)
        return;
    struct slot *s = &w->slots[e->as.host.slot];
    struct model *m = &c->models[e->as.host.model];
    if (e->as.host.ready) {
        learn_loaded(c, s, m, (double)e->as.host.load_ns);
        culprit_started(c, w, s->gpu_type, m);
        return;
    }
    struct span text = text_cut(e->as.host.text, NOTED_BYTES_MAX);
    note_of_model(c, true, e->as.host.model, "host_failed worker=%s slot=%u text=\"%.*s\"", w->name,
                  e->as.host.slot, (int)text.len, (const char *)text.data);
}

void on_goodbye(struct core *c, struct worker *w)
{
    worker_lose(c, w, "it said goodbye");
}
